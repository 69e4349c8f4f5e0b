"""A fleet that pictures are made of: what a night has in store, on six hosts of three sorts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from console.errors import AccessRefused
from console.model.config import HostConfig
from console.model.container import Container, Port
from console.model.deployment import Deployment, UpdateStatus
from console.model.events import (
    ContainersListed,
    Event,
    FactsRead,
    HostChanged,
    Logged,
    SourceChanged,
    UnitsListed,
    UpdatesRead,
)
from console.model.host import Disk, OsFacts
from console.model.log import Gap, LogQuery, LogRecord
from console.model.state import Source, State, Status
from console.model.unit import Health, Unit, UnitDependencies
from tests.tui.small_fleet import NOW, FakeFleet

_GIB = 2**30
#: Name, labels, operating system, version, updater, how long it has been up.
_HOSTS = (
    ("web1", {"role": "web", "zone": "a"}, "fedora", "43.20261108.3.0", "rpm-ostree", timedelta(days=16)),
    ("web2", {"role": "web", "zone": "b"}, "fedora", "43.20261108.3.0", "rpm-ostree", timedelta(days=16)),
    ("db1", {"role": "db", "zone": "a"}, "fedora", "43.20261025.3.1", "bootc", timedelta(days=30)),
    ("cache1", {"role": "cache", "zone": "a"}, "flatcar", "4459.2.1", "update_engine", timedelta(hours=7)),
    ("edge-frankfurt-1", {"role": "edge", "zone": "c"}, "debian", "13", None, timedelta(days=211)),
)
_LOST = HostConfig("lost1", "198.18.0.9", labels={"role": "web", "zone": "c"})
_QUIET = (
    ("dbus.service", "D-Bus System Message Bus"),
    ("sshd.service", "OpenSSH server daemon"),
    ("systemd-journald.service", "Journal Service"),
    ("systemd-resolved.service", "Network Name Resolution"),
    ("chronyd.service", "NTP client/server"),
    ("containerd.service", "containerd container runtime"),
    ("docker.service", "Docker Application Container Engine"),
    ("zincati.service", "Zincati Update Agent"),
)


def _ago(**span: float) -> Any:
    return NOW - timedelta(**span)


def _unit(host: str, name: str, description: str, up: timedelta, **other: Any) -> Unit:
    known = {"load": "loaded", "active": "active", "sub": "running", "result": "success", "restarts": 0}
    return Unit(host=host, name=name, description=description, **{**known, "since": NOW - up, **other})


_GAVE_UP = {"active": "failed", "sub": "failed", "result": "exit-code", "restarts": 5}
_FLAPPING = {"active": "activating", "sub": "auto-restart", "result": "signal", "restarts": 41}


def _units(host: str, up: timedelta) -> tuple[Unit, ...]:
    units = [_unit(host, name, text, up) for name, text in _QUIET]
    units.append(_unit(host, "fstrim.service", "Discard unused blocks", up, active="inactive", sub="dead"))
    if host.startswith("web"):
        units.append(_unit(host, "web@1.service", "The shop's front end, first instance", up))
        if host == "web2":
            told = {**_FLAPPING, "since": _ago(seconds=4), "health": Health.FLAPPING}
            units.append(_unit(host, "web@2.service", "The shop's front end, second instance", up, **told))
    if host == "db1":
        told = {**_GAVE_UP, "since": _ago(minutes=12), "health": Health.GAVE_UP}
        units.append(_unit(host, "postgres.service", "The shop's data", up, **told))
        told = {"active": "failed", "sub": "failed", "result": "timeout", "since": _ago(hours=2, minutes=5)}
        told["health"] = Health.FAILED
        name = "backup-of-the-shop-to-the-other-site@nightly.service"
        units.append(_unit(host, name, "Nightly copy of the shop's data", up, **told))
    return tuple(units)


def _box(host: str, name: str, image: str, up: timedelta, **other: Any) -> Container:
    return Container(
        **{
            "host": host,
            "name": name,
            "id": "".join(f"{ord(char):02x}" for char in f"{host}{name}").ljust(64, "0"),
            "image": image,
            "image_id": "sha256:" + "1" * 64,
            "state": "running",
            "since": NOW - up,
            "created": NOW - up,
            **other,
        }
    )


def _boxes(host: str, up: timedelta) -> tuple[Container, ...]:
    boxes = [_box(host, "node-exporter", "quay.io/prometheus/node-exporter:v1.9", up)]
    if host.startswith("web"):
        health = "unhealthy" if host == "web2" else "healthy"
        ports = (Port(8080, "tcp", "0.0.0.0", 80),)
        boxes.append(
            _box(host, "shop-api", "registry.shop.example/api:1.4.2", up, health=health, ports=ports)
        )
        boxes.append(_box(host, "shop-worker", "registry.shop.example/worker:1.4.2", up, restarts=3))
    if host == "db1":
        told = {"state": "exited", "exit_code": 137, "oom_killed": True, "since": _ago(minutes=12)}
        boxes.append(_box(host, "postgres", "docker.io/library/postgres:17", up, **told))
    if host == "cache1":
        boxes.append(_box(host, "redis", "docker.io/library/redis:8", up, unit="redis.service"))
    return tuple(boxes)


def _facts(system: str, version: str, up: timedelta) -> OsFacts:
    return OsFacts(
        os=system,
        version=version,
        name=f"{system.title()} {version}",
        kernel="6.17.7-300.fc43.x86_64",
        boot_id="5f3c" * 8,
        machine_id="9a1b" * 8,
        uptime_s=up.total_seconds(),
        load=(0.42, 0.38, 0.31),
        cpus=4,
        memory_total=8 * _GIB,
        memory_available=(1 if system == "debian" else 3) * _GIB,
        disks=(Disk("/", 40 * _GIB, (1 if system == "debian" else 22) * _GIB),),
    )


_DEPLOYMENTS = (
    Deployment("b", "7d21c0ffee" * 6, "43.20261122.3.0", "fedora:fedora/x86_64/coreos/stable", next=True,
               staged=True),
    Deployment("a", "51fa09bead" * 6, "43.20261108.3.0", "fedora:fedora/x86_64/coreos/stable", booted=True,
               rollback=True),
)  # fmt: skip


def _events() -> Iterable[Event]:
    for name, _, system, version, driver, up in _HOSTS:
        yield HostChanged(name, Status(State.LIVE, _ago(hours=6)))
        for source in Source:
            yield SourceChanged(name, source, Status(State.LIVE, _ago(hours=6)))
        yield FactsRead(name, _facts(system, version, up))
        yield UpdatesRead(name, driver, UpdateStatus(_DEPLOYMENTS if driver == "rpm-ostree" else ()))
        yield UnitsListed(name, _units(name, up))
        yield ContainersListed(name, _boxes(name, up))
    refused = Status(State.REFUSED, _ago(hours=6), "not in the group systemd-journal, and sudo asks")
    yield SourceChanged("edge-frankfurt-1", Source.JOURNAL, refused)
    stale = Status(State.STALE, _ago(seconds=40), "docker does not answer")
    yield SourceChanged("cache1", Source.CONTAINERS, stale)
    yield HostChanged("lost1", Status(State.UNREACHABLE, _ago(minutes=3), "no answer for 12 s"))


#: Seconds ago, host, unit, container, priority, message.
_LOG = (
    (31.207, "web1", "web@1.service", "shop-api", 6, "GET /basket/8813 200 12ms"),
    (30.114, "web2", "web@2.service", "shop-api", 4, "slow answer from db1: 2140 ms, budget is 500 ms"),
    (29.902, "db1", "postgres.service", "postgres", 3,
     "FATAL:  could not write to file \"pg_wal/xlogtemp.31\": No space left on device"),
    (29.871, "db1", "postgres.service", None, 3, "Main process exited, code=exited, status=1/FAILURE"),
    (29.870, "db1", "postgres.service", None, 4, "Failed with result 'exit-code'."),
    (12.410, "cache1", "redis.service", "redis", 6, "1 changes in 3600 seconds. Saving..."),
    (11.020, "web2", "web@2.service", "shop-api", 3, "basket: cannot reach db1:5432: connection refused"),
    (10.718, "edge-frankfurt-1", "haproxy.service", None, 5,
     "Server shop/web2 is DOWN, reason: Layer7 wrong status, code: 503, info: \"Service Unavailable\", check "
     "duration: 4ms. 1 active and 0 backup servers left"),
    (4.002, "web2", "web@2.service", None, 5, "Scheduled restart job, restart counter is at 41."),
    (1.333, "web1", "web@1.service", "shop-api", 6, "GET /healthz 200 1ms"),
)  # fmt: skip


class PictureFleet(FakeFleet):
    """Five live hosts and one that is lost; a database that gave up, and what follows from it."""

    def __init__(self) -> None:
        known = [
            HostConfig(name, f"198.18.0.{number}", labels=labels)
            for number, (name, labels, *_) in enumerate(_HOSTS, 1)
        ]
        super().__init__([*known, _LOST])
        for event in _events():
            self.model.apply(event)

    def past(self, hosts: Sequence[str], query: LogQuery) -> Iterable[Logged]:
        for number, (seconds, host, unit, box, priority, message) in enumerate(_LOG):
            if host not in hosts or (query.units and unit not in query.units):
                continue
            record = LogRecord(
                host, f"s={number}", _ago(seconds=seconds), number, "b" * 32, message, unit=unit,
                container=box, identifier=None if box else "systemd", pid=None if box else 1,
                priority=priority, trusted=host != "cache1",
            )  # fmt: skip
            yield Logged(host, (record,))
            if host == "cache1":
                yield Logged(host, (Gap(host, _ago(seconds=12.1), "journal was vacuumed", 312),))

    def source(self, host: str, source: Source) -> object:
        refused = (
            [AccessRefused("podman: may not open /run/podman/podman.sock", host=host)]
            if host == "db1"
            else []
        )
        return SimpleNamespace(manager=_Manager(host), engines=(), refused=refused)


class _Manager:
    """What systemd says of any unit."""

    def __init__(self, host: str) -> None:
        self._host = host

    async def properties(self, name: str) -> Mapping[str, Any]:
        return {
            "Description": "The shop's data",
            "LoadState": "loaded",
            "ActiveState": "failed",
            "SubState": "failed",
            "Result": "exit-code",
            "NRestarts": 5,
            "UnitFileState": "enabled",
            "FragmentPath": f"/etc/systemd/system/{name}",
            "DropInPaths": [f"/etc/systemd/system/{name}.d/10-limits.conf"],
            "ExecMainCode": 1,
            "ExecMainStatus": 1,
            "Restart": "on-failure",
            "ControlGroup": f"/system.slice/{name}",
            "Requires": ["var-lib-postgres.mount", "sysinit.target", "system.slice", "docker.service"],
            "Conflicts": ["shutdown.target"],
            "RequiredBy": ["shop.target"],
            "WantedBy": ["multi-user.target"],
        }

    async def unit_file(self, name: str) -> str:
        return (
            f"# /etc/systemd/system/{name}\n[Unit]\nDescription=The shop's data\nRequires=docker.service\n"
            "After=docker.service\n\n[Service]\nRestart=on-failure\n"
            "ExecStart=/usr/bin/docker run --rm --name postgres -v /var/lib/postgres:/var/lib/postgresql/data"
            " docker.io/library/postgres:17\n\n[Install]\nWantedBy=multi-user.target\n"
        )

    async def dependencies(self, name: str) -> UnitDependencies:
        return UnitDependencies(
            self._host,
            name,
            requires=("docker.service", "var-lib-postgres.mount"),
            after=("docker.service", "network-online.target"),
            required_by=("shop.target",),
        )

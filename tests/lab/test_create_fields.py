"""Every field of the create API that `inspect` returns, through an update, on real daemons of both engines.

For each: a container made with it of the old image gives a successor on the new image; that is to be the
same as a container made with it of the new image at once. So what the operator has set is kept, and the rest
is the new image's. None is started: what a daemon keeps of a request it says at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from console.actions.successor import successor
from console.errors import HostError
from console.hosts.connect import Connector
from console.hosts.engine_control import EngineControl, engine_control
from console.lab.lab import Lab
from tests.lab.changing import Writer
from tests.lab.shop import Shop, shop_on
from tests.lab.truth import Truth

#: What an operator sets of `Config`, by field.
CONFIG: Mapping[str, Any] = {
    "Hostname": "shop",
    "Domainname": "example.test",
    "User": "1000:1000",
    "AttachStdin": True,
    "AttachStdout": True,
    "AttachStderr": True,
    "ExposedPorts": {"81/tcp": {}},
    "Tty": True,
    "OpenStdin": True,
    "StdinOnce": True,
    "Env": ["MINE=1", "APP_MODE=mine", "APP_OLD="],
    "Cmd": ["/bin/sh", "-c", "sleep 100"],
    "Healthcheck": {"Test": ["CMD", "true"], "Interval": 7_000_000_000, "Retries": 9},
    "Volumes": {"/mine": {}},
    "WorkingDir": "/tmp",
    "Entrypoint": ["/bin/busybox"],
    "Labels": {"team": "a", "org.opencontainers.image.version": "mine"},
    "StopSignal": "SIGUSR1",
    "StopTimeout": 33,
    "Shell": ["/bin/busybox", "ash", "-c"],
    "MacAddress": "02:42:ac:11:00:99",
}
#: Of `HostConfig`.
HOST: Mapping[str, Any] = {
    "CpuShares": 512,
    "Memory": 64 << 20,
    "CgroupParent": "mine.slice",
    "BlkioWeight": 300,
    "BlkioWeightDevice": [{"Path": "/dev/null", "Weight": 200}],
    "BlkioDeviceReadBps": [{"Path": "/dev/null", "Rate": 1 << 20}],
    "BlkioDeviceWriteBps": [{"Path": "/dev/null", "Rate": 1 << 20}],
    "BlkioDeviceReadIOps": [{"Path": "/dev/null", "Rate": 100}],
    "BlkioDeviceWriteIOps": [{"Path": "/dev/null", "Rate": 100}],
    "CpuPeriod": 50_000,
    "CpuQuota": 25_000,
    "CpusetCpus": "0",
    "CpusetMems": "0",
    "Devices": [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/mine", "CgroupPermissions": "r"}],
    "DeviceCgroupRules": ["c 1:3 r"],
    "MemoryReservation": 32 << 20,
    "MemorySwappiness": 10,
    "NanoCpus": 500_000_000,
    "Init": True,
    "PidsLimit": 77,
    "Ulimits": [{"Name": "nofile", "Soft": 100, "Hard": 200}],
    "Binds": ["c-data:/data", "/etc:/hostetc:ro"],
    "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}},
    "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18099"}]},
    "AutoRemove": True,
    "Mounts": [{"Type": "tmpfs", "Target": "/mounted", "TmpfsOptions": {"SizeBytes": 1 << 20}}],
    "Annotations": {"mine": "1"},
    "CapAdd": ["NET_ADMIN"],
    "CapDrop": ["MKNOD"],
    "CgroupnsMode": "host",
    "Dns": ["198.18.0.1"],
    "DnsOptions": ["ndots:2"],
    "DnsSearch": ["example.test"],
    "ExtraHosts": ["db:198.18.0.2"],
    "GroupAdd": ["27"],
    "IpcMode": "host",
    "OomScoreAdj": 100,
    "OomKillDisable": True,
    "PidMode": "host",
    "Privileged": True,
    "PublishAllPorts": True,
    "ReadonlyRootfs": True,
    "SecurityOpt": ["no-new-privileges"],
    "Tmpfs": {"/scratch": "size=1m"},
    "UTSMode": "host",
    "UsernsMode": "host",
    "ShmSize": 32 << 20,
    "Sysctls": {"net.ipv4.ip_unprivileged_port_start": "0"},
    "Runtime": "runc",
    "MaskedPaths": ["/proc/mine"],
    "ReadonlyPaths": ["/proc/mine"],
    "NetworkMode": "none",
}
#: Fields that no operator sets by themselves, and why.
EXCLUDED: Mapping[str, str] = {
    "Image": "it is what changes",
    "OnBuild": "an image's, for builds",
    "ArgsEscaped": "Windows",
    "NetworkDisabled": "obsolete",
    "RestartPolicy": "given once the place is taken: test_container_update.py",
    "ContainerIDFile": "a file of whoever ran the command",
    "ConsoleSize": "the size of a terminal",
    "Isolation": "Windows",
    "CpuCount": "Windows",
    "CpuPercent": "Windows",
    "IOMaximumIOps": "Windows",
    "IOMaximumBandwidth": "Windows",
    "KernelMemory": "obsolete",
    "KernelMemoryTCP": "obsolete",
    "Cgroup": "obsolete",
    "MemorySwap": "goes with Memory",
    "CpuRealtimePeriod": "needs a kernel with real-time groups",
    "CpuRealtimeRuntime": "needs a kernel with real-time groups",
    "DeviceRequests": "needs a driver",
    "StorageOpt": "needs a storage driver with quotas",
    "VolumeDriver": "goes with Volumes: named as a volume is",
    "VolumesFrom": "needs a container: below",
    "Links": "needs a container: below",
    "IDMappings": "podman's own note",
}
#: Where fields only count with others.
WITH: Mapping[str, Mapping[str, Any]] = {
    "MemoryReservation": {"Memory": 64 << 20},
    "OomKillDisable": {"Memory": 64 << 20},
}
#: What an engine refuses where its host cannot do it: a kernel without CPU quotas, podman without its init.
LACKING = frozenset({"NanoCpus", "CpuPeriod", "CpuQuota", "MemorySwappiness", "OomKillDisable", "Init"})
OURS = "c-field"


@pytest.fixture(params=["docker", "podman"])
def shop(lab: Lab, truth: Truth, tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    with shop_on(lab, Writer(truth, tmp_path), request.param) as there:
        yield there


class Bench:
    """Makes containers on one daemon, and says how each came out."""

    def __init__(self, engine: EngineControl, shop: Shop) -> None:
        self.engine = engine
        self.old, self.new = (f"{shop.repository}:{version}" for version in ("1.0", "1.1"))
        self._number = 0

    async def made(self, image: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """A new container, inspected."""
        self._number += 1
        identity = await self.engine.create(f"{OURS}{self._number}", {**body, "Image": image})
        return dict(await self.engine.details(identity))

    async def successor(self, first: Mapping[str, Any]) -> dict[str, Any]:
        image = await self.engine.image(str(first["Image"]))
        return await self.made(self.new, successor(first, image, engine=self.engine.kind).body)


def told(container: Mapping[str, Any]) -> dict[str, Any]:
    """What a daemon says of a request: without ids, times, and what it makes up."""
    config, host = dict(container["Config"]), dict(container["HostConfig"])
    if config.get("Hostname") == str(container["Id"])[:12]:
        del config["Hostname"]
    config["Env"] = sorted(item for item in config.get("Env") or [] if not item.startswith("HOSTNAME="))
    config["Image"] = None
    host.pop("RestartPolicy", None)
    host.pop("ContainerIDFile", None)
    notes = host.get("Annotations") or {}
    host["Annotations"] = {key: said for key, said in notes.items() if not key.startswith("io.")}
    # An anonymous volume comes along under its name; that it is mounted there counts.
    anonymous = {
        str(mount.get("Name")) for mount in container.get("Mounts") or [] if len(str(mount.get("Name"))) == 64
    }
    binds = [bind for bind in host.get("Binds") or [] if bind.partition(":")[0] not in anonymous]
    host["Binds"] = sorted(binds)
    if host.get("PublishAllPorts"):
        del host["PortBindings"]  # podman tells the ports that it has chosen as if they were asked for
    mounts = sorted(
        (str(mount.get("Type")), str(mount.get("Destination")), bool(mount.get("RW", True)))
        for mount in container.get("Mounts") or []
    )
    return {"config": _plain(config), "host": _plain(host), "mounts": mounts}


def _plain(value: Any) -> Any:
    """Empty is empty, however it is written."""
    if isinstance(value, dict):
        found = {key: _plain(each) for key, each in sorted(value.items())}
        return {key: each for key, each in found.items() if each not in (None, "", [], {}, False, 0)}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Where two differ."""
    found: dict[str, tuple[Any, Any]] = {}
    for part in ("config", "host"):
        for key in one[part].keys() | other[part].keys():
            if one[part].get(key) != other[part].get(key):
                found[key] = (one[part].get(key), other[part].get(key))
    if one["mounts"] != other["mounts"]:
        found["Mounts"] = (one["mounts"], other["mounts"])
    return found


def test_what_is_set_is_kept_and_what_is_not_is_the_new_images_field_by_field(shop: Shop) -> None:
    async def run() -> tuple[dict[str, Any], dict[str, str], set[str]]:
        wrong: dict[str, Any] = {}
        refused: dict[str, str] = {}
        async with AsyncExitStack() as stack:
            transport = await Connector().connect(replace(shop.host.config, user="root"))
            stack.push_async_callback(transport.close)
            bench = Bench(await stack.enter_async_context(engine_control(transport, shop.host.engine)), shop)
            bodies: dict[str, dict[str, Any]] = {"nothing": {}}
            bodies |= {name: {name: said} for name, said in CONFIG.items()}
            bodies |= {
                name: {"HostConfig": {name: said, **WITH.get(name, {})}} for name, said in HOST.items()
            }
            known: set[str] = set()
            for name, body in bodies.items():
                try:
                    first, at_once = await bench.made(bench.old, body), await bench.made(bench.new, body)
                except HostError as error:
                    refused[name] = error.message
                    continue
                known |= {*at_once["Config"], *at_once["HostConfig"]}
                try:
                    now = await bench.successor(first)
                except HostError as error:
                    wrong[name] = error.message
                    continue
                if found := differing(told(now), told(at_once)):
                    wrong[name] = found
        return wrong, refused, known

    # Of both images, so that nothing is pulled on the way.
    for version in ("1.0", "1.1"):
        asyncio.run(shop.host.root(f"{shop.host.engine} pull -q {shop.repository}:{version}"))
    wrong, refused, known = asyncio.run(run())
    assert not wrong
    assert not known - {*CONFIG, *HOST, *EXCLUDED}, "a field that is in no table"
    assert refused.keys() <= LACKING, refused

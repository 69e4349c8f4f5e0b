"""A fleet whose containers follow tags: most are current, some behind, one on an image that was denied."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from console.errors import HostFailure
from console.hosts.transport import Completed
from console.model.config import HostConfig
from console.model.container import Container, Port
from console.model.events import ContainersChanged, ContainersListed, HostChanged, SourceChanged, UnitsListed
from console.model.memory import CONTAINER, Denied
from console.model.state import Source, State, Status
from tests.tui.small_fleet import BEFORE, NOW, FakeFleet, unit

API, WORKER, REDIS = (
    "registry.shop.example/api:1.4",
    "registry.shop.example/worker:1",
    "docker.io/library/redis:8",
)
HOSTS = ("web1", "web2", "web3", "cache1")


def digest(letter: str) -> str:
    return f"sha256:{letter * 64}"


#: What each tag stands for in its registry.
TAGS: dict[str, str] = {API: digest("b"), REDIS: digest("d")}
#: What one rollout has come back from.
BAD = Denied(
    CONTAINER, digest("e"), NOW - timedelta(days=2), "ann", f"{API}: its health check says unhealthy"
)


def box(host: str, name: str, image: str, letter: str, **more: Any) -> Container:
    known: dict[str, Any] = {
        "state": "running",
        "health": "healthy",
        "since": BEFORE,
        "created": NOW - timedelta(days=3),
        "image_id": digest("1"),
        "digest": digest(letter),
        "restart_policy": "always",
        **more,
    }
    number = "".join(f"{ord(char):02x}" for char in f"{host}{name}").ljust(64, "0")
    return Container(host, name, number, image, **known)


BOXES = (
    box("web1", "shop-api", API, "b", ports=(Port(8080, "tcp", "0.0.0.0", 80),)),
    box("web2", "shop-api", API, "a"),
    box("web3", "shop-api", API, "e", health="unhealthy"),
    box("web1", "shop-worker", WORKER, "c", health=None),
    box("web2", "shop-worker", WORKER, "c", health=None),
    box("cache1", "redis", REDIS, "d", health=None),
    box("cache1", "by-hand", digest("f").removeprefix("sha256:"), "f", health=None, digest=None),
)

INSPECTED: dict[str, Any] = {
    "Config": {
        "Cmd": ["serve", "--token", "hunter2"],
        "Env": ["PATH=/bin", "DB_PASSWORD=hunter2", "DB=postgres://shop:hunter2@db1/shop", "APP_MODE=live"],
        "User": "www",
        "WorkingDir": "/srv",
    },
    "HostConfig": {"NetworkMode": "bridge", "LogConfig": {"Type": "journald"}},
    "State": {
        "Health": {
            "FailingStreak": 1,
            "Log": [
                {"Start": "2026-11-24T02:59:30.123Z", "ExitCode": 0, "Output": "ok\n"},
                {"Start": "2026-11-24T02:59:40.123Z", "ExitCode": 1, "Output": "wget: server returned 503\n"},
            ],
        }
    },
    "Mounts": [{"Name": "shop-data", "Destination": "/srv/data", "RW": True}],
}


class _Engine:
    """Answers as docker does; it knows all registries but one."""

    kind = "docker"

    def __init__(self, host: str) -> None:
        self.host = host
        self.asked: list[str] = []

    async def digest(self, name: str) -> str:
        self.asked.append(name)
        if name not in TAGS:
            raise HostFailure(f"{name}: the registry does not answer", host=self.host)
        return TAGS[name]

    async def image(self, name: str) -> dict[str, Any]:
        return {"RepoDigests": []}

    async def inspect(self, container: str) -> dict[str, Any]:
        return INSPECTED


class _Manager:
    """A systemd that runs `shop-api` by a unit."""

    async def read(
        self, wanted: Iterable[tuple[str, str, str]], told: Callable[[str, str, Any], None]
    ) -> None:
        known: dict[tuple[str, str], Any] = {
            ("shop-api.service", "ExecStartEx"): [
                ["/usr/bin/docker", ["/usr/bin/docker", "run", "--rm", "--name", "shop-api", API], []]
            ],
            ("shop-api.service", "FragmentPath"): "/etc/systemd/system/shop-api.service",
        }
        for name, _, member in wanted:
            told(name, member, known.get((name, member)))


class _Transport:
    async def run(self, argv: tuple[str, ...], **_: Any) -> Completed:
        return Completed(argv, 2, b"", b"No such file")


class ImageFleet(FakeFleet):
    """Four hosts."""

    def __init__(self) -> None:
        super().__init__(HostConfig(name, f"198.18.2.{n}") for n, name in enumerate(HOSTS))
        self.engines = {name: _Engine(name) for name in HOSTS}
        for name in HOSTS:
            self.model.apply(HostChanged(name, Status(State.LIVE, BEFORE)))
            for source in Source:
                self.model.apply(SourceChanged(name, source, Status(State.LIVE, BEFORE)))
            self.model.apply(ContainersListed(name, tuple(each for each in BOXES if each.host == name)))
            self.model.apply(UnitsListed(name, (unit(name, "shop-api.service"),)))

    def source(self, host: str, source: Source) -> object:
        return SimpleNamespace(manager=_Manager(), engines=(self.engines[host],), refused=())

    def transport(self, host: str) -> Any:
        return _Transport()

    def update(self, host: str, name: str, image: str, letter: str) -> None:
        self.model.apply(ContainersChanged(host, (box(host, name, image, letter),), ()))

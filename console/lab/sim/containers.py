"""One host's container engine: containers, what happens to them, and what it tells. Pure.

Events come in the order docker 26 was seen to send them: a restart is kill, die, disconnect, stop,
connect, start, restart.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple, Protocol

from console.lab.sim import seeds
from console.lab.sim.catalog import IMAGES

#: Events remembered for who asks with `since`.
_REMEMBERED = 256
_STOP_TAKES = 0.3
_START_TAKES = 0.2
_FIRST_PROBE = 5.0
_CRASHES_AFTER = 0.5


@lru_cache(maxsize=256)
def image_id(reference: str) -> str:
    """The id of the image that has this name, the same on every host."""
    return "sha256:" + seeds.digest("image", reference)


class NoSuchContainer(Exception):
    """There is none of that id or name."""


class Conflict(Exception):
    """The container is in no state for that."""


class Host(Protocol):
    """What an engine needs of its host."""

    @property
    def now(self) -> float:
        """Seconds since the fleet began."""

    @property
    def booted(self) -> float:
        """When it booted, on the same clock."""

    def later(self, delay: float, action: Callable[[], None]) -> None:
        """Do something that many seconds from now, unless the host goes down before."""


@dataclass(slots=True)
class ContainerState:
    """One container now. Times in seconds since the fleet began."""

    id: str
    name: str
    image: str
    created: float
    policy: str
    probed: bool
    unit: str = ""
    state: str = "running"
    health: str = ""
    restarts: int = 0
    exit_code: int = 0
    started: float = 0.0
    finished: float | None = None
    pid: int = 0
    oom_killed: bool = False
    crashing: bool = False
    turn: int = 0
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def image_id(self) -> str:
        return image_id(self.image)

    @property
    def up(self) -> bool:
        return self.state in ("running", "paused")


class EngineEvent(NamedTuple):
    """Something happened. `time` in seconds since the fleet began; `action` in docker's words."""

    time: float
    type: str
    action: str
    container: str
    name: str
    image: str
    labels: dict[str, str]


class Engine:
    """docker or podman on one host.

    :param kind: which of them.
    """

    def __init__(self, host: Host, kind: str, count: int, *seed: object) -> None:
        self._host = host
        self.kind = kind
        self.recent: deque[EngineEvent] = deque(maxlen=_REMEMBERED)
        self.heard: list[Callable[[EngineEvent], None]] = []
        self._pids = 40_000
        self.containers: dict[str, ContainerState] = {}
        for index in range(count):
            container = self._made(index, *seed)
            self.containers[container.id] = container

    def _made(self, index: int, *seed: object) -> ContainerState:
        image = IMAGES[index % len(IMAGES)]
        word = image.rpartition("/")[2].partition(":")[0]
        name = f"{word}-{index // len(IMAGES)}" if index >= len(IMAGES) else word
        dice = seeds.dice(*seed, "container", index)
        container = ContainerState(
            seeds.digest(*seed, "container", index), name, image, -86_400.0 - index,
            policy=dice.choice(("unless-stopped", "always", "on-failure:5", "no")),
            probed=index % 3 == 0,
            started=dice.uniform(max(self._host.booted + 20, -80_000), -60),
            pid=3000 + index,
            labels={"com.example.team": dice.choice(("shop", "ops", "data"))},
        )  # fmt: skip
        if container.probed:
            container.health = "healthy"
        if self.kind == "podman":
            container.unit = f"{name}.service"
            container.labels["PODMAN_SYSTEMD_UNIT"] = container.unit
        if dice.random() < 0.04:
            container.state, container.exit_code, container.pid = "exited", dice.choice((0, 1, 137)), 0
            container.finished = container.started + 30.0
            container.health = ""
        return container

    def find(self, word: str) -> ContainerState:
        """By id, the beginning of one, or name. :raises NoSuchContainer: there is none."""
        if word in self.containers:
            return self.containers[word]
        for container in self.containers.values():
            if container.name == word.removeprefix("/") or (len(word) >= 4 and container.id.startswith(word)):
                return container
        raise NoSuchContainer(word)

    # -- what people do ---------------------------------------------------------------------

    def start(self, container: ContainerState) -> None:
        if not container.up:
            container.turn += 1
            container.restarts = 0
            self._up(container)

    def stop(self, container: ContainerState, then: Callable[[], None] = lambda: None) -> None:
        """Stop it; `then` once it has ended."""
        container.crashing = False
        if not container.up:
            container.turn += 1
            container.state = "exited" if container.state == "restarting" else container.state
            then()
            return
        self._tell(container, "kill")
        container.turn += 1

        def ended() -> None:
            self._down(container, 143)
            self._tell(container, "stop")
            then()

        self._later(container, _STOP_TAKES, ended)

    def restart(self, container: ContainerState, then: Callable[[], None] = lambda: None) -> None:
        """Stop and start it; `then` once it runs."""

        def stopped() -> None:
            def started() -> None:
                self._up(container)
                self._tell(container, "restart")
                then()

            self._later(container, _START_TAKES, started)

        self.stop(container, stopped)

    def kill(self, container: ContainerState) -> None:
        """:raises Conflict: it does not run."""
        if not container.up:
            raise Conflict(f"container {container.id} is not running")
        self._tell(container, "kill")
        container.turn += 1
        self._down(container, 137)

    def pause(self, container: ContainerState, *, paused: bool) -> None:
        """:raises Conflict: it is not running, or not paused."""
        if container.state != ("running" if paused else "paused"):
            raise Conflict(f"container {container.id} is {container.state}")
        container.state = "paused" if paused else "running"
        self._tell(container, "pause" if paused else "unpause")

    def rename(self, container: ContainerState, name: str) -> None:
        container.name = name
        self._tell(container, "rename")

    def remove(self, container: ContainerState, *, force: bool) -> None:
        """:raises Conflict: it runs."""
        if container.up and not force:
            raise Conflict(f"container {container.id} is running: stop it before removal or force remove")
        if container.up:
            self.kill(container)
        del self.containers[container.id]
        self._tell(container, "destroy" if self.kind == "docker" else "remove")

    def booted(self) -> None:
        """The host has booted: what is to run always starts, the rest has ended."""
        self.recent.clear()
        for container in self.containers.values():
            container.turn += 1
            ran, container.crashing = container.up, False
            container.state, container.health, container.pid = "exited", "", 0
            if ran:
                container.finished = self._host.now
            if ran and container.policy != "no":
                self._up(container)

    # -- what befalls them ------------------------------------------------------------------

    def crash(self, container: ContainerState, code: int = 1, *, loop: bool = False) -> None:
        """Its process ends; with `loop` so does each one after it."""
        if container.state != "running":
            return
        container.crashing = loop or container.crashing
        container.turn += 1
        self._ended(container, code)

    def out_of_memory(self, container: ContainerState) -> None:
        if container.state == "running":
            container.oom_killed = True
            self._tell(container, "oom")
            self.crash(container, 137)

    def probe(self, container: ContainerState, health: str) -> None:
        """A health check says so."""
        if container.probed and container.state == "running" and container.health != health:
            container.health = health
            action = f"health_status: {health}" if self.kind == "docker" else "health_status"
            self._tell(container, action)

    def _ended(self, container: ContainerState, code: int) -> None:
        self._down(container, code)
        name, _, most = container.policy.partition(":")
        again = name in ("always", "unless-stopped", "on-failure")
        if again and not (most and container.restarts >= int(most)):
            wait = min(0.1 * 2**container.restarts, 60.0)
            container.restarts += 1
            container.state = "restarting"
            self._later(container, wait, lambda: self._up(container))

    def _up(self, container: ContainerState) -> None:
        self._pids += 3
        container.state, container.pid, container.exit_code = "running", self._pids, 0
        container.started, container.oom_killed = self._host.now, False
        if container.probed:
            container.health = "starting"
            self._later(container, _FIRST_PROBE, lambda: self.probe(container, "healthy"))
        self._tell(container, "connect", "network")
        self._tell(container, "start")
        if container.crashing:
            self._later(container, _CRASHES_AFTER, lambda: self._ended(container, 1))

    def _down(self, container: ContainerState, code: int) -> None:
        container.state, container.exit_code, container.pid = "exited", code, 0
        container.finished = self._host.now
        container.health = ""
        self._tell(container, "die" if self.kind == "docker" else "died")
        self._tell(container, "disconnect", "network")

    def _later(self, container: ContainerState, delay: float, action: Callable[[], None]) -> None:
        turn = container.turn

        def still() -> None:
            if container.turn == turn:
                action()

        self._host.later(delay, still)

    def _tell(self, container: ContainerState, action: str, kind: str = "container") -> None:
        event = EngineEvent(
            self._host.now, kind, action, container.id, container.name, container.image, container.labels
        )
        self.recent.append(event)
        for heard in tuple(self.heard):
            heard(event)

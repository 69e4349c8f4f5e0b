"""Plans of what is done to containers. Pure: what is known of them comes in, steps come out."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from console.actions.containers import (
    ContainerKill,
    ContainerPause,
    ContainerRemove,
    ContainerRestart,
    ContainerStamp,
    ContainerStart,
    ContainerStop,
    ContainerUnpause,
    says,
    state_class,
)
from console.actions.plan import Act, Refusal, Step
from console.model.container import Container

VERBS = ("start", "stop", "restart", "kill", "pause", "unpause", "remove")

#: docker's and podman's own, in seconds, for a container that says nothing else.
_GRACE = 10.0
#: Beyond what a stop waits for the process, the daemon has this long for the rest.
_MARGIN = 30.0

_UNDO = {"start": "stop", "stop": "start", "pause": "unpause", "unpause": "pause"}
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
#: As much of an id as lists show, and as a pattern needs.
_SHORT_ID = 12


@dataclass(frozen=True, slots=True)
class ContainerWish:
    """What is asked for of each container.

    :param time: seconds before a stop turns into a kill; None: as the container has it.
    """

    verb: str
    time: float | None = None
    signal: str = "KILL"
    force: bool = False
    volumes: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """A container as a plan sees it.

    :param auto_remove: whether its daemon removes it when it stops (`--rm`).
    :param stop_timeout: seconds it has itself for a stop; None where it does not say.
    """

    container: Container
    auto_remove: bool = False
    stop_timeout: float | None = None


def seen_of(container: Container, inspected: Mapping[str, object]) -> Seen:
    """What a plan needs beside the container itself, of `GET /containers/{id}/json`. Believes nothing."""
    host_config, config = inspected.get("HostConfig"), inspected.get("Config")
    auto = host_config.get("AutoRemove") is True if isinstance(host_config, dict) else False
    timeout = config.get("StopTimeout") if isinstance(config, dict) else None
    usable = isinstance(timeout, int) and not isinstance(timeout, bool) and 0 <= timeout <= 86400
    return Seen(container, auto, float(timeout) if usable else None)  # type: ignore[arg-type]  # an int


@dataclass(frozen=True, slots=True)
class ContainerHost:
    """One host as a plan sees it.

    :param seen: the containers asked for.
    :param names: how often each name is borne on the host: docker's and podman's may be the same.
    :param restarts: `Restart=` of the units that own some of them, where it is known.
    """

    host: str
    seen: Sequence[Seen]
    names: Mapping[str, int] = field(default_factory=dict)
    boot: str | None = None
    restarts: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class DrawnContainers:
    """What becomes of the targets: steps, refusals, notes, and those for which there is nothing to do."""

    steps: list[Step] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    idle: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    grave: bool = False


def draw_containers(wish: ContainerWish, hosts: Iterable[ContainerHost]) -> DrawnContainers:
    """The steps of a wish over some hosts, in their order."""
    drawn = DrawnContainers(grave=wish.verb == "remove")
    for host in hosts:
        for seen in host.seen:
            _draw_one(wish, host, seen, drawn)
    return drawn


def reference(container: Container, names: Mapping[str, int]) -> str:
    """What means this container on its host in a command line, and no other.

    Its name; its id where the name is another's too, or would be read as something else than a name.
    """
    if names.get(container.name, 1) == 1 and _SAFE_NAME.fullmatch(container.name):
        return container.name
    return container.id[:_SHORT_ID]


def _draw_one(wish: ContainerWish, host: ContainerHost, seen: Seen, drawn: DrawnContainers) -> None:
    container = seen.container
    if why := _refusal(wish, container):
        drawn.refused.append(Refusal(host.host, container.name, why))
        return
    if why := _nothing(wish.verb, container):
        drawn.idle.append(f"{host.host}/{container.name}: {why}")
        return
    vanishes = seen.auto_remove and (wish.verb == "stop" or (wish.verb == "kill" and wish.signal == "KILL"))
    drawn.steps.append(
        Step(
            host.host,
            container.name,
            wish.verb,
            says(container),
            "removed: it was made with --rm" if vanishes else _then(wish),
            _act(wish, host, seen),
            (),
            None if vanishes else _undo(wish.verb, host, container),
        )
    )
    drawn.grave = drawn.grave or vanishes
    if note := _owner(wish.verb, host, container):
        drawn.notes.append(note)


def _then(wish: ContainerWish) -> str:
    match wish.verb:
        case "start" | "unpause":
            return "running"
        case "restart":
            return "running, started anew"
        case "stop":
            return "exited"
        case "kill":
            return "exited, killed" if wish.signal == "KILL" else f"signal {wish.signal} sent"
        case "pause":
            return "paused"
        case _:
            return "removed, with its anonymous volumes" if wish.volumes else "removed"


def _act(wish: ContainerWish, host: ContainerHost, seen: Seen) -> Act:
    name = seen.container.name
    state = state_class(seen.container.state)
    stamp = ContainerStamp(seen.container.id, seen.container.engine, state, host.boot)
    grace = next((one for one in (wish.time, seen.stop_timeout) if one is not None), _GRACE)
    match wish.verb:
        case "start":
            return ContainerStart(name, stamp)
        case "stop":
            return ContainerStop(name, stamp, wish.time, grace + _MARGIN)
        case "restart":
            return ContainerRestart(name, stamp, wish.time, grace + _MARGIN)
        case "kill":
            return ContainerKill(name, stamp, wish.signal)
        case "pause":
            return ContainerPause(name, stamp)
        case "unpause":
            return ContainerUnpause(name, stamp)
        case "remove":
            return ContainerRemove(name, stamp, wish.force, wish.volumes)
        case _:
            raise AssertionError(wish.verb)


def _refusal(wish: ContainerWish, container: Container) -> str | None:
    """Why the daemon would not do it, or should not."""
    state = state_class(container.state)
    if state == "removing":
        return "it is being removed" if wish.verb != "remove" else None
    match wish.verb:
        case "start" | "restart" if state == "paused":
            return "it is paused: `container unpause` first"
        case "stop" if state == "paused" and container.engine == "podman":
            return "it is paused, and podman stops none that is: `container unpause` first"
        case "kill" | "pause" | "unpause" if state == "down":
            return f"it does not run: {says(container)}"
        case "pause" if container.state == "restarting":
            return "it does not run just now: it is restarting"
        case "remove" if state in ("up", "paused") and not wish.force:
            return f"it is {says(container)}: `container stop` first, or --force"
    return None


def _nothing(verb: str, container: Container) -> str | None:
    """Why there is nothing to do, if so."""
    state = state_class(container.state)
    match verb:
        case "start" if state == "up":
            return "runs already"
        case "stop" if state == "down":
            return f"does not run: {says(container)}"
        case "pause" if state == "paused":
            return "is paused already"
        case "unpause" if state == "up":
            return "is not paused"
        case "remove" if state == "removing":
            return "is being removed"
    return None


def _owner(verb: str, host: ContainerHost, container: Container) -> str | None:
    """What the unit that owns the container makes of it, and the line that fits better."""
    if container.unit is None or verb in ("pause", "unpause"):
        return None
    fits = {"start": "start", "restart": "restart"}.get(verb, "stop")
    policy = host.restarts.get(container.unit)
    if verb == "start":
        will = "and knows nothing of this"
    elif policy == "no":
        will = "and ends with it"
    elif policy == "always":
        will = "and will start it again (Restart=always)"
    else:
        will = f"and may start it again (Restart={policy})" if policy else "and may start it again (Restart=)"
    line = shlex.join(["unit", fits, f"--on={host.host}", container.unit])
    return f"{host.host}/{container.name}: {container.unit} owns it, {will}; `{line}` is the line that fits"


def _undo(verb: str, host: ContainerHost, container: Container) -> str | None:
    back = _UNDO.get(verb)
    if back is None:
        return None
    return shlex.join(["container", back, f"--on={host.host}", reference(container, host.names)])

"""What an exclusive unit has to be like, and the drop-in that ties it to its host's lease. Pure.

Once the lease has run out the unit must be gone within a bounded time, whatever it does: `STOP_S`. What
systemd gives a service to stop is `TimeoutStopSec=` for each `ExecStop=`, once more for SIGTERM, and again
for each `ExecStopPost=` (systemd.service(5), TimeoutStopSec=); then SIGKILL, to all of its control group
(systemd.kill(5)). The processes of a container are its engine's and not the unit's: they go only if the unit
has them removed.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from console.placement.lease import STOP_S
from console.placement.unit_file import Fault, Option, UnitFile, parse
from console.placement.unit_name import UnitName

#: The unit that is there for as long as a host's lease holds, and the test of it (wind_lease.sh).
LEASE_UNIT = "quarterdeck-lease.service"
_TEST = "+/bin/sh /run/quarterdeck/lease.sh held %n"

_SECTION, _SETTING = "X-Quarterdeck", "UnitService."

_ENGINES = ("docker", "podman")
#: Verbs of theirs after which a container may run on without its client.
_STARTING = frozenset({"run", "start", "restart", "create", "compose", "kube", "play", "unpause"})
_COMMANDS = ("ExecStartPre", "ExecStart", "ExecStartPost")

#: Settings of [Service] that have more outlive a stop than is allowed for, and what they may be.
_ALLOWED: Mapping[str, tuple[str, ...]] = {
    "KillMode": ("control-group", "mixed"),
    "SendSIGKILL": ("yes", "true", "on", "1"),
    "FinalKillSignal": ("SIGKILL", "KILL", "9"),
    "TimeoutStopFailureMode": ("terminate", "kill"),
}
_TIMEOUTS = ("TimeoutStopSec", "TimeoutSec", "TimeoutAbortSec")

#: systemd.time(7).
_UNITS = {
    **dict.fromkeys(("", "s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("us", "usec"), 1e-6),
    **dict.fromkeys(("ms", "msec"), 1e-3),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86400.0),
}
_SPAN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)")


@dataclass(frozen=True, slots=True)
class _Container:
    """A container that a line starts. `name` None: it has none to be removed by."""

    engine: str
    name: str | None
    option: Option


def faults(unit: UnitName, file: UnitFile, settings: Iterable[Option]) -> list[Fault]:
    """Why it cannot be exclusive; nothing where it can.

    :param settings: what the policy adds to the file.
    """
    if unit.type != "service":
        return [Fault(0, f"Exclusive: a {unit.type} has no process that ends with it; accepted: a service")]
    file = _with(file, settings)
    found = [*_odd_stops(file), *_odd_timeouts(file)]
    for container in _containers(file):
        found += _container_faults(container, file)
    return found


def drop_in(file: UnitFile, settings: Iterable[Option]) -> list[Option]:
    """What ties a unit to the lease of its host, and bounds its stop."""
    file = _with(file, settings)
    options = [
        Option("Unit", "BindsTo", LEASE_UNIT),
        Option("Unit", "After", LEASE_UNIT),
        Option("Service", "ExecCondition", _TEST),
    ]
    if not any(file.values("Service", name) for name in ("TimeoutStopSec", "TimeoutSec")):
        options.append(Option("Service", "TimeoutStopSec", f"{_most(file):g}s"))
    return options


def with_removal(text: str) -> str:
    """A unit file with what has its container be gone with it, where that is all that is missing."""
    file = parse(text)
    own = file.of_section(_SECTION)
    if not any(option.name == "Exclusive" and option.value for option in own):
        return text
    settings = [
        Option("Service", option.name.removeprefix(_SETTING), option.value)
        for option in own
        if option.name.startswith(_SETTING)
    ]
    if not (missing := removal(file, settings)):
        return text
    lines = [f"{_SETTING}{option.name}={option.value}\n" for option in missing]
    return "".join((text, "" if text.endswith("\n") else "\n", f"\n[{_SECTION}]\n", *lines))


def removal(file: UnitFile, settings: Iterable[Option]) -> list[Option]:
    """What would have a container be gone with its unit, where that is all that is missing."""
    file = _with(file, settings)
    found: list[Option] = []
    for container in _containers(file):
        if container.name is None:
            continue
        for key in ("ExecStop", "ExecStopPost"):
            if not _removes(file, key, container):
                program = _program(container)
                found.append(Option("Service", key, f"-{program} rm -f {container.name}"))
    return list(dict.fromkeys(found))


def _with(file: UnitFile, settings: Iterable[Option]) -> UnitFile:
    return replace(file, options=(*file.options, *settings))


def _odd_stops(file: UnitFile) -> Iterator[Fault]:
    for name, allowed in _ALLOWED.items():
        option = _last(file, name)
        if option is not None and option.value not in allowed:
            yield Fault(
                option.line,
                f"Exclusive: {name}={option.value} may leave a copy running; accepted: {', '.join(allowed)}",
            )


def _odd_timeouts(file: UnitFile) -> Iterator[Fault]:
    most = _most(file)
    for name in _TIMEOUTS:
        option = _last(file, name)
        if option is None:
            continue
        seconds = _seconds(option.value)
        if seconds is None or seconds > most:
            phases = _phases(file)
            each = f" for each of the {phases} things its stop may wait for" if phases > 1 else ""
            yield Fault(
                option.line,
                f"Exclusive: {name}={option.value} is too long; accepted: up to {most:g}s{each}, or none",
            )


def _phases(file: UnitFile) -> int:
    """How often systemd may wait for TimeoutStopSec= while it stops the unit."""
    return 1 + sum(len(file.values("Service", key)) for key in ("ExecStop", "ExecStopPost"))


def _most(file: UnitFile) -> float:
    return int(STOP_S / _phases(file) * 10) / 10


def _seconds(text: str) -> float | None:
    """A span of systemd's; None for one without an end, or that is none."""
    total, at = 0.0, 0
    while at < len(text.rstrip()):
        found = _SPAN.match(text, at)
        if found is None or found[2] not in _UNITS:
            return None
        total += float(found[1]) * _UNITS[found[2]]
        at = found.end()
    return total if total > 0 else None  # 0 is no limit (systemd.service(5))


def _last(file: UnitFile, name: str) -> Option | None:
    found = [option for option in file.of_section("Service") if option.name == name]
    return found[-1] if found and found[-1].value else None


def _containers(file: UnitFile) -> Iterator[_Container]:
    for option in file.of_section("Service"):
        if option.name not in _COMMANDS:
            continue
        words = _words(option.value)
        at = _engine_at(words)
        if at is None:
            # One in a shell's line is one all the same, and cannot be looked into.
            if any(re.search(rf"\b{engine}\b", word) for engine in _ENGINES for word in words[1:]):
                yield _Container("", None, option)
        elif verb := next((word for word in words[at + 1 :] if word in _STARTING), None):
            yield _Container(words[at], _name(words[words.index(verb) :], verb), option)


def _words(line: str) -> list[str]:
    try:
        words = shlex.split(line, posix=True)
    except ValueError:
        words = line.split()
    if words:
        words[0] = words[0].lstrip("-@:+!|")
    return words


def _engine_at(words: list[str]) -> int | None:
    """Which word is the engine's program, also behind `env` and the like."""
    for at, word in enumerate(words):
        if word.rpartition("/")[2] in _ENGINES:
            return at
        if at == 0 and word.rpartition("/")[2] not in ("env", "sudo", "nice", "ionice", "chrt", "time"):
            return None
    return None


def _name(words: list[str], verb: str) -> str | None:
    if verb in ("start", "restart", "unpause"):
        names = [word for word in words[1:] if not word.startswith("-")]
        return names[0] if len(names) == 1 else None
    if verb not in ("run", "create"):
        return None
    for at, word in enumerate(words):
        if word == "--name" and at + 1 < len(words):
            return words[at + 1]
        if word.startswith("--name="):
            return word.removeprefix("--name=")
    return None


def _container_faults(container: _Container, file: UnitFile) -> Iterator[Fault]:
    option = container.option
    if not container.engine:
        yield Fault(
            option.line,
            f"Exclusive: {option.name}= may start a container from within a shell, which outlives the unit; "
            "accepted: `docker run --name NAME …` as the line itself",
        )
        return
    if container.name is None:
        yield Fault(
            option.line,
            f"Exclusive: the container that {option.name}= starts has no name to remove it by; "
            "accepted: `run --name NAME`",
        )
        return
    words = _words(option.value)
    for at, word in enumerate(words):
        following = words[at + 1] if word == "--restart" and at + 1 < len(words) else ""
        policy = word.removeprefix("--restart=") if word.startswith("--restart=") else following
        if policy and policy != "no":
            yield Fault(
                option.line,
                f"Exclusive: --restart {policy} starts the container without the unit; accepted: Restart= of "
                "the unit's",
            )
    missing = [key for key in ("ExecStop", "ExecStopPost") if not _removes(file, key, container)]
    if missing:
        line = f"-{_program(container)} rm -f {container.name}"
        wanted = " and ".join(f"{key}={line}" for key in missing)
        yield Fault(
            option.line,
            f"Exclusive: the container outlives the unit without {wanted}; "
            "`service submit --with-removal` adds that",
        )


def _program(container: _Container) -> str:
    """The engine's program as the line has it: systemd looks for it in its own path otherwise."""
    words = _words(container.option.value)
    return words[_engine_at(words) or 0]


def _removes(file: UnitFile, key: str, container: _Container) -> bool:
    for value in file.values("Service", key):
        words = _words(value)
        at = _engine_at(words)
        if at is None or container.name not in words:
            continue
        rest = words[at + 1 :]
        forced = any(
            word == "--force" or (word.startswith("-") and not word.startswith("--") and "f" in word)
            for word in rest
        )
        if "rm" in rest and forced:
            return True
        if key == "ExecStop" and any(verb in rest for verb in ("stop", "kill")):
            return True
    return False

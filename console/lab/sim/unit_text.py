"""Unit files that were written on a host: what systemd takes of their text, and what it starts at boot. Pure.

Not all of it: a description, what is needed and what it is bound to, whether a service comes back. Every
program that a service names is there, and runs for ever but for the one that keeps a lease (`lease.py`); one
that ignores SIGTERM is known by its trap, and ends with its time to stop.
Source: systemd.syntax(7), systemd.unit(5), systemd.service(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from console.lab.sim import lease
from console.lab.sim.catalog import UnitKind

#: Where systemd looks for what is not the distribution's, the first before the second.
FOLDERS = ("/etc/systemd/system", "/run/systemd/system")

_STUBBORN, _STOP_TAKES = 'trap "" TERM', 0.05
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|sec|min|m)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "sec": 1.0, "min": 60.0, "m": 60.0, None: 1.0}


def kind_of(name: str, text: str, folder: str) -> UnitKind:
    """The unit of a file with this text.

    :param text: of the file and its drop-ins, one after the other.
    """
    settings = dict(_settings(text))

    def last(key: str, otherwise: str) -> str:
        return settings.get(key, [otherwise])[-1] or otherwise

    program = last("Service.ExecStart", "")
    fault = ""
    if name.endswith(".service") and not program:
        fault = "Service has no ExecStart=, ExecStop=, or SuccessAction=. Refusing."
    return UnitKind(
        name, last("Unit.Description", name), "inactive", "dead",
        restart=last("Service.Restart", "no"),
        restart_after=_span(last("Service.RestartSec", "100ms")),
        requires=("sysinit.target", *_words(settings, "Unit.Requires")),
        after=("sysinit.target", *_words(settings, "Unit.After")),
        wanted_by=tuple(_words(settings, "Install.WantedBy")),
        binds_to=tuple(_words(settings, "Unit.BindsTo")),
        condition=last("Service.ExecCondition", "").replace("%n", name),
        keeps=program if lease.SCRIPT in program else "",
        stop_takes=_span(last("Service.TimeoutStopSec", "90s")) if _STUBBORN in program else _STOP_TAKES,
        folder=folder,
        fault=fault,
    )  # fmt: skip


def written_units(files: Mapping[str, bytes]) -> Iterator[tuple[UnitKind, bool]]:
    """The units of a host's files, each with whether it is started at boot."""
    found: set[str] = set()
    for folder in FOLDERS:
        for path in sorted(files):
            name = path.removeprefix(f"{folder}/")
            if name == path or "/" in name or name in found:
                continue
            found.add(name)
            wanted = any(f".wants/{name}" in link for link in files if link.startswith(f"{folder}/"))
            yield kind_of(name, text_of(files, folder, name), folder), wanted


def text_of(files: Mapping[str, bytes], folder: str, name: str) -> str:
    """A unit's file, and its drop-ins after it."""
    drops = sorted(
        path for path in files if path.startswith(f"{folder}/{name}.d/") and path.endswith(".conf")
    )
    return "\n".join(files[path].decode("utf-8", "replace") for path in (f"{folder}/{name}", *drops))


def _settings(text: str) -> Iterator[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    section = ""
    for line in text.replace("\\\n", " ").splitlines():
        line = line.strip()
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif "=" in line and not line.startswith(("#", ";")):
            key, _, value = line.partition("=")
            found.setdefault(f"{section}.{key.strip()}", []).append(value.strip())
    yield from found.items()


def _words(settings: Mapping[str, list[str]], key: str) -> list[str]:
    return [word for line in settings.get(key, []) for word in line.split()]


def _span(text: str) -> float:
    """A time span in seconds; what is none is systemd's default."""
    found = _SPAN.fullmatch(text)
    return float(found[1]) * _SECONDS[found[2]] if found else 0.1

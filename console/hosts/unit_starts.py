"""Reads how services of a host are started, many at once. Believes nothing.

`ExecStartEx` is `a(sasasttttuii)`: path, argv, flags, then how the last run of it went
(org.freedesktop.systemd1(5)). Arguments are kept as they are, control characters and all, for they are
given back to systemd; whoever shows them makes them safe.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from console.hosts.unit_wire import RESULT_INTERFACE, UNIT, plain
from console.model.text import clean
from console.model.unit_start import ExecStart, UnitStart

if TYPE_CHECKING:
    from console.hosts.manager import SystemdManager
    from console.hosts.transport import Transport

_PATH_LIMIT = 4096
#: What is kept of one unit; systemd's own limit of a line is a megabyte.
_ARGUMENTS, _ARGUMENT = 2048, 65536
_FILES = ("FragmentPath", "SourcePath", "DropInPaths")
#: Where an engine says which units are its own, by the unit's name (`actions/apply_units.sh`).
_MARKS = ("/run/quarterdeck/units", "/etc/quarterdeck/units")


async def unit_starts(manager: SystemdManager, names: Iterable[str]) -> dict[str, UnitStart]:
    """How each of these services is started, by its name; those that start nothing are left out.

    Their files are not looked up (`with_files`). :raises HostError: systemd does not say.
    """
    found: dict[str, UnitStart] = {}

    def take(name: str, _: str, value: Any) -> None:
        starts = _starts(plain(value))
        if starts:
            found[name] = UnitStart(name, starts)

    services = [name for name in names if name.endswith(".service")]
    await manager.read([(name, RESULT_INTERFACE["service"], "ExecStartEx") for name in services], take)
    return found


async def with_files(manager: SystemdManager, transport: Transport, start: UnitStart) -> UnitStart:
    """The same with the files that it comes from. :raises HostError: the host does not say."""
    told: dict[str, Any] = {}

    def take(_: str, member: str, value: Any) -> None:
        told[member] = plain(value)

    await manager.read([(start.unit, UNIT, member) for member in _FILES], take)
    marks = [f"{folder}/{start.unit}" for folder in _MARKS]
    marked = await transport.run(("ls", "--", *marks), limit=_PATH_LIMIT)
    drop_ins = told.get("DropInPaths")
    return UnitStart(
        start.unit,
        start.starts,
        clean(str(told.get("FragmentPath") or ""), _PATH_LIMIT),
        clean(str(told.get("SourcePath") or ""), _PATH_LIMIT),
        tuple(clean(str(path), _PATH_LIMIT) for path in drop_ins) if isinstance(drop_ins, list) else (),
        bool(marked.stdout),
    )


def _starts(value: object) -> tuple[ExecStart, ...]:
    found = []
    for entry in value if isinstance(value, list) else ():
        match entry:
            case [str(path), [*argv], [*flags], *_] if len(argv) <= _ARGUMENTS:
                words = tuple(str(word) for word in argv)
                if all(len(word) <= _ARGUMENT for word in words):
                    found.append(ExecStart(path, words, tuple(clean(str(flag), 64) for flag in flags)))
    return tuple(found)

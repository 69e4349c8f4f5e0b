"""A unit of an engine's on its host, as a rollout looks at it, and how it fares. Pure but for the question.

What is asked of the host is what its mark says (which revision its file is) and what systemd says of it
(systemctl(1), `show`; the properties are those of org.freedesktop.systemd1(5)).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from console.model.text import clean
from console.placement.mark import read_mark

if TYPE_CHECKING:
    from console.hosts.transport import Transport

_PROPERTIES = (
    *("ActiveState", "SubState", "Result", "NRestarts", "InvocationID"),
    *("ReloadResult", "Type", "ExecMainStatus"),
)
#: What of it is told: nothing where the unit is not ours there.
_SCRIPT = (
    'cat "/run/quarterdeck/units/$1" "/etc/quarterdeck/units/$1" 2>/dev/null | head -n 1; echo; '
    'echo "BootID=$(cat /proc/sys/kernel/random/boot_id)"; '
    f'systemctl show --property={",".join(_PROPERTIES)} -- "$1"'
)
_LIMIT = 16_384

#: A unit that was just told to start may not show it for so many seconds.
_SHOWS_S = 3.0


@dataclass(frozen=True, slots=True)
class UnitLook:
    """One unit at one time.

    :param revision: of its service, whose text its file is; None: it is not there, or not ours.
    :param restarts: how often systemd has restarted it by itself since it was started.
    :param life: what tells this life of it from any other; of one that is down, its last.
    :param boot: what tells its host's boot from any other.
    :param launched: whether its start was asked for, as its mark says: not where systemd would not have it.
    """

    revision: int | None
    active: str = "inactive"
    sub: str = "dead"
    result: str = "success"
    restarts: int = 0
    life: str = ""
    reloaded: str = "success"
    type: str = "simple"
    status: int = 0
    boot: str = ""
    launched: bool = True

    @property
    def up(self) -> bool:
        return self.active in ("active", "reloading", "refreshing")

    @property
    def alive(self) -> bool:
        """Whether `life` is one that it is in now."""
        return self.up or self.active == "activating"


class Faring(StrEnum):
    """How a unit fares that is to prove itself."""

    WELL = "well"
    COMING = "coming"
    BAD = "bad"


def faring(now: UnitLook, *, restarts: int, seconds: float) -> tuple[Faring, str]:
    """How it fares, and why that is not well.

    :param restarts: how many it had when it was to begin to prove itself.
    :param seconds: for so long it is to prove itself.
    """
    if now.reloaded not in ("success", ""):
        return Faring.BAD, f"its reload failed: {now.reloaded}"
    if now.active == "failed":
        return Faring.BAD, _ended(now)
    if now.restarts > restarts or now.sub == "auto-restart":
        return Faring.BAD, f"it has ended ({_ended(now)}), and systemd starts it again"
    if now.up:
        return Faring.WELL, ""
    if now.active == "inactive" and seconds > _SHOWS_S:
        if now.type == "oneshot" and now.result == "success":
            return Faring.WELL, ""
        return Faring.BAD, f"it has ended: {_ended(now)}"
    return Faring.COMING, f"it is {now.active} ({now.sub})"


def _ended(now: UnitLook) -> str:
    return f"{now.result}, status {now.status}" if now.status else now.result


async def look_at(transport: Transport, unit: str) -> UnitLook:
    """:raises HostError: the host does not answer."""
    said = await transport.run(("sh", "-c", _SCRIPT, "sh", unit), limit=_LIMIT)
    return read_look(said.stdout.decode("utf-8", "replace"))


def read_look(text: str) -> UnitLook:
    """What the host has said."""
    first, _, rest = text.partition("\n")
    mark = read_mark(first, "/run")
    found = dict(line.split("=", 1) for line in rest.splitlines() if "=" in line)

    def word(name: str, default: str = "") -> str:
        return clean(found.get(name, default), 60)

    return UnitLook(
        None if mark is None else mark.revision,
        word("ActiveState", "inactive"),
        word("SubState"),
        word("Result", "success") or "success",
        _number(word("NRestarts")),
        word("InvocationID"),
        word("ReloadResult", "success"),
        word("Type"),
        _number(word("ExecMainStatus")),
        word("BootID"),
        mark is not None and mark.launched,
    )


def _number(text: str) -> int:
    return int(text[:9]) if text.isascii() and text.isdigit() else 0

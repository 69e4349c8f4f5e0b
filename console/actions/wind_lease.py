"""A host's lease, wound: in one privileged call that takes no later a wind for a newer one (wind_lease.sh).

    /run/quarterdeck/lease              REVISION DEADLINE, then the units that it names, a line each
    /run/quarterdeck/lease.sh           keeps it: a loop in the stock shell, and the test before a start
    /run/quarterdeck/lease.kept         it is being kept
    /run/systemd/system/quarterdeck-lease.service

A unit that runs on a lease is bound to that service by its drop-in (`console/placement/exclusive.py`). What
may be said of a lease, and what of it lets another host have the unit, is in `console/placement/lease.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from console.actions.host_script import run_script, turned_away
from console.errors import HostFailure
from console.model.text import clean

if TYPE_CHECKING:
    from console.actions.hands import Hands

#: A wind that takes longer counts for nothing: the next is due. Seconds.
WITHIN_S = 10.0

Outcome = Literal["wound", "rebooted", "overtaken", "late", "foreign", "superseded"]
_WITH_CLOCK: tuple[Outcome, ...] = ("wound", "rebooted", "overtaken", "late")


@dataclass(frozen=True, slots=True)
class Wound:
    """What a host said to a wind.

    :param outcome: all but `wound` have changed nothing.
    :param uptime: when that was, in hundredths of a second; with `boot` and `machine` where it told them.
    :param down: of the units it was asked about, those that are down.
    :param revision: of the engine that came after this one, where it is superseded.
    """

    outcome: Outcome
    uptime: int = 0
    boot: str = ""
    machine: str = ""
    down: frozenset[str] = frozenset()
    foreign: str | None = None
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class WindLease:
    """Has a host's lease hold until its uptime is `deadline`, in hundredths of a second.

    :param fleet: the id of the fleet whose engine this is; a host of no fleet becomes one of it.
    :param revision: at which it was elected.
    :param boot: the boot that it is for.
    :param holds: units that may be started under it.
    :param drops: units that may not, and of which it is asked whether they are down.
    :param heard: takes what the host said.
    """

    fleet: str
    revision: int
    boot: str
    deadline: int
    holds: frozenset[str]
    drops: frozenset[str]
    heard: Callable[[Wound], None] = field(repr=False, compare=False)

    async def check(self, hands: Hands) -> str | None:
        """The host compares by itself, in the same call."""
        return None

    async def do(self, hands: Hands) -> str:
        ended = await run_script(
            hands,
            "wind_lease.sh",
            (self.fleet, str(self.revision), self.boot, str(self.deadline)),
            spoken(self.holds, self.drops),
            WITHIN_S,
        )
        wound = read_wound(ended.stdout.decode("utf-8", "replace"), hands.host, ended.complaint)
        self.heard(wound)
        refusal = turned_away(hands.host, fleet=self.fleet, foreign=wound.foreign, superseded=wound.revision)
        if refusal is not None:
            raise refusal
        if wound.outcome != "wound":
            raise HostFailure(f"the wind came {_TOLD[wound.outcome]}", host=hands.host)
        return ""


_TOLD = {"rebooted": "after a boot", "overtaken": "after a later one", "late": "after its own deadline"}


def spoken(holds: Iterable[str], drops: Iterable[str]) -> bytes:
    """What the script reads."""
    lines = [f"hold {unit}\n" for unit in sorted(holds)] + [f"drop {unit}\n" for unit in sorted(drops)]
    return "".join(lines).encode()


def read_wound(said: str, host: str, complaint: str = "") -> Wound:
    """What the script said.

    :param complaint: what the shell did, for where the script said nothing.
    :raises HostFailure: it went no further than to some point.
    """
    found: Wound | None = None
    down: set[str] = set()
    for line in said.splitlines():
        word, _, rest = line.partition(" ")
        if word == "end" and found is not None:
            return Wound(
                found.outcome,
                found.uptime,
                found.boot,
                found.machine,
                frozenset(down),
                found.foreign,
                found.revision,
            )
        if word == "fault":
            raise HostFailure(clean(rest, 300), host=host)
        if word == "down":
            down.add(rest)
        elif word == "foreign":
            found = Wound("foreign", foreign=clean(rest, 80))
        elif word == "superseded":
            found = Wound("superseded", revision=int(rest) if rest.isascii() and rest.isdigit() else 0)
        elif word in _WITH_CLOCK and found is None:
            found = _with_clock(word, rest, host)
    raise HostFailure(f"the wind did not come to its end: {clean(complaint, 200)}", host=host)


def _with_clock(outcome: Outcome, rest: str, host: str) -> Wound:
    match rest.split():
        case [uptime, boot, machine] if uptime.isascii() and uptime.isdigit() and len(uptime) < 19:
            return Wound(outcome, int(uptime), clean(boot, 80), clean(machine, 80))
    raise HostFailure("it does not say what its clock is", host=host)

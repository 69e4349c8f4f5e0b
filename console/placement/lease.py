"""Leases: what lets exclusive instances run on a host, and from when on another may have them. Pure.

    engine                                     etcd                   host
    until = now + TTL  ───── record ────────▶ leases/<host>
    deadline = its uptime by then ─── wind ────────────────────────▶ kept, if it is a later one
                                                                     its units stop once it is past
    … no answer any more: elsewhere only after until + the unit's stop + a margin

A lease is an **absolute** deadline on the host's own clock, for one boot, and names the units that may be
started under it. A wind that comes late is past its deadline; one that another has overtaken is refused.
What no clock is asked for is told by the host: that a unit is down there after a wind that does not name it.

Times are in seconds of the engine's clock, one that goes on while the machine is suspended; a host's uptime
is in hundredths of a second, as `/proc/uptime` has it. docs/decisions/0009-at-most-once.md is the argument;
`tests/placement/lease_world.py` is the world that it is tried in.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

#: Another's unit may take so many seconds to be gone once its lease has run out (`exclusive.py`).
STOP_S = 10.0

#: Added to each: what a host takes to notice, half a second at most, and to kill what is left.
MARGIN_S = 2.0

#: Two clocks run apart by no more than this share: what chrony and ntpd slew by is half of it.
DRIFT = 0.001

#: An instance is started under a lease that surely holds for so much of its time yet.
_GOOD_FOR = 0.25

_HUNDREDTHS = 100


@dataclass(frozen=True, slots=True)
class Terms:
    """How long a lease lasts and how often it is wound, in seconds.

    :param ttl: at least three times `wind`, so that two may be lost.
    """

    ttl: float = 60.0
    wind: float = 10.0
    margin: float = MARGIN_S
    drift: float = DRIFT


@dataclass(frozen=True, slots=True)
class Clock:
    """What a host's clock said.

    :param at: when the answer was there: by then its uptime was `uptime` or more.
    :param boot: which boot that is of.
    :param machine: the machine-id. Another machine under one name says nothing of the first.
    """

    at: float
    uptime: int
    boot: str
    machine: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A lease as etcd has it, from before it was wound.

    :param ttl: for how long from then on the host may have it.
    """

    ttl: float
    boot: str
    machine: str


@dataclass(frozen=True, slots=True)
class Wind:
    """What a host is sent.

    :param deadline: in its uptime.
    :param holds: instances that may run under it; no other may be started.
    :param drops: instances of which it shall say whether they are down.
    :param until: the deadline is not later than this.
    """

    boot: str
    deadline: int
    holds: frozenset[str]
    drops: frozenset[str]
    until: float


@dataclass(slots=True)
class _Host:
    """One host, as far as a leader knows.

    :param until: no lease that it was ever given holds any longer; None: it has none.
    :param boot: the boot, and `machine`, that may have one.
    :param listed: what the last wind named that was composed, whatever became of it.
    :param wound: the last wind that it confirmed, and when.
    :param free: what it has said to be down since it may not be started there.
    """

    clock: Clock | None = None
    until: float | None = None
    boot: str = ""
    machine: str = ""
    deadline: int = 0
    listed: frozenset[str] = frozenset()
    wound: tuple[Wind, float] | None = None
    free: set[str] = field(default_factory=set)


class Leases:
    """All leases of a fleet, as the leader of one election knows them."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self._hosts: dict[str, _Host] = {}

    # -- being told -------------------------------------------------------------------------

    def known(self, host: str, kept: Kept, now: float) -> None:
        """A leader before this one has recorded a lease; it cannot have done so after `now`.

        Its clock is not asked: for how long it may hold counts anew.
        """
        self._hosts[host] = _Host(
            until=now + kept.ttl * (1 + self.terms.drift), boot=kept.boot, machine=kept.machine
        )

    def clock(self, host: str, clock: Clock) -> None:
        """A host has said what its clock is. Another boot of the same machine has nothing of before."""
        known = self._host(host)
        known.clock = clock
        if known.until is not None and known.machine == clock.machine and known.boot != clock.boot:
            known.until, known.deadline, known.wound = None, 0, None

    def silent(self, host: str) -> None:
        """There is no connection any more: what it is next need not be what it was."""
        self._host(host).clock = None

    def wound(self, host: str, wind: Wind, clock: Clock, down: Collection[str]) -> None:
        """A host has confirmed a wind.

        :param down: what was down there once that was so. Of a wind that another has followed it says
            nothing: that one may have it start.
        """
        known = self._host(host)
        known.clock = clock
        if wind.deadline != known.deadline:
            return
        known.wound = wind, clock.at
        known.free |= wind.drops & frozenset(down)

    # -- acting -----------------------------------------------------------------------------

    def wind(self, host: str, holds: Collection[str], drops: Collection[str], now: float) -> Wind | None:
        """The next wind of a host, which is to be recorded before it is sent; None: its clock is not known.

        From now on the host counts as having it.
        """
        known = self._host(host)
        clock = known.clock
        if clock is None:
            return None
        until = now + self.terms.ttl
        left = (until - clock.at) * (1 - self.terms.drift)
        # A later wind has a later deadline: that is how a host tells which is the later one.
        deadline = max(clock.uptime + int(left * _HUNDREDTHS), known.deadline + 1)
        if known.until is None or (known.boot, known.machine) == (clock.boot, clock.machine):
            known.boot, known.machine = clock.boot, clock.machine
            known.until = until if known.until is None else max(until, known.until)
        elif now < self._over(known, STOP_S):
            return None  # another machine of that name may have a lease yet
        else:
            known.boot, known.machine, known.until = clock.boot, clock.machine, until
        known.deadline = deadline
        known.listed = frozenset(holds)
        known.free -= known.listed
        return Wind(clock.boot, deadline, known.listed, frozenset(drops) - known.listed, until)

    # -- what may be done -------------------------------------------------------------------

    def holds(self, host: str, instance: str, now: float) -> bool:
        """Whether an instance may be started on a host: it is named, and the lease is good for a while."""
        known = self._hosts.get(host)
        if known is None or known.wound is None or known.clock is None:
            return False
        wind, _ = known.wound
        named = instance in wind.holds and instance in known.listed
        return named and known.clock.boot == wind.boot and wind.until - now > self.terms.ttl * _GOOD_FOR

    def free_at(self, host: str, instance: str, stop: float) -> float | None:
        """From when on an instance may be started on another host; None: at once, it is not on this one.

        :param stop: how long it may take to be gone once the lease has run out.
        """
        known = self._hosts.get(host)
        if known is None or known.until is None or instance in known.free:
            return None
        return self._over(known, stop)

    def is_free(self, host: str, instance: str) -> bool:
        """Whether the host has said that an instance is down, and cannot be started there any more."""
        known = self._hosts.get(host)
        return known is not None and instance in known.free

    def clock_age(self, host: str, now: float) -> float | None:
        """Seconds since a host said what its clock is; None: it has not, over this connection."""
        known = self._hosts.get(host)
        return None if known is None or known.clock is None else now - known.clock.at

    def confirmed(self, host: str) -> tuple[Wind, float] | None:
        """The last wind that a host confirmed to this leader, and when."""
        known = self._hosts.get(host)
        return None if known is None else known.wound

    def machine(self, host: str) -> str:
        """The machine that may have the lease of a host."""
        known = self._hosts.get(host)
        return "" if known is None else known.machine

    def until(self, host: str) -> float | None:
        """No lease of a host holds any longer than this; None: it has none."""
        known = self._hosts.get(host)
        return None if known is None else known.until

    def _over(self, known: _Host, stop: float) -> float:
        assert known.until is not None
        return known.until + stop + self.terms.margin

    def _host(self, host: str) -> _Host:
        return self._hosts.setdefault(host, _Host())

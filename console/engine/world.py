"""The hosts as the engine that leads sees them: which can be acted on, and what they have of ours. No I/O.

What a host has is read once a connection (`inspecting.py`), and kept by what was done there since: only an
engine writes it, and only the one that leads.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from console.actions.apply_units import Applied
from console.engine.applying import mark_of
from console.engine.assigning import Marks
from console.engine.brakes import Silence
from console.engine.contacts import Contacts
from console.engine.inspecting import Inspected
from console.fleet.model import Changes, FleetModel
from console.model.host import Host
from console.model.state import Source, State
from console.model.unit import Unit
from console.placement.candidate import Candidate, Standing, candidate
from console.placement.mark import Mark
from console.placement.reconcile import Sight, Step, Todo, refusal_key

#: While any host has come within so many seconds, others that wait for their turn are held up by those.
_COMING_S = 2.0

#: How long a unit may take to show that it was started or stopped, before its state is believed. Seconds.
FRESH_S = 3.0


@dataclass(slots=True)
class _Known:
    """What is known of one host.

    :param connection: since when it is live, by which one connection is told from the next.
    :param marks: of our units there; None: not read yet.
    :param boot: the id of its boot; None: not read yet, or it has none.
    :param left: of our units, those launched there when it was last heard of; empty once it is read.
    :param fresh: units for which a job was asked for, and until when they need not show it.
    """

    connection: object = None
    marks: dict[str, Mark] | None = None
    left: frozenset[str] = frozenset()
    boot: str | None = None
    foreign: str | None = None
    fresh: dict[str, float] = field(default_factory=dict)
    refused: dict[tuple[str, int, int], str] = field(default_factory=dict)
    again: set[str] = field(default_factory=set)


class World:
    """All hosts of the fleet. `now` is in seconds of one clock, everywhere."""

    def __init__(self, model: FleetModel, fleet: str) -> None:
        self._model = model
        self._fleet = fleet
        self._contacts = Contacts()
        self._known: dict[str, _Known] = {}
        self._standing: dict[str, Standing] = {}
        #: Hosts that are another one under a second name, and which: the same boot of the same machine.
        self.twins: dict[str, str] = {}
        self._outlines: dict[str, object] = {}
        self._heard = 0.0
        self._live: frozenset[str] = frozenset()
        self._came = float("-inf")
        #: Rises with each change of what hosts have of ours.
        self.version = 0

    # -- being told -------------------------------------------------------------------------

    def look(self, now: float, heard: float | None = None, waiting: Collection[str] = ()) -> None:
        """See how all hosts are.

        :param heard: `now` by a clock that stands still while we hear nothing; None: we hear.
        :param waiting: hosts that wait for their turn to be connected to.
        """
        self._heard = now if heard is None else heard
        hosts = self._model.hosts()
        names = [host.name for host in hosts]
        self._contacts.keep(names)
        for gone in self._known.keys() - set(names):
            del self._known[gone]
        held_up = waiting if self._are_coming(hosts) else ()
        self._standing = {}
        first: dict[str, str] = {}
        self.twins = {}
        for host in hosts:
            known = self._known.setdefault(host.name, _Known())
            if host.state is not State.LIVE or known.connection != host.status.since:
                # Another connection, maybe another boot: what it has is to be read anew.
                known.left = _launched(known) or known.left
                known.connection, known.marks, known.boot = host.status.since, None, None
                self.version += 1
            standing = self._contacts.look(
                host, self._heard, read=known.marks is not None, waiting=host.name in held_up
            )
            # What is placed on one name is not wanted on the other, and would be stopped where it runs.
            if known.boot is not None and (name := first.setdefault(known.boot, host.name)) != host.name:
                self.twins[host.name] = name
            left_alone = known.foreign or host.name in self.twins
            self._standing[host.name] = Standing.FOREIGN if left_alone else standing
            known.fresh = {unit: until for unit, until in known.fresh.items() if until > now}

    def _are_coming(self, hosts: Iterable[Host]) -> bool:
        live = frozenset(host.name for host in hosts if host.state is State.LIVE)
        if not live <= self._live:
            self._came = self._heard
        self._live = live
        return self._heard - self._came < _COMING_S

    def unread(self) -> list[str]:
        """Hosts that can be asked what they have, and were not."""
        return [
            host.name
            for host in self._model.hosts()
            if host.state is State.LIVE
            and (status := host.sources.get(Source.UNITS)) is not None
            and status.state is State.LIVE
            and (known := self._known.get(host.name)) is not None
            and known.marks is None
        ]

    def connection(self, host: str) -> object:
        """What tells the present connection to a host from the next."""
        return self._known[host].connection

    def inspected(self, host: str, connection: object, found: Inspected) -> None:
        """A host has said what it has, over some connection."""
        known = self._known.get(host)
        if known is None or known.connection != connection:
            return
        known.foreign = found.fleet if found.fleet not in (None, self._fleet) else None
        known.left = frozenset()
        known.boot = found.boot
        known.marks = {name: mark for name, mark in found.marks.items() if mark.fleet == self._fleet}
        self.version += 1

    def applied(self, host: str, todo: Iterable[Todo], applied: Applied, now: float) -> None:
        """A host was changed."""
        known = self._known.get(host)
        if known is None or known.marks is None:
            return
        if applied.foreign is not None:
            known.foreign = applied.foreign
            return
        self.version += 1
        for one in todo:
            words = applied.refused.get(one.unit)
            mark = mark_of(one, self._fleet)
            if words is not None and one.want is not None:
                known.refused[refusal_key(one.want)] = words
                known.again.discard(one.unit)
                continue
            if one.step is Step.REMOVE:
                known.marks.pop(one.unit, None)
            elif mark is not None:
                known.marks[one.unit] = mark
            if one.step is not Step.WRITE and one.step is not Step.REMOVE:
                known.fresh[one.unit] = now + FRESH_S
            known.again.discard(one.unit)
        if applied.refused:
            known.marks = None  # how far a unit has come that was refused, the host knows

    def unsure(self, host: str) -> None:
        """What became of a change is not known: what the host has is to be read again."""
        if (known := self._known.get(host)) is not None:
            known.left = _launched(known) or known.left
            known.marks = None
            self.version += 1

    def look_again(self) -> None:
        """Hosts of other fleets are to be read anew: they may have been set free."""
        for known in self._known.values():
            if known.foreign is not None:
                known.marks = None

    def start_again(self, host: str, unit: str) -> None:
        """A unit that has failed is to be started once more, also where it was refused."""
        known = self._known[host]
        known.again.add(unit)
        known.refused = {key: words for key, words in known.refused.items() if key[0] != unit}

    def concerned(self, changes: Changes) -> bool:
        """Whether something that matters here is among what hosts have told of."""
        ours = any(
            (known := self._known.get(host)) is not None
            and (unit in (known.marks or ()) or unit in known.fresh)
            for host, unit in changes.units
        )
        for name in changes.hosts:
            outline = self._outline(name)
            ours = ours or self._outlines.get(name) != outline
            self._outlines[name] = outline
        return ours

    def _outline(self, name: str) -> object:
        """What of a host counts for where instances go, and for whether it can be acted on."""
        try:
            host = self._model.host(name)
        except KeyError:
            return None  # it is the fleet's no more
        units = host.sources.get(Source.UNITS)
        return host.status, units and units.state, candidate(host, Standing.LIVE)

    # -- what there is ----------------------------------------------------------------------

    @property
    def standing(self) -> dict[str, Standing]:
        """How each host stands, as of the last look."""
        return dict(self._standing)

    @property
    def foreign(self) -> dict[str, str]:
        """Hosts of other fleets, and of which."""
        return {host: known.foreign for host, known in self._known.items() if known.foreign is not None}

    @property
    def left(self) -> dict[str, frozenset[str]]:
        """What may run yet on hosts that are not heard of, as far as it was seen there."""
        return {host: known.left for host, known in self._known.items() if known.left}

    @property
    def settled(self) -> bool:
        """Whether each host has answered, or is known not to."""
        return all(
            self._standing.get(host.name) in (Standing.LIVE, Standing.FOREIGN)
            or host.state not in (State.CONNECTING, State.LIVE)
            for host in self._model.hosts()
        )

    @property
    def restless(self) -> bool:
        """Whether time alone may change something."""
        return any(standing is Standing.SILENT for standing in self._standing.values()) or any(
            known.fresh for known in self._known.values()
        )

    def marks(self) -> Marks:
        """What hosts have that can be acted on."""
        return {
            host: known.marks
            for host, known in self._known.items()
            if known.marks is not None and self._standing.get(host) is Standing.LIVE
        }

    def candidates(self) -> list[Candidate]:
        """The hosts as the scheduler takes them."""
        found = []
        for host in self._model.hosts():
            one = candidate(host, self._standing.get(host.name, Standing.SILENT))
            if one.pressure is None and self._contacts.flapping(host.name, self._heard):
                one = replace(one, pressure="it comes and goes")
            found.append(one)
        return found

    def sights(self, wanted: Iterable[tuple[str, str]]) -> list[Sight]:
        """The hosts as the reconciler takes them.

        :param wanted: hosts, and units that are to be there.
        """
        names: dict[str, set[str]] = {}
        for host, unit in wanted:
            names.setdefault(host, set()).add(unit)
        found = []
        for host, standing in self._standing.items():
            known = self._known[host]
            units: dict[str, Unit] = {}
            for name in names.get(host, set()) | (known.marks or {}).keys():
                if (found_unit := self._model.unit((host, name))) is not None:
                    units[name] = found_unit
            found.append(
                Sight(
                    host,
                    standing,
                    known.marks,
                    units,
                    frozenset(known.fresh),
                    dict(known.refused),
                    frozenset(known.again),
                )
            )
        return found

    def silences(self, bearing: Iterable[str]) -> list[Silence]:
        """Hosts without contact that have instances."""
        bearing = set(bearing)
        lost = self._contacts.lost
        return [
            Silence(host, since, host in lost)
            for host, since in self._contacts.silent.items()
            if host in bearing
        ]


def _launched(known: _Known) -> frozenset[str]:
    return frozenset(name for name, mark in (known.marks or {}).items() if mark.launched)

"""One host's units, kept in step with what systemd says. No I/O: signals and answers go in, events
and questions come out.

Everything is taken at once and in the order of the wire, so that an answer never overwrites what was
heard after it. `publish` then gives what changed since it was last called, however many signals that
was, and leaves out what is not known well enough yet to be judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from console.errors import HostFailure
from console.hosts.unit_health import (
    Judgement,
    RestartPolicy,
    UnitFacts,
    at_rest,
    first_sight,
    judge,
)
from console.hosts.unit_wire import (
    MAX_UNITS,
    RESULT_INTERFACE,
    UNIT,
    UnitRow,
    state_word,
    timestamp,
    unit_type,
)
from console.model.events import UnitsChanged, UnitsListed
from console.model.unit import Health, Unit

#: One property of a unit: (unit, interface, property).
Question = tuple[str, str, str]

#: With more units to look up than this, the whole list is asked for.
_MOST_UNKNOWN = 200

_SERVICE = RESULT_INTERFACE["service"]


@dataclass(slots=True)
class _Change:
    """What was heard of a unit since it was last published; None: nothing."""

    load: str | None = None
    active: str | None = None
    sub: str | None = None
    description: str | None = None
    result: str | None = None
    restarts: int | None = None
    since: datetime | None = None


class UnitTable:
    """The units of one host.

    :param details: whether `result`, `restarts` and `since` are wanted of every unit, or only of those
        that are not at rest (what changes brings its own).
    :param before: as they were when the last connection ended: one that is as it was is the same object, so
        that whoever keeps it does not come to keep two.
    """

    def __init__(
        self, host: str, *, details: bool = False, before: Mapping[str, Unit] = MappingProxyType({})
    ) -> None:
        self._host = host
        self._before = before
        self._all_details = details
        self._units: dict[str, Unit] = {}
        self._changes: dict[str, _Change] = {}
        self._riding: dict[str, _Change] = {}  # of a service, until its unit's own signal completes it
        self._removed: set[str] = set()
        self._judgements: dict[str, Judgement] = {}
        self._dues: dict[str, float] = {}
        self._policies: dict[str, RestartPolicy | None] = {}
        self._stale: set[str] = set()  # units whose details may be out of date
        self._asked: dict[str, dict[str, Any]] = {}  # units with questions on their way: the answers
        self._started: set[str] = set()  # units that run and were not there before: since when is asked
        self._settled: set[str] = set()  # units that need no question until they are published
        self._whole = False  # the next event is the whole truth …
        self._awaited: set[str] | None = None  # … once these are settled; None: not yet asked
        self._reloading = False
        #: The whole list has to be asked for.
        self.wants_list = True
        #: Units that are to be looked up by name.
        self.unknown: set[str] = set()

    @property
    def units(self) -> Mapping[str, Unit]:
        """All of them, as they were last told."""
        return self._units

    @property
    def reloading(self) -> bool:
        return self._reloading

    # -- what systemd says ------------------------------------------------------------------

    def listed(self, rows: Iterable[UnitRow]) -> None:
        """The whole truth, as an answer. What was heard before it is in it."""
        rows = list(rows)
        present = {row.name for row in rows}
        for name in (self._units.keys() | self._changes.keys()) - present:
            self.vanished(name)
        self.unknown.clear()
        self._policies.clear()  # they may have been read anew
        self._take(present, rows)
        self._whole = True
        self._awaited = None
        self.wants_list = False

    def found(self, names: Iterable[str], rows: Iterable[UnitRow]) -> None:
        """The answer about some units by name; those without a row are not there."""
        rows = list(rows)
        # Of one that is new and runs, the signals with its times came before it was known.
        self._started |= {row.name for row in rows if row.active == "active" and self._is_new(row.name)}
        self._take(names, rows)

    def _is_new(self, name: str) -> bool:
        return name in self._removed or name not in self._units

    def _take(self, names: Iterable[str], rows: Iterable[UnitRow]) -> None:
        missing = set(names)
        for row in rows:
            missing.discard(row.name)
            back = row.name in self._removed
            if back:  # what was known is of another life
                self._removed.discard(row.name)
                self._stale.add(row.name)
            unit = self._units.get(row.name)
            if back or unit is None or row.name in self._changes or _row(unit) != row:
                change = self._change(row.name)
                _, change.load, change.active, change.sub, change.description = row
        for name in missing:
            self.vanished(name)

    def appeared(self, name: str) -> None:
        """systemd has loaded a unit; how it is must be asked."""
        if self._reloading or self.wants_list:
            return  # the list will have it
        self.unknown.add(name)
        if len(self.unknown) > _MOST_UNKNOWN:
            self.unknown.clear()
            self.wants_list = True

    def disappeared(self, name: str) -> None:
        """systemd has forgotten a unit. Within a reload it forgets them all, and loads them again."""
        if not self._reloading:
            self.vanished(name)

    def vanished(self, name: str) -> None:
        """A unit is not there any more."""
        for known in (
            self._changes, self._riding, self._judgements, self._dues, self._policies, self._asked
        ):  # fmt: skip
            known.pop(name, None)
        for names in (self.unknown, self._stale, self._started, self._settled, self._awaited or set()):
            names.discard(name)
        if name in self._units:
            self._removed.add(name)

    def reload(self, active: bool) -> None:
        """systemd begins to read its files anew, or has done so."""
        self._reloading = active
        self.wants_list = self.wants_list or not active

    def restarted(self) -> None:
        """systemd itself was started anew: changes may have been missed."""
        self.reload(False)
        self._stale.update(name for name, unit in self._units.items() if unit.since is not None)
        for name in self._stale:
            self._change(name)

    def changed(self, name: str, interface: str, values: Mapping[str, Any], lost: Iterable[str]) -> None:
        """Properties of one interface of a unit changed.

        :param values: the new ones, as variants.
        :param lost: names of those that changed and were not sent.
        """
        if name in self._removed or (name not in self._units and name not in self._changes):
            self.appeared(name)
            return
        if interface == UNIT:
            change = self._change(name)
            self._settled.discard(name)
            change.active = state_word(_value(values, "ActiveState")) or change.active
            change.sub = state_word(_value(values, "SubState")) or change.sub
            change.since = timestamp(_value(values, "StateChangeTimestamp")) or change.since
            if riding := self._riding.pop(name, None):
                change.result = riding.result or change.result
                change.restarts = change.restarts if riding.restarts is None else riding.restarts
            load = change.load or self._units[name].load
            if "ActiveState" in lost or "SubState" in lost:
                self.appeared(name)
            elif load != "loaded" and change.active not in (None, "inactive"):
                # A load state is never sent, and this unit has been loaded after all.
                self.appeared(name)
        elif interface == _SERVICE:
            # systemd sends the type's interface first and the unit's just after it, always.
            riding = self._riding.setdefault(name, _Change())
            riding.result = state_word(_value(values, "Result")) or riding.result
            riding.restarts = _count(_value(values, "NRestarts"), riding.restarts)

    def _change(self, name: str) -> _Change:
        change = self._changes.get(name)
        if change is None:
            if len(self._units) + len(self._changes) > 2 * MAX_UNITS:
                raise HostFailure(f"systemd has more than {MAX_UNITS} units", host=self._host)
            change = self._changes[name] = _Change()
        return change

    # -- what must be asked -----------------------------------------------------------------

    def take_unknown(self) -> list[str]:
        """Units to look up, answered by `found`."""
        names, self.unknown = self.unknown, set()
        return sorted(names)

    def take_questions(self) -> list[Question]:
        """What else has to be known before all changes can be published.

        Each is answered by `answered`, and all about one unit by `settled`.
        """
        questions: list[Question] = []
        for name in self._changes:
            if name in self._asked or name in self._settled:
                continue
            if asks := self._questions(name):
                self._asked[name] = {}
                questions += asks
        if self._whole and self._awaited is None:
            self._awaited = set(self._asked)
        return questions

    def _questions(self, name: str) -> list[Question]:
        change, unit = self._changes[name], self._units.get(name)
        active, sub = change.active or _was(unit).active, change.sub or _was(unit).sub
        known = self._all_details or name in self._started or _was(unit).since is not None
        if at_rest(active) and not known:
            return []
        kind = unit_type(name)
        same = unit is not None and name not in self._stale and (unit.active, unit.sub) == (active, sub)
        questions = []
        if change.since is None and not (same and _was(unit).since):
            questions.append((name, UNIT, "StateChangeTimestamp"))
        if kind in RESULT_INTERFACE and change.result is None and not (same and _was(unit).result):
            questions.append((name, RESULT_INTERFACE[kind], "Result"))
        if kind == "service" and change.restarts is None and not (same and _was(unit).restarts is not None):
            questions.append((name, _SERVICE, "NRestarts"))
        if kind == "service" and active == "failed" and name not in self._policies:
            questions.append((name, _SERVICE, "Restart"))
            questions.append((name, UNIT, "StartLimitBurst"))
            questions.append((name, UNIT, "StartLimitIntervalUSec"))
        return questions

    def answered(self, name: str, member: str, value: Any) -> None:
        """The answer to one question; None: the host cannot say."""
        if name in self._asked:
            self._asked[name][member] = value

    def settled(self, names: Iterable[str]) -> None:
        """No more answers come about these units."""
        for name in names:
            answers = self._asked.pop(name, None)
            if answers is None:
                continue
            change = self._change(name)
            change.since = timestamp(answers.get("StateChangeTimestamp")) or change.since
            change.result = state_word(answers.get("Result")) or change.result
            change.restarts = _count(answers.get("NRestarts"), change.restarts)
            if "Restart" in answers:
                self._policies[name] = _policy(answers)
            self._stale.discard(name)
            self._settled.add(name)
            if self._awaited:
                self._awaited.discard(name)

    # -- what comes of it -------------------------------------------------------------------

    @property
    def due(self) -> float | None:
        """When a verdict may change though nothing is heard; on the clock that `publish` is given."""
        return min(self._dues.values(), default=None)

    def publish(self, now: float) -> UnitsListed | UnitsChanged | None:
        """What changed since the last time, in one event; None if nothing did that is known yet."""
        if self._whole and self._awaited != set():
            return None
        changed = []
        due = (name for name, time in self._dues.items() if time <= now)
        for name in dict.fromkeys((*self._changes, *due)):
            if name in self._asked:
                continue
            unit = self._updated(name, self._changes.pop(name, None), now)
            if unit is not None:
                changed.append(unit)
        self._settled.clear()
        removed = sorted(self._removed)
        for name in removed:
            del self._units[name]
        self._removed.clear()
        if self._whole:
            self._whole = False
            self._before = {}
            return UnitsListed(self._host, tuple(self._units.values()))
        if changed or removed:
            return UnitsChanged(self._host, tuple(changed), tuple(removed))
        return None

    def _updated(self, name: str, change: _Change | None, now: float) -> Unit | None:
        """Put a unit into the table as it is now; None if it is as it was."""
        self._started.discard(name)
        old = self._units.get(name)
        was = _was(old)
        new = change or _Change()
        active, sub = new.active or was.active, new.sub or was.sub
        result = new.result or was.result
        restarts = was.restarts if new.restarts is None else new.restarts
        health = Health.OK
        if restarts is not None or not at_rest(active):
            previous = self._judgements.get(name) or (first_sight(was.active, was.sub) if old else None)
            facts = UnitFacts(active, sub, result, restarts, self._policies.get(name))
            verdict = self._judgements[name] = judge(previous, facts, now)
            health = verdict.health
            if verdict.due is None:
                self._dues.pop(name, None)
            else:
                self._dues[name] = verdict.due
        elif name in self._judgements:
            del self._judgements[name]
            self._dues.pop(name, None)
        unit = Unit(
            self._host,
            name,
            new.load or was.load,
            active,
            sub,
            was.description if new.description is None else new.description,
            result,
            restarts,
            new.since or was.since,
            health,
        )
        if unit == old:
            return None
        if unit == (before := self._before.get(name)):
            unit = before
        self._units[name] = unit
        return unit


_NOTHING = Unit("", "", "", "", "", "")


def _was(unit: Unit | None) -> Unit:
    return unit or _NOTHING


def _row(unit: Unit) -> UnitRow:
    return UnitRow(unit.name, unit.load, unit.active, unit.sub, unit.description)


def _value(values: Mapping[str, Any], member: str) -> Any:
    variant = values.get(member)
    return None if variant is None else variant.value


def _count(value: object, default: int | None) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def _policy(answers: Mapping[str, Any]) -> RestartPolicy | None:
    """A restart policy; None where the host does not say."""
    restart = state_word(answers["Restart"])
    burst = _count(answers["StartLimitBurst"], None)
    interval = _count(answers["StartLimitIntervalUSec"], None)
    if restart is None or burst is None or interval is None:
        return None
    return RestartPolicy(restart, burst, interval)

"""What a plan has to know of a unit, and what else a job on it touches.

systemd has no dry run: EnqueueUnitJob *does* the job. What a job takes with it is therefore worked out
from the dependency graph. The rules are those of systemd's transactions (`transaction.c`,
`unit-dependency-atom.c`; systemd.unit(5)).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from console.model.unit import UnitDependencies

#: Words of ActiveState that are the same class to a plan.
_CLASSES = {
    "active": "active",
    "reloading": "active",
    "refreshing": "active",
    "activating": "changing",
    "deactivating": "changing",
    "maintenance": "changing",
}


def active_class(active: str) -> str:
    """active, changing, failed or inactive."""
    return _CLASSES.get(active, active)


@dataclass(frozen=True, slots=True)
class UnitFacts:
    """One unit as its host's systemd has it. The words are systemd's own."""

    dependencies: UnitDependencies
    load: str = "loaded"
    active: str = "inactive"
    sub: str = "dead"
    file_state: str = ""
    fragment: str = ""
    drop_ins: tuple[str, ...] = ()
    can_start: bool = True
    can_stop: bool = True
    can_reload: bool = False
    no_manual_start: bool = False
    no_manual_stop: bool = False
    needs_daemon_reload: bool = False
    condition_held: bool = True
    stop_when_unneeded: bool = False

    @property
    def name(self) -> str:
        """The unit's own name, also where it was asked for by an alias."""
        return self.dependencies.name

    @property
    def up(self) -> bool:
        """Whether a job that stops has something to stop."""
        return active_class(self.active) in ("active", "changing")

    @property
    def says(self) -> str:
        """`active (running)`."""
        return f"{self.active} ({self.sub})"


@dataclass(frozen=True, slots=True)
class Touch:
    """Another unit that a job takes with it, and what becomes of it: stops, restarts, starts."""

    name: str
    what: str


LookUp = Callable[[str], UnitFacts | None]


def stopped_with(facts: UnitFacts) -> Iterable[str]:
    """The units that a stop of this one is passed on to."""
    links = facts.dependencies
    return (
        *links.required_by,
        *links.requisite_of,
        *links.bound_by,
        *links.consists_of,
        *links.propagates_stop_to,
    )


def needed_by_it(facts: UnitFacts) -> Iterable[str]:
    """The units that this one keeps up, where they are to stop when nobody needs them."""
    links = facts.dependencies
    return (*links.requires, *links.requisite, *links.binds_to, *links.wants, *links.upholds)


def needing(facts: UnitFacts) -> Iterable[str]:
    """The units that keep this one up (UNIT_ATOM_PINS_STOP_WHEN_UNNEEDED)."""
    links = facts.dependencies
    return (*links.required_by, *links.requisite_of, *links.bound_by, *links.wanted_by, *links.upheld_by)


def restarted_with(facts: UnitFacts) -> Iterable[str]:
    """The units that a restart of this one is passed on to, where they run."""
    links = facts.dependencies
    return (*links.required_by, *links.requisite_of, *links.bound_by, *links.consists_of)


def started_with(facts: UnitFacts) -> Iterable[str]:
    """The units that a start of this one pulls in."""
    links = facts.dependencies
    return (*links.requires, *links.binds_to, *links.wants, *links.upholds)


def conflicting_with(facts: UnitFacts) -> Iterable[str]:
    """The units that a start of this one stops."""
    links = facts.dependencies
    return (*links.conflicts, *links.conflicted_by)


def neighbours(verb: str, facts: UnitFacts) -> Iterable[str]:
    """The units that must be known before it can be said what `verb` on this one touches."""
    match verb:
        case "stop":
            return stopped_with(facts)
        case "restart" | "try-restart":
            return restarted_with(facts)
        case "start":
            return (*started_with(facts), *conflicting_with(facts))
        case _:
            return ()


def touched_by(verb: str, name: str, look_up: LookUp) -> tuple[Touch, ...]:
    """What a job on a unit does to others, as far as `look_up` knows them; nearest first.

    Only what changes is named: a stop touches what runs, a start what does not.
    """
    match verb:
        case "stop":
            return _stopped(name, look_up)
        case "restart" | "try-restart":
            return _spread(name, look_up, restarted_with, "restarts")
        case "start":
            return _started(name, look_up)
        case _:
            return ()


def _spread(
    name: str, look_up: LookUp, others: Callable[[UnitFacts], Iterable[str]], what: str
) -> tuple[Touch, ...]:
    """Everything that runs and is reached from `name`, over units that do not run too."""
    found: list[Touch] = []
    seen = {name}
    edge = [name]
    while edge:
        after: list[str] = []
        for one in edge:
            facts = look_up(one)
            for other in others(facts) if facts else ():
                if other in seen:
                    continue
                seen.add(other)
                after.append(other)
                known = look_up(other)
                if known is not None and known.up:
                    found.append(Touch(other, what))
        edge = after
    return tuple(found)


def _stopped(name: str, look_up: LookUp) -> tuple[Touch, ...]:
    """What a stop is passed on to, and what stops because nobody is left who needs it."""
    found = list(_spread(name, look_up, stopped_with, "stops"))
    stopping = [name, *(touch.name for touch in found)]
    for one in stopping:
        facts = look_up(one)
        for other in needed_by_it(facts) if facts else ():
            known = look_up(other)
            if other in stopping or known is None or not (known.stop_when_unneeded and known.up):
                continue
            left = (pin for pin in needing(known) if pin not in stopping)
            if not any((pinning := look_up(pin)) and pinning.up for pin in left):
                also = [Touch(other, "stops"), *_spread(other, look_up, stopped_with, "stops")]
                found += [touch for touch in also if touch.name not in stopping]
                stopping += [touch.name for touch in also if touch.name not in stopping]
    return tuple(found)


def _started(name: str, look_up: LookUp) -> tuple[Touch, ...]:
    started: list[str] = [name]
    seen = {name}
    for one in started:
        facts = look_up(one)
        for other in started_with(facts) if facts else ():
            known = look_up(other)
            if other not in seen and known is not None and not known.up and known.load == "loaded":
                seen.add(other)
                started.append(other)
    found = [Touch(other, "starts") for other in started[1:]]
    for one in started:
        facts = look_up(one)
        for other in conflicting_with(facts) if facts else ():
            known = look_up(other)
            if other not in seen and known is not None and known.up:
                seen.add(other)
                found.append(Touch(other, "stops"))
                found += [touch for touch in touched_by("stop", other, look_up) if touch.name not in seen]
    return tuple(found)

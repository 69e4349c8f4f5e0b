"""The reconciler: what is to be and what is, to what is to be done on each host and how each instance fares.

A pure function, called whenever something changed. It remembers nothing: a change that takes several steps
(stop the old revision, write the new one, start it) is one step each time, by what the host says by then.
So once the world is as desired there is nothing to do, and an engine that takes over goes on where another
was.

    wanted here, no mark                    write, and start
    other text or place than wanted         stop; once it is down, write and start
    other text that what runs takes over    write, and reload where it has to be told
    another epoch, or another desire        mark it, and start or stop
    ours, and wanted on another host        once it runs there: stop; once it is down, remove
    the same, and exclusive                 stop; started there once no host has it any more
    ours, and wanted nowhere                stop; once it is down, remove
    not ours; or the host does not say      left alone
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from console.model.unit import Health, Unit
from console.placement.candidate import Standing
from console.placement.mark import Mark, Root

#: ActiveStates of a unit that has something to stop.
_UP = frozenset({"active", "reloading", "activating", "refreshing"})
_BAD = frozenset({Health.FAILED, Health.GAVE_UP})
_RESTARTING = frozenset({Health.RECOVERING, Health.FLAPPING})
_ALL_WOUND: Mapping[str, str] = {}


class Phase(StrEnum):
    """How an instance is, as a whole."""

    PENDING = "pending"  # no host will have it
    PLACED = "placed"  # a host was found; it is not written there yet, or only that was asked for
    STARTING = "starting"
    RUNNING = "running"
    FAILING = "failing"  # systemd is recovering it
    FAILED = "failed"
    LOST = "lost"  # its host is
    MOVING = "moving"  # it still runs where it was
    STOPPED = "stopped"  # it ended by itself, or somebody stopped it on the host


@dataclass(frozen=True, slots=True)
class Want:
    """One instance, on the host that it is placed on.

    :param everywhere: it has a like on other hosts, and is not compared with those.
    :param exclusive: no two hosts may have it, not for a moment: it runs on its host's lease.
    :param leaving: it is to be gone from there before it can be elsewhere.
    :param eased: revisions from which a copy that runs need not be stopped to be this one.
    :param told: those of them of which it has to be told that it is, by a reload.
    """

    service: str
    instance: str
    host: str
    epoch: int
    revision: int
    launched: bool
    root: Root = "/run"
    everywhere: bool = False
    exclusive: bool = False
    leaving: bool = False
    eased: frozenset[int] = frozenset()
    told: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Sight:
    """One host, as far as it can be seen.

    :param marks: units of ours by name; None while that is not known, and the host is left alone.
    :param units: those of its units that matter, by name.
    :param fresh: units for which a job was asked so shortly ago that the host may not have told of it.
    :param refused: why a unit as wanted (`refusal_key`) was refused; it is not tried again.
    :param again: units that failed and are to be started once more.
    """

    host: str
    standing: Standing
    marks: Mapping[str, Mark] | None = None
    units: Mapping[str, Unit] = field(default_factory=dict)
    fresh: frozenset[str] = frozenset()
    refused: Mapping[tuple[str, int, int], str] = field(default_factory=dict)
    again: frozenset[str] = frozenset()


class Step(StrEnum):
    """What is done to a unit on its host."""

    WRITE = "write"  # its file, as wanted
    START = "start"  # write, and start
    RELOAD = "reload"  # write, and have what runs look at it
    STOP = "stop"
    HALT = "halt"  # write as wanted, which is not to run, and stop
    REMOVE = "remove"  # its file, once it is down


@dataclass(frozen=True, slots=True)
class Todo:
    """One step; `want` is None where it is wanted no more."""

    unit: str
    step: Step
    want: Want | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """How one instance is, and why."""

    service: str
    instance: str
    host: str
    phase: Phase
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What is to be done, by host, and how every placed instance is."""

    todo: Mapping[str, tuple[Todo, ...]]
    conditions: tuple[Condition, ...]


def refusal_key(want: Want) -> tuple[str, int, int]:
    """What a refusal is about: another text or another placement is another matter."""
    return (want.instance, want.revision, want.epoch)


def reconcile(
    wants: Iterable[Want],
    sights: Iterable[Sight],
    *,
    unplacing: bool = True,
    spared: Collection[tuple[str, str]] = (),
    leased: Collection[tuple[str, str]] = (),
    unwound: Mapping[str, str] = _ALL_WOUND,
) -> Reconciled:
    """What is to be done now.

    :param wants: all that is placed.
    :param unplacing: whether what is not wanted where it is may be stopped.
    :param spared: hosts and units of ours that are left as they are, wanted or not.
    :param leased: hosts and those units that may be started on their leases.
    :param unwound: hosts whose lease cannot be wound, and why.
    """
    here: dict[str, dict[str, Want]] = {}
    single: dict[str, Want] = {}
    held: set[tuple[str, str]] = set()  # exclusive ones that must not be started there now
    for want in wants:
        here.setdefault(want.host, {})[want.instance] = want
        if not want.everywhere:
            single[want.instance] = want
        if want.exclusive and (want.host, want.instance) not in leased:
            held.add((want.host, want.instance))
    seen = {sight.host: sight for sight in sights}
    held |= _doubled(single.values(), seen.values())
    conditions = {
        (host, name): _condition(want, seen.get(host), held=(host, name) in held, unwound=unwound.get(host))
        for host, wanted in here.items()
        for name, want in wanted.items()
    }
    todo: dict[str, tuple[Todo, ...]] = {}
    moving: dict[str, str] = {}  # instances that still run on another host than theirs
    for sight in seen.values():
        if sight.standing is not Standing.LIVE or sight.marks is None:
            continue
        wanted = {name: want for name, want in here.get(sight.host, {}).items() if not want.leaving}
        steps = [
            step
            for want in wanted.values()
            if (sight.host, want.instance) not in spared
            and (step := _wanted(want, sight, unplacing)) is not None
            and not (step.step is Step.START and (sight.host, want.instance) in held)
        ]
        for name in sight.marks.keys() - wanted.keys():
            if (sight.host, name) in spared:
                continue
            unit = sight.units.get(name)
            elsewhere = single.get(name)
            first = elsewhere is not None and elsewhere.launched and not elsewhere.exclusive
            if elsewhere is not None and first and _is_up(unit):
                moving[name] = sight.host
                if conditions[elsewhere.host, name].phase is not Phase.RUNNING:
                    continue  # the new copy first
            if not unplacing:
                continue
            if _is_up(unit):
                steps.append(Todo(name, Step.STOP))
            elif unit is None or unit.active != "deactivating":
                steps.append(Todo(name, Step.REMOVE))
        if steps:
            todo[sight.host] = tuple(sorted(steps, key=lambda step: step.unit))
    for name, source in moving.items():
        want = single[name]
        condition = conditions[want.host, name]
        if condition.phase in (Phase.PLACED, Phase.STARTING):
            conditions[want.host, name] = Condition(
                want.service, name, want.host, Phase.MOVING, f"runs on {source} until then"
            )
    ordered = sorted(conditions.values(), key=lambda each: (each.service, each.instance, each.host))
    return Reconciled(todo, tuple(ordered))


def _wanted(want: Want, sight: Sight, unplacing: bool) -> Todo | None:
    """The next step of a unit that is wanted on a host."""
    assert sight.marks is not None
    if refusal_key(want) in sight.refused:
        return None
    name = want.instance
    mark, unit = sight.marks.get(name), sight.units.get(name)
    start = Step.START if want.launched else Step.WRITE
    if mark is None:
        return Todo(name, start, want)
    if (mark.revision, mark.service, mark.root) != (want.revision, want.service, want.root):
        if (eased := _eased(want, mark, unit)) is not None:
            return eased
        if unit is not None and unit.active == "deactivating":
            return None
        if _is_up(unit):
            return Todo(name, Step.STOP, want) if unplacing else None
        return Todo(name, start, want)
    if mark.launched and not want.launched:
        return Todo(name, Step.HALT, want) if unplacing else None
    if want.launched and (not mark.launched or name in sight.again):
        return Todo(name, Step.START, want)
    if mark.epoch != want.epoch:
        return Todo(name, Step.WRITE, want)
    return None


def _eased(want: Want, mark: Mark, unit: Unit | None) -> Todo | None:
    """What has a copy that runs be of another revision and run on; None: it cannot."""
    same = (mark.service, mark.root, mark.launched) == (want.service, want.root, want.launched)
    if not same or mark.revision not in want.eased or not _is_up(unit):
        return None
    reloads = mark.revision in want.told and unit is not None and unit.active == "active"
    return Todo(want.instance, Step.RELOAD if reloads else Step.WRITE, want)


def _doubled(singles: Iterable[Want], sights: Iterable[Sight]) -> set[tuple[str, str]]:
    """Exclusive instances that run where they are not wanted, with the hosts where they are."""
    exclusive = {want.instance: want for want in singles if want.exclusive}
    return {
        (want.host, name)
        for sight in sights
        for name in (sight.marks or {}).keys() & exclusive.keys()
        if (want := exclusive[name]).host != sight.host
        and (unit := sight.units.get(name)) is not None
        and unit.active not in ("inactive", "failed")
    }


def _condition(want: Want, sight: Sight | None, *, held: bool, unwound: str | None) -> Condition:
    def is_(phase: Phase, reason: str = "") -> Condition:
        return Condition(want.service, want.instance, want.host, phase, reason)

    if sight is None:
        return is_(Phase.LOST, f"{want.host} is no host of the fleet")
    match sight.standing:
        case Standing.LOST:
            return is_(Phase.LOST, f"{want.host} was given up")
        case Standing.FOREIGN:
            return is_(Phase.FAILED, f"{want.host} is another fleet's")
        case Standing.SILENT:
            return is_(Phase.PLACED, f"no contact with {want.host}")
    if sight.marks is None:
        return is_(Phase.PLACED, f"{want.host} is being read")
    if words := sight.refused.get(refusal_key(want)):
        return is_(Phase.FAILED, words)
    mark, unit = sight.marks.get(want.instance), sight.units.get(want.instance)
    if want.leaving:
        return is_(Phase.MOVING, f"is to be gone from {want.host} first")
    if held and unwound and not _is_up(unit):
        return is_(Phase.FAILED, f"its lease is not wound: {unwound}")
    if held and not _is_up(unit):
        return is_(Phase.PLACED, "waits for its lease")
    if mark is None or mark.revision != want.revision or not want.launched:
        return is_(Phase.PLACED)
    if not mark.launched or want.instance in sight.again:
        return is_(Phase.STARTING)
    return is_(*_faring(unit, fresh=want.instance in sight.fresh))


def _faring(unit: Unit | None, *, fresh: bool) -> tuple[Phase, str]:
    """How a unit is that was started."""
    if unit is None or unit.active == "inactive":
        return (Phase.STARTING, "") if fresh else (Phase.STOPPED, "it has ended")
    if unit.health in _RESTARTING:
        times = f", {unit.restarts} times by now" if unit.restarts else ""
        return Phase.FAILING, f"systemd restarts it{times}"
    if unit.active == "failed" or unit.health in _BAD:
        if fresh:
            return Phase.STARTING, ""  # what failed before it was started again
        return Phase.FAILED, f"{unit.result}" if unit.result else "it has failed"
    if unit.active == "active":
        return Phase.RUNNING, ""
    return Phase.STARTING, ""


def _is_up(unit: Unit | None) -> bool:
    return unit is not None and unit.active in _UP

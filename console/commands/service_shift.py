"""Services that are brought to another revision as a rollout: its targets, their order, and its plan.

shifts ──▶ targets, a spare first ──▶ waves, service by service in the order of what needs what ──▶ Drawn
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from console.actions.plan import Plan, Step
from console.actions.waves import wave_ends
from console.commands.rollout_run import Drawn
from console.commands.rows.service import instance_order
from console.commands.service_desk import NO_ENGINE, effect
from console.engine.service_placing import candidates, differences, planned
from console.engine.services import Desired, instance_name
from console.errors import UsageError
from console.placement.host_port import host_port
from console.placement.order import in_order
from console.placement.unit_change import UnitChange, Way, change_of
from console.placement.unit_name import UnitName
from console.rollouts.awaiting import Awaiting, ByRollout
from console.rollouts.rollout import Rollout, Target

if TYPE_CHECKING:
    from console.commands.service_desk import Desk
    from console.engine.manifest import Manifest
    from console.engine.services import Assigned, Service
    from console.placement.spec import Spec

_TOLD = 8

_WAYS = {
    Way.WRITE: "written, and nothing that runs notices",
    Way.RELOAD: "reloaded where it runs",
    Way.RESTART: "stopped and started where it is",
}


@dataclass(frozen=True, slots=True)
class Shift:
    """One service, and the revision that it is to be.

    :param spec: of that revision.
    :param new: whether it is one that etcd does not have yet.
    :param only: the instances that are brought there, by `instance_name`; None: all that are another.
    """

    service: Service
    revision: int
    spec: Spec
    new: bool = False
    only: frozenset[str] | None = None

    @property
    def name(self) -> str:
        return self.service.name

    @property
    def change(self) -> UnitChange:
        """What it is for an instance that runs."""
        service = self.service
        if service.revision != self.revision:
            return change_of(service.spec, self.spec)
        # A rollout was halted, and what it has changed goes back to what the service is.
        others = (spec for number, spec in service.specs.items() if number != self.revision)
        return change_of(next(others, self.spec), self.spec)


@dataclass(frozen=True, slots=True)
class Laid:
    """The targets of a rollout, in their order.

    :param waves: how many are done by the end of each.
    :param notes: what a person should know before.
    """

    targets: tuple[Target, ...]
    waves: tuple[int, ...]
    notes: tuple[str, ...]


def runs(shift: Shift, manifest: Manifest) -> bool:
    """Whether there is anything to roll: else a service is simply of the revision from now on."""
    return shift.service.desired is Desired.LAUNCHED and bool(manifest.of(shift.name))


def checked(shift: Shift) -> None:
    """:raises UsageError: instance by instance it cannot become that."""
    before, after = shift.service.spec.policy, shift.spec.policy
    for what, was, is_ in (
        ("Global", before.everywhere, after.everywhere),
        ("Exclusive", before.exclusive, after.exclusive),
    ):
        if was != is_:
            raise UsageError(
                f"{shift.name}: {what}= changes, and that is of the service as a whole",
                hint="`service submit FILE` changes all of it at once",
            )


def laid(desk: Desk, shifts: Sequence[Shift], wave: tuple[str, ...], *, stop_first: bool) -> Laid:
    """What a rollout of some services changes, in which order. Pure but for what the desk has read.

    Services that need others come after those, and begin once all of those are well.
    """
    by_name = {shift.name: shift for shift in shifts}
    steps = in_order(shift.spec for shift in shifts)
    targets: list[Target] = []
    waves: list[int] = []
    notes: list[str] = []
    for step in steps:
        found: list[Target] = []
        for spec in step:
            shift = by_name[spec.name]
            own = list(_targets(desk.manifest, shift))
            spare, why = _spare(desk, shift) if own and not stop_first else (None, "")
            found += [spare, *own] if spare is not None else own
            notes += _notes(desk, shift, spare, why)
        waves += [len(targets) + end for end in wave_ends(wave, len(found))]
        targets += found
    if len(steps) > 1:
        order = "; then ".join(", ".join(spec.name for spec in step) for step in steps)
        notes.append(f"in the order of what needs what: {order}")
    if not desk.manifest.engine:
        notes.append(NO_ENGINE)
    return Laid(tuple(targets), tuple(waves), tuple(notes))


def drawn(rollout: Rollout, awaiting: Awaiting, verb: str, notes: Iterable[str]) -> Drawn:
    """The rollout and its plan: a step for each of its targets."""
    pace = rollout.pace()
    steps = tuple(
        Step(
            target.host,
            target.facts["instance"],
            verb,
            "not there" if "spare" in target.facts else f"revision {target.facts['from']}",
            f"revision {target.facts['to']}, in wave {pace.wave_of(index)} of {len(rollout.waves)}",
            ByRollout(awaiting, target.id),
            None,
            f"rollout undo {rollout.id}",
        )
        for index, target in enumerate(rollout.targets)
    )
    return Drawn(Plan(rollout.line, steps, notes=tuple(notes)), rollout, awaiting)


def _targets(manifest: Manifest, shift: Shift) -> Iterator[Target]:
    service = shift.service
    for one in sorted(manifest.of(service.name), key=lambda one: instance_order(one.instance, one.host)):
        name = _name(service, one)
        revision = service.revision_of(one.instance, one.host)
        if shift.only is not None and name not in shift.only:
            continue
        if revision == shift.revision or _is_spare(service, one):
            continue
        facts = {
            "service": service.name,
            "instance": one.instance,
            "from": str(revision),
            "to": str(shift.revision),
            "base": str(service.revision),
        }
        yield Target(name, one.host, facts)


def _name(service: Service, one: Assigned) -> str:
    return instance_name(one.instance, one.host, everywhere=service.spec.policy.everywhere)


def _is_spare(service: Service, one: Assigned) -> bool:
    """Whether an instance is what a rollout that was halted has left, or is no more at all."""
    if service.spec.policy.everywhere:
        return False
    names = service.spec.instances()
    return one.instance not in names[: len(names) - service.spare]


def _spare(desk: Desk, shift: Shift) -> tuple[Target | None, str]:
    """One instance more, which is started before any is stopped; or why there is none."""
    service, policy = shift.service, shift.spec.policy
    if shift.change.way is not Way.RESTART:
        return None, ""
    if policy.everywhere:
        return None, "it has one on each host"
    if policy.exclusive:
        return None, "it is exclusive"
    if not UnitName(service.name).is_template:
        return None, "there is one of its name"
    if (port := host_port(shift.spec.text)) is not None:
        return None, f"it has {port} to itself"
    count = len(service.spec.instances()) - service.spare
    name = UnitName(service.name).instantiate(str(count + 1))
    others = (*service.spec.others, (name, policy.beside(service.spec.policy)))
    more = replace(service.spec, policy=replace(service.spec.policy, replicas=count + 1), others=others)
    services = {**desk.manifest.services, service.name: replace(service, spec=more)}
    then = planned(replace(desk.manifest, services=services), candidates(desk.view.fleet.model.hosts()))
    host = next((one.host for one in then.placed if one.instance == name), None)
    if host is None:
        return None, "no host has room for one more"
    facts = {
        "service": service.name,
        "instance": name,
        "from": str(service.revision),
        "to": str(shift.revision),
        "base": str(service.revision),
        "spare": "yes",
    }
    return Target(name, host, facts), ""


def _notes(desk: Desk, shift: Shift, spare: Target | None, why: str) -> Iterator[str]:
    change, name = shift.change, shift.name
    told = (
        ", ".join(change.settings[:_TOLD]) or ", ".join(change.placing[:_TOLD]) or "nothing that systemd sees"
    )
    yield f"{name} changes {told}: each instance is {_WAYS[change.way]}"
    if spare is not None:
        instance = spare.facts["instance"]
        yield (
            f"{name}: {instance} is started on {spare.host} before any is stopped, and taken away at the end"
        )
    elif why:
        yield f"{name}: each is stopped before it is started again: {why}"
    yield from _moves(desk, shift)


def _moves(desk: Desk, shift: Shift) -> Iterator[str]:
    """What becomes of where its instances are, where its policy is another."""
    if not shift.change.placing:
        return
    service = shift.service
    spec = shift.spec
    if service.replicas is not None:
        spec = replace(spec, policy=replace(spec.policy, replicas=service.replicas))
    services = {**desk.manifest.services, service.name: replace(service, spec=spec)}
    then = replace(desk.manifest, services=services)
    for one in differences(then, planned(then, candidates(desk.view.fleet.model.hosts())))[:_TOLD]:
        if one.service == service.name:
            told = effect(one, then)
            yield f"{told.object} {told.what}{f' on {told.host}' if told.host else ''}"

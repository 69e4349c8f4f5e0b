"""What every `service …` command works with: what is desired, the live hosts, and the plan of a wish.

etcd ──▶ Manifest ─┐                       ┌─▶ steps: one a service, touching its instances
fleet ─▶ hosts  ───┴─▶ Desk ── wishes ─────┴─▶ refused: instances that no host will have
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from console.actions.plan import Effect, Plan, Refusal, Step
from console.commands.rows.service import ServiceRow, instance_order
from console.engine.following import Following, Seen
from console.engine.manifest import Manifest
from console.engine.service_acts import ChangeService
from console.engine.service_placing import (
    Difference,
    Load,
    blocked,
    candidates,
    differences,
    loads,
    planned,
)
from console.engine.service_states import Instance, instances, remembered, told
from console.engine.services import Desired, Service, ServiceStore
from console.errors import UsageError
from console.model.config import LEASE_TTL_S
from console.model.unit import Unit
from console.model.wants import Wants
from console.placement.lease import MARGIN_S, STOP_S
from console.placement.outcome import Placement
from console.placement.spec import Spec
from console.placement.unit_name import UnitName

if TYPE_CHECKING:
    from console.commands.core import Core, View
    from console.fleet.model import UnitKey
    from console.model.host import Host

#: What is looked at of the hosts: how their units are, and what there is room for.
WANTS = Wants(containers=False)

#: So many hosts are told of in a preview, those whose number changes most.
_PREVIEWED = 12

NO_ENGINE = (
    "no engine is elected: nothing is carried out until one runs (`quarterdeck engine run`, or --engine here)"
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What one service is to be.

    :param before: as it is; None if it is new.
    :param after: as it is to be; INACTIVE where it is destroyed.
    :param doing: writes it.
    :param then: in words, where `after` does not say it.
    """

    before: Service | None
    after: Service
    verb: str
    doing: Callable[[], Awaitable[object]]
    undo: str | None = None
    then: str | None = None

    @property
    def name(self) -> str:
        return self.after.name


@dataclass(frozen=True, slots=True)
class Desk:
    """What is desired, and the fleet as it is."""

    store: ServiceStore
    seen: Seen
    view: View
    lease_ttl: float = LEASE_TTL_S

    @property
    def manifest(self) -> Manifest:
        return self.seen.manifest

    def rows(self) -> list[ServiceRow]:
        """Every service and its instances, as they are now."""
        model = self.view.fleet.model
        return service_rows(self.seen, model.hosts(), model.unit)

    def instances(self) -> tuple[Instance, ...]:
        model = self.view.fleet.model
        return instances_told(self.seen, model.hosts(), model.unit)


async def open_desk(core: Core, view: View) -> Desk:
    """:raises StoreError: etcd does not say."""
    etcd = core.mind.etcd
    return Desk(ServiceStore(etcd), await Following(etcd).read(), view, core.file.lease_ttl)


def instances_told(
    seen: Seen, hosts: Iterable[Host], unit: Callable[[UnitKey], Unit | None]
) -> tuple[Instance, ...]:
    """The state of every instance, as whoever knows best tells it (`engine/service_states.py`).

    :param hosts: as they are now.
    :param unit: the unit of a host and a name; asked for those that are placed.
    """
    by_name = {host.name: host for host in hosts}

    def at(host: str, name: str) -> Unit | None:
        return unit((host, name))

    if seen.leader is not None:
        return told(seen.manifest, seen.observed, by_name, at)
    placement = planned(seen.manifest, candidates(by_name.values()))
    return remembered(instances(seen.manifest, placement, by_name, at), seen.observed, by_name)


def instances_now(manifest: Manifest, view: View) -> tuple[Instance, ...]:
    """The state of every instance, as its host says."""
    model = view.fleet.model
    return instances(
        manifest,
        placement_now(manifest, view),
        {host.name: host for host in model.hosts()},
        lambda host, name: model.unit((host, name)),
    )


def placement_now(manifest: Manifest, view: View) -> Placement:
    """Where everything is to be, as the hosts are now."""
    return planned(manifest, candidates(view.fleet.model.hosts()))


def service_rows(
    seen: Seen, hosts: Iterable[Host], unit: Callable[[UnitKey], Unit | None]
) -> list[ServiceRow]:
    """Every service, with its instances in the order of their names and hosts; see `instances_told`."""
    manifest = seen.manifest
    of: dict[str, list[Instance]] = {name: [] for name in manifest.services}
    for one in instances_told(seen, hosts, unit):
        of[one.service].append(one)
    return [
        ServiceRow(
            service.name,
            service.revision,
            service.desired.value,
            None if service.spec.policy.everywhere else len(service.spec.instances()) - service.spare,
            tuple(sorted(of[service.name], key=lambda one: instance_order(one.name, one.host))),
        )
        for service in manifest.services.values()
    ]


def wished(before: Service | None, spec: Spec, revision: int, desired: Desired) -> Service:
    """A service as it will be; what was said since its file was read (`service scale`) stays."""
    if before is None:
        return Service(spec.name, revision, desired, spec)
    if before.replicas is not None:
        spec = replace(spec, policy=replace(spec.policy, replicas=before.replicas))
    return replace(before, spec=spec, revision=revision, desired=desired)


def in_words(service: Service | None) -> str:
    """A service in a line of a plan: `launched, revision 3, 4 instances`."""
    if service is None:
        return "not there"
    words = f"{service.desired}, revision {service.revision}"
    if service.spec.policy.everywhere:
        return f"{words}, on every host"
    if UnitName(service.name).is_template:
        count = len(service.spec.instances())
        return f"{words}, {count} instance{'' if count == 1 else 's'}"
    return words


def drawn(line: str, desk: Desk, wishes: Sequence[Wish], notes: Iterable[str] = ()) -> Plan:
    """The plan of some wishes: what each service is and will be, and what that does to instances.

    :raises UsageError: two services would have an instance of the same name.
    """
    manifest = desk.manifest
    then = replace(manifest, services={**manifest.services, **{wish.name: wish.after for wish in wishes}})
    _see_names(then, wishes)
    hosts = candidates(desk.view.fleet.model.hosts())
    placement = planned(then, hosts)
    anyway = set(differences(manifest, planned(manifest, hosts)))
    changes = differences(then, placement)
    own = {wish.name for wish in wishes}
    others = [one for one in changes if one.service not in own and one not in anyway]
    steps: list[Step] = []
    for wish in wishes:
        effects = [effect(one, then) for one in changes if one.service == wish.name]
        effects += _in_place(wish, manifest, {one.instance for one in changes})
        if not steps:
            effects += [effect(one, then) for one in others]
        steps.append(
            Step(
                "etcd",
                f"services/{wish.name}",
                wish.verb,
                in_words(wish.before),
                wish.then or in_words(wish.after),
                ChangeService(desk.store, wish.name, wish.before.modified if wish.before else 0, wish.doing),
                tuple(effects),
                wish.undo,
            )
        )
    leased = (_on_a_lease(wish, desk.lease_ttl) for wish in wishes if _is_exclusive(wish))
    shown = preview(loads(manifest, placement)) if steps else ()
    return Plan(line, tuple(steps), refusals(then, own, desk.view), (*notes, *leased, *shown))


def _is_exclusive(wish: Wish) -> bool:
    return wish.after.spec.policy.exclusive and wish.after.desired is not Desired.INACTIVE


def _on_a_lease(wish: Wish, ttl: float) -> str:
    """What an outage does to an exclusive service."""
    return (
        f"{wish.name} is exclusive: it stops where no engine has wound its host's lease for {ttl:g} s, until "
        f"one does; elsewhere it is {ttl + STOP_S + MARGIN_S:g} s after its host was last heard of at the "
        "earliest"
    )


def preview(changed: Sequence[Load]) -> tuple[str, ...]:
    """How many instances each host has and would have, for who confirms it to know; one line, or none."""
    if not changed:
        return ()
    told = ", ".join(f"{one.host} {one.now} → {one.then}" for one in changed[:_PREVIEWED])
    more = f" and {len(changed) - _PREVIEWED} more hosts" if len(changed) > _PREVIEWED else ""
    return (f"instances by host: {told}{more}",)


def refusals(manifest: Manifest, services: Iterable[str], view: View) -> tuple[Refusal, ...]:
    """Instances of some services that no host will have, each with the rules that keep it off how many."""
    placement = placement_now(manifest, view)
    return tuple(
        Refusal(one.host or "", one.instance, f"no host will have it: {one.reason}")
        for one in blocked(placement, services)
    )


def effect(one: Difference, manifest: Manifest) -> Effect:
    """What becomes of an instance, as a plan tells it."""
    if one.after is None:
        return Effect(one.instance, "stops", one.before)
    if one.before is not None:
        return Effect(one.instance, f"moves from {one.before}", one.after)
    launched = manifest.services[one.service].desired is Desired.LAUNCHED
    return Effect(one.instance, "starts" if launched else "is loaded", one.after)


def _in_place(wish: Wish, manifest: Manifest, changed: set[str]) -> list[Effect]:
    """What becomes of instances that stay where they are."""
    before, after = wish.before, wish.after
    if before is None:
        return []
    if before.revision != after.revision:
        what = f"changes to revision {after.revision}"
    elif before.desired is after.desired:
        return []
    else:
        what = "starts" if after.desired is Desired.LAUNCHED else "stops"
    return [
        Effect(one.instance, what, one.host) for one in manifest.of(after.name) if one.instance not in changed
    ]


def _see_names(manifest: Manifest, wishes: Iterable[Wish]) -> None:
    """:raises UsageError: see `drawn`."""
    for wish in wishes:
        for name in wish.after.spec.instances():
            owner = manifest.services.get(name)
            if owner is not None and owner.name != wish.name:
                raise UsageError(
                    f"{wish.name} would have an instance {name}, and there is a service of that name",
                    hint=f"`service destroy {name}` first",
                )
        template = manifest.services.get(UnitName(wish.name).template or "")
        if template is not None and template.name != wish.name and wish.name in template.spec.instances():
            raise UsageError(f"{wish.name} is an instance of {template.name}")

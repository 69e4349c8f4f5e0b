"""What every `service …` command works with: what is desired, the live hosts, and the plan of a wish.

etcd ──▶ Manifest ─┐                       ┌─▶ steps: one a service, touching its instances
fleet ─▶ hosts  ───┴─▶ Desk ── wishes ─────┴─▶ refused: instances that no host will have
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from console.actions.plan import Effect, Plan, Refusal, Step
from console.commands.rows.service import ServiceRow
from console.engine.manifest import Manifest, read_manifest
from console.engine.service_acts import ChangeService
from console.engine.service_placing import Difference, blocked, candidates, differences, planned
from console.engine.service_states import Instance, instances
from console.engine.services import Desired, Service, ServiceStore
from console.errors import UsageError
from console.model.config import LEASE_TTL_S
from console.model.wants import Wants
from console.placement.lease import MARGIN_S, STOP_S
from console.placement.spec import Spec
from console.placement.unit_name import UnitName

if TYPE_CHECKING:
    from console.commands.core import Core, View

#: What is looked at of the hosts: how their units are, and what there is room for.
WANTS = Wants(containers=False)

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
    manifest: Manifest
    view: View
    lease_ttl: float = LEASE_TTL_S

    def rows(self) -> list[ServiceRow]:
        """Every service and its instances, as they are now."""
        return service_rows(self.manifest, self.view)

    def instances(self) -> tuple[Instance, ...]:
        return instances_now(self.manifest, self.view)


async def open_desk(core: Core, view: View) -> Desk:
    """:raises StoreError: etcd does not say."""
    store = ServiceStore(core.mind.etcd)
    return Desk(store, await read_manifest(store), view, core.file.lease_ttl)


def instances_now(manifest: Manifest, view: View) -> tuple[Instance, ...]:
    """The state of every instance."""
    model = view.fleet.model
    hosts = model.hosts()
    return instances(
        manifest,
        planned(manifest, candidates(hosts)),
        {host.name: host for host in hosts},
        lambda host, name: model.unit((host, name)),
    )


def service_rows(manifest: Manifest, view: View) -> list[ServiceRow]:
    """Every service, with its instances in the order of their names and hosts."""
    of: dict[str, list[Instance]] = {name: [] for name in manifest.services}
    for one in instances_now(manifest, view):
        of[one.service].append(one)
    return [
        ServiceRow(
            service.name,
            service.revision,
            service.desired.value,
            None if service.spec.policy.everywhere else len(service.spec.instances()),
            tuple(sorted(of[service.name], key=_order)),
        )
        for service in manifest.services.values()
    ]


def _order(one: Instance) -> tuple[str, int, str, str]:
    number = UnitName(one.name).instance or ""
    return UnitName(one.name).prefix, int(number) if number.isdecimal() else 0, one.name, one.host or ""


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
        effects = [_effect(one, then) for one in changes if one.service == wish.name]
        effects += _in_place(wish, manifest, {one.instance for one in changes})
        if not steps:
            effects += [_effect(one, then) for one in others]
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
    told = (*notes, *(_on_a_lease(wish, desk.lease_ttl) for wish in wishes if _is_exclusive(wish)))
    return Plan(line, tuple(steps), refusals(then, own, desk.view), told)


def _is_exclusive(wish: Wish) -> bool:
    return wish.after.spec.policy.exclusive and wish.after.desired is not Desired.INACTIVE


def _on_a_lease(wish: Wish, ttl: float) -> str:
    """What an outage does to an exclusive service."""
    return (
        f"{wish.name} is exclusive: it stops where no engine has wound its host's lease for {ttl:g} s, until "
        f"one does; elsewhere it is {ttl + STOP_S + MARGIN_S:g} s after its host was last heard of at the "
        "earliest"
    )


def refusals(manifest: Manifest, services: Iterable[str], view: View) -> tuple[Refusal, ...]:
    """Instances of some services that no host will have, each with the rules that keep it off how many."""
    placement = planned(manifest, candidates(view.fleet.model.hosts()))
    return tuple(
        Refusal(one.host or "", one.instance, f"no host will have it: {one.reason}")
        for one in blocked(placement, services)
    )


def _effect(one: Difference, manifest: Manifest) -> Effect:
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

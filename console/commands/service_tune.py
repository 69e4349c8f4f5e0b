"""`service scale|restart|move|pin|rebalance`: how many, and where."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from console.commands.change import Planned
from console.commands.command import Command, Recall, Shape, argument, option, switch
from console.commands.grammar import format_command
from console.commands.service_change import Waiting
from console.commands.service_drawing import Drawn
from console.commands.values import INTEGER, WAVES
from console.errors import NothingSelected, UsageError
from console.model.selector import NameTerm, Selector

if TYPE_CHECKING:
    from console.actions.plan import Plan
    from console.commands.core import Core
    from console.commands.output import Output
    from console.commands.service_desk import Desk
    from console.engine.services import Service
    from console.placement.outcome import Change

_AS_SAID = "default"
_MOST_REPLICAS = 100_000


@dataclass(frozen=True)
class ServiceScale(Waiting):
    """Have a template have so many instances, whatever its unit file says."""

    words = ("service", "scale")
    name: str = argument("SERVICE", "a template: web, web@.service", required=True)
    count: str = argument("COUNT", f"how many; `{_AS_SAID}`: as the unit file says", required=True)

    async def draw(self, core: Core, desk: Desk, out: Output) -> Drawn:
        from console.commands.service_desk import Wish, drawn
        from console.commands.service_names import one_service
        from console.placement.unit_name import UnitName

        service = one_service(self.name, desk.manifest)
        policy = service.spec.policy
        if policy.everywhere or not UnitName(service.name).is_template:
            has = "one on every host" if policy.everywhere else "one instance"
            raise UsageError(f"{service.name} has {has}: only a template can be scaled")
        count = self._count()
        replicas = _as_written(service) if count is None else count
        line = format_command(self)
        if count == service.replicas and len(service.spec.instances()) - service.spare == replicas:
            return Drawn(drawn(line, desk, ()), [service.name])
        after = replace(
            service,
            replicas=count,
            spec=replace(service.spec, policy=replace(policy, replicas=replicas + service.spare)),
        )
        was = _AS_SAID if service.replicas is None else str(service.replicas)
        wish = Wish(
            service,
            after,
            "scale",
            partial(desk.store.change, service, replicas=count),
            shlex.join(["service", "scale", service.name, was]),
        )
        return Drawn(drawn(line, desk, [wish]), [service.name])

    def _count(self) -> int | None:
        """None: as the unit file says."""
        if self.count == _AS_SAID:
            return None
        count = INTEGER.parse(self.count)
        if count > _MOST_REPLICAS:
            raise UsageError(f"{count} instances", hint=f"{_MOST_REPLICAS} at most")
        return count


@dataclass(frozen=True)
class ServiceRestart(Planned):
    """Restart instances where they are; what is desired does not change."""

    words = ("service", "restart")
    aliases = (("restart",),)
    #: It waits for systemd's jobs.
    taken: ClassVar[dict[str, Shape]] = {"--block-attempts": Shape.OPTION}
    recall = Recall.WRITE
    names: tuple[str, ...] = argument(
        "SERVICE", "services or instances: names or globs", many=True, required=True
    )
    at_once: int | None = option(INTEGER, "so many at the same time, at most")
    wave: tuple[str, ...] | None = option(
        WAVES, "in waves, cumulative: 1,25%,100%; a wave that has a failure is the last"
    )

    async def planned(self, core: Core, out: Output) -> Plan:
        return await (await self._restart(core)).planned(core, out)

    async def run(self, core: Core, out: Output) -> None:
        await (await self._restart(core)).run(core, out)

    async def _restart(self, core: Core) -> Planned:
        """The restart of their units, on the hosts where they are placed."""
        from console.commands.service_names import placements
        from console.commands.unit_change import UnitRestart
        from console.engine.manifest import read_manifest
        from console.engine.services import ServiceStore

        placed = placements(self.names, await read_manifest(ServiceStore(core.mind.etcd)))
        return UnitRestart(
            on=Selector(tuple(NameTerm(host) for host in sorted({one.host for one in placed}))),
            patterns=tuple(sorted({one.instance for one in placed})),
            at_once=self.at_once,
            wave=self.wave,
        )


@dataclass(frozen=True)
class ServiceMove(Waiting):
    """Move an instance to another host, where it stays as long as no rule keeps it off there.

    The new copy is started before the old one is stopped, unless the service is exclusive. Should that host
    be lost it runs elsewhere, and comes back to it; `service pin --off` leaves it where it is.
    """

    words = ("service", "move")
    instance: str = argument("INSTANCE", "one instance: web@3", required=True)
    host: str = argument("HOST", "where it is to be", required=True)

    async def draw(self, core: Core, desk: Desk, out: Output) -> Drawn:
        from console.commands.service_names import instance_of

        service, name = instance_of(self.instance, desk.manifest)
        at = next((one.host for one in desk.manifest.of(service.name) if one.instance == name), None)
        undo = ["service", "pin", name, "--off"] if at is None else ["service", "move", name, at]
        return _pinned(self, desk, service, name, self.host, shlex.join(undo))


@dataclass(frozen=True)
class ServicePin(Waiting):
    """Keep an instance on the host where it is: rebalancing leaves it, and it comes back to it."""

    words = ("service", "pin")
    instance: str = argument("INSTANCE", "one instance: web@3", required=True)
    off: bool = switch("keep it there no longer; it stays until there is a reason to move it")

    async def draw(self, core: Core, desk: Desk, out: Output) -> Drawn:
        from console.commands.service_desk import drawn
        from console.commands.service_names import instance_of

        service, name = instance_of(self.instance, desk.manifest)
        before = service.pins.get(name)
        if self.off and before is None:
            return Drawn(drawn(format_command(self), desk, ()))
        host = None
        if not self.off:
            host = next((one.host for one in desk.manifest.of(service.name) if one.instance == name), None)
            if host is None:
                raise NothingSelected(f"{name} is placed nowhere", hint=f"`service move {name} HOST`")
        undo = ["service", "pin", name, "--off"] if before is None else ["service", "move", name, before]
        return _pinned(self, desk, service, name, host, shlex.join(undo))


def _pinned(
    command: Waiting, desk: Desk, service: Service, instance: str, host: str | None, undo: str
) -> Drawn:
    """The plan that has an instance be pinned to a host, or to none.

    :raises UsageError: nothing of the service can be pinned.
    :raises NothingSelected: there is no such host.
    """
    from console.actions.plan import Plan, Refusal
    from console.commands.service_desk import Wish, drawn
    from console.engine.services import Desired

    if service.spec.policy.everywhere:
        raise UsageError(f"{service.name} has one on every host: there is nowhere to move it")
    if service.desired is Desired.INACTIVE:
        raise UsageError(f"{service.name} is inactive: it is nowhere", hint=f"`service start {service.name}`")
    line = format_command(command)
    pins = {**service.pins}
    if host is None:
        pins.pop(instance, None)
    else:
        pins[instance] = host
        if (why := _keeps_off(desk, service, instance, host)) is not None:
            return Drawn(Plan(line, (), (Refusal(host, instance, why),)))
    if pins == service.pins:
        return Drawn(drawn(line, desk, ()), [service.name])
    wish = Wish(
        service,
        replace(service, pins=pins),
        command.words[1],
        partial(desk.store.change, service, pins=pins),
        undo,
        then=f"{instance} pinned to {host}" if host else f"{instance} not pinned",
    )
    notes = (
        ["it is exclusive: it is stopped before it is started again"] if service.spec.policy.exclusive else []
    )
    return Drawn(drawn(line, desk, [wish], notes if _moves(desk, instance, host) else ()), [service.name])


def _moves(desk: Desk, instance: str, host: str | None) -> bool:
    return host is not None and all(
        one.host != host for one in desk.manifest.assigned if one.instance == instance
    )


def _keeps_off(desk: Desk, service: Service, instance: str, host: str) -> str | None:
    """The rule that keeps an instance off a host, in words; None if it can be there."""
    from console.engine.manifest import wanted
    from console.engine.service_placing import candidates, placed
    from console.placement.why import why

    hosts = candidates(desk.view.fleet.model.hosts())
    verdicts = why(wanted(desk.manifest.services.values()), hosts, placed(desk.manifest.assigned), instance)
    found = next((one for one in verdicts if one.host == host), None)
    if found is None:
        names = ", ".join(one.host for one in verdicts[:8])
        raise NothingSelected(f"no host named {host}", hint=f"there are: {names}")
    return None if found.rule is None else f"{found.rule}: {found.detail}"


@dataclass(frozen=True)
class ServiceRebalance(Waiting):
    """Move instances off the most loaded hosts where others are better by more than a move costs.

    What is exclusive, pinned, or tied to what is on its host stays.
    """

    words = ("service", "rebalance")
    most: int | None = option(INTEGER, "so many moves at most")

    async def draw(self, core: Core, desk: Desk, out: Output) -> Drawn:
        from console.actions.plan import Effect, Plan, Step
        from console.engine.service_acts import Replace

        line = format_command(self)
        records = {one.instance: one for one in desk.manifest.assigned}
        steps = []
        for move in _worth_it(desk, self.most):
            one = records[move.instance]
            assert move.after is not None
            steps.append(
                Step(
                    "etcd",
                    f"instances/{one.service}/{one.instance}",
                    "move",
                    f"on {one.host}",
                    f"on {move.after}: {move.detail}",
                    Replace(desk.store, one, move.after),
                    (
                        Effect(one.instance, "starts", move.after),
                        Effect(one.instance, "stops", one.host),
                    ),
                    shlex.join(["service", "move", one.instance, one.host]),
                )
            )
        services = {records[step.object.rpartition("/")[2]].service for step in steps}
        return Drawn(Plan(line, tuple(steps)), services)


def _worth_it(desk: Desk, most: int | None) -> list[Change]:
    """The moves, without those of pinned instances and those that need one of these to be made first."""
    from console.engine.manifest import wanted
    from console.engine.service_placing import candidates, placed
    from console.placement.rebalance import rebalance
    from console.placement.scheduler import schedule

    services = desk.manifest.services
    pinned = {instance for service in services.values() for instance in service.pins}
    specs = wanted(services.values())
    hosts = candidates(desk.view.fleet.model.hosts())
    current = placed(desk.manifest.assigned)
    moves = [move for move in rebalance(specs, hosts, current) if move.instance not in pinned][:most]
    to: Mapping[str, str | None] = {move.instance: move.after for move in moves}
    moved = [replace(one, host=to.get(one.instance) or one.host) for one in current]
    at = {one.instance: one.host for one in schedule(specs, hosts, moved).placed}
    return [move for move in moves if at.get(move.instance) == move.after]


def _as_written(service: Service) -> int:
    """How many instances the unit file of a service asks for."""
    from pathlib import Path

    from console.placement.spec import parse_spec

    return parse_spec(service.spec.text, Path(service.name), service.name).policy.replicas


COMMANDS: tuple[type[Command], ...] = (
    *(ServiceScale, ServiceRestart, ServiceMove, ServicePin),
    ServiceRebalance,
)

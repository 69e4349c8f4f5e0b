"""`host drain|undrain`: have hosts keep nothing that can run elsewhere, and take that back."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from console.commands.change import tell_idle
from console.commands.command import Command
from console.commands.grammar import format_command
from console.commands.parameters import OnHosts
from console.commands.service_change import ServiceChange, Waiting
from console.commands.service_drawing import Drawn
from console.errors import NothingSelected, UsageError
from console.model.state import State

if TYPE_CHECKING:
    from console.actions.hosts import Said
    from console.actions.plan import Effect, Refusal, Step
    from console.commands.core import Core, View
    from console.commands.output import Output
    from console.commands.service_desk import Desk
    from console.commands.service_wait import Awaited, Before, Progress
    from console.engine.draining import Leaving
    from console.engine.manifest import Manifest
    from console.engine.service_placing import Difference, Load
    from console.model.host import Host

#: So many instances are named in a note.
_NAMED = 8


@dataclass(frozen=True, slots=True)
class _Foreseen:
    """What becomes of instances.

    :param changes: those that it moves, stops or starts; not what would happen anyway.
    :param leaving: what the hosts are to let go of.
    :param refused: what no host, or no other, will have.
    :param loads: how many instances hosts have and would have, where that is another number.
    """

    manifest: Manifest
    changes: tuple[Difference, ...]
    leaving: tuple[Leaving, ...]
    refused: tuple[Refusal, ...]
    loads: tuple[Load, ...]

    def effects(self, host: str | None, hosts: Collection[str]) -> tuple[Effect, ...]:
        """What becomes of what is on a host, or with None of what is on none of `hosts`."""
        from console.commands.service_desk import effect

        return tuple(
            effect(one, self.manifest)
            for one in self.changes
            if (one.before == host if host else one.before not in hosts)
        )


@dataclass(frozen=True)
class _Draining(OnHosts, ServiceChange):
    """Changes who keeps hosts drained."""

    async def draw(self, core: Core, desk: Desk, out: Output) -> Drawn:
        from console.actions.drain import in_words
        from console.actions.plan import Plan
        from console.commands.host_change import said_of
        from console.commands.service_desk import preview

        if self.on is None:
            raise UsageError(f"{' '.join(self.words)}: say which hosts", hint="--on SELECTOR")
        core.candidates(self.on)
        hosts = self.hosts(desk.view)
        if not hosts:
            raise NothingSelected(f"no host matches {self.on}")
        by = core.audit.who.actor
        foreseen = _foresee(desk, {host.name: self.drained_by(host, by) for host in hosts})
        steps, idle = [], []
        for host in hosts:
            step = self.step(said_of(core, desk.view, host.name), host, by, foreseen)
            if step is None:
                idle.append(f"{host.name} is {in_words(host.drained)}")
            else:
                steps.append(step)
        tell_idle(out, idle)
        if steps:
            elsewhere = foreseen.effects(None, {host.name for host in hosts})
            steps[0] = replace(steps[0], touches=(*(steps[0].touches or ()), *elsewhere))
        notes = (*self.notes(desk, hosts), *(preview(foreseen.loads) if steps else ()))
        plan = Plan(format_command(self), tuple(steps), foreseen.refused, notes)
        return Drawn(plan, {one.service for one in foreseen.leaving})

    def hosts(self, view: View) -> list[Host]:
        return list(view.narrowed(self.on).hosts())

    @abstractmethod
    def drained_by(self, host: Host, by: str) -> Collection[str]:
        """Who will keep it drained."""

    @abstractmethod
    def step(self, said: Said, host: Host, by: str, foreseen: _Foreseen) -> Step | None:
        """What is to be done; None where there is nothing."""

    def notes(self, desk: Desk, hosts: Iterable[Host]) -> Iterable[str]:
        return ()


@dataclass(frozen=True)
class HostDrain(_Draining, Waiting):
    """Drain hosts: nothing new is placed there, and what can run elsewhere moves, new copies first.

    Waits until all of it has moved, at most `--timeout`. What no other host will have is told at once, with
    the rules that keep it off how many, and stays; what belongs to its host (`Global=`, `Host=`) stays too.
    """

    words = ("host", "drain")

    def drained_by(self, host: Host, by: str) -> Collection[str]:
        return {*host.drained, by}

    def step(self, said: Said, host: Host, by: str, foreseen: _Foreseen) -> Step | None:
        from console.actions.drain import drain

        if by in host.drained:
            return None
        own = [one for one in foreseen.leaving if one.host == host.name]
        stays = sum(one.stuck is not None for one in own)
        then = f"drained, {len(own) - stays} to move" + (f", {stays} that cannot" if stays else "")
        return drain(said, host.drained, by=by, then=then, touches=foreseen.effects(host.name, ()))

    def notes(self, desk: Desk, hosts: Iterable[Host]) -> Iterable[str]:
        from console.engine.draining import is_bound

        for host in hosts:
            bound = [
                one.instance
                for one in desk.manifest.assigned
                if one.host == host.name and is_bound(desk.manifest, one)
            ]
            if bound:
                more = f" and {len(bound) - _NAMED} more" if len(bound) > _NAMED else ""
                yield f"{host.name}: these belong to it and stay: {', '.join(bound[:_NAMED])}{more}"
            if host.state is not State.LIVE:
                yield f"{host.name} is {host.state}: what runs on it cannot be stopped until it is back"

    def progress(
        self, desk: Desk, drawn: Drawn, were: Sequence[Before], failed: Collection[str]
    ) -> Progress | None:
        from console.commands.service_desk import placement_now
        from console.engine.draining import leaving

        names = {host.name for host in self.hosts(desk.view)} - set(failed)
        if not names:
            return None
        seen = {
            (one.instance, one.host): None
            for one in leaving(desk.manifest, placement_now(desk.manifest, desk.view), names)
        }
        return partial(_progress, desk.view, names, seen)


@dataclass(frozen=True)
class HostUndrain(_Draining):
    """Take back that hosts are drained, whoever said it. Only what is pinned there comes back by itself."""

    words = ("host", "undrain")

    def drained_by(self, host: Host, by: str) -> Collection[str]:
        return ()

    def step(self, said: Said, host: Host, by: str, foreseen: _Foreseen) -> Step | None:
        from console.actions.drain import undrain

        return undrain(said, host.drained)


def _foresee(desk: Desk, drained: Mapping[str, Collection[str]]) -> _Foreseen:
    """:param drained: who will keep each of some hosts drained."""
    from console.actions.plan import Refusal
    from console.engine.draining import leaving
    from console.engine.service_placing import candidates, differences, loads, planned
    from console.placement.candidate import drained_words

    now = candidates(desk.view.fleet.model.hosts())
    then = tuple(
        replace(one, drained=drained_words(drained[one.name])) if one.name in drained else one for one in now
    )
    before, after = planned(desk.manifest, now), planned(desk.manifest, then)
    anyway = set(differences(desk.manifest, before))
    nowhere = set(before.pending)
    at = {one.instance: one.host for one in desk.manifest.assigned}
    kept = {name for name, who in drained.items() if who}
    refused = [
        Refusal(at[one.instance], one.instance, f"no other host will have it: {one.reason}")
        for one in after.staying
        if at[one.instance] in kept
    ]
    refused += [
        Refusal(one.host or "", one.instance, f"no host will have it: {one.reason}")
        for one in after.pending
        if one not in nowhere and one.instance in at
    ]
    return _Foreseen(
        desk.manifest,
        tuple(one for one in differences(desk.manifest, after) if one not in anyway),
        leaving(desk.manifest, after, kept),
        tuple(refused),
        loads(desk.manifest, after),
    )


def _progress(
    view: View, hosts: Collection[str], seen: dict[tuple[str, str], None], manifest: Manifest
) -> list[Awaited]:
    """How far the hosts have let go of what is to leave them.

    :param seen: what has been found on them so far; what is found is added.
    """
    from console.commands.service_desk import instances_now, placement_now
    from console.commands.service_wait import Awaited, runs
    from console.engine.draining import leaving

    left = {(one.instance, one.host): one for one in leaving(manifest, placement_now(manifest, view), hosts)}
    seen |= dict.fromkeys(left)
    now = {one.name: one for one in instances_now(manifest, view)}
    found = []
    for name, host in seen:
        target = f"{host}/{name}"
        one = left.get((name, host))
        if one is not None and one.stuck is not None:
            found.append(Awaited(target, f"no other host will have it: {one.stuck}", False, blocked=True))
        elif one is not None:
            found.append(Awaited(target, f"to move to {one.to}" if one.to else "to be stopped", False))
        else:
            is_now = now.get(name)
            where = f"{is_now.state} on {is_now.host}" if is_now and is_now.host else "gone"
            found.append(Awaited(target, where, not runs(view, name, host)))
    return found


COMMANDS: tuple[type[Command], ...] = (HostDrain, HostUndrain)

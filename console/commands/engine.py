"""`engine …`: what places services and keeps them placed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.actions.plan import Plan, Step
from console.commands.change import FleetChange
from console.commands.command import Command, Kind, Recall, option
from console.commands.grammar import format_command
from console.commands.values import ADDRESS, format_address

if TYPE_CHECKING:
    from console.commands.core import Core
    from console.commands.output import Output
    from console.commands.rows.engine import EnginePicture
    from console.engine.duties import Task
    from console.engine.tally import Role


@dataclass(frozen=True)
class EngineRun(Command):
    """Run an engine here: place services on hosts and keep them there, until interrupted.

    Any number may run, on any machines that reach etcd and the hosts; one of them leads and the others stand
    by. Ending one, also the one that leads, stops nothing of what runs.

    `--metrics` answers `GET /metrics` for Prometheus there, to anybody who can reach it; `:9101` is for this
    machine alone.
    """

    words = ("engine", "run")
    kind = Kind.WRITE
    recall = Recall.TERMINAL
    endless = True
    metrics: tuple[str, int] | None = option(ADDRESS, "where Prometheus is told how the engine does")
    fleetlock: tuple[str, int] | None = option(
        ADDRESS, "serve FleetLock there: hosts that update themselves ask it before they reboot"
    )

    async def run(self, core: Core, out: Output) -> None:
        from console.commands.engine_here import run_engine
        from console.engine.notify import Notifier

        if core.options.plan:
            out.note("an engine would run here; what it would do, each `service` command shows")
            return
        notifier = Notifier(core.environ)

        def stands(role: Role, words: str) -> None:
            notifier.status(words)
            out.note(words)

        notifier.status("starting")
        living = asyncio.create_task(notifier.live(), name="signs of life")
        try:
            await run_engine(core, format_command(self), stands, out.note, self._tasks(out))
        except asyncio.CancelledError:
            # How an engine ends: what it does is never finished. What it was told to end by stops here.
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
            notifier("STOPPING=1")
            out.note("the engine has ended; what runs, runs on")
        finally:
            living.cancel()
            await asyncio.wait((living,))

    def _tasks(self, out: Output) -> Iterator[Task]:
        """What it does beside, whether it leads or not."""
        if self.metrics is not None:
            from console.engine.metrics import metrics_at

            yield metrics_at(
                self.metrics, lambda at: out.note(f"metrics: http://{format_address(at)}/metrics")
            )
        if self.fleetlock is not None:
            from console.engine.fleetlock import fleetlock

            yield fleetlock(self.fleetlock)


@dataclass(frozen=True)
class EngineStatus(Command):
    """Show the engine: who leads since when, how hosts and instances stand, and whether a brake holds."""

    words = ("engine", "status")
    recall = Recall.WRITE

    async def run(self, core: Core, out: Output) -> None:
        from console.commands.rows.engine import ENGINE

        out.document(ENGINE, await engine_picture(core))


@dataclass(frozen=True)
class EngineResume(FleetChange):
    """Let the brake go: what was held up, because much was lost at once, is done now."""

    words = ("engine", "resume")

    async def draw(self, core: Core, out: Output) -> Plan:
        from console.actions.memory import OnEtcd
        from console.engine.brake import read_brake
        from console.store import guarded

        etcd, key = core.mind.etcd, core.mind.keys.brake
        entry = await etcd.get(key)
        line = format_command(self)
        if entry is None:
            return Plan(line, ())

        async def do() -> str:
            await guarded.delete(etcd, entry)
            return ""

        act = OnEtcd("resume", do)
        then = "moves and stops what it finds to be moved and stopped"
        return Plan(line, (Step("engine", "", "resume", read_brake(entry).why, then, act, touches=None),))


async def engine_picture(core: Core) -> EnginePicture:
    """The engine as etcd tells of it. :raises StoreError: etcd does not say."""
    from console.commands.rows.engine import EnginePicture
    from console.engine.brake import read_brake
    from console.engine.lease_record import leases_of
    from console.engine.present import read_leader, read_present
    from console.engine.reporting import read_report, read_standing

    etcd, keys = core.mind.etcd, core.mind.keys
    of_engine = {entry.key: entry for entry in (await etcd.list(keys.under("engine"))).entries}
    observed = (await etcd.list(keys.under("observed"))).entries
    leader, brake, fleet = (of_engine.get(key) for key in (keys.leader, keys.brake, keys.fleet))
    pending = of_engine.get(keys.pending)
    leads = read_leader(leader) if leader else None
    engines = [
        engine
        for key, entry in of_engine.items()
        if key.startswith(keys.present("")) and (engine := read_present(entry)) is not None
    ]
    conditions, without = read_report(keys, [*observed, *([pending] if pending else [])])
    return EnginePicture(
        leads,
        tuple(engine for engine in engines if leads is None or engine.name != leads.name),
        fleet.value.decode("utf-8", "replace").strip() if fleet else None,
        read_brake(brake) if brake else None,
        tuple((keys.name(entry.key), *read_standing(entry)) for entry in observed),
        conditions,
        tuple(without.items()),
        tuple(leases_of(keys, (await etcd.list(keys.under("leases"))).entries).items()),
    )


COMMANDS: tuple[type[Command], ...] = (EngineRun, EngineStatus, EngineResume)

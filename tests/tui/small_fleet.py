"""A fleet of three hosts as its model holds it, with nothing behind it, and the app on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

from textual.pilot import Pilot

from console.commands.core import Core, View
from console.commands.remembering import Remembering
from console.fleet.collector import Collector
from console.fleet.follow import JournalTail
from console.fleet.model import FleetModel
from console.model.config import HostConfig
from console.model.container import Container
from console.model.events import (
    ContainersListed,
    HostChanged,
    Logged,
    SourceChanged,
    UnitsChanged,
    UnitsListed,
)
from console.model.log import LogQuery, LogRecord
from console.model.state import Source, State, Status
from console.model.unit import Health, Unit
from console.tui.app import QuarterdeckApp
from console.tui.keys import resolve
from console.tui.theme_watch import ThemeWatch
from console.tui.themes import load_themes, shipped_folder

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
BEFORE = NOW - timedelta(minutes=5)


def unit(host: str, name: str, *, failed: bool = False) -> Unit:
    return Unit(
        host=host,
        name=name,
        load="loaded",
        active="failed" if failed else "active",
        sub="failed" if failed else "running",
        description=f"what {name} does",
        since=BEFORE,
        result="exit-code" if failed else "success",
        health=Health.FAILED if failed else Health.OK,
    )


def box(host: str, name: str, *, health: str | None = None) -> Container:
    return Container(
        host=host,
        name=name,
        id=f"{host}{name}".ljust(64, "0"),
        image="registry/app:1.4",
        image_id="sha256:" + "1" * 64,
        state="running",
        health=health,
        restarts=0,
        since=BEFORE,
    )


class FakeFleet:
    """A fleet as the terminal sees it, with nothing behind it."""

    def __init__(self, hosts: Iterable[HostConfig]) -> None:
        self.model = FleetModel(hosts)
        self.collector = Collector(len(self.model.hosts()))
        self.queries: list[tuple[Sequence[str], LogQuery]] = []
        self.sessions: dict[str, Any] = {}
        self.tails: list[JournalTail] = []

    def past(self, hosts: Sequence[str], query: LogQuery) -> Iterable[Logged]:
        """What the journals hold already."""
        return (Logged(hosts[0], (record(hosts[0], "cannot open the volume", 3),)),)

    def source(self, host: str, source: Source) -> object:
        """One that is not connected."""
        return SimpleNamespace(manager=None, engines=(), refused=())

    @asynccontextmanager
    async def follow_journal(self, hosts: Sequence[str], query: LogQuery) -> AsyncIterator[JournalTail]:
        self.queries.append((tuple(hosts), query))
        tail = JournalTail(hosts, query=query, hold_s=0)
        self.tails.append(tail)
        for host in hosts:
            tail.told(host, Status(State.LIVE, NOW))
        for logged in self.past(hosts, query):
            tail.take(logged)
        try:
            yield tail
        finally:
            self.tails.remove(tail)


class SmallFleet(FakeFleet):
    """Two live hosts and one that cannot be reached; `db.service` has failed on the second."""

    def __init__(self) -> None:
        names = ("web1", "web2", "lost1")
        super().__init__(HostConfig(name, f"198.18.0.{n}") for n, name in enumerate(names))
        for name in names[:2]:
            self.model.apply(HostChanged(name, Status(State.LIVE, BEFORE)))
            for source in Source:
                self.model.apply(SourceChanged(name, source, Status(State.LIVE, BEFORE)))
            units = (unit(name, "web.service"), unit(name, "db.service", failed=name == "web2"))
            self.model.apply(UnitsListed(name, units))
            self.model.apply(ContainersListed(name, (box(name, "api", health="unhealthy"),)))
        self.model.apply(HostChanged("lost1", Status(State.UNREACHABLE, BEFORE, "no route to host")))

    def fail(self, host: str, name: str) -> None:
        self.model.apply(UnitsChanged(host, (unit(host, name, failed=True),)))

    def lose(self, host: str) -> None:
        self.model.apply(HostChanged(host, Status(State.UNREACHABLE, NOW, "no answer for 12 s")))
        for source in Source:
            self.model.apply(SourceChanged(host, source, Status(State.STALE, NOW, "no answer for 12 s")))


def record(host: str, message: str, priority: int = 6) -> LogRecord:
    return LogRecord(
        host, "s=1", NOW, 1, "b" * 32, message, unit="db.service", identifier="db", priority=priority
    )


def app_on(
    fleet: FakeFleet,
    *,
    theme: str = "dark",
    read_only: str | None = None,
    theme_watch: ThemeWatch | None = None,
    core: Core | None = None,
    remembering: Remembering | None = None,
) -> QuarterdeckApp:
    """The terminal on `fleet`, in a shipped theme or in that of a watch."""
    themes, problems = load_themes([shipped_folder()])
    assert not problems
    return QuarterdeckApp(
        View(cast("Any", fleet), None),
        "prod",
        resolve({}, shipped_folder()),
        themes=themes if theme_watch is None else theme_watch.themes,
        theme=theme if theme_watch is None else theme_watch.theme,
        theme_watch=theme_watch,
        read_only=read_only,
        core=core,
        remembering=remembering,
    )


async def until(pilot: Pilot[int], true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await pilot.pause(0.01)


def screen(app: QuarterdeckApp) -> str:
    """What is on the screen, as plain lines."""
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


__all__ = ["NOW", "FakeFleet", "SmallFleet", "app_on", "record", "screen", "until"]

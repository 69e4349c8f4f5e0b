"""A log, followed as long as it is looked at."""

from __future__ import annotations

import os
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from textual.app import ComposeResult

from console.commands import clock
from console.commands.log_rates import Rates
from console.commands.logbook_filter import Line
from console.commands.service_looking import instances_pattern
from console.commands.values import format_duration, parse_moment
from console.errors import UsageError
from console.fleet.follow import JournalTail
from console.fleet.merge import HOLD_S
from console.fleet.model import FleetModel
from console.model.container import Container
from console.model.log import LogQuery, LogRecord
from console.model.state import State, Status
from console.model.unit import Unit
from console.tui.actions import SINCE, Place
from console.tui.keys import bind
from console.tui.shown.base import Shown
from console.tui.targets import target
from console.tui.views import View
from console.tui.widgets.document import Document
from console.tui.widgets.log_pane import LogPane
from console.tui.work import work

#: What is shown of the past when nobody has said since when.
_LINES = 500
#: More lines than this at once are more than anybody reads.
_POURS = 200
#: From so many columns on, how fast lines come stands beside them.
_RATES_BESIDE = 140
#: How often they are counted anew, in seconds.
_RATES_EVERY_S = 1.0
#: How long lines of many hosts are held back to be in order, in seconds: the first one, and those after it.
HOLDS_S = (HOLD_S, 1.0, 3.0, 0.0)


def log_query(view: View, model: FleetModel, since: int | None) -> LogQuery:
    """What a view asks the journals for.

    :param since: an index of SINCE; None for the newest lines, whatever their age.
    """
    box = model.container((view.host or "", view.container)) if view.container else None
    span = SINCE[since].span if since is not None else None
    return LogQuery(
        units=(view.unit,) if view.unit else (instances_pattern(view.service),) if view.service else (),
        containers=(box.name if box else view.label or view.container,) if view.container else (),
        since=span.total_seconds() if span else None,
        lines=_LINES if since is None else None,
    )


def _held(hold_s: float) -> str:
    return f"held back {format_duration(hold_s)}" if hold_s else "not held back"


class ShownLog(Shown):
    """The journal of a unit, a container, a host or the whole fleet.

    :param beside: it stands beside the view that has the keyboard first.
    """

    CAN_SEARCH = True

    DEFAULT_CSS = "ShownLog > #rates { width: 44; }"

    def __init__(self, view: View, *, beside: bool = False) -> None:
        super().__init__(view)
        self.pane = LogPane(id="log" if beside else "main")
        self._rates = Rates(clock.now().timestamp())
        self._rated = 0.0
        self._wants_rates = not beside
        self._since: int | None = None
        self._hold = 0
        self._followed: JournalTail | None = None

    def compose(self) -> ComposeResult:
        bind(self.pane, Place.LOG, self.deck.keymap)
        yield self.pane
        rates = Document(id="rates")
        bind(rates, Place.DETAIL, self.deck.keymap)
        rates.display = False
        yield rates

    def on_mount(self) -> None:
        self._place_rates()
        self.set_interval(_RATES_EVERY_S, self.tick, name="log rates")
        self._follow()

    def on_resize(self) -> None:
        self._place_rates()

    def set_detail(self, wanted: bool) -> None:
        self._wants_rates = wanted
        self._place_rates()

    def _place_rates(self) -> None:
        """How fast lines come, by host and by unit, stands beside them where there is room."""
        self.query_one("#rates", Document).display = self._wants_rates and self.size.width >= _RATES_BESIDE
        self.tick()

    def tick(self) -> None:
        rates = self.query_one("#rates", Document)
        if rates.display:
            rates.show(self._rates.lines(clock.now().timestamp(), max(self.size.height, 1)))

    def _follow(self) -> None:
        work(self, self._tail, "log")

    async def _tail(self) -> None:
        view, model = self.view, self.deck.model
        hosts = [view.host] if view.host else self._hosts()
        told: dict[str, Status] = {}
        query = log_query(view, model, self._since)
        async with self.deck.look.fleet.follow_journal(hosts, query) as tail:
            self._followed = tail
            tail.hold_s = HOLDS_S[self._hold]
            pause = 1 / self.deck.rate
            while True:
                batch = await tail.batch(pause)
                # What pours by nobody reads: it is painted less often, so that keys find the screen free.
                pause = (3 if len(batch.records) > _POURS else 1) / self.deck.rate
                if batch.records:
                    self.pane.append(batch.records)
                    now = clock.now().timestamp()
                    self._rates.add(batch.records, now)
                    if now - self._rated >= _RATES_EVERY_S:
                        self._rated = now
                        self.tick()
                for host in sorted(batch.hosts):
                    self._tell(host, told.get(host), tail.statuses[host])
                    told[host] = tail.statuses[host]

    def _tell(self, host: str, before: Status | None, now: Status) -> None:
        """Draw into the log where a host's lines cease to come, and where they come again."""
        live = State.LIVE
        if now.state is live:
            if before is not None and before.state not in (live, State.CONNECTING):
                self.pane.mark(f"{host} is live again")
        elif now.reason and (before is None or before.reason != now.reason):
            self.pane.mark(f"{host} {now.state}: {now.reason}")

    def _hosts(self) -> list[str]:
        """Those that instances of the view's service are on; all where it is not a service's."""
        book = self.deck.services
        of = book.of(self.view.service) if self.view.service and book is not None else ()
        found = {host for host, _ in of if self.deck.model.find(host) is not None}
        return sorted(found) or [host.name for host in self.deck.model.hosts()]

    def on_log_pane_status_changed(self) -> None:
        self.post_message(self.StatusChanged())

    def on_log_pane_search_ended(self, ended: LogPane.SearchEnded) -> None:
        if not ended.found:
            self.notify("not found", severity="warning", timeout=3)
        elif ended.wrapped:
            self.notify("found past the end of the log, on from the other one", timeout=3)

    def status(self) -> list[str]:
        if self._followed is None or len(self._followed.statuses) < 2:
            return [self.pane.status()]
        return [self.pane.status(), _held(HOLDS_S[self._hold])]

    def set_filter(self, text: str) -> None:
        self.pane.set_filter(text)
        self.filtered = text

    def set_search(self, text: str) -> None:
        self.pane.set_search(text)

    def set_since(self, n: int) -> None:
        self._since = n
        self.pane.clear()
        self._follow()
        self.notify(f"since: {SINCE[n].label}", timeout=2)

    def next_hold(self) -> None:
        self._hold = (self._hold + 1) % len(HOLDS_S)
        if self._followed is not None:
            self._followed.hold_s = HOLDS_S[self._hold]
        self.post_message(self.StatusChanged())
        self.notify(f"lines of many hosts are {_held(HOLDS_S[self._hold])}", timeout=2)

    def copy_text(self) -> str:
        return self.pane.copy_text()

    @property
    def opens(self) -> View | None:
        thing = self._thing(self.pane.line)
        return target(thing, self.view) if thing is not None else None

    @property
    def rows(self) -> list[Any]:
        """The units and containers that the chosen lines are of."""
        book = self.pane.book
        things = [self._thing(book.line(sequence)) for sequence in self.pane.chosen]
        return list({(thing.host, thing.name): thing for thing in things if thing is not None}.values())

    def _thing(self, line: Line | None) -> Unit | Container | None:
        """The container that a line is of, or its unit; a container that was only claimed is none."""
        if not isinstance(line, LogRecord):
            return None
        model = self.deck.model
        if line.container is not None and line.trusted:
            for container in model.containers(line.host):
                if container.name == line.container:
                    return container
        return model.unit((line.host, line.unit)) if line.unit is not None else None

    def to_time(self, text: str) -> None:
        if not self.pane.go_to_time(typed_moment(text, clock.now())):
            self.notify("no line is as new as that", severity="warning", timeout=3)

    def save(self, path: str) -> None:
        if not path.strip():
            raise UsageError("no file was named")
        text = self.pane.all_text()
        target_file = Path(path.strip()).expanduser()
        try:
            with os.fdopen(os.open(target_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(f"{text}\n")
        except OSError as error:
            raise UsageError(f"{target_file}: {error.strerror}") from None
        self.notify(f"saved {len(text.splitlines())} lines in {target_file}", markup=False, timeout=4)


def typed_moment(text: str, now: datetime) -> datetime:
    """A time as it is typed: `12:30` and `12:30:05` are today's, in UTC, `10m` is ago.

    :raises UsageError: it is none.
    """
    if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", text.strip()):
        hour, minute, *second = map(int, text.strip().split(":"))
        try:
            return now.replace(hour=hour, minute=minute, second=second[0] if second else 0, microsecond=0)
        except ValueError as error:
            raise UsageError(f"not a time: {text!r}: {error}") from None
    moment = parse_moment(text.strip())
    return moment if isinstance(moment, datetime) else now - timedelta(seconds=moment)

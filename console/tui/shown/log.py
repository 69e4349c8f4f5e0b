"""A log, followed as long as it is looked at."""

from __future__ import annotations

from textual.app import ComposeResult

from console.commands.service_looking import instances_pattern
from console.commands.values import format_duration
from console.fleet.follow import JournalTail
from console.fleet.merge import HOLD_S
from console.fleet.model import FleetModel
from console.model.log import LogQuery
from console.tui.actions import SINCE, Place
from console.tui.keys import bind
from console.tui.shown.base import Shown
from console.tui.views import View
from console.tui.widgets.log_pane import LogPane
from console.tui.work import work

#: What is shown of the past when nobody has said since when.
_LINES = 500
#: More lines than this at once are more than anybody reads.
_POURS = 200
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
    """The journal of a unit, a container, a host or the whole fleet."""

    CAN_SEARCH = True

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self.pane = LogPane(id="main")
        self._since: int | None = None
        self._hold = 0
        self._followed: JournalTail | None = None

    def compose(self) -> ComposeResult:
        bind(self.pane, Place.LOG, self.deck.keymap)
        yield self.pane

    def on_mount(self) -> None:
        self._follow()

    def _follow(self) -> None:
        work(self, self._tail, "log")

    async def _tail(self) -> None:
        view, model = self.view, self.deck.model
        hosts = [view.host] if view.host else self._hosts()
        told: dict[str, str] = {}
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
                for host in sorted(batch.hosts):
                    status = tail.statuses[host]
                    if status.reason and told.get(host) != status.reason:
                        self.notify(f"{host}: {status.state}: {status.reason}", markup=False)
                    told[host] = status.reason or ""

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

"""The screen: a header, one view with its detail, and the keys that work. Views replace each other here."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.css.query import NoMatches
from textual.events import DescendantFocus, Resize
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, Static

from console.commands import clock
from console.commands.filters import Filter
from console.commands.looking import CONTAINER_QUESTIONS, UNIT_QUESTIONS
from console.commands.picture import Trouble
from console.commands.rows import HOST_DETAIL, Cell, Tone
from console.errors import HostError, UsageError
from console.fleet.model import Changes
from console.model.container import Container
from console.model.host import Host
from console.model.log import LogQuery
from console.model.unit import Unit
from console.tui.actions import SINCE, Place
from console.tui.detail import detail
from console.tui.keys import bind, help_for, hints
from console.tui.screens.dialogs import ColumnsScreen, HelpScreen
from console.tui.tables import Listed, listed
from console.tui.views import History, Kind, View
from console.tui.widgets.bars import Bar, header_text, hint_text
from console.tui.widgets.document import Document
from console.tui.widgets.fleet_table import FleetTable
from console.tui.widgets.log_pane import LogPane

if TYPE_CHECKING:
    from console.tui.app import QuarterdeckApp

#: From so many columns on, the detail stands beside the list.
BESIDE = 100
SMALLEST = (60, 15)
#: What a log view shows of the past when nobody has said since when.
_LOG_LINES = 500
_EVERY_S = 1.0


class MainScreen(Screen[None], inherit_bindings=False):
    """Shows one view at a time, and remembers the way."""

    def __init__(self) -> None:
        super().__init__()
        self.history = History([View(Kind.WATCH)])
        self._listed: Listed | None = None
        self._table: FleetTable[Any, Any] | None = None
        self._pane: LogPane | None = None
        self._filter_text = ""
        self._typing = ""  # what the line at the bottom is for: filter or search
        self._since: int | None = None
        self._show_detail = True
        self._ticked = 0.0

    # -- layout -----------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        yield Bar(id="header", markup=False)
        yield Bar(id="crumbs", markup=False)
        yield Horizontal(id="body")
        yield Input(id="line", compact=True)
        yield Bar(id="hints", markup=False)
        yield Static(id="small", markup=False)

    async def on_mount(self) -> None:
        bind(self.query_one(Input), Place.FILTER, self.deck.keymap, keep=True)
        self.query_one(Input).display = False
        await self._rebuild()

    @property
    def deck(self) -> QuarterdeckApp:
        return cast("QuarterdeckApp", self.app)

    @property
    def view(self) -> View:
        return self.history.now

    def on_resize(self, event: Resize) -> None:
        small = event.size.width < SMALLEST[0] or event.size.height < SMALLEST[1]
        self.set_class(small, "too-small")
        self.query_one("#small", Static).update(
            f"{event.size.width}x{event.size.height} is too small: Quarterdeck needs "
            f"{SMALLEST[0]}x{SMALLEST[1]}"
        )
        self._place_detail()
        self.tick()

    def _place_detail(self) -> None:
        """The detail is there where there is room for it, and a row to tell of."""
        try:
            beside = self.query_one("#detail", Document)
        except NoMatches:
            return
        beside.display = self._show_detail and self.size.width >= BESIDE
        self._tell_detail()

    # -- views ------------------------------------------------------------------------------

    def show(self, view: View) -> None:
        """Go to a view."""
        self.history.go(view)
        self._work(self._rebuild, "view")

    def _work(self, work: Callable[[], Awaitable[None]], group: str) -> None:
        """Do `work` in place of what the group is at. It is called by its worker: one that is
        displaced before it began leaves no coroutine behind."""
        self.run_worker(work, group=group, exclusive=True)

    async def _rebuild(self) -> None:
        """Put the widgets of the present view in place of those of the one before."""
        body = self.query_one("#body", Horizontal)
        self.workers.cancel_group(self, "log")
        self.workers.cancel_group(self, "page")
        self._listed = self._table = self._pane = None
        self._filter_text, self._since = "", None
        self._end_typing()
        await body.remove_children()
        view, deck = self.view, self.deck
        main: Widget
        if view.kind is Kind.LOGS:
            main = self._pane = LogPane(id="main")
            await body.mount(main)
            bind(main, Place.LOG, deck.keymap)
            self._follow()
        elif view.kind is Kind.PAGE:
            main = Document(id="main")
            await body.mount(main)
            bind(main, Place.DETAIL, deck.keymap)
            self._work(partial(self._ask, main), "page")
        else:
            self._listed = listed(view, deck.model, deck.board)
            main = self._table = FleetTable(
                self._listed.live, stale=self._listed.stale, empty=self._listed.empty, id="main"
            )
            beside = Document(id="detail")
            await body.mount(main, beside)
            bind(main, Place.LIST, deck.keymap)
            bind(beside, Place.DETAIL, deck.keymap)
            names = [len(host.name) for host in deck.model.hosts()]
            main.set_widths({"HOST": min(max(names, default=8), 24)})
        main.focus()
        self._place_detail()
        self.tick()

    async def _ask(self, page: Document) -> None:
        """Fill a page with the answer to its question."""
        view, look = self.view, self.deck.look
        host = view.host or ""
        page.show([(Cell(f"asking {host} …", Tone.FAINT),)])
        try:
            if view.unit and view.question in UNIT_QUESTIONS:
                lines = await UNIT_QUESTIONS[view.question](look, (host, view.unit))
            elif view.container and view.question in CONTAINER_QUESTIONS:
                lines = await CONTAINER_QUESTIONS[view.question](look, (host, view.container))
            else:
                known = self.deck.model.host(host)
                lines = HOST_DETAIL.text(known) if HOST_DETAIL.text else []
        except HostError as error:
            lines = [(Cell(f"✖ {error}", Tone.BAD),)]
        page.show(lines)

    def _follow(self) -> None:
        assert self._pane is not None
        self._work(partial(self._tail, self._pane), "log")

    async def _tail(self, pane: LogPane) -> None:
        """Feed the log until the view is left."""
        view, model = self.view, self.deck.model
        box = model.container((view.host or "", view.container)) if view.container else None
        span = SINCE[self._since].span if self._since is not None else None
        lines = _LOG_LINES if self._since is None else None
        query = LogQuery(
            units=(view.unit,) if view.unit else (),
            containers=(box.name if box else view.label or view.container,) if view.container else (),
            since=span.total_seconds() if span else None,
            lines=lines if span is None and self._since != 0 else None,
        )
        hosts = [view.host] if view.host else [host.name for host in model.hosts()]
        told: dict[str, str] = {}
        async with self.deck.look.fleet.follow_journal(hosts, query) as tail:
            while True:
                batch = await tail.batch(1 / self.deck.rate)
                if batch.records or batch.dropped:
                    pane.append(batch.records, batch.dropped)
                for host in sorted(batch.hosts):
                    status = tail.statuses[host]
                    if status.reason and told.get(host) != status.reason:
                        self.notify(f"{host}: {status.state}: {status.reason}", markup=False)
                    told[host] = status.reason or ""

    # -- changes ----------------------------------------------------------------------------

    def take(self, batch: Changes) -> None:
        """Bring a batch of changes to the screen, in one go."""
        if self._table is not None and self._listed is not None:
            keys = set(self._listed.changed(batch))
            update = self._table.apply(keys, batch.hosts)
            if self._table.cursor_key in update.touched:
                self._tell_detail()
        if batch.hosts or time.monotonic() - self._ticked >= _EVERY_S:
            self.tick()

    def tick(self) -> None:
        """Redraw what depends on the clock."""
        if not self.is_mounted or not self.size.width:
            return
        self._ticked = time.monotonic()
        deck, width = self.deck, self.size.width
        header = header_text(
            deck.title, deck.model.hosts(), clock.now(), width, read_only=bool(deck.read_only)
        )
        self.query_one("#header", Bar).update(header)
        self.query_one("#crumbs", Bar).update(self._crumbs())
        self.query_one("#hints", Bar).update(hint_text(hints(self._place(), width - 2, deck.keymap)))
        if self._table is not None:
            self._table.refresh_ages()

    def _crumbs(self) -> str:
        parts = [" " + " › ".join((self.deck.title, *self.view.crumbs()))]
        if self._table is not None:
            live = self._table.list
            parts.append(f"{len(live)} of {live.total}" if live.filter else f"{live.total}")
            if marked := len(self._table.marked):
                parts.append(f"{marked} marked")
        if self._filter_text:
            parts.append(f"/{self._filter_text}")
        if self._pane is not None:
            parts.append(self._pane.status())
        return "   ".join(parts)

    def _place(self) -> Place:
        focused = self.focused
        if isinstance(focused, Input):
            return Place.FILTER
        if isinstance(focused, LogPane):
            return Place.LOG
        return Place.DETAIL if isinstance(focused, Document) else Place.LIST

    def _tell_detail(self) -> None:
        try:
            beside = self.query_one("#detail", Document)
        except NoMatches:
            return
        if beside.display and self._table is not None:
            row = self._table.cursor_row
            beside.show(detail(self.deck.model, row) if row is not None else [])

    def on_fleet_table_moved(self) -> None:
        self._tell_detail()

    def on_fleet_table_chosen(self) -> None:
        self.action_open()

    def on_fleet_table_marks_changed(self) -> None:
        self.tick()

    def on_log_pane_status_changed(self) -> None:
        self.query_one("#crumbs", Bar).update(self._crumbs())

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        self.tick()

    # -- where to -----------------------------------------------------------------------------

    def action_go(self, name: str) -> None:
        self.show(View(Kind(name)))

    def action_back(self) -> None:
        if self.history.back():
            self._work(self._rebuild, "view")

    def action_forward(self) -> None:
        if self.history.forward():
            self._work(self._rebuild, "view")

    def action_leave(self) -> None:
        if self.history.at == 0:
            self.app.exit(0)
        self.action_back()

    def action_escape(self) -> None:
        """Take back one thing: what is typed, marks, the filter, the way here."""
        if self._typing:
            self._set_filter("") if self._typing == "filter" else self._search("")
            self._end_typing()
        elif self._table is not None and self._table.marked:
            self._table.action_clear_marks()
        elif self._filter_text:
            self._set_filter("")
        else:
            self.action_back()

    def action_open(self) -> None:
        match self._row():
            case Host(name=name):
                self.show(View(Kind.UNITS, name))
            case Trouble(unit=None, container=None, host=name):
                self.show(View(Kind.PAGE, name))
            case Trouble() | Unit() | Container():
                self.action_logs()

    def _row(self) -> Any:
        return self._table.cursor_row if self._table is not None else None

    def _target(self) -> View | None:
        """The unit, container or host that the keyboard is about, as a page without a question."""
        match self._row():
            case Host(name=name):
                return View(Kind.PAGE, name)
            case Unit(host=host, name=name):
                return View(Kind.PAGE, host, unit=name)
            case Container(host=host, name=name, id=box_id):
                return View(Kind.PAGE, host, container=box_id, label=name)
            case Trouble(host=host, unit=unit, container=box_id, what=what):
                return View(
                    Kind.PAGE, host, unit=unit, container=box_id, label=what.removeprefix("container ")
                )
        view = self.view
        return View(Kind.PAGE, view.host, view.unit, view.container, view.label) if view.host else None

    def action_logs(self) -> None:
        if target := self._target():
            self.show(View(Kind.LOGS, target.host, target.unit, target.container, target.label))

    def action_units(self) -> None:
        if target := self._target():
            self.show(View(Kind.UNITS, target.host))

    def action_containers(self) -> None:
        if target := self._target():
            self.show(View(Kind.CONTAINERS, target.host))

    def action_properties(self) -> None:
        self._question("properties")

    def action_file(self) -> None:
        self._question("file")

    def action_dependencies(self) -> None:
        self._question("dependencies")

    def action_stats(self) -> None:
        self._question("stats")

    def _question(self, question: str) -> None:
        target = self._target()
        if target is None:
            return
        known = UNIT_QUESTIONS if target.unit else CONTAINER_QUESTIONS if target.container else ()
        if question in known:
            self.show(View(Kind.PAGE, target.host, target.unit, target.container, target.label, question))
        elif question == "properties":
            self.show(target)
        else:
            what = "unit" if target.unit else "container" if target.container else "host"
            self.notify(f"a {what} has no {question}", severity="warning", markup=False)

    # -- filter and search ------------------------------------------------------------------

    def action_filter(self) -> None:
        if self._table is not None or self._pane is not None:
            self._begin_typing("filter", self._filter_text)

    def action_search(self) -> None:
        if self._pane is not None:
            self._begin_typing("search", "")

    def _begin_typing(self, what: str, text: str) -> None:
        line = self.query_one(Input)
        self._typing = what
        line.value = text
        line.placeholder = (
            "search: the lines around stay"
            if what == "search"
            else "filter: text, !text, -l role=web, -f fzy"
        )
        line.display = True
        line.focus()

    def _end_typing(self) -> None:
        self._typing = ""
        line = self.query_one(Input)
        if line.display:
            line.display = False
            for node in self.query("#main"):
                node.focus()
        self.tick()

    def on_input_changed(self, event: Input.Changed) -> None:
        if self._typing == "filter":
            self._set_filter(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if self._typing == "search":
            self._search(event.value)
        self._end_typing()

    def _set_filter(self, text: str) -> None:
        try:
            if self._table is not None:
                self._table.set_filter(Filter.parse(text) if text.strip() else None)
                self._table.set_empty(f"nothing matches /{text}; esc takes it back")
            elif self._pane is not None:
                self._pane.set_filter(text)
        except UsageError as error:
            self.query_one("#crumbs", Bar).update(f" ✖ {error}")
            return
        self._filter_text = text
        self.tick()

    def _search(self, text: str) -> None:
        if self._pane is not None:
            try:
                self._pane.set_search(text)
            except UsageError as error:
                self.notify(str(error), severity="warning", markup=False)

    # -- the rest -----------------------------------------------------------------------------

    def action_since(self, n: int) -> None:
        if self._pane is not None:
            self._since = n
            self._pane.clear()
            self._follow()
            self.notify(f"since: {SINCE[n].label}", timeout=2)

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen(help_for(self._place(), self.deck.keymap)))

    def action_columns(self) -> None:
        table = self._table
        if table is None:
            return

        def chosen(hidden: frozenset[str] | None) -> None:
            if hidden is not None:
                table.set_hidden(hidden)

        self.app.push_screen(ColumnsScreen(table.columns), chosen)

    def action_next_pane(self) -> None:
        self.focus_next()

    def action_toggle_detail(self) -> None:
        self._show_detail = not self._show_detail
        self._place_detail()

    def action_refresh(self) -> None:
        for session in self.deck.look.fleet.sessions.values():
            session.hurry()
        if self.view.kind is Kind.PAGE:
            page = self.query_one("#main", Document)
            self._work(partial(self._ask, page), "page")

    def action_copy(self) -> None:
        text = self.get_selected_text() or self._copied()
        if text:
            self.app.copy_to_clipboard(text)
            self.notify(f"copied {len(text.splitlines())} lines", timeout=2)

    def _copied(self) -> str:
        if self._pane is not None:
            return self._pane.copy_text()
        if self._table is None:
            return self.query_one("#main", Document).plain
        live = self._table.list
        keys: Sequence[Any] = [key for key in live.keys if key in self._table.marked]
        rows = [live.get(key) for key in keys] or [self._table.cursor_row]
        return "\n".join("  ".join(live.kind.key(row)) for row in rows if row is not None)

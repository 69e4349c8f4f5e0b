"""The screen: a header, what is shown of one view, and the keys that lead from view to view."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from textual.app import ComposeResult
from textual.containers import Container
from textual.events import DescendantFocus, Resize
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, Static

from console.commands import clock
from console.errors import UsageError
from console.fleet.model import Changes
from console.model.state import State
from console.tui.acting.line import about
from console.tui.acting.menu import ActionMenu
from console.tui.acting.offers import Offer, begun, commands, offers, targets_of
from console.tui.acting.typed import TypedCommands
from console.tui.actions import Place
from console.tui.keys import bind, help_for, hints
from console.tui.screens.dialogs import ColumnsScreen, HelpScreen
from console.tui.screens.errands import Errands
from console.tui.shown import Memory, Shown, shown
from console.tui.tables import holds
from console.tui.targets import asked, target
from console.tui.views import History, Kind, View
from console.tui.widgets.bars import Bar, header_text, hint_text
from console.tui.widgets.document import Document
from console.tui.widgets.fleet_map import FleetMap
from console.tui.widgets.fleet_table import FleetTable
from console.tui.widgets.log_pane import LogPane
from console.tui.widgets.typed_line import TypedLine
from console.tui.widgets.wave_field import WaveField
from console.tui.work import work

if TYPE_CHECKING:
    from console.tui.app import QuarterdeckApp

SMALLEST = (60, 15)
_EVERY_S = 1.0
#: How many views that were left are remembered.
_REMEMBERED = 64


class MainScreen(Screen[None], inherit_bindings=False):
    """Shows one view at a time, and remembers the way."""

    def __init__(self) -> None:
        super().__init__()
        self.history = History([View(Kind.WATCH)])
        #: What is shown of the present view; None until it is there.
        self.shown: Shown | None = None
        self._memories: dict[View, Memory] = {}
        self._typed = TypedCommands(self)
        self._errands = Errands(self)
        self._wants_detail = True
        self._wants_log = False
        self._had_keyboard: Widget | None = None
        self._ticked = 0.0
        self._complaint: str | None = None
        #: What the header says of each host, and of its sources.
        self._counted: dict[str, tuple[State, ...]] = {}

    # -- layout -----------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        yield Bar(id="header")
        yield Bar(id="crumbs")
        yield Container(id="body")
        yield TypedLine(id="line")
        yield Bar(id="hints")
        yield Static(id="small", markup=False)

    async def on_mount(self) -> None:
        bind(self.line, Place.FILTER, self.deck.keymap, keep=True)
        await self._rebuild()

    @property
    def deck(self) -> QuarterdeckApp:
        return cast("QuarterdeckApp", self.app)

    @property
    def view(self) -> View:
        return self.history.now

    @property
    def line(self) -> TypedLine:
        """The line that is typed into."""
        return self.query_one(TypedLine)

    def on_resize(self, event: Resize) -> None:
        small = event.size.width < SMALLEST[0] or event.size.height < SMALLEST[1]
        self.set_class(small, "too-small")
        self.query_one("#small", Static).update(
            f"{event.size.width}x{event.size.height} is too small: Quarterdeck needs "
            f"{SMALLEST[0]}x{SMALLEST[1]}"
        )
        self.tick()

    # -- views ------------------------------------------------------------------------------

    def show(self, view: View) -> None:
        """Go to a view."""
        self.history.go(view)
        self._show_now()

    def _show_now(self, *, again: bool = False) -> None:
        work(self, partial(self._rebuild, again=again), "view")

    async def _rebuild(self, *, again: bool = False) -> None:
        """Put what is shown of the present view in place of what was there before.

        :param again: it was left, and is come back to.
        """
        body = self.query_one("#body", Container)
        if self.shown is not None:
            self._memories.pop(self.shown.view, None)
            self._memories[self.shown.view] = self.shown.memory()
            if len(self._memories) > _REMEMBERED:
                del self._memories[next(iter(self._memories))]
        self.shown = self._had_keyboard = None
        self.line.close()
        await body.remove_children()
        now = shown(self.view)
        await body.mount(now)
        now.set_detail(self._wants_detail)
        now.set_log(self._wants_log)
        if memory := self._memories.get(now.view):
            now.recall(memory, again=again)
        self.shown = now
        self._take_keyboard()
        self.tick()

    def _take_keyboard(self) -> None:
        """Give the keyboard back to the widget that had it before something was typed."""
        if self._had_keyboard is not None and self._had_keyboard in self.focus_chain:
            self._had_keyboard.focus()
            return
        for node in self.query("#main"):
            node.focus()

    @property
    def at_hand(self) -> Shown | None:
        """The view that the keyboard is in: a log beside a list, or else the one that is shown."""
        above = self.focused.ancestors_with_self if self.focused is not None else ()
        return next((node for node in above if isinstance(node, Shown)), self.shown)

    # -- changes ----------------------------------------------------------------------------

    def take(self, batch: Changes) -> None:
        """Bring a batch of changes to the screen, in one go."""
        if self.shown is not None:
            self.shown.take(batch)
        if time.monotonic() - self._ticked >= _EVERY_S:
            self.tick()
        elif self._counts_otherwise(batch.hosts):
            self._tell_fleet()
        elif batch.hosts:
            self._tell_status()

    def _counts_otherwise(self, names: Iterable[str]) -> bool:
        """Whether the header says anything else of these hosts: it is worked out from all there are."""
        otherwise = False
        for name in names:
            host = self.deck.model.find(name)
            now = () if host is None else (host.state, *(status.state for status in host.sources.values()))
            if now != self._counted.get(name, ()):
                self._counted[name] = now
                otherwise = True
        return otherwise

    def tick(self) -> None:
        """Redraw what depends on the clock."""
        if not self.is_mounted or not self.size.width:
            return
        self._ticked = time.monotonic()
        self._tell_fleet()
        if self.shown is not None:
            self.shown.tick()

    def _tell_fleet(self) -> None:
        """Redraw what stands around the view, and depends on how the hosts are."""
        if not self.is_mounted or not self.size.width:
            return
        deck, width = self.deck, self.size.width
        header = header_text(
            deck.title,
            deck.model.hosts(),
            partial(holds, deck.model),
            clock.now(),
            width,
            badges=deck.badges,
            store=deck.store,
        )
        self.query_one("#header", Bar).show(header)
        self._tell_status()
        self.query_one("#hints", Bar).show(hint_text(hints(self._place(), width - 2, deck.keymap)))

    def _tell_status(self) -> None:
        if self.line.is_open and self._complaint:
            self.query_one("#crumbs", Bar).show(self._complaint)
            return
        self._complaint = None
        parts = [" " + " › ".join((self.deck.title, *self.view.crumbs()))]
        if self.shown is not None:
            parts.extend(self.shown.status())
            if self.shown.filtered:
                parts.append(f"/{self.shown.filtered}")
        self.query_one("#crumbs", Bar).show("   ".join(filter(None, parts)))

    def _place(self) -> Place:
        match self.focused:
            case TypedLine():
                return Place.FILTER
            case LogPane():
                return Place.LOG
            case FleetMap():
                return Place.MAP
            case WaveField():
                return Place.FIELD
            case Document():
                return Place.DETAIL
        return Place.LIST

    def on_shown_status_changed(self) -> None:
        self._tell_status()

    def on_fleet_table_chosen(self) -> None:
        self.action_open()

    def on_sign_field_chosen(self) -> None:
        self.action_open()

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        if not isinstance(event.widget, TypedLine):
            self._had_keyboard = event.widget
        self.tick()

    # -- where to -----------------------------------------------------------------------------

    @property
    def target(self) -> View | None:
        """The unit, container or host that the keyboard is about, as a page without a question."""
        return target(self.shown.row if self.shown is not None else None, self.view)

    def action_go(self, name: str) -> None:
        self.show(View(Kind(name)))

    def action_back(self) -> None:
        if self.history.back():
            self._show_now(again=True)

    def action_forward(self) -> None:
        if self.history.forward():
            self._show_now(again=True)

    def action_leave(self) -> None:
        if self.history.at == 0:
            self.app.exit(0)
        self.action_back()

    def action_escape(self) -> None:
        """Take back one thing: what is typed, marks, the filter, the way into a log beside, the way here."""
        at_hand = self.at_hand
        if self.line.is_open:
            self.line.cancel()
            self._take_keyboard()
        elif at_hand is not None and at_hand.clear_marks():
            pass
        elif at_hand is not None and at_hand.filtered:
            self.set_filter("", of=at_hand)
        elif at_hand is not self.shown:
            self._had_keyboard = None
            self._take_keyboard()
        else:
            self.action_back()

    def action_open(self) -> None:
        if (at_hand := self.at_hand) is not None and (view := at_hand.opens):
            self.show(view)

    def action_logs(self) -> None:
        if about := self.target:
            self.show(replace(about, kind=Kind.LOGS))

    def action_host(self, name: str) -> None:
        """Go to a list of all that is on the target's host."""
        if (about := self.target) and about.host:
            self.show(View(Kind(name), about.host))

    def action_ask(self, question: str) -> None:
        """Show the page that answers `question` about the target."""
        if about := self.target:
            page = asked(question, about)
            if isinstance(page, View):
                self.show(page)
            else:
                self.notify(page, severity="warning", markup=False)

    # -- changing things ----------------------------------------------------------------------

    def action_act(self) -> None:
        """Offer what can be done to what is marked, or to what the cursor is on."""
        rows = at_hand.rows if (at_hand := self.at_hand) is not None else []
        targets = targets_of(rows) or about(self.view)
        found = offers(targets) if targets else []
        if not found:
            self.notify("nothing can be done to this", severity="warning", timeout=3)
            return

        def chosen(offer: Offer | None) -> None:
            if offer is not None and offer.typed:
                self.begin_command(begun(offer, targets[0]))
            elif offer is not None:
                self.deck.carry_out(commands(offer, targets))

        why = f"this console is read-only: {self.deck.read_only}" if self.deck.read_only else None
        self.app.push_screen(ActionMenu(found, targets, why), chosen)

    def action_brake(self) -> None:
        """Hold up what is shown, or have it go on; a plan and a question come first."""
        command = self.shown.pausing if self.shown is not None else None
        if command is None:
            self.notify("nothing here goes on", severity="warning", timeout=3)
        elif self.deck.read_only:
            self.notify(f"this console is read-only: {self.deck.read_only}", severity="warning", timeout=3)
        else:
            self.deck.carry_out([command])

    def action_command(self) -> None:
        self.begin_command("")

    def begin_command(self, text: str) -> None:
        """Let a line of the command language be typed, that begins with `text`."""
        self._typed.begin(text)

    def complain(self, text: str | None) -> None:
        """Say what is wrong with what is typed, in the line under the header; None: nothing is."""
        self._complaint = text
        self._tell_status()

    # -- filter and search ------------------------------------------------------------------

    def action_filter(self) -> None:
        self._errands.filter()

    def action_search(self) -> None:
        self._errands.search()

    def action_to_time(self) -> None:
        self._errands.to_time()

    def action_save(self) -> None:
        self._errands.save()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self._take_keyboard()

    def set_filter(self, text: str, of: Shown | None = None) -> None:
        """Show only what `text` keeps; what cannot be read is told.

        :param of: of a view that is not all that is shown.
        """
        filtered = self.shown if of is None else of
        if filtered is None:
            return
        try:
            filtered.set_filter(text)
        except UsageError as error:
            self.complain(f" ✖ {error}")
            return
        self.tick()

    # -- the rest -----------------------------------------------------------------------------

    def action_since(self, n: int) -> None:
        if (at_hand := self.at_hand) is not None:
            at_hand.set_since(n)

    def action_hold(self) -> None:
        if (at_hand := self.at_hand) is not None:
            at_hand.next_hold()

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen(help_for(self._place(), self.deck.keymap)))

    def action_columns(self) -> None:
        for table in self.query("#main").results(FleetTable):
            self.app.push_screen(ColumnsScreen(table.columns), partial(_hide, table))

    def action_next_pane(self) -> None:
        self.focus_next()

    def action_toggle_detail(self) -> None:
        self._wants_detail = not self._wants_detail
        if self.shown is not None:
            self.shown.set_detail(self._wants_detail)

    def action_toggle_log(self) -> None:
        self._wants_log = not self._wants_log
        if self.shown is not None:
            self.shown.set_log(self._wants_log)

    def action_refresh(self) -> None:
        for session in self.deck.look.fleet.sessions.values():
            session.hurry()
        if self.shown is not None:
            self.shown.again()

    def action_copy(self) -> None:
        at_hand = self.at_hand
        text = self.get_selected_text() or (at_hand.copy_text() if at_hand is not None else "")
        if text:
            self.app.copy_to_clipboard(text)
            self.notify(f"copied {len(text.splitlines())} lines", timeout=2)


def _hide(table: FleetTable[Any, Any], titles: frozenset[str] | None) -> None:
    if titles is not None:
        table.set_hidden(titles)

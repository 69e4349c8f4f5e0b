"""The wall's app: a band that is always there, and below it pages that take turns."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.filter import LineFilter
from textual.theme import Theme
from textual.widgets import Static

from console.commands import clock
from console.commands.lists import LiveList
from console.commands.rollout_book import RolloutBook
from console.commands.rows import Tone
from console.commands.rows.rollout import ROLLOUT
from console.commands.rows.service import SERVICE
from console.commands.troubles import TROUBLE, TroubleBoard
from console.commands.wall import Page
from console.errors import StoreError
from console.model.text import clean
from console.rollouts.rollout import Account, State
from console.tui.console_glyphs import glyph_filters
from console.tui.faults import FaultKeeper
from console.tui.shown.map import tone_of
from console.tui.strips import mend_strips
from console.tui.tables import holds, touched
from console.tui.tones import DEFAULT_VARIABLES
from console.tui.wall.band import BandView
from console.tui.wall.picture import Band, band
from console.tui.wall.rotation import Rotation
from console.tui.wall.signs import Line, signs
from console.tui.widgets.bars import Bar, data_age
from console.tui.widgets.document import Lines
from console.tui.widgets.document_text import DocumentText
from console.tui.widgets.plain_table import PlainTable

if TYPE_CHECKING:
    from console.commands.core import View
    from console.commands.picture import Trouble
    from console.commands.remembering import Remembering

#: Pictures a second at most, whatever changes.
RATE = 4.0
SMALLEST = (60, 15)
#: Seconds within which `q` has to be pressed again.
_SURE_S = 3.0
#: What etcd has refused is asked for again after so many seconds.
_REFUSED_S = 15.0
#: Rollouts that are over, and still shown.
_OVER = 10


class WallApp(FaultKeeper, inherit_bindings=False):
    """Shows a running fleet, and takes no key but `q`, twice.

    :param look: the fleet, live.
    :param pages: what takes turns below the band.
    :param stay: seconds that a page stays.
    :param remembering: keeps the fleet as etcd has it; run by whoever runs the app.
    :param ticks: a clock that never goes back, in seconds.
    :param painted: told after each picture what the band says; a sign of life.
    """

    CSS_PATH = "wall.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+c", "leave", show=False, priority=True),
    ]

    def __init__(
        self,
        look: View,
        name: str,
        *,
        themes: Mapping[str, Theme],
        theme: str,
        pages: Sequence[Page] = tuple(Page),
        stay: float = 20.0,
        no_color: bool = False,
        remembering: Remembering | None = None,
        painted: Callable[[str], None] = lambda words: None,
        environ: Mapping[str, str] | None = None,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        mend_strips()
        super().__init__(ansi_color=True if no_color else None)
        self.title = name
        self.look = look
        self._ticks = ticks
        self.rotation = Rotation(pages, stay, ticks())
        self._remembering = remembering
        self._painted = painted
        self._glyphs = glyph_filters(environ or {})
        self._board = TroubleBoard(look.fleet.model, remembering.troubles if remembering else tuple)
        self._troubles: LiveList[Any, Trouble] = LiveList(
            TROUBLE, self._board.look_up, host=look.fleet.model.find
        )
        self._book: RolloutBook | None = None
        self._note = ""
        self._signs: list[Line] = []  # what the page of hosts shows
        self._asked_at = -_SURE_S
        if remembering is not None:
            remembering.listen(self._take_note, lambda: None)
        for each in themes.values():
            self.register_theme(each)
        self.theme = theme

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return dict(DEFAULT_VARIABLES)

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), *self._glyphs]

    def compose(self) -> ComposeResult:
        yield BandView(id="band")
        yield Bar(id="title")
        yield PlainTable(TROUBLE, id=Page.TROUBLES)
        yield Lines(id=Page.HOSTS)
        yield PlainTable(SERVICE, id=Page.SERVICES)
        yield PlainTable(ROLLOUT, id=Page.ROLLOUTS)
        yield Static(id="small", markup=False)

    def on_mount(self) -> None:
        self._board.renew()
        self._troubles.update(self._board.keys())
        self.run_worker(self._keep_up(), group="flush", exit_on_error=True)
        if self._remembering is not None:
            self.run_worker(self._follow_rollouts(self._remembering), group="rollouts", exit_on_error=True)

    # -- changes ----------------------------------------------------------------------------

    async def _keep_up(self) -> None:
        model = self.look.fleet.model
        feed = model.feed(logs=0)
        try:
            while True:
                batch = await feed.batch(1 / RATE, idle=1 / RATE)
                self._troubles.update(self._board.update(touched(batch)), batch.hosts)
                self.paint()
        finally:
            model.leave(feed)

    async def _follow_rollouts(self, remembering: Remembering) -> None:
        """Keep what is known of rollouts; what etcd refuses is asked for again, for as long as it takes."""
        await remembering.settled.wait()
        if remembering.memory is None:
            return
        while True:
            self._book = book = RolloutBook(remembering.memory)
            try:
                await book.run()
            except StoreError:
                # Etcd's own trouble says so on the first page.
                await asyncio.sleep(_REFUSED_S)

    def _take_note(self, text: str) -> None:
        """What a person should know, from a task that is not ours; the next picture has it."""
        self._note = text

    def _accounts(self) -> list[Account]:
        """Rollouts: those that go on, then some that are over, the newest first."""
        if self._book is None:
            return []
        every = [account for name in self._book.ids if (account := self._book.look_up(name)) is not None]
        every.sort(key=lambda account: account.rollout.created, reverse=True)
        over = [account for account in every if account.rollout.state.over]
        return [*(account for account in every if not account.rollout.state.over), *over[:_OVER]]

    # -- the picture ------------------------------------------------------------------------

    def paint(self) -> None:
        """Draw what is so now."""
        if not self.is_running or not self.size.width:
            return
        small = self.size.width < SMALLEST[0] or self.size.height < SMALLEST[1]
        self.screen.set_class(small, "too-small")
        model, now = self.look.fleet.model, clock.now()
        hosts, accounts = model.hosts(), self._accounts()
        troubles = [self._troubles.row(at) for at in range(len(self._troubles))]
        store = self._remembering.status if self._remembering is not None else None
        told = band(hosts, troubles, accounts, store, now)
        if self._note and not told.rollout:
            told = replace(told, rollout=clean(self._note))
        if small:
            self.query_one("#small", Static).update(f"too small: {SMALLEST[0]}x{SMALLEST[1]} is needed")
        else:
            self.query_one(BandView).show(told, now, data_age(hosts, partial(holds, model), now))
            self._paint_page(told, troubles, accounts)
        self._painted(f"STALE: {told.stale}" if told.stale else told.verdict)

    def _paint_page(self, told: Band, troubles: Sequence[Trouble], accounts: Sequence[Account]) -> None:
        height = max(1, self.size.height - self.query_one(BandView).outer_size.height - 1)
        hosts = sorted(self.look.fleet.model.hosts(), key=lambda host: host.name)
        services = self._remembering.services if self._remembering is not None else None
        rows = sorted(services.rows.values(), key=SERVICE.sort) if services is not None else []
        fields = signs(hosts, tone_of, self.size.width - 2, height)
        lists: dict[Page, Sequence[Any]] = {
            Page.TROUBLES: troubles,
            Page.SERVICES: rows,
            Page.ROLLOUTS: accounts,
        }
        each = max(1, height - 1)  # below the heading
        parts = {page: -(-len(rows) // each) for page, rows in lists.items()} | {Page.HOSTS: len(fields)}
        rotation = self.rotation
        rotation.look(self._ticks(), parts, _red(troubles, accounts))
        for page in Page:
            self.query_one(f"#{page}").display = page is rotation.page
        if rotation.page is Page.HOSTS:
            self._show_signs(fields[rotation.part] if fields else [])
        else:
            shown = lists[rotation.page][rotation.part * each : (rotation.part + 1) * each]
            self.query_one(f"#{rotation.page}", PlainTable).show(shown, stale=bool(told.stale))
        count = len(lists.get(rotation.page, hosts))
        self.query_one("#title", Bar).show(self._title(parts[rotation.page], count))

    def _show_signs(self, lines: list[Line]) -> None:
        if lines != self._signs:
            self._signs = lines
            document = DocumentText()
            document.put(lines)
            self.query_one(Lines).show(document, wrap=False)

    def _title(self, parts: int, count: int) -> str:
        now = self._ticks()
        if now - self._asked_at < _SURE_S:
            return " leave? q again"
        rotation = self.rotation
        told = f" {rotation.page.upper()}  {count}"
        told += f"   part {rotation.part + 1} of {parts}" if parts > 1 else ""
        told += "   held: it has turned red" if rotation.held else ""
        return f"{told}   {self.title}, next in {rotation.left(now):.0f} s"

    # -- leaving ----------------------------------------------------------------------------

    def action_leave(self) -> None:
        """Leave, if it was asked for a moment ago too: a key that something leans on is pressed once."""
        now = self._ticks()
        if now - self._asked_at < _SURE_S:
            self.exit(0)
        self._asked_at = now
        self.paint()


def _red(troubles: Sequence[Trouble], accounts: Sequence[Account]) -> set[Page]:
    """The pages on which something has to be seen to now."""
    bad = [one for one in troubles if one.ack is None and one.how.tone is Tone.BAD]
    red = set()
    if bad:
        red.add(Page.TROUBLES)
    if any(one.host and one.what == "host" for one in bad):
        red.add(Page.HOSTS)
    if any(one.service for one in bad):
        red.add(Page.SERVICES)
    if any(account.rollout.state is State.HALTED for account in accounts):
        red.add(Page.ROLLOUTS)
    return red

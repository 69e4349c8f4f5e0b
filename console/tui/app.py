"""The terminal's app: the fleet's model in, pictures of it out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.command import Provider
from textual.theme import Theme

from console.commands import clock
from console.commands.command import Command
from console.commands.macro.commands import MacroRecord
from console.commands.macro.file import MacroFile
from console.commands.macro.record import Recorder
from console.commands.macro.run import MacroRun
from console.commands.troubles import TroubleBoard
from console.errors import QuarterdeckError, UsageError
from console.fleet.model import FleetModel
from console.tui.acting.form import MacroForm
from console.tui.acting.run_screen import RunScreen
from console.tui.actions import Place
from console.tui.alerting import Alerting
from console.tui.faults import FaultKeeper
from console.tui.keys import Keymap, bind
from console.tui.palette import FleetProvider
from console.tui.screens.main import MainScreen
from console.tui.strips import mend_strips
from console.tui.tables import touched
from console.tui.theme_watch import ThemeWatch
from console.tui.tones import DEFAULT_VARIABLES

if TYPE_CHECKING:
    from console.commands.core import Core, View
    from console.commands.remembering import Remembering
    from console.commands.service_book import ServiceBook
    from console.fleet.memory import Memory
    from console.model.store import StoreStatus

#: Seconds after which the ages on the screen are looked at though nothing has changed.
_IDLE_S = 1.0
#: Seconds between two looks at the files of themes.
THEMES_EVERY_S = 2.0


class QuarterdeckApp(FaultKeeper, inherit_bindings=False):
    """Shows a running fleet.

    :param look: the fleet, live.
    :param theme_watch: tells of themes whose files change; None: they stay as they are.
    :param rate: how many times a second changes reach the screen, at most.
    :param read_only: why no write may happen; None where one may.
    :param core: what commands are run with; without one, none is.
    :param remembering: keeps the fleet as its memory, etcd, has it; run by whoever runs the app.
    """

    CSS_PATH = "quarterdeck.tcss"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {FleetProvider}
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self,
        look: View,
        name: str,
        keymap: Keymap,
        *,
        themes: Mapping[str, Theme],
        theme: str,
        theme_watch: ThemeWatch | None = None,
        rate: float = 10.0,
        read_only: str | None = None,
        problems: Iterable[str] = (),
        no_color: bool = False,
        core: Core | None = None,
        remembering: Remembering | None = None,
    ) -> None:
        mend_strips()
        super().__init__(ansi_color=True if no_color else None)
        self.title = name
        self.look = look
        self.keymap = keymap
        self.rate = rate
        self.read_only = read_only
        self.core = core
        self.remembering = remembering
        self.board = TroubleBoard(look.fleet.model, remembering.troubles if remembering else tuple)
        self.main = MainScreen()
        self.recorder: Recorder | None = Recorder.of_user(core.environ) if core is not None else None
        #: What was told while there was no screen to show it on.
        self.untold = list(problems)
        self._alerting: Alerting | None = None
        self._theme_watch = theme_watch
        if remembering is not None:
            remembering.listen(self.tell, self._memory_changed)
        bind(self, Place.APP, keymap)
        for each in themes.values():
            self.register_theme(each)
        self.theme = theme

    @property
    def model(self) -> FleetModel:
        return self.look.fleet.model

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.InputEvent):
            self.look.fleet.collector.typed()
        await super().on_event(event)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return dict(DEFAULT_VARIABLES)

    def on_mount(self) -> None:
        self.push_screen(self.main)
        limits = self.model.limits
        if limits.alert or limits.alert_command:
            own = self.remembering.troubles if self.remembering is not None else tuple
            self._alerting = Alerting(limits, TroubleBoard(self.model, own), self._write, self.tell)
            self.run_worker(self._alerting.run(), group="alerts", exit_on_error=True)
        self.run_worker(self._keep_up(), group="flush", exit_on_error=True)
        if self._theme_watch is not None:
            self.run_worker(self._keep_dressed(self._theme_watch), group="themes")
        untold, self.untold = self.untold, []
        self._tell(untold)

    def carry_out(self, commands: Sequence[Command]) -> None:
        """Run commands, one after the other, on a screen of their own; writes are planned and asked for."""
        if self.core is None:
            self.notify("no commands here", severity="warning")
        elif commands:
            self.push_screen(RunScreen(self.core, commands))

    def run_macro(self, macro: MacroFile) -> None:
        """Have a macro's parameters filled in, and run it."""

        def filled(settings: tuple[str, ...] | None) -> None:
            if settings is not None:
                self.carry_out([MacroRun(macro=macro.path.stem, set_=settings)])

        if macro.parameters:
            self.push_screen(MacroForm(macro), filled)
        else:
            filled(())

    # -- the fleet's memory -------------------------------------------------------------------

    @property
    def store(self) -> StoreStatus | None:
        """How etcd is doing; None: the fleet has none, or none yet."""
        return self.remembering.status if self.remembering is not None else None

    @property
    def services(self) -> ServiceBook | None:
        """The fleet's services; None: it has no etcd, or none yet."""
        return self.remembering.services if self.remembering is not None else None

    async def memory(self) -> Memory | None:
        """The fleet's memory, as soon as it is known whether there is one."""
        if self.remembering is None:
            return self.core.memory if self.core is not None else None
        await self.remembering.settled.wait()
        return self.remembering.memory

    def tell(self, text: str) -> None:
        """A note on the screen, from a task that is not the app's; kept where there is none."""
        if not (self.main.is_mounted and self.is_running and self.call_later(self._tell, [text])):
            self.untold.append(text)

    def _memory_changed(self) -> None:
        # Told in the middle of a call to etcd, by a task that is not ours: what is drawn is drawn by the app.
        self.call_later(self.main.tick)

    # -- recording --------------------------------------------------------------------------

    @property
    def badges(self) -> list[str]:
        """What must not be forgotten, for the header."""
        found = ["READ-ONLY"] if self.read_only else []
        if self.remembering is not None and self.remembering.engine:
            found.append(f"ENGINE {self.remembering.engine}")
        if self.services is not None and self.services.no_engine:
            found.append("no engine")
        if self.recorder is not None and self.recorder.name:
            found.append(f"REC {self.recorder.name}")
        return found

    def record(self, name: str) -> None:
        """Begin to record what is run, as a macro of that name; "" ends it.

        :raises UsageError: the name cannot be one or is taken, or nothing was recorded.
        :raises Refused: this console is read-only.
        """
        if self.recorder is None or self.core is None:
            raise UsageError("no commands here")
        if name:
            self.core.check(MacroRecord(name=name))
            self.recorder.start(name)
            told = f"recording {name}: what is run from now on; `:record` ends it"
        else:
            count = len(self.recorder.lines)
            path = self.recorder.stop(clock.now())
            told = f"{path}: {count} steps"
        self.notify(told, markup=False)
        self.main.tick()

    def ran(self, command: Command) -> None:
        """A command was run from the screen."""
        if self.recorder is not None and self.recorder.note(command):
            self.main.tick()

    def _tell(self, problems: Iterable[str]) -> None:
        for problem in problems:
            self.notify(problem, severity="warning", timeout=15, markup=False)

    def _write(self, text: str) -> None:
        """Send to the terminal what is no picture."""
        if self._driver is not None:
            self._driver.write(text)

    async def _keep_dressed(self, watch: ThemeWatch) -> None:
        """Take up themes whose files change."""
        while True:
            await asyncio.sleep(THEMES_EVERY_S)
            try:
                # A home on a network may let a look at a folder wait.
                changed = await asyncio.to_thread(watch.look)
            except QuarterdeckError as error:
                self._tell([str(error)])
                continue
            if not changed:
                continue
            for theme in watch.themes.values():
                self.register_theme(theme)
            if self.theme == watch.theme:
                self.mutate_reactive(QuarterdeckApp.theme)
            else:
                self.theme = watch.theme
            self._tell(watch.problems)

    async def _keep_up(self) -> None:
        """Bring changes to the screen in batches, however many there are."""
        feed = self.model.feed()
        try:
            while True:
                batch = await feed.batch(1 / self.rate, idle=_IDLE_S)
                if self._alerting is not None:
                    self._alerting.changed(touched(batch))
                if self.main.is_mounted:
                    self.main.take(batch)
        finally:
            self.model.leave(feed)

"""What is typed after `:`, and what becomes of it: a view, how it is shown, or a command that is run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.errors import ConfigError, QuarterdeckError, UsageError
from console.model.text import clean
from console.tui.acting.completing import Completing
from console.tui.acting.history import LineHistory
from console.tui.acting.line import Setting, understood
from console.tui.views import View
from console.tui.widgets.fleet_table import FleetTable
from console.tui.widgets.typed_line import Errand

if TYPE_CHECKING:
    from console.tui.screens.main import MainScreen

_HINT = "a command: unit restart web --on web1; go hosts; audit list"


class TypedCommands:
    """The commands of one screen, and the lines that were entered before."""

    def __init__(self, screen: MainScreen) -> None:
        self._screen = screen
        self._history: LineHistory | None = None

    def begin(self, text: str) -> None:
        """Let a line be typed that begins with `text`."""
        before = self._lines().lines
        errand = Errand(
            _HINT,
            entered=self._enter,
            typed=self._check,
            before=before,
            complete=Completing(self._screen.deck),
            choices=lambda found: self._screen.complain(" " + "  ".join(map(clean, found))),
        )
        self._screen.line.open(errand, text)

    def _lines(self) -> LineHistory:
        if self._history is None:
            core = self._screen.deck.core
            folder = None
            try:
                folder = core.state_folder if core is not None else None
            except ConfigError as error:  # lines are not kept then, and what only shows works on
                self._tell(str(error))
            self._history = LineHistory(folder)
            self._tell(self._history.problem)
        return self._history

    def _check(self, text: str) -> None:
        """Say what is wrong with a line while it is typed."""
        try:
            understood(text)
        except UsageError as error:
            self._screen.complain(f" ▲ {clean(str(error))}")
        else:
            self._screen.complain(None)

    def _enter(self, text: str) -> None:
        if not text.strip():
            return
        lines = self._lines()
        lines.add(text)
        self._tell(lines.problem)
        try:
            match understood(text):
                case View() as view:
                    self._screen.show(view)
                case Setting() as setting:
                    self._set(setting)
                case command:
                    self._screen.deck.carry_out([command])
        except QuarterdeckError as error:
            self._tell(str(error))

    def _tell(self, text: str | None) -> None:
        if text:
            self._screen.notify(text, severity="warning", markup=False)

    def _set(self, setting: Setting) -> None:
        """Show things otherwise, or record. :raises QuarterdeckError: it cannot be."""
        screen = self._screen
        match setting.what:
            case "filter":
                screen.set_filter(setting.text)
            case "theme":
                if setting.text not in screen.app.available_themes:
                    known = ", ".join(sorted(screen.app.available_themes))
                    raise UsageError(f"no theme {setting.text!r}", hint=f"one of {known}")
                screen.app.theme = setting.text
            case "sort":
                for table in screen.query(FleetTable):
                    title = setting.text.removeprefix("-").upper() or None
                    table.set_sort(title, reverse=setting.text.startswith("-"))
            case "columns":
                for table in screen.query(FleetTable):
                    table.set_hidden(word.upper() for word in setting.words)
            case _:
                screen.deck.record(setting.text)

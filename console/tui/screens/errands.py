"""What is typed for the view that has the keyboard: a filter, a search, a time, a file's name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from console.errors import UsageError
from console.tui.widgets.typed_line import Errand

if TYPE_CHECKING:
    from console.tui.screens.main import MainScreen

_FILTER_HINT = "filter: text, !text, -l role=web, -f fzy"
_TIME_HINT = "go to: 12:30, 12:30:05, 2026-11-23T12:30, or 10m (ago)"
_SAVE_HINT = "save in which file? it must not be there yet"
_SEARCH_HINT = "search: the lines around stay"


class Errands:
    """Opens the line, and gives what is typed to the view that had the keyboard then."""

    def __init__(self, screen: MainScreen) -> None:
        self._screen = screen

    def filter(self) -> None:
        """Have a filter typed; it holds while it is."""
        if (view := self._screen.at_hand) is not None:
            take = partial(self._screen.set_filter, of=view)
            self._screen.line.open(
                Errand(_FILTER_HINT, typed=take, cancelled=partial(take, "")), view.filtered
            )

    def search(self) -> None:
        """Have a text typed that is searched for."""
        if (view := self._screen.at_hand) is not None and view.CAN_SEARCH:
            take = partial(self._tell, view.set_search)
            self._screen.line.open(Errand(_SEARCH_HINT, entered=take, cancelled=partial(take, "")))

    def to_time(self) -> None:
        """Have a time typed that is gone to."""
        if (view := self._screen.at_hand) is not None:
            self._screen.line.open(Errand(_TIME_HINT, entered=partial(self._tell, view.to_time)))

    def save(self) -> None:
        """Have a file named that what is shown is saved in."""
        if (view := self._screen.at_hand) is not None:
            self._screen.line.open(Errand(_SAVE_HINT, entered=partial(self._tell, view.save)))

    def _tell(self, do: Callable[[str], None], text: str) -> None:
        """Do what was typed; what cannot be read is told."""
        try:
            do(text)
        except UsageError as error:
            self._screen.notify(str(error), severity="warning", markup=False)

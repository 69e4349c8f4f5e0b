"""One view on the screen, and what can be asked of it whatever it shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from textual.containers import Horizontal
from textual.message import Message

from console.commands.command import Command
from console.fleet.model import Changes
from console.tui.targets import opened
from console.tui.views import View

if TYPE_CHECKING:
    from console.tui.app import QuarterdeckApp


@dataclass(frozen=True, slots=True)
class Memory:
    """What is kept of a view that was left.

    :param cursor: the key of the row the cursor was on.
    :param sort: by which column, and whether the other way round.
    :param hidden: titles of columns that were chosen not to be shown.
    """

    filtered: str = ""
    cursor: Any = None
    sort: tuple[str | None, bool] = (None, False)
    hidden: frozenset[str] = frozenset()


class Shown(Horizontal):
    """What stands between the header and the line of hints; its widget of the id `main` has the keys.

    A sort of view overrides what it can do; what it leaves alone does nothing.
    """

    DEFAULT_CSS = "Shown { height: 1fr; }"
    #: Whether there is anything to search in; every view can be filtered.
    CAN_SEARCH = False

    class StatusChanged(Message):
        """What `status` says may have changed."""

    def __init__(self, view: View) -> None:
        super().__init__()
        self.view = view
        #: The filter as it was typed; "" for none.
        self.filtered = ""

    @property
    def deck(self) -> QuarterdeckApp:
        return cast("QuarterdeckApp", self.app)

    @property
    def row(self) -> Any:
        """The host, unit, container or trouble that the cursor is on, if any."""
        return None

    @property
    def rows(self) -> list[Any]:
        """Those that are marked and shown, in their order; where none is, the one that the cursor is on."""
        return []

    @property
    def opens(self) -> View | None:
        """Where enter leads."""
        return opened(self.row)

    @property
    def pausing(self) -> Command | None:
        """What holds up what is shown, or has it go on; None: it is nothing that goes on."""
        return None

    def status(self) -> list[str]:
        """How much there is, and what is set: for the line under the header."""
        return []

    def take(self, batch: Changes) -> None:
        """Bring a batch of changes to the screen."""

    def tick(self) -> None:
        """Redraw what depends on the clock."""

    def set_filter(self, text: str) -> None:
        """Show only what `text` keeps; everything with "".

        :raises UsageError: it cannot be read; what was shown stays.
        """

    def set_search(self, text: str) -> None:
        """Go to what holds `text`, with all around it kept; "" ends it.

        :raises UsageError: it cannot be read.
        """

    def set_detail(self, wanted: bool) -> None:
        """Show the detail beside it where there is room, or never."""

    def set_log(self, wanted: bool) -> None:
        """Have the log of what the cursor is on beside it in place of the detail, as it comes."""

    def set_since(self, n: int) -> None:
        """Reach as far back as `SINCE[n]` says."""

    def memory(self) -> Memory:
        """What is to be kept when it is left."""
        return Memory(self.filtered)

    def recall(self, memory: Memory, *, again: bool) -> None:
        """Be as it was when it was left.

        :param again: it is come back to; else it is looked at anew, and nothing that hides rows is
            taken over.
        """
        if again and memory.filtered:
            self.set_filter(memory.filtered)

    def to_time(self, text: str) -> None:
        """Go to a time as it was typed.

        :raises UsageError: it is none.
        """

    def save(self, path: str) -> None:
        """Keep what is shown in a file.

        :raises UsageError: it cannot be written.
        """

    def next_hold(self) -> None:
        """Hold lines back for another time than now, so that those of many hosts are in order."""

    def clear_marks(self) -> bool:
        """Unmark everything; False if nothing was marked."""
        return False

    def again(self) -> None:
        """Ask again what was asked once."""

    def copy_text(self) -> str:
        """What the keyboard is about, as text for the clipboard."""
        return ""

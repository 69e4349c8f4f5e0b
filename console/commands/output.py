"""What a command gives back, whoever shows it: rows, changes of rows, and what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from console.commands.picture import Picture
    from console.commands.rows import RowKind
    from console.errors import HostError

R = TypeVar("R")


class Output(Protocol):
    """A face's ear. The command line writes tables or JSON; the terminal fills a screen."""

    def rows(self, kind: RowKind[R], rows: Iterable[R], missing: Iterable[HostError] = ()) -> None:
        """A whole list. `missing` are hosts that could not be asked: shown in it, counted as failed."""

    def listing(self, kind: RowKind[R]) -> AbstractContextManager[Callable[[R], None]]:
        """A list too long to hold: rows are added as they come, in their order."""

    def put(self, kind: RowKind[R], row: R) -> None:
        """A row is new or has changed."""

    def delete(self, kind: RowKind[R], row: R) -> None:
        """A row is gone; `row` is its last known value."""

    def picture(self, picture: Picture, changed: Set[str] | None = None) -> None:
        """The fleet now. `changed` names the hosts that moved, None for a single look."""

    def document(self, kind: RowKind[R], row: R) -> None:
        """One thing that is not a list: an object for scripts, `kind.text` for people."""

    def failed(self, error: HostError) -> None:
        """One target failed; the others go on. The exit code will say so."""

    def note(self, text: str) -> None:
        """Something a person should know; not data, not a failure."""

"""An `Output` between a command and the face: it hears what goes by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from console.commands.output import Output
    from console.commands.picture import Picture
    from console.commands.rows import RowKind
    from console.errors import HostError

R = TypeVar("R")


class Hearing:
    """Everything passes, and what failed is remembered. See `Output` for what each of these means."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self.failures: list[HostError] = []

    def rows(self, kind: RowKind[R], rows: Iterable[R], missing: Iterable[HostError] = ()) -> None:
        absent = list(missing)
        self.failures += absent
        self._out.rows(kind, rows, absent)

    def listing(self, kind: RowKind[R]) -> AbstractContextManager[Callable[[R], None]]:
        return self._out.listing(kind)

    def put(self, kind: RowKind[R], row: R) -> None:
        self._out.put(kind, row)

    def delete(self, kind: RowKind[R], row: R) -> None:
        self._out.delete(kind, row)

    def picture(self, picture: Picture, changed: Set[str] | None = None) -> None:
        self._out.picture(picture, changed)

    def document(self, kind: RowKind[R], row: R) -> None:
        self._out.document(kind, row)

    def failed(self, error: HostError) -> None:
        self.failures.append(error)
        self._out.failed(error)

    def note(self, text: str) -> None:
        self._out.note(text)


class WithoutNotes(Hearing):
    """Notes end here: for what is looked at once more, and was told before."""

    def note(self, text: str) -> None:
        del text

"""What a command gives back, as lines for a page of the screen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Set
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from console.commands.fitting import fit, safe_cell
from console.commands.rows import HOST, Cell, RowKind, Tone
from console.model.text import clean

if TYPE_CHECKING:
    from console.commands.picture import Picture
    from console.errors import HostError

R = TypeVar("R")
Lines = list[tuple[Cell, ...]]

#: More rows than this are counted, not shown: a list of the terminal is the place for them.
_MOST = 2_000


class PageOutput:
    """An `Output` that tells lines.

    :param told: takes lines as they come.
    """

    def __init__(self, told: Callable[[Lines], None]) -> None:
        self._told = told
        self._count = 0

    def rows(self, kind: RowKind[R], rows: Iterable[R], missing: Iterable[HostError] = ()) -> None:
        found = sorted(rows, key=kind.sort)
        if not kind.text and found:
            self._told(
                [tuple(Cell(_padded(column.title, column.width), Tone.FAINT) for column in kind.columns)]
            )
        for row in found:
            self._row(kind, row)
        if not found:
            self.note(f"no {kind.name} matches")
        for error in missing:
            self.failed(error)

    @contextmanager
    def listing(self, kind: RowKind[R]) -> Iterator[Callable[[R], None]]:
        yield lambda row: self._row(kind, row)

    def put(self, kind: RowKind[R], row: R) -> None:
        self._row(kind, row)

    def delete(self, kind: RowKind[R], row: R) -> None:
        self.note(f"gone: {' '.join(kind.key(row))}")

    def picture(self, picture: Picture, changed: Set[str] | None = None) -> None:
        self.rows(HOST, picture.hosts)

    def document(self, kind: RowKind[R], row: R) -> None:
        self._row(kind, row)

    def failed(self, error: HostError) -> None:
        self._told([(Cell(f"✖ {clean(str(error))}", Tone.BAD),)])

    def note(self, text: str) -> None:
        self._told([(Cell(clean(text), Tone.FAINT),)])

    def _row(self, kind: RowKind[R], row: R) -> None:
        self._count += 1
        if self._count == _MOST:
            self.note("… and more: the lists of the terminal have them all")
        if self._count >= _MOST:
            return
        if kind.text:
            self._told(kind.text(row))
            return
        cells = ((safe_cell(column.cell(row)), column) for column in kind.columns)
        self._told([tuple(Cell(_padded(cell.text, column.width), cell.tone) for cell, column in cells)])


def _padded(text: str, width: int) -> str:
    return fit(text, width)

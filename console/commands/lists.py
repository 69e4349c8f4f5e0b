"""The rows of one kind as a view shows them: filtered, sorted, and kept so by what changed.

Pure: the rows come from a look-up, the changes from whoever reads the model's feed. One changed row
of ten thousand costs microseconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Generic, TypeVar

from console.commands.filters import SEPARATOR, Filter
from console.commands.rows import Column, RowKind
from console.commands.sorted_keys import SortedKeys
from console.errors import UsageError
from console.model.host import Host
from console.model.text import clean

K = TypeVar("K")
R = TypeVar("R")

_NUMBER = re.compile(r"(-?\d+(?:\.\d+)?)%?")


@dataclass(frozen=True, slots=True)
class Update(Generic[K]):
    """What an update did to what is shown.

    :param moved: whether rows came, went or may have changed places.
    :param touched: the rows shown that are not what they were.
    """

    moved: bool
    touched: set[K]


class _Descending:
    """A value that sorts the other way round."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: _Descending) -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and bool(self.value == other.value)

    def __hash__(self) -> int:
        return hash(self.value)


class LiveList(Generic[K, R]):
    """Rows of one kind, in the order and through the filter that a view wants.

    It holds the rows as they were at the last update, so that what is drawn and what is counted agree
    however far the model has moved on.

    :param look_up: the present row of a key; None once it is gone.
    :param wanted: whether a row belongs on this list at all, before any filter.
    :param columns: what is searched and sorted by; the kind's own by default.
    :param host: the host of a name, for filters by label; the first part of a row's key is the name.
    """

    def __init__(
        self,
        kind: RowKind[R],
        look_up: Callable[[K], R | None],
        *,
        wanted: Callable[[R], bool] = lambda row: True,
        columns: Sequence[Column[R]] | None = None,
        host: Callable[[str], Host | None] | None = None,
    ) -> None:
        self.kind = kind
        self.columns: tuple[Column[R], ...] = tuple(kind.columns if columns is None else columns)
        self._look_up = look_up
        self._wanted = wanted
        self._host = host
        self._rows: dict[K, R] = {}
        self._places: dict[K, Any] = {}
        self._texts: dict[K, str] = {}  # as the filter wants them; made when it first asks
        self._verdicts: dict[str, tuple[Host | None, bool]] = {}
        self._folds = True
        self._filter: Filter | None = None
        self._text_test: Callable[[str], bool] | None = None
        self._column: Column[R] | None = None
        self._reverse = False
        self._all: SortedKeys[K] = SortedKeys()
        self._shown = self._all  # the same object while nothing is filtered

    # -- reading ----------------------------------------------------------------------------

    @property
    def keys(self) -> Sequence[K]:
        """What is shown, in order."""
        return self._shown.keys

    def __len__(self) -> int:
        return len(self._shown.keys)

    @property
    def total(self) -> int:
        """How many rows there are before the filter."""
        return len(self._rows)

    def row(self, index: int) -> R:
        """The row at a place in `keys`."""
        return self._rows[self._shown.keys[index]]

    def get(self, key: K) -> R | None:
        """The row of a key, shown or filtered out; None if the list does not have it."""
        return self._rows.get(key)

    def index(self, key: K) -> int | None:
        """Where a key is shown; None if it is not."""
        place = self._places.get(key)
        return None if place is None else self._shown.index(place)

    @property
    def filter(self) -> Filter | None:
        return self._filter

    @property
    def sort(self) -> tuple[str | None, bool]:
        """The title of the column it is sorted by, None for the kind's own order; and whether in reverse."""
        return (self._column.title if self._column else None), self._reverse

    # -- being told -------------------------------------------------------------------------

    def update(self, changed: Iterable[K], hosts: Collection[str] = ()) -> Update[K]:
        """Look up what changed, and put it where it belongs now.

        :param hosts: names of hosts that changed, whose labels or state a filter may go by.
        """
        todo = set(changed)
        todo.update(self._rows_of(self._flipped(hosts)))
        gone: list[Any] = []
        come: list[tuple[Any, K]] = []
        left: list[Any] = []
        entered: list[tuple[Any, K]] = []
        touched: set[K] = set()
        filtered = self._shown is not self._all
        for key in todo:
            old, before = self._rows.get(key), self._places.get(key)
            was_shown = before is not None and (not filtered or self._shown.index(before) is not None)
            row, after = self._take(key, old, before)
            is_shown = row is not None and (not filtered or self._keeps(key, row))
            if is_shown and (not was_shown or row != old):
                touched.add(key)
            moved = before != after
            if moved and before is not None:
                gone.append(before)
            if moved and after is not None:
                come.append((after, key))
            if was_shown and (moved or not is_shown):
                left.append(before)
            if is_shown and (moved or not was_shown):
                entered.append((after, key))
        self._all.change(gone, come)
        if filtered:
            self._shown.change(left, entered)
        return Update(bool(left or entered), touched)

    def _take(self, key: K, old: R | None, before: Any) -> tuple[R | None, Any]:
        """Read a row anew; the row and its place."""
        row = self._look_up(key)
        if row is not None and self._wanted(row):
            if row == old:
                return old, before
            self._rows[key] = row
            self._texts.pop(key, None)
            after = self._places[key] = self._place(row)
            return row, after
        self._rows.pop(key, None)
        self._texts.pop(key, None)
        self._places.pop(key, None)
        return None, None

    def set_filter(self, wanted: Filter | None) -> None:
        """Show only what `wanted` keeps; None, or a filter without a word, shows all.

        :raises UsageError: it selects by labels, and these rows are of no host.
        """
        if wanted is not None and wanted.selector is not None and self._host is None:
            raise UsageError("these rows have no labels", hint="filter by text")
        self._filter = wanted or None
        self._text_test = wanted.text_test() if wanted and wanted.by_text else None
        self._verdicts.clear()
        folds = wanted is None or wanted.folds
        if folds is not self._folds:
            self._folds = folds
            self._texts.clear()
        self._sift()

    def set_sort(self, title: str | None, reverse: bool = False) -> None:
        """Sort by a column, or by the kind's own order; rows where it is empty stay last in reverse too.

        :raises UsageError: there is no such column.
        """
        column = next((column for column in self.columns if column.title == title), None)
        if title is not None and column is None:
            raise UsageError(
                f"no column {clean(title, 40)!r}",
                hint="one of " + ", ".join(column.title for column in self.columns),
            )
        self._column, self._reverse = column, reverse
        self._places = {key: self._place(row) for key, row in self._rows.items()}
        self._all = SortedKeys(self._in_order())
        self._sift()

    # -- filtering --------------------------------------------------------------------------

    def _sift(self) -> None:
        if self._filter is None:
            self._shown = self._all
        else:
            rows = self._rows
            self._shown = self._all.only(lambda key: self._keeps(key, rows[key]))

    def _keeps(self, key: K, row: R) -> bool:
        if self._text_test is not None:
            text = self._texts.get(key)
            if text is None:
                text = self._texts[key] = self._text(row)
            return self._text_test(text)
        return self._filter is None or self._selected(self.kind.key(row)[0])

    def _text(self, row: R) -> str:
        texts = []
        for column in self.columns:
            if not column.ticks:
                cell = column.cell(row)
                text = cell if isinstance(cell, str) else cell.text
                texts.append(text if text.isprintable() else clean(text))
        whole = SEPARATOR.join(texts)
        return whole.casefold() if self._folds else whole

    def _selected(self, name: str) -> bool:
        host = self._host(name) if self._host else None
        known = self._verdicts.get(name)
        if known is None or known[0] is not host:
            known = (host, self._filter is not None and self._filter.matches("", host))
            self._verdicts[name] = known
        return known[1]

    def _flipped(self, hosts: Collection[str]) -> set[str]:
        """Those of `hosts` whose rows a filter by label now treats otherwise."""
        if self._filter is None or self._filter.selector is None:
            return set()
        before = {name: self._verdicts[name][1] for name in hosts if name in self._verdicts}
        return {name for name, verdict in before.items() if self._selected(name) is not verdict}

    def _rows_of(self, hosts: set[str]) -> Iterable[K]:
        if not hosts:
            return ()
        return [key for key, row in self._rows.items() if self.kind.key(row)[0] in hosts]

    # -- sorting ----------------------------------------------------------------------------

    def _place(self, row: R) -> Any:
        """What the row sorts by: the column, then the kind's own order, then its key, which none shares."""
        order = self.kind.sort(row)
        # One flat tuple: what compares it does not go down a level for each part.
        own = (*order, *self.kind.key(row)) if isinstance(order, tuple) else (order, *self.kind.key(row))
        if self._column is None:
            return _Descending(own) if self._reverse else own
        value = _value(self._column, row)
        if value is None:
            return (True, 0, own)
        return (False, _Descending(value) if self._reverse else value, own)

    def _in_order(self) -> list[tuple[Any, K]]:
        # Stable sorts of bare values: several times faster than one that compares whole places.
        entries = [(place, key) for key, place in self._places.items()]
        if self._column is None and not self._reverse:
            entries.sort(key=itemgetter(0))
        elif self._column is None:
            entries.sort(key=lambda entry: entry[0].value, reverse=True)
        else:
            entries.sort(key=lambda entry: entry[0][2])
            full = [entry for entry in entries if not entry[0][0]]
            empty = [entry for entry in entries if entry[0][0]]
            if self._reverse:
                full.sort(key=lambda entry: entry[0][1].value, reverse=True)
            else:
                full.sort(key=lambda entry: entry[0][1])
            entries = full + empty
        return entries


def _value(column: Column[R], row: R) -> Any:
    """What a row sorts by in a column; None where it is empty."""
    if column.order is not None:
        return column.order(row)
    cell = column.cell(row)
    text = (cell if isinstance(cell, str) else cell.text).strip()
    if not text:
        return None
    number = _NUMBER.fullmatch(text)
    return (0, float(number[1])) if number else (1, text.casefold())

"""Keys in the order of their places: what a list that is kept sorted is made of."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any, Generic, TypeVar

K = TypeVar("K")

_place = itemgetter(0)


class SortedKeys(Generic[K]):
    """Keys, each at its place: a value that is comparable to the others and equal to none of them."""

    def __init__(self, entries: Iterable[tuple[Any, K]] = ()) -> None:
        """:param entries: places and keys, in order already."""
        self._places: list[Any] = []
        self.keys: list[K] = []
        for place, key in entries:
            self._places.append(place)
            self.keys.append(key)

    def index(self, place: Any) -> int | None:
        """Where the key of `place` is; None if there is none."""
        index = bisect_left(self._places, place)
        return index if index < len(self._places) and self._places[index] == place else None

    def only(self, wanted: Callable[[K], bool]) -> SortedKeys[K]:
        """Those keys of these that are wanted."""
        return SortedKeys(
            (place, key) for place, key in zip(self._places, self.keys, strict=True) if wanted(key)
        )

    def change(self, gone: Sequence[Any], come: Sequence[tuple[Any, K]]) -> None:
        """Take out the keys of the places `gone`, which must be here, and put in those that come.

        A few find their places by bisection; many are sorted in at once.
        """
        if len(gone) + len(come) > 32 + len(self.keys) // 10:
            self._merge(gone, come)
            return
        for place in gone:
            index = bisect_left(self._places, place)
            del self._places[index]
            del self.keys[index]
        for place, key in come:
            index = bisect_left(self._places, place)
            self._places.insert(index, place)
            self.keys.insert(index, key)

    def _merge(self, gone: Sequence[Any], come: Sequence[tuple[Any, K]]) -> None:
        leaving = {bisect_left(self._places, place) for place in gone}
        pairs = zip(self._places, self.keys, strict=True)
        entries = [pair for index, pair in enumerate(pairs) if index not in leaving]
        # What was sorted stays so: the sort takes it as one run and only merges.
        entries += sorted(come, key=_place)
        entries.sort(key=_place)
        self._places = [place for place, _ in entries]
        self.keys = [key for _, key in entries]

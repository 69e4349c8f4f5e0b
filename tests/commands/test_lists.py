"""A list kept up to date by what changed is the list one would make from scratch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.commands.filters import SEPARATOR, Filter
from console.commands.lists import LiveList, Update
from console.commands.rows import Cell, Column, RowKind
from console.commands.sorted_keys import SortedKeys
from console.errors import UsageError
from console.model.host import Host
from console.model.state import State, Status

Key = tuple[str, str]


@dataclass(frozen=True)
class Row:
    host: str
    name: str
    text: str = ""
    size: int | None = None


KIND: RowKind[Row] = RowKind(
    "row",
    lambda row: (row.host, row.name),
    lambda row: {},
    (
        Column("HOST", lambda row: row.host),
        Column("NAME", lambda row: row.name),
        Column("TEXT", lambda row: Cell(row.text)),
        Column("SIZE", lambda row: "" if row.size is None else f"{row.size}%"),
        Column("AGE", lambda row: "9s", order=lambda row: row.size, ticks=True),
    ),
    lambda row: (row.host, row.name),
)
TITLES = (None, "HOST", "NAME", "TEXT", "SIZE", "AGE")


class Fleet:
    """Stands in for the model: rows and hosts that change under the list."""

    def __init__(self) -> None:
        self.rows: dict[Key, Row] = {}
        self.hosts = {name: self.host(name, "a") for name in "xyz"}

    @staticmethod
    def host(name: str, zone: str) -> Host:
        return Host(name, name, {"zone": zone}, Status(State.LIVE, datetime(2026, 1, 1, tzinfo=UTC)))

    def put(self, *rows: Row) -> set[Key]:
        self.rows |= {(row.host, row.name): row for row in rows}
        return {(row.host, row.name) for row in rows}

    def list(self) -> LiveList[Key, Row]:
        return LiveList(KIND, self.rows.get, wanted=lambda row: row.text != "unwanted", host=self.hosts.get)


def from_scratch(fleet: Fleet, shown: Filter | None, title: str | None, reverse: bool) -> list[Key]:
    """The slow and plain way to the same list."""

    def kept(row: Row) -> bool:
        text = SEPARATOR.join((row.host, row.name, row.text, "" if row.size is None else f"{row.size}%"))
        return row.text != "unwanted" and (shown is None or shown.matches(text, fleet.hosts.get(row.host)))

    def value(row: Row) -> object:
        values = {"HOST": row.host, "NAME": row.name, "TEXT": row.text, "SIZE": row.size, "AGE": row.size}
        found = values[title or ""]
        if title in ("HOST", "NAME", "TEXT") and isinstance(found, str):
            number = found.rstrip("%")
            return (0, float(number)) if number.isdigit() else (1, found) if found else None
        return found

    rows = sorted((row for row in fleet.rows.values() if kept(row)), key=lambda row: (row.host, row.name))
    if title is None:
        return [(row.host, row.name) for row in (reversed(rows) if reverse else rows)]
    full = sorted((row for row in rows if value(row) is not None), key=value, reverse=reverse)  # type: ignore[arg-type]
    return [(row.host, row.name) for row in (*full, *(row for row in rows if value(row) is None))]


_rows = st.builds(
    Row,
    st.sampled_from("xyz"),
    st.sampled_from([f"n{n}" for n in range(12)]),
    st.sampled_from(["", "unwanted", "up", "down", "7", "12"]),
    st.none() | st.integers(0, 20),
)
_filters = st.sampled_from(
    [None, *map(Filter.parse, ["", "u", "!u", "x", "-f dn", "-l zone=a", "-l x", "-l zone!=a"])]
)
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.lists(_rows, max_size=60)),
        st.tuples(st.just("drop"), st.lists(_rows, max_size=20)),
        st.tuples(st.just("host"), st.tuples(st.sampled_from("xyz"), st.sampled_from("ab"))),
        st.tuples(st.just("filter"), _filters),
        st.tuples(st.just("sort"), st.tuples(st.sampled_from(TITLES), st.booleans())),
    ),
    max_size=12,
)


@given(_steps)
@settings(max_examples=300, deadline=None)
def test_what_is_kept_up_to_date_equals_what_is_made_from_scratch(steps: list[tuple[str, object]]) -> None:
    fleet = Fleet()
    live = fleet.list()
    shown: Filter | None = None
    sort: tuple[str | None, bool] = (None, False)
    for step, what in steps:
        before = {key: live.get(key) for key in live.keys}
        order = list(live.keys)
        update: Update[Key] | None = None
        match step, what:
            case "put", list(rows):
                update = live.update(fleet.put(*rows))
            case "drop", list(rows):
                keys = {(row.host, row.name) for row in rows}
                for key in keys:
                    fleet.rows.pop(key, None)
                update = live.update(keys)
            case "host", (str(name), str(zone)):
                fleet.hosts[name] = fleet.host(name, zone)
                update = live.update((), {name})
            case "filter", (Filter() | None) as shown:
                live.set_filter(shown)
            case "sort", (title, bool(reverse)):
                assert title is None or isinstance(title, str)
                sort = (title, reverse)
                live.set_sort(*sort)
        assert list(live.keys) == from_scratch(fleet, shown, *sort)
        assert [live.index(key) for key in live.keys] == list(range(len(live)))
        assert [live.row(index) for index in range(len(live))] == [fleet.rows[key] for key in live.keys]
        assert live.total == sum(row.text != "unwanted" for row in fleet.rows.values())
        if update is not None:
            assert update.moved or order == list(live.keys)
            assert update.touched == {key for key in live.keys if before.get(key) != live.get(key)}


@given(st.sets(st.integers(0, 400)), st.sets(st.integers(0, 400)), st.sets(st.integers(0, 400)))
def test_a_few_and_many_changes_come_to_the_same_order(
    first: set[int], drop: set[int], more: set[int]
) -> None:
    keys = SortedKeys((place, str(place)) for place in sorted(first))
    gone = sorted(first & drop)
    come = [(place, str(place)) for place in more - (first - drop)]
    keys.change(gone, come)
    expected = sorted((first - drop) | more)
    assert keys.keys == [str(place) for place in expected]
    assert [keys.index(place) for place in expected] == list(range(len(expected)))
    assert keys.index(401) is None


def test_a_row_that_is_what_it_was_is_not_touched() -> None:
    fleet = Fleet()
    live = fleet.list()
    keys = fleet.put(Row("x", "a", "up"), Row("x", "b", "up"))
    assert live.update(keys).touched == keys
    fleet.rows["x", "a"] = replace(fleet.rows["x", "a"])
    fleet.rows["x", "b"] = replace(fleet.rows["x", "b"], text="down")
    update = live.update(keys)
    assert (update.moved, update.touched) == (False, {("x", "b")})


def test_the_list_shows_what_it_was_last_told_and_not_what_the_model_has_since_become() -> None:
    fleet = Fleet()
    live = fleet.list()
    live.update(fleet.put(Row("x", "a", "up")))
    del fleet.rows["x", "a"]
    assert live.row(0) == Row("x", "a", "up")
    assert live.update({("x", "a")}).moved
    assert len(live) == 0


def test_nothing_is_found_in_a_text_that_changes_with_the_clock() -> None:
    fleet = Fleet()
    live = fleet.list()
    live.update(fleet.put(Row("x", "a")))
    live.set_filter(Filter.parse("9s"))
    assert (len(live), live.total) == (0, 1)


def test_numbers_sort_as_numbers_and_empty_cells_stay_last() -> None:
    fleet = Fleet()
    live = fleet.list()
    live.update(fleet.put(Row("x", "a", size=10), Row("x", "b", size=9), Row("x", "c")))
    live.set_sort("SIZE")
    assert [name for _, name in live.keys] == ["b", "a", "c"]
    live.set_sort("SIZE", reverse=True)
    assert [name for _, name in live.keys] == ["a", "b", "c"]
    assert live.sort == ("SIZE", True)


def test_what_it_cannot_sort_or_select_by_is_told() -> None:
    fleet = Fleet()
    with pytest.raises(UsageError, match="no column 'COLOUR'"):
        fleet.list().set_sort("COLOUR")
    without_hosts: LiveList[Key, Row] = LiveList(KIND, fleet.rows.get)
    with pytest.raises(UsageError, match="no labels"):
        without_hosts.set_filter(Filter.parse("-l zone=a"))

"""The export format, as journalctl writes it and as a hostile host might."""

from __future__ import annotations

import contextlib
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.hosts.export_format import (
    ENTRY_LIMIT,
    FIELD_LIMIT,
    FIELDS_LIMIT,
    Entry,
    ExportError,
    ExportParser,
    Fields,
)

CURSOR = b"__CURSOR=s=00;i=1;b=00;m=1;t=1;x=1\n"


def text(name: bytes, value: bytes) -> bytes:
    return name + b"=" + value + b"\n"


def binary(name: bytes, value: bytes) -> bytes:
    return name + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"


def serialised(fields: Fields) -> bytes:
    """As journald's writer does it: binary where a value is not printable text."""
    out = bytearray()
    for name, values in fields.items():
        for value in values if isinstance(values, list) else [values]:
            try:
                plain = all(c == "\t" or c >= " " for c in value.decode())
            except UnicodeDecodeError:
                plain = False
            out += text(name, value) if plain else binary(name, value)
    return bytes(out + b"\n")


def parsed(stream: bytes, *, piece: int = 65536, parser: ExportParser | None = None) -> list[Entry]:
    parser = parser or ExportParser()
    return [e for i in range(0, len(stream), piece) for e in parser.feed(stream[i : i + piece])]


names = st.from_regex(r"\A(?!__)[A-Z_][A-Z0-9_]{0,63}\Z").map(str.encode)
values = st.one_of(
    st.text(max_size=40).map(str.encode),
    st.binary(max_size=40),
    st.sampled_from([b"", b"\n", b"\n\n", b"\n\nMESSAGE=no\n\n", b"a=b", b"\n__CURSOR=x\n", b"\x1b[m"]),
)
bodies = st.dictionaries(names, st.one_of(values, st.lists(values, min_size=2, max_size=4)), max_size=6)
entries = bodies.map(lambda body: {b"__CURSOR": b"s=1;i=2", b"__REALTIME_TIMESTAMP": b"3"} | body)


@settings(max_examples=300, deadline=None)
@given(st.lists(entries, max_size=6), st.lists(st.integers(1, 60), max_size=80))
def test_entries_come_back_the_same_however_the_stream_is_cut(wanted: list[Fields], cuts: list[int]) -> None:
    stream = b"".join(serialised(fields) for fields in wanted)
    parser = ExportParser()
    got: list[Entry] = []
    for size in cuts:
        got += parser.feed(stream[:size])
        stream = stream[size:]
    got += parser.feed(stream)
    assert [entry.fields for entry in got] == wanted
    assert not any(entry.cut for entry in got)
    assert not parser.pending


@settings(max_examples=200, deadline=None)
@given(st.lists(entries, min_size=1, max_size=4), st.binary(min_size=1, max_size=30), st.data())
def test_damage_is_an_error_or_an_entry_but_never_another_exception(
    wanted: list[Fields], damage: bytes, data: st.DataObject
) -> None:
    stream = b"".join(serialised(fields) for fields in wanted)
    at = data.draw(st.integers(0, len(stream)))
    damaged = stream[:at] + damage + stream[at + len(damage) :]
    with contextlib.suppress(ExportError):
        assert all(entry.fields for entry in parsed(damaged, piece=7))


def test_each_entry_is_given_as_soon_as_its_blank_line_came() -> None:
    parser = ExportParser()
    assert parser.feed(CURSOR + b"MESSAGE=one\n") == []
    assert parser.pending
    (entry,) = parser.feed(b"\n")
    assert entry.first(b"MESSAGE") == b"one"
    assert not parser.pending


@pytest.mark.parametrize("piece", [1, 3, 1000])
def test_a_blank_line_within_a_binary_field_does_not_end_the_entry(piece: int) -> None:
    value = b"one\n\nMESSAGE=two\n\n__CURSOR=three\n\n"
    stream = CURSOR + binary(b"MESSAGE", value) + b"PRIORITY=6\n\n" + CURSOR + b"MESSAGE=next\n\n"
    first, second = parsed(stream, piece=piece)
    assert first.first(b"MESSAGE") == value
    assert first.first(b"PRIORITY") == b"6"
    assert second.first(b"MESSAGE") == b"next"


def test_a_repeated_field_is_a_list_in_order() -> None:
    (entry,) = parsed(CURSOR + b"A=1\nB=x\nA=2\n" + binary(b"A", b"\x003") + b"\n")
    assert entry.fields[b"A"] == [b"1", b"2", b"\x003"]
    assert entry.first(b"A") == b"1"
    assert not entry.cut


@pytest.mark.parametrize("rest", [b"MESSAGE=whole\n", b"MESSAGE=a\nMESSAGE=b\n"])
def test_an_entry_journalctl_gave_up_ends_where_the_next_begins(rest: bytes) -> None:
    first, second = parsed(CURSOR + b"MESSAGE=half\n" + CURSOR.replace(b"i=1", b"i=2") + rest + b"\n")
    assert (first.first(b"MESSAGE"), first.cut) == (b"half", True)
    assert second.first(b"__CURSOR") == b"s=00;i=2;b=00;m=1;t=1;x=1"
    assert not second.cut


def test_unknown_meta_fields_are_skipped_and_the_known_kept() -> None:
    stream = CURSOR + b"__SEQNUM=7\n__NEW_IN_260=x\nMESSAGE=m\n\n"
    for entry in parsed(stream * 2) + parsed((CURSOR + binary(b"__NEW", b"\n\n") + b"MESSAGE=m\n\n") * 2):
        assert b"__SEQNUM" in entry.fields or len(entry.fields) == 2
        assert not [name for name in entry.fields if name.startswith(b"__NEW")]


def test_blank_lines_between_entries_mean_nothing() -> None:
    assert len(parsed(b"\n\n\n" + CURSOR + b"\n\n\n" + CURSOR + b"\n", piece=2)) == 2


@pytest.mark.parametrize("piece", [65536, 1 << 22])
@pytest.mark.parametrize("write", [text, binary])
def test_a_value_over_the_limit_is_cut_and_the_stream_stays_in_step(write: object, piece: int) -> None:
    assert callable(write)
    long = b"x" * (FIELD_LIMIT + 3)
    first, second = parsed(CURSOR + write(b"MESSAGE", long) + b"A=1\n\n" + CURSOR + b"A=2\n\n", piece=piece)
    assert first.cut
    assert first.first(b"MESSAGE") == long[:FIELD_LIMIT]
    assert first.first(b"A") == b"1"
    assert (second.first(b"A"), second.cut) == (b"2", False)


def test_a_megabyte_line_within_the_limit_is_whole() -> None:
    line = b"y" * FIELD_LIMIT
    (entry,) = parsed(CURSOR + text(b"MESSAGE", line) + b"\n")
    assert entry.first(b"MESSAGE") == line
    assert not entry.cut


def test_an_entry_keeps_no_more_than_its_limits() -> None:
    many = b"".join(b"F%d=%s\n" % (i, b"z" * 1000) for i in range(2 * ENTRY_LIMIT // 1000))
    first, second = parsed(CURSOR + many + b"\n" + CURSOR + b"A=2\n\n")
    assert first.cut
    assert sum(map(len, first.fields.values())) <= ENTRY_LIMIT
    assert len(first.fields) <= FIELDS_LIMIT
    assert second.fields.keys() == {b"__CURSOR", b"A"}


def test_an_endless_line_or_value_costs_no_more_memory_than_the_limits() -> None:
    size = 4 * FIELD_LIMIT
    for stream in (b"MESSAGE=", b"MESSAGE\n" + (700 * 1024 * 1024).to_bytes(8, "little")):
        parser = ExportParser()
        parser.feed(CURSOR + stream)
        piece = b"x" * 65536
        tracemalloc.start()
        try:
            for _ in range(16 * size // len(piece)):
                assert parser.feed(piece) == []
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < size
        assert parser.pending


@pytest.mark.parametrize(
    ("stream", "offset"),
    [
        (b"\x00\x01\x02\n\n", 0),
        (b"lower=1\n\n", 0),
        (CURSOR + b"two words\n\n", len(CURSOR)),
        (CURSOR + b"=x\n\n", len(CURSOR)),
        (CURSOR + b"\n" + b"-- No entries --\n\n", len(CURSOR) + 1),
        (CURSOR + b"MESSAGE\n" + (1 << 63).to_bytes(8, "little") + b"x" * 66_000, len(CURSOR) + 8),
        (CURSOR + b"MESSAGE\n" + (1).to_bytes(8, "little") + b"xy\n\n", len(CURSOR) + 17),
        (CURSOR + b"A" * 65 + b"=1\n\n", len(CURSOR)),
        (CURSOR + b"x" * 66_000 + b"\n", len(CURSOR)),
    ],
)
@pytest.mark.parametrize("piece", [7, 65536])
def test_what_is_not_the_format_is_an_error_that_says_where(stream: bytes, offset: int, piece: int) -> None:
    with pytest.raises(ExportError) as caught:
        parsed(stream, piece=piece)
    assert caught.value.offset == offset


def test_new_names_without_end_do_not_grow_the_memory_of_names() -> None:
    parser = ExportParser()
    for i in range(3 * FIELDS_LIMIT):
        (entry,) = parser.feed(CURSOR + b"N%d=1\n\n" % i)
        assert entry.fields[b"N%d" % i] == b"1"
    assert len(parser._known) <= FIELDS_LIMIT

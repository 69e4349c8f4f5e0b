"""A long line that a container engine cut is one line again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from console.hosts.export_format import FIELD_LIMIT, Entry
from console.hosts.journal_partials import Partials
from console.hosts.journal_record import record
from console.model.log import LogRecord

ID = b"4f5e" * 16
Fields = dict[bytes, bytes]


def part(message: bytes, number: int, **fields: bytes) -> Entry:
    meta = {
        b"__CURSOR": b"s=98a1;i=%x;b=ab0f;m=1;t=1;x=1" % number,
        b"__REALTIME_TIMESTAMP": b"%d" % (1_700_000_000_000_000 + number),
        b"MESSAGE": message,
        b"CONTAINER_NAME": b"api",
        b"CONTAINER_ID_FULL": ID,
        b"PRIORITY": b"6",
    }
    return Entry({**meta, **{name.encode(): value for name, value in fields.items()}})


def docker(message: bytes, number: int, ordinal: int, *, last: bool = False, line: bytes = b"L1") -> Entry:
    more = {} if last else {"CONTAINER_PARTIAL_MESSAGE": b"true"}
    return part(message, number, CONTAINER_PARTIAL_ID=line, CONTAINER_PARTIAL_ORDINAL=b"%d" % ordinal, **more)


def podman(message: bytes, number: int, *, more: bool, priority: bytes = b"6") -> Entry:
    fields = {"CONTAINER_PARTIAL_MESSAGE": b"true"} if more else {}
    return part(message, number, PRIORITY=priority, **fields)


def taken(partials: Partials, entries: Sequence[Entry]) -> list[LogRecord]:
    return [line for entry in entries for line in partials.take(entry, record("web1", entry))]


def test_dockers_parts_are_one_line_at_the_place_of_the_last() -> None:
    entries = [docker(b"one ", 1, 1), docker(b"two ", 2, 2), docker(b"three", 3, 3, last=True)]
    (line,) = taken(Partials(), entries)
    assert (line.message, line.cut, line.seqnum) == ("one two three", False, 3)


def test_podmans_parts_are_joined_with_the_next_entry_of_the_same_stream() -> None:
    entries = [
        podman(b"out 1 ", 1, more=True),
        podman(b"err", 2, more=False, priority=b"3"),
        podman(b"out 2\n", 3, more=False),
    ]
    assert [line.message for line in taken(Partials(), entries)] == ["err", "out 1 out 2"]


def test_lines_of_others_are_not_held_up_and_keep_their_order() -> None:
    entries = [
        docker(b"a", 1, 1),
        docker(b"x", 2, 1, line=b"L2"),
        part(b"between", 3),
        docker(b"y", 4, 2, last=True, line=b"L2"),
        docker(b"b", 5, 2, last=True),
    ]
    partials = Partials()
    assert [line.message for line in taken(partials, entries)] == ["between", "xy", "ab"]
    assert not partials.holding


def test_what_claims_to_be_a_part_of_anothers_line_is_not_made_one() -> None:
    """The container is docker's word in one entry and a user's in the other."""
    trusted = {"_UID": b"0", "_COMM": b"dockerd", "_SYSTEMD_UNIT": b"docker.service", "_PID": b"7"}
    begun = part(b"pay 5 to ", 1, CONTAINER_PARTIAL_ID=b"L", CONTAINER_PARTIAL_MESSAGE=b"true", **trusted)
    forged = part(b"mallory", 2, CONTAINER_PARTIAL_ID=b"L", _UID=b"1000", _SYSTEMD_UNIT=b"evil.service")
    ended = part(b"alice", 3, CONTAINER_PARTIAL_ID=b"L", **trusted)
    lines = taken(Partials(), [begun, forged, ended])
    assert [(line.message, line.trusted) for line in lines] == [("mallory", False), ("pay 5 to alice", True)]


@pytest.mark.parametrize("ordinal", [1, 4])
def test_a_line_without_its_end_or_its_beginning_is_marked_as_cut(ordinal: int) -> None:
    partials = Partials()
    assert taken(partials, [docker(b"begun", 1, ordinal)]) == []
    assert [(line.message, line.cut) for line in partials.flush()] == [("begun", True)]
    assert list(partials.flush()) == []
    (end,) = taken(partials, [docker(b"the end", 2, ordinal + 1, last=True)])
    assert (end.message, end.cut) == ("the end", True)


def test_a_prompt_that_nothing_follows_is_not_held_while_others_go_on() -> None:
    partials = Partials()
    waiting = docker(b"password: ", 1, 1)
    soon, later = part(b"soon", 1_000_000, CONTAINER_NAME=b"db"), part(b"later", 3_000_000)
    assert [line.message for line in taken(partials, [waiting, soon])] == ["soon"]
    assert [(line.message, line.cut) for line in taken(partials, [later])] == [
        ("password: ", True),
        ("later", False),
    ]


def test_bytes_that_were_split_within_a_character_are_whole_again() -> None:
    word = "größer".encode()
    (line,) = taken(Partials(), [docker(word[:3], 1, 1), docker(word[3:], 2, 2, last=True)])
    assert (line.message, line.raw) == ("größer", None)


def test_a_line_that_never_ends_takes_bounded_memory() -> None:
    entries = [docker(b"x" * 16384, n, n) for n in range(1, 200)]
    (line,) = taken(Partials(), [*entries, docker(b"end", 200, 200, last=True)])
    assert line.raw is not None
    assert len(line.raw) == FIELD_LIMIT
    assert line.cut


def test_many_lines_that_never_end_are_given_out_as_far_as_they_came() -> None:
    partials = Partials()
    begun = taken(partials, [docker(b"x", n, 1, line=b"L%d" % n) for n in range(1000)])
    assert len(begun) == 1000 - 256
    assert all(line.cut for line in begun)

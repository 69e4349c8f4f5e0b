"""The limit on what a host may send: lengths are followed however the bytes are cut."""

from __future__ import annotations

import struct

import pytest
from dbus_fast import Message, MessageType
from hypothesis import given
from hypothesis import strategies as st

from console.hosts.bus_guard import FrameError, FrameGuard
from tests.hosts.bus_peer import encoded

HANDSHAKE = b"DATA\r\nOK 0123456789abcdef\r\n"


def message(text: str, big_endian: bool = False) -> bytes:
    data = encoded(
        Message(
            path="/a",
            interface="a.b",
            member="C",
            signature="s",
            body=[text],
            message_type=MessageType.SIGNAL,
        )
    )
    if not big_endian:
        return data
    # Only the lengths are read, so only they have to be turned round.
    body, serial, fields = struct.unpack_from("<III", data, 4)
    return b"B" + data[1:4] + struct.pack(">III", body, serial, fields) + data[16:]


sendable = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)


def feed_cut(guard: FrameGuard, data: bytes, cuts: list[int]) -> None:
    """Feed the first so many bytes, then the next so many, and the rest at last."""
    for cut in cuts:
        guard.feed(data[:cut])
        data = data[cut:]
    guard.feed(data)


@given(
    st.lists(st.tuples(sendable, st.booleans()), max_size=6),
    st.lists(st.integers(min_value=1, max_value=64), max_size=60),
)
def test_whole_messages_pass_however_they_are_cut(texts: list[tuple[str, bool]], cuts: list[int]) -> None:
    data = HANDSHAKE + b"".join(message(*text) for text in texts)
    feed_cut(FrameGuard(limit=1000), data, cuts)


@given(
    st.lists(sendable, max_size=4),
    st.lists(st.integers(min_value=1, max_value=200), max_size=20),
)
def test_a_message_too_long_is_seen_however_it_is_cut(texts: list[str], cuts: list[int]) -> None:
    data = HANDSHAKE + b"".join(map(message, texts)) + message("x" * 1000)
    with pytest.raises(FrameError, match="1000 is the limit"):
        feed_cut(FrameGuard(limit=1000), data, cuts)


def test_a_message_of_exactly_the_limit_passes() -> None:
    data = message("x")
    FrameGuard(limit=len(data)).feed(HANDSHAKE + data)
    with pytest.raises(FrameError):
        FrameGuard(limit=len(data) - 1).feed(HANDSHAKE + data)


@pytest.mark.parametrize("start", [b"X", b"\0", b"l\x04\x01\x02"])
def test_what_is_no_message_is_refused(start: bytes) -> None:
    with pytest.raises(FrameError, match="not D-Bus"):
        FrameGuard().feed(HANDSHAKE + start + bytes(16))


def test_a_handshake_without_an_end_is_refused() -> None:
    with pytest.raises(FrameError, match="does not speak D-Bus"):
        feed_cut(FrameGuard(), b"DATA\r\n" * 1000, [6] * 1000)


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_no_bytes_do_more_than_be_refused(chunks: list[bytes]) -> None:
    guard = FrameGuard(limit=4096)
    try:
        for chunk in chunks:
            guard.feed(chunk)
    except FrameError:
        pass

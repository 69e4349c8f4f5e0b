"""Spans, differences, endpoints: what needs no etcd."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import ConfigError
from console.model.config import EtcdConfig
from console.store.client import end_bytes, key_bytes
from console.store.endpoints import endpoint, identity
from console.store.mirror import difference
from console.store.values import Entry, Listing, Span

_LETTERS = "/ab~\u00e9"
_KEYS = st.text(_LETTERS, max_size=4)


@given(prefix=st.text("/ab~", min_size=1, max_size=3), key=_KEYS)
def test_a_span_under_a_prefix_holds_the_keys_that_begin_with_it(prefix: str, key: str) -> None:
    assert (key in Span.under(prefix)) == key.startswith(prefix)


@given(start=_KEYS, end=_KEYS, key=_KEYS)
def test_a_span_holds_the_same_keys_as_its_bytes_do_in_etcd(start: str, end: str, key: str) -> None:
    span = Span(start, end)
    assert (key in span) == (key_bytes(start) <= key_bytes(key) < end_bytes(span))


def test_a_span_of_one_key_holds_no_other() -> None:
    assert "/a" in Span("/a")
    assert "/ab" not in Span("/a")


def _entries(draw: dict[str, int]) -> dict[str, Entry]:
    return {key: Entry(key, b"%d" % revision, 1, revision, 1) for key, revision in draw.items()}


_STATES = st.dictionaries(st.text("abc", min_size=1, max_size=2), st.integers(1, 9)).map(_entries)


@given(before=_STATES, now=_STATES)
def test_a_difference_makes_what_was_into_what_is_in_order_and_tells_nothing_else(
    before: dict[str, Entry], now: dict[str, Entry]
) -> None:
    changes = difference(before, Listing(tuple(now.values()), 10))

    made = dict(before)
    for change in changes:
        if change.entry is None:
            del made[change.key]
        else:
            made[change.key] = change.entry
    assert made == now
    assert [change.revision for change in changes] == sorted(change.revision for change in changes)
    assert len({change.key for change in changes}) == len(changes)
    assert not {change.key for change in changes} & {key for key in now if before.get(key) == now[key]}


@pytest.mark.parametrize(
    ("url", "target", "tls"),
    [
        ("http://10.0.0.1:2379", "dns:///10.0.0.1:2379", False),
        ("https://etcd1.example:2379", "dns:///etcd1.example:2379", True),
        ("https://[fd00::1]:2379", "dns:///[fd00::1]:2379", True),
        ("unix:///run/quarterdeck/etcd.sock", "unix:/run/quarterdeck/etcd.sock", False),
    ],
)
def test_an_endpoint_is_given_to_grpc_as_it_takes_it(url: str, target: str, tls: bool) -> None:
    found = endpoint(url)
    assert (found.url, found.target, found.tls) == (url, target, tls)


def test_a_password_file_is_read_without_its_end_of_line_and_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("secret with blanks \n")
    who = identity(EtcdConfig(("http://127.0.0.1:1",), user="alice", password_file=file))
    assert who.password == "secret with blanks "
    assert "secret" not in repr(who)


def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ca\.pem: cannot be read: No such file"):
        identity(EtcdConfig(("https://127.0.0.1:1",), ca=tmp_path / "ca.pem"))

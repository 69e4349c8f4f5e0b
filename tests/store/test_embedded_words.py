"""Why etcd ended, read from its log: lines as etcd 3.4.23 and 3.5.1 wrote them, shortened."""

from __future__ import annotations

import json

import pytest

from console.store.embedded_words import ending, last_words

_START = (
    '{"level":"warn","caller":"auth/store.go:1380","msg":"simple token is not cryptographically signed"}\n'
)


def line(level: str, msg: str, error: str | None = None) -> str:
    entry = {"level": level, "ts": "2026-11-27T10:59:38.976Z", "msg": msg, "stacktrace": "main.main\n\tgo:28"}
    return json.dumps(entry if error is None else {**entry, "error": error}) + "\n"


@pytest.mark.parametrize(
    ("log", "why"),
    [
        (
            _START
            + line("panic", "failed to create WAL", "no space left on device")
            + "panic: failed to create WAL\n\ngoroutine 1 [running]:\n",
            "the disk is full; etcd says: failed to create WAL: no space left on device",
        ),
        (
            _START
            + line("fatal", "invalid downgrade; server version is lower than determined cluster version"),
            "its data was written by a newer etcd; etcd says: "
            "invalid downgrade; server version is lower than determined cluster version",
        ),
        (
            line("warn", "failed to start etcd", "listen unix etcd:0: bind: address already in use")
            + line("fatal", "discovery failed", "listen unix etcd:0: bind: address already in use"),
            "its socket is taken; etcd says: "
            "discovery failed: listen unix etcd:0: bind: address already in use",
        ),
        (
            _START + line("fatal", "discovery failed", "walpb: crc mismatch"),
            "its data is damaged; etcd says: discovery failed: walpb: crc mismatch",
        ),
        (
            _START + "fatal error: runtime: out of memory\n\nruntime stack:\n",
            "memory ran out; etcd says: fatal error: runtime: out of memory",
        ),
        (
            _START + line("error", "slow disk", "took 3 s") + "panic: index out of range\n",
            "etcd says: panic: index out of range",
        ),
        (_START + line("error", "slow disk", "took 3 s"), "etcd says: slow disk: took 3 s"),
        (
            "flag provided but not defined: -max-wals\nUsage:\n\n  etcd [flags]\n",
            "etcd says: flag provided but not defined: -max-wals",
        ),
        (_START, "it ended without a word"),
        ("", "it ended without a word"),
    ],
)
def test_what_etcd_says_becomes_words(log: str, why: str) -> None:
    assert ending(log).why == why


def test_what_is_quoted_is_bounded_and_acts_on_no_terminal() -> None:
    why = ending(line("fatal", "\x1b[31mred\x07 " + "x" * 100_000)).why
    assert why.isprintable()
    assert why.startswith("etcd says: red· xxx")
    assert len(why) < 400


def test_a_line_that_was_torn_by_a_full_disk_is_quoted_as_it_is() -> None:
    assert last_words('{"level": "fatal", "msg": "fail') == '{"level": "fatal", "msg": "fail'


@pytest.mark.parametrize("text", ["[1]", '{"level": 1}', '{"level": "fatal"}', "{" * 99_999])
def test_lines_of_no_known_shape_are_survived(text: str) -> None:
    assert ending(text).why


def test_what_to_do_is_told_where_it_is_known() -> None:
    assert (
        ending(line("fatal", "failed to commit tx", "write db: no space left on device")).hint == "make room"
    )
    assert ending(line("fatal", "something new")).hint is None

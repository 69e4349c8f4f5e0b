"""What failed calls come to: the verdict, and the words."""

from __future__ import annotations

import pytest

from console.errors import StoreError, StoreRefused
from console.store import faults
from console.store.faults import Verdict
from console.store.wire import StatusCode

_CONNECT = "failed to connect to all addresses; last error: "


@pytest.mark.parametrize(
    ("code", "details", "verdict"),
    [
        (StatusCode.PERMISSION_DENIED, "etcdserver: permission denied", Verdict.FINAL),
        (StatusCode.FAILED_PRECONDITION, "etcdserver: authentication is not enabled", Verdict.FINAL),
        (StatusCode.OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted", Verdict.FINAL),
        (StatusCode.NOT_FOUND, "etcdserver: requested lease not found", Verdict.FINAL),
        (StatusCode.INVALID_ARGUMENT, "etcdserver: request is too large", Verdict.FINAL),
        (StatusCode.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded", Verdict.FINAL),
        (StatusCode.RESOURCE_EXHAUSTED, "etcdserver: too many requests", Verdict.FINAL),
        (StatusCode.RESOURCE_EXHAUSTED, "grpc: received message larger than max (3 vs. 2)", Verdict.FINAL),
        (StatusCode.RESOURCE_EXHAUSTED, "too many pings", Verdict.OPEN),
        (StatusCode.UNAUTHENTICATED, "etcdserver: invalid auth token", Verdict.TOKEN),
        (StatusCode.INVALID_ARGUMENT, "etcdserver: revision of auth store is old", Verdict.TOKEN),
        (StatusCode.INVALID_ARGUMENT, "etcdserver: user name is empty", Verdict.TOKEN),
        (
            StatusCode.INVALID_ARGUMENT,
            "etcdserver: authentication failed, invalid user ID or password",
            Verdict.FINAL,
        ),
        (StatusCode.UNAVAILABLE, "etcdserver: no leader", Verdict.ELSEWHERE),
        (StatusCode.UNAVAILABLE, _CONNECT + "Connection refused", Verdict.ELSEWHERE),
        (StatusCode.UNAVAILABLE, "etcdserver: request timed out", Verdict.OPEN),
        (StatusCode.UNAVAILABLE, "etcdserver: leader changed", Verdict.OPEN),
        (StatusCode.UNAVAILABLE, "Socket closed", Verdict.OPEN),
        (StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded", Verdict.OPEN),
        (StatusCode.UNKNOWN, "something new", Verdict.OPEN),
        (StatusCode.INTERNAL, "", Verdict.OPEN),
        (None, "the connection was given up", Verdict.OPEN),
    ],
)
def test_a_failure_is_judged_by_whether_a_write_may_have_been_done(
    code: object, details: str, verdict: Verdict
) -> None:
    assert faults.verdict(code, details) is verdict


@pytest.mark.parametrize("code", StatusCode)
def test_a_code_with_words_that_nobody_knows_never_says_that_nothing_was_sent(code: StatusCode) -> None:
    assert faults.verdict(code, "words that nobody knows") in (Verdict.FINAL, Verdict.OPEN)


@pytest.mark.parametrize(
    ("code", "details", "words"),
    [
        (StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded", "no answer in time"),
        (StatusCode.UNAVAILABLE, "etcdserver: no leader", "no quorum: it has no leader"),
        (StatusCode.UNAVAILABLE, "etcdserver: request timed out", "no quorum: it cannot commit"),
        (StatusCode.UNAVAILABLE, _CONNECT + "ipv4:127.0.0.1:1: Connection refused", "connection refused"),
        (
            StatusCode.UNAVAILABLE,
            _CONNECT
            + "Tls handshake failed: CERTIFICATE_VERIFY_FAILED: unable to get local issuer certificate",
            "TLS: its certificate is not of an authority that we trust",
        ),
        (
            StatusCode.UNAVAILABLE,
            _CONNECT + "Unwrap failed (TSI_DATA_CORRUPTED)",
            "TLS: it does not take our certificate, or asks for one",
        ),
        (StatusCode.UNAVAILABLE, _CONNECT + "Socket closed", "it closes the connection (is it https?)"),
        (
            StatusCode.UNAVAILABLE,
            _CONNECT + "Handshake read failed (Socket closed)",
            "TLS: it closes the connection (does it speak https?)",
        ),
        (StatusCode.INTERNAL, "", "internal"),
        (StatusCode.UNKNOWN, "\x1b[2Jred\x07", "red·"),
    ],
)
def test_why_there_is_no_answer_is_told_in_a_few_clean_words(code: object, details: str, words: str) -> None:
    assert faults.why(code, details) == words


@pytest.mark.parametrize(
    ("code", "details", "kind", "words"),
    [
        (StatusCode.PERMISSION_DENIED, "etcdserver: permission denied", StoreRefused, "no such right"),
        (
            StatusCode.INVALID_ARGUMENT,
            "etcdserver: authentication failed, invalid user ID or password",
            StoreRefused,
            "check user and password_file",
        ),
        (StatusCode.INVALID_ARGUMENT, "etcdserver: user name is empty", StoreRefused, "asks who we are"),
        (
            StatusCode.RESOURCE_EXHAUSTED,
            "etcdserver: mvcc: database space exceeded",
            StoreError,
            "quota is used up",
        ),
        (
            StatusCode.RESOURCE_EXHAUSTED,
            "grpc: received message larger than max (3 vs. 2)",
            StoreError,
            "request is too large",
        ),
        (StatusCode.NOT_FOUND, "etcdserver: requested lease not found", StoreError, "lease not found"),
    ],
)
def test_a_no_of_etcd_says_what_to_do_about_it(
    code: object, details: str, kind: type[StoreError], words: str
) -> None:
    refusal = faults.refusal(code, details)
    assert type(refusal) is kind
    assert words in str(refusal)

"""What a failed call says, in the words of our own errors; and whether it may have been carried out.

gRPC's codes and etcd's messages: etcd's `api/v3rpc/rpctypes/error.go`.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Any

from console.errors import FateUnknown, StoreError, StoreRefused, StoreUnreachable
from console.model.text import clean
from console.store.wire import StatusCode

#: Answers of etcd that end a call before anything is proposed to the cluster, or that say that it was
#: turned down. All others leave open whether a write was, or will be, done.
_TURNED_DOWN = {
    StatusCode.INVALID_ARGUMENT,
    StatusCode.NOT_FOUND,
    StatusCode.ALREADY_EXISTS,
    StatusCode.PERMISSION_DENIED,
    StatusCode.FAILED_PRECONDITION,
    StatusCode.OUT_OF_RANGE,
    StatusCode.UNAUTHENTICATED,
    StatusCode.UNIMPLEMENTED,
}
_ASKS_FOR_TOKEN = {
    "invalid auth token",
    "revision of auth store is old",
    "revision in header is old",  # the same, from 3.5.1 with code UNKNOWN
    "user name is empty",
}
_TOKEN_CODES = {StatusCode.UNAUTHENTICATED, StatusCode.INVALID_ARGUMENT, StatusCode.UNKNOWN}
_NEVER_SENT = ("failed to connect to all addresses", "connections to all backends failing", "no leader")
_TOO_LARGE = "grpc: received message larger than max"  # the server's own gRPC, before etcd sees it

#: Words of gRPC about a handshake that was turned down: what that says, and what to do about it. Other
#: failures of one, such as `Socket closed`, also come of a server that is just being stopped.
_NOT_THEIRS = ("its certificate is not of an authority that we trust", "check ca in [etcd]")
_NOT_OURS = ("it does not take our certificate, or asks for one", "check cert and key in [etcd]")
_TLS_REFUSED = {
    "CERTIFICATE_VERIFY_FAILED": _NOT_THEIRS,
    "Hostname Verification": ("its certificate is for another name", "check endpoints in [etcd]"),
    "TSI_DATA_CORRUPTED": _NOT_OURS,  # TLS 1.3 says so after the handshake
    "ALERT_BAD_CERTIFICATE": _NOT_OURS,
    "ALERT_UNKNOWN_CA": _NOT_OURS,
    "ALERT_CERTIFICATE_EXPIRED": _NOT_OURS,
    "create security handshaker": ("our certificate and key cannot be used", "check cert and key in [etcd]"),
}


class Verdict(Enum):
    """What is to be done about a failed call."""

    FINAL = auto()  # etcd has answered, and the answer is no
    TOKEN = auto()  # our token has run out; nothing was done
    ELSEWHERE = auto()  # this member cannot; nothing was done
    OPEN = auto()  # there was no answer; a write may have been done


def verdict(code: Any, details: str) -> Verdict:
    """Judge a call by its gRPC status and the text that came with it."""
    if code in _TOKEN_CODES and any(words in details for words in _ASKS_FOR_TOKEN):
        return Verdict.TOKEN
    if code is StatusCode.UNAVAILABLE and any(words in details for words in _NEVER_SENT):
        return Verdict.ELSEWHERE
    if code in _TURNED_DOWN:
        return Verdict.FINAL
    if code is StatusCode.RESOURCE_EXHAUSTED and details.startswith(("etcdserver:", _TOO_LARGE)):
        return Verdict.FINAL
    return Verdict.OPEN


def refusal(code: Any, details: str) -> StoreError:
    """etcd's no, with what to do about it."""
    said = words(details)
    if code is StatusCode.PERMISSION_DENIED:
        return StoreRefused(f"etcd: {said}", hint="its user has no such right; see `etcd init-auth`")
    if code in (StatusCode.UNAUTHENTICATED, StatusCode.INVALID_ARGUMENT) and "authentication" in said:
        return StoreRefused(f"etcd: {said}", hint="check user and password_file in [etcd]")
    if "user name is empty" in said:
        return StoreRefused("etcd asks who we are", hint="give user and password_file, or a cert, in [etcd]")
    if code is StatusCode.RESOURCE_EXHAUSTED and details.startswith(_TOO_LARGE):
        return StoreError("etcd: request is too large")
    if "space exceeded" in said:
        return StoreError(
            "etcd's quota is used up: it takes no more writes",
            hint="`etcd status` tells by what; compact and defragment, then disarm the alarm: `etcd recover`",
        )
    return StoreError(f"etcd: {said}")


def unknown_fate(what: str, reason: str) -> FateUnknown:
    return FateUnknown(
        f"{what}: the answer was lost ({reason}); whether it was written is not known",
        hint="look at what is there now before you try again",
    )


def unreachable(endpoints: int, reason: str) -> StoreUnreachable:
    members = "etcd does not answer" if endpoints == 1 else f"none of etcd's {endpoints} endpoints answers"
    return StoreUnreachable(f"{members}: {reason}", hint="see `etcd status`")


def why(code: Any, details: str) -> str:
    """Why there is no answer, in a few words."""
    said = words(details)
    if code is StatusCode.DEADLINE_EXCEEDED:
        return "no answer in time"
    if "no leader" in said:
        return "no quorum: it has no leader"
    if "request timed out" in said:
        return "no quorum: it cannot commit"
    if "Connection refused" in said:
        return "connection refused"
    if (tls := tls_refusal(code, details)) is not None:
        return tls.message
    if "Handshake read failed" in said:
        return "TLS: it closes the connection (does it speak https?)"
    if "handshake" in said.lower():
        return f"TLS: {said}"
    if code is StatusCode.UNAVAILABLE and "Socket closed" in said:
        return "it closes the connection (is it https?)"
    return said or str(getattr(code, "name", code)).lower()


def tls_refusal(code: Any, details: str) -> StoreRefused | None:
    """What a handshake came to, if one end has said no: asking again does not change that."""
    if code is StatusCode.UNAVAILABLE:
        for sign, (said, hint) in _TLS_REFUSED.items():
            if sign in details:
                return StoreRefused(f"TLS: {said}", hint=hint)
    return None


def words(details: str | None) -> str:
    return clean((details or "").removeprefix("etcdserver: "), 200)

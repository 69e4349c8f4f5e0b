"""What the values of keys hold, as JSON; what cannot be read is told as a `ValueError`, in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from console.model.locks import Frozen, Holder, LockState
from console.model.memory import Ack, Acting, Denied
from console.model.text import clean


def acting_bytes(acting: Acting) -> bytes:
    return pack(
        {
            "actor": acting.actor,
            "from": acting.origin,
            "line": acting.line,
            "since": written(acting.since),
        }
    )


def read_acting(name: str, value: bytes) -> Acting:
    """:param name: `<host>/<record>`."""
    found = unpack(value)
    host, _, record = name.partition("/")
    return Acting(
        host,
        record,
        text(found, "actor"),
        text(found, "from"),
        text(found, "line", 500),
        time(found["since"]),
    )


def ack_bytes(ack: Ack) -> bytes:
    return pack(
        {
            "trouble": ack.trouble,
            "actor": ack.actor,
            "note": ack.note,
            "since": written(ack.since),
            "until": None if ack.until is None else written(ack.until),
        }
    )


def read_ack(name: str, value: bytes) -> Ack:
    """:param name: of no meaning; the trouble is in the value, as it may hold a slash."""
    found = unpack(value)
    until = found.get("until")
    return Ack(
        text(found, "trouble", 500),
        text(found, "actor"),
        text(found, "note", 500),
        time(found["since"]),
        None if until is None else time(until),
    )


def denied_bytes(denied: Denied) -> bytes:
    return pack(
        {
            "kind": denied.kind,
            "version": denied.version,
            "since": written(denied.since),
            "by": denied.by,
            "why": denied.why,
        }
    )


def read_denied(name: str, value: bytes) -> Denied:
    """:param name: of no meaning; kind and version are in the value, as they may hold a slash."""
    found = unpack(value)
    return Denied(
        text(found, "kind"),
        text(found, "version", 500),
        time(found["since"]),
        text(found, "by"),
        text(found, "why", 500),
    )


def lock_bytes(state: LockState) -> bytes:
    frozen = state.frozen
    return pack(
        {
            "max": state.max,
            "frozen": frozen and {"by": frozen.by, "why": frozen.why, "since": written(frozen.since)},
            "holders": [
                {
                    "id": one.id,
                    "host": one.host,
                    "since": None if one.since is None else written(one.since),
                    "why": one.why,
                }
                for one in state.holders
            ],
        }
    )


def read_lock(name: str, value: bytes) -> LockState:
    """:param name: `reboot/<group>`."""
    found = unpack(value)
    most, frozen, holders = found.get("max"), found.get("frozen"), found.get("holders")
    if not isinstance(most, int) or isinstance(most, bool) or most < 1:
        raise ValueError("max is not a number of slots")
    if not isinstance(holders, list):
        raise ValueError("holders is not a list")
    return LockState(
        name.removeprefix("reboot/"),
        most,
        None if frozen is None else _frozen(frozen),
        tuple(_holder(one) for one in holders),
    )


def _frozen(found: object) -> Frozen:
    if not isinstance(found, dict):
        raise ValueError("frozen is not an object")
    return Frozen(text(found, "by"), text(found, "why", 500), time(found["since"]))


def _holder(found: object) -> Holder:
    if not isinstance(found, dict):
        raise ValueError("a holder is not an object")
    since = found.get("since")
    return Holder(
        text(found, "id"),
        None if found.get("host") is None else text(found, "host"),
        None if since is None else time(since),
        text(found, "why", 500),
    )


def pack(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace")


def unpack(value: bytes) -> dict[str, Any]:
    """:raises ValueError: it is no object of JSON."""
    try:
        found = json.loads(value.decode("utf-8", "replace"))
    except RecursionError:
        raise ValueError("is nested too deep") from None
    if not isinstance(found, dict):
        raise ValueError("is not an object of JSON")
    return found


def text(found: Mapping[str, Any], key: str, limit: int = 200) -> str:
    """A text that another console wrote, safe to show. :raises ValueError: there is none."""
    value = found.get(key)
    if not isinstance(value, str):
        raise ValueError(f"{key} is not a text")
    return clean(value, limit)


def time(value: object) -> datetime:
    """:raises ValueError: it is no time with a zone."""
    at = datetime.fromisoformat(str(value))
    if at.tzinfo is None:
        raise ValueError("its time has no zone")
    return at


def written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

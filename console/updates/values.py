"""Values out of what updaters print as JSON: each checked for its type, bounded and safe to show. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from console.model.text import clean

TEXT = 200
#: So many deployments are shown of a host that claims more.
MOST = 64
_EXTRAS = 48
#: The year 9999, in seconds since the epoch: what `datetime` ends with.
_LAST_SECOND = 253_402_300_799


def load_object(text: str, who: str) -> Mapping[str, Any]:
    """A JSON object.

    :param who: whose it is, for the error.
    :raises ValueError: it is none.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{who}'s status is not JSON: {clean(str(error), 80)}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{who}'s status is no JSON object")
    return value


def objects(value: object) -> list[Mapping[str, Any]]:
    """The objects in an array, at most `MOST`; nothing of what is no array."""
    if not isinstance(value, list):
        return []
    return list(islice((item for item in value if isinstance(item, dict)), MOST))


def inside(value: object, *names: str) -> object:
    """What objects in objects hold under these names; None where one of them is missing."""
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def text_in(value: object, name: str) -> str | None:
    """The text under a name, made safe; None where there is none, or an empty one."""
    found = inside(value, name)
    return clean(found, TEXT) or None if isinstance(found, str) else None


def flag_in(value: object, name: str) -> bool:
    """Whether what is under a name is true, and not only truthy."""
    return inside(value, name) is True


def seconds(value: object) -> datetime | None:
    """A moment from seconds since the epoch; None for what is none, and for 0, which stands for unknown."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= _LAST_SECOND:
        return None
    return datetime.fromtimestamp(value, UTC)


def iso_time(value: object) -> datetime | None:
    """A moment from RFC 3339; None for what is none."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        at = datetime.fromisoformat(value)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def extra(value: Mapping[str, Any], known: Collection[str]) -> dict[str, str]:
    """What an object holds beside the names we know: short texts, so that nothing new is lost to a reader."""
    rest = [(name, item) for name, item in value.items() if name not in known and not _is_empty(item)]
    return {clean(name, 60): _short(item) for name, item in rest[:_EXTRAS]}


def _is_empty(item: object) -> bool:
    return item is None or item is False or item in ("", [], {})


def _short(item: object) -> str:
    text = item if isinstance(item, str) else json.dumps(item, ensure_ascii=False, separators=(",", ":"))
    return clean(text, TEXT)

"""Parts of what an engine says of something, as far as they are what they should be. Pure."""

from __future__ import annotations

from collections.abc import Mapping

Json = Mapping[str, object]


def part(value: Json, key: str) -> Json:
    """The object at `key`; an empty one where there is none."""
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def items(value: object) -> list[str]:
    """The texts of a list."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def dicts(value: object) -> list[Json]:
    """The objects of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []

"""What an option's value can be: how it is read, written back, and named in the help."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Generic, TypeVar

from console.errors import UsageError
from console.model.selector import Selector

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Value(Generic[T]):
    """A kind of value.

    :param metavar: how the help writes it, `DURATION`.
    :param parse: text to value; raises UsageError saying what is accepted.
    :param format: value to a text that `parse` reads back as the same value.
    :param choices: all there are, for completion; empty if they cannot be listed.
    """

    metavar: str
    parse: Callable[[str], T]
    format: Callable[[T], str] = str
    choices: tuple[str, ...] = ()


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def parse_duration(text: str) -> float:
    """`90s`, `10m`, `1h30m`, `2d`, `250ms`, or a bare number of seconds; the result in seconds."""
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        return float(text)
    if not _DURATION.fullmatch(text):
        raise UsageError(f"not a duration: {text!r}", hint="like 90s, 10m, 1h30m or 2d")
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def format_duration(seconds: float) -> str:
    """The shortest text that `parse_duration` reads back as `seconds`."""
    for unit in ("d", "h", "m", "s", "ms"):
        count = round(seconds / _UNITS[unit], 6)
        if count >= 1 and count == int(count) and int(count) * _UNITS[unit] == seconds:
            return f"{int(count)}{unit}"
    return f"{seconds!r}s" if "e" not in repr(seconds) else f"{seconds:f}s"


def parse_moment(text: str) -> float | datetime:
    """A time ago (`10m`: seconds before now) or a point in time (`2026-11-23T21:00`, UTC unless it says)."""
    if text[:1].isdigit() and "-" not in text:
        return parse_duration(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"not a time: {text!r}", hint="like 10m (ago), 2026-11-23, or 2026-11-23T21:00:00"
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def format_moment(moment: float | datetime) -> str:
    """The text that `parse_moment` reads back as the same."""
    if isinstance(moment, datetime):
        return moment.astimezone(UTC).isoformat()
    return format_duration(moment)


_SIZE_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


def parse_size(text: str) -> float:
    """`64k`, `2M`, `1500`: bytes."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([kmg]?)b?", text.lower())
    if not found:
        raise UsageError(f"not a size: {text!r}", hint="bytes, like 1500, 64k or 2M")
    return float(found[1]) * _SIZE_UNITS[found[2]]


def _integer(text: str) -> int:
    if not re.fullmatch(r"\d{1,12}", text):
        raise UsageError(f"not a whole number: {text!r}")
    return int(text)


def parse_address(text: str) -> tuple[str, int]:
    """`127.0.0.1:9101`, `[::1]:9101`, or `:9101` and `9101` for this machine alone: address and port."""
    from ipaddress import ip_address  # it takes longer to load than most lines to run

    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    try:
        address = ip_address(host or "127.0.0.1")
        number = int(port) if port.isascii() and port.isdigit() else -1
    except ValueError:
        number = -1
    if not 0 <= number < 65536:
        raise UsageError(f"not an address and a port: {text!r}", hint="like 127.0.0.1:9101 or [::1]:9101")
    return str(address), number


def format_address(address: tuple[str, int]) -> str:
    """The text that `parse_address` reads back as the same."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


_PRIORITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")


def _priority(text: str) -> int:
    names = {**{name: level for level, name in enumerate(_PRIORITIES)}, "error": 3, "warn": 4}
    if text.isdigit() and int(text) <= 7:
        return int(text)
    if text not in names:
        raise UsageError(f"not a priority: {text!r}", hint=f"one of {', '.join(_PRIORITIES)}, or 0 to 7")
    return names[text]


def _identity(text: str) -> str:
    return text


def choice(*words: str) -> Value[str]:
    """One of `words`."""

    def parse(text: str) -> str:
        if text not in words:
            raise UsageError(f"not one of {', '.join(words)}: {text!r}")
        return text

    return Value("|".join(words), parse, str, words)


def _waves(text: str) -> tuple[str, ...]:
    """`1,25%,100%`: numbers of targets or shares of them, rising."""
    words = tuple(text.split(","))
    for word in words:
        found = re.fullmatch(r"(\d{1,6})(%?)", word)
        if not found or int(found[1]) == 0 or (found[2] and int(found[1]) > 100):
            raise UsageError(f"not a wave: {word!r}", hint="numbers of targets or shares: 1,25%,100%")
    return words


def text(metavar: str) -> Value[str]:
    """Any text."""
    return Value(metavar, _identity)


TEXT = text("TEXT")
INTEGER: Value[int] = Value("N", _integer)
DURATION: Value[float] = Value("DURATION", parse_duration, format_duration)
SECONDS_OR_TIME: Value[Any] = Value("TIME", parse_moment, format_moment)
ADDRESS: Value[tuple[str, int]] = Value("ADDR:PORT", parse_address, format_address)
SIZE: Value[float] = Value("SIZE", parse_size, lambda size: f"{size:f}".rstrip("0").rstrip("."))
PRIORITY: Value[int] = Value("PRIORITY", _priority, lambda level: _PRIORITIES[level], _PRIORITIES)
SELECTOR: Value[Selector] = Value("SELECTOR", Selector.parse, Selector.format)
WAVES: Value[tuple[str, ...]] = Value("WAVES", _waves, ",".join)
PATH: Value[Path] = Value("FILE", Path)


def ago(moment: datetime | None, now: datetime) -> str:
    """How long ago, in the two largest units: `3m12s`, `2d4h`; empty if never."""
    if moment is None:
        return ""
    seconds = int(max(timedelta(), now - moment).total_seconds())
    for unit, size, smaller, smaller_size in (
        ("d", 86400, "h", 3600),
        ("h", 3600, "m", 60),
        ("m", 60, "s", 1),
    ):
        if seconds >= size:
            rest = seconds % size // smaller_size
            return f"{seconds // size}{unit}" + (f"{rest}{smaller}" if rest else "")
    return f"{seconds}s"

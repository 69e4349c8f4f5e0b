"""When a rollout may begin something: times of the week, by the clock of the fleet's own time zone. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from console.errors import UsageError

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WINDOW = re.compile(
    r"(?:(?P<days>[a-z,-]+)\s+)?(?P<from>[0-2]?\d:[0-5]\d)-(?P<to>[0-2]?\d:[0-5]\d)", re.IGNORECASE
)
_HINT = "like 22:00-04:00, 'sat,sun 10:00-16:00' or 'mon-fri 22:00-04:00; sun 0:00-24:00'"


@dataclass(frozen=True, slots=True)
class Window:
    """One time of the week.

    :param days: on which it begins, 0 being Monday; it may end on the day after.
    :param begins: by the clock.
    :param length: more than nothing, and a day at most.
    """

    days: frozenset[int]
    begins: time
    length: timedelta


def parse_windows(text: str) -> tuple[Window, ...]:
    """`mon-fri 22:00-04:00; sat,sun 10:00-16:00`; without days it is every day's.

    :raises UsageError: saying what is accepted.
    """
    return tuple(_window(part.strip()) for part in text.split(";"))


def opens(windows: Iterable[Window], now: datetime, zone: ZoneInfo) -> datetime | None:
    """When the next of them begins; None: now is in one of them, or there are none.

    :param now: with its zone.
    :return: in UTC.
    """
    windows = tuple(windows)
    local = now.astimezone(zone)
    coming: list[datetime] = []
    for window in windows:
        for ahead in range(-1, 8):
            day = local.date() + timedelta(days=ahead)
            if day.weekday() not in window.days:
                continue
            # By the clock on the wall, whatever that does meanwhile.
            begins = datetime.combine(day, window.begins)
            if begins <= local.replace(tzinfo=None) < begins + window.length:
                return None
            begins = begins.replace(tzinfo=zone)
            if begins > local:
                coming.append(begins.astimezone(UTC))
    return min(coming, default=None)


def _window(text: str) -> Window:
    found = _WINDOW.fullmatch(text)
    if found is None:
        raise UsageError(f"not a window: {text!r}", hint=_HINT)
    begins, ends = (_minutes(found[name], text) for name in ("from", "to"))
    if begins == 24 * 60:
        raise UsageError(f"not a window: {text!r} begins at the end of a day", hint=_HINT)
    length = (ends - begins) % (24 * 60) or 24 * 60
    return Window(_days(found["days"], text), time(begins // 60, begins % 60), timedelta(minutes=length))


def _minutes(text: str, whole: str) -> int:
    hours, minutes = map(int, text.split(":"))
    if hours * 60 + minutes > 24 * 60:
        raise UsageError(f"not a window: {whole!r}: {text} is no time of day", hint=_HINT)
    return hours * 60 + minutes


def _days(text: str | None, whole: str) -> frozenset[int]:
    if text is None:
        return frozenset(range(7))
    found: set[int] = set()
    for part in text.lower().split(","):
        first, dash, last = part.partition("-")
        if first not in _DAYS or (dash and last not in _DAYS):
            raise UsageError(f"not a window: {whole!r}: {part} is no day", hint=_HINT)
        begin = _DAYS.index(first)
        end = _DAYS.index(last) if dash else begin
        found |= {day % 7 for day in range(begin, end + 1 if end >= begin else end + 8)}
    return frozenset(found)

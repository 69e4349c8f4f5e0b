"""Journal records and the holes between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One journal entry of one host.

    `message` is text made safe for display and bounded; `raw` holds the bytes when they say more
    than that (not valid, printable UTF-8, or longer; shown as `message_b64`). Its lines are kept apart
    by newlines. `cut` is True where even `raw` or `fields` are not all that there was.
    `trusted` is False when the container and image a record names were claimed by a process that has no
    right to (see `console/hosts/attribution.py`); host, machine, boot, unit and `user`, who the sender
    was, are journald's own word always. `late` is True where newer lines of other hosts were shown
    before it. `fields` holds the other fields asked for: text, or a tuple where a field repeats.
    """

    host: str
    cursor: str
    time: datetime
    monotonic_us: int
    boot_id: str
    message: str
    raw: bytes | None = None
    unit: str | None = None
    identifier: str | None = None
    pid: int | None = None
    container: str | None = None
    priority: int | None = None
    trusted: bool = True
    seqnum: int | None = None
    seqnum_id: str | None = None
    fields: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    cut: bool = False
    late: bool = False
    image: str | None = None
    user: str | None = None
    machine_id: str | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """Records that existed, or may have, and were not seen: a fact to show, never to hide.

    `count` is the number lost if it is known; `after` and `before` are the cursors around it.
    """

    host: str
    time: datetime
    reason: str
    count: int | None = None
    after: str | None = None
    before: str | None = None


@dataclass(frozen=True, slots=True)
class LogQuery:
    """What of a host's journal is wanted. Everything here is decided on the host but `grep` and,
    while following, names with globs: journalctl would expand those once and for all.

    `since`/`until` are seconds before the host's own now (floats) or an absolute UTC time;
    `lines` is the number of newest records, None for all; `boot` is a boot id or journalctl's
    offset (`0`, `-1`).
    """

    units: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    priority: int | None = None  # this level and the more urgent ones; 0 emerg … 7 debug
    since: float | datetime | None = None
    until: float | datetime | None = None
    boot: str | None = None
    lines: int | None = None
    grep: str | None = None
    images: tuple[str, ...] = ()


def absolute(when: float | datetime | None, now: datetime) -> datetime | None:
    """An end of a query's range as a time, where the host's clock says `now`."""
    return now - timedelta(seconds=when) if isinstance(when, float | int) else when


@dataclass(frozen=True, slots=True)
class Bookmark:
    """Where a journal was left, to go on with it later.

    For another query only the cursor counts: what the query before it heard says nothing of the new one.

    :param cursor: of the last entry that was read.
    :param heard_until_us: the host's time, in microseconds, up to which surely all that was asked for has
        been heard, so that only what was written later can be missed; None if nothing is known but `cursor`.
    :param delivered: the entry at the cursor passed the filter.
    """

    cursor: str
    heard_until_us: int | None = None
    delivered: bool = False


@dataclass(frozen=True, slots=True)
class Skipped:
    """Records that reached us faster than they were taken, and are not shown; the host still has them.

    `time` and `until` are those of the first and the last of them, by the host's clock; `query` is what
    was asked for, so that it can be asked again. `count` holds what gaps among them told of, too.
    """

    host: str
    time: datetime
    until: datetime
    count: int
    query: LogQuery = LogQuery()


#: What a log is made of.
LogItem = LogRecord | Gap | Skipped

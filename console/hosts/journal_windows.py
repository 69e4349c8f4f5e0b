"""A journal cut into spans of time, newest first, to be searched one after the other. Pure.

A search that goes back through a whole journal tells nothing until it finds something. Span by span it
tells how far back it is, and one span can be read while the one before it is. The first spans are short, so
that what is new is found at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain

from console.hosts.journal_header import FileHeader, in_order_of_time

#: Entries in the first span, about, and in the longest; each may hold twice as many as the one before it.
FIRST, MOST = 20_000, 160_000
#: A file is taken to be written at an even pace, in parts of so many entries or more; and about how many.
_PART, _PARTS = 10_000, 5000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time by the host's clock, both ends in it; None where the journal's own end is meant.

    :param entries: how many are in it, about.
    """

    since: datetime | None
    until: datetime | None
    entries: int


def windows(
    files: Iterable[FileHeader], since: datetime | None = None, until: datetime | None = None
) -> list[Window]:
    """Spans that hold every entry from `since` to `until` once, the newest span first.

    Only one where the clock was set back while the journal was written: journalctl finds a time by the
    order of the times, and ends at the first entry that is older than what was asked for.
    """
    known = list(files)
    least = max(_PART, sum(file.entries for file in known) // _PARTS)
    parts = [
        (begin, entries)
        for begin, entries in sorted(chain.from_iterable(_parts(file, least) for file in known), reverse=True)
        if (since is None or begin > since) and (until is None or begin < until)
    ]
    if not in_order_of_time(known):
        return [Window(since, until, sum(entries for _, entries in parts))]
    found: list[Window] = []
    size, end, held = FIRST, until, 0
    for begin, entries in parts:
        held += entries
        if held >= size and (end is None or begin <= end):  # parts may begin at the same moment
            found.append(Window(begin, end, held))
            size, end, held = min(2 * size, MOST), begin - _MICROSECOND, 0
    return [*found, Window(since, end, held)]


def _parts(file: FileHeader, least: int) -> Iterator[tuple[datetime, int]]:
    """When the parts of a file began, and the entries in each."""
    count = -(-file.entries // least)
    length = file.last_us - file.first_us
    for number in range(count):
        begin_us = file.first_us + length * number // count
        entries = file.entries * (number + 1) // count - file.entries * number // count
        yield _EPOCH + timedelta(microseconds=begin_us), entries

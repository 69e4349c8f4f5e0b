"""Places in a journal, and whether anything is missing between two of them. Pure.

A cursor is opaque by contract (sd_journal_get_cursor(3)) and has had one form since journald began
(sd-journal.c, sd_journal_get_cursor):

    s=<seqnum id>;i=<seqnum>;b=<boot id>;m=<monotonic µs>;t=<realtime µs>;x=<hash>    numbers in hex

It is only ever handed back to journalctl as it came. What is read from it (the sequence number,
which journalctl prints by itself from 254 on only) makes gaps countable; a cursor of another form
costs the counts, nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

_FORM = re.compile(
    rb"s=([0-9a-f]{1,32});i=([0-9a-f]{1,16});b=([0-9a-f]{1,32});"
    rb"m=([0-9a-f]{1,16});t=([0-9a-f]{1,16});x=([0-9a-f]{1,16})\Z"
)


_NUMBER = re.compile(rb"s=([0-9a-f]{1,32});i=([0-9a-f]{1,16});")


def sequence(cursor: bytes) -> tuple[bytes, int] | None:
    """The sequence number's id and the number; None if the cursor is not of the known form."""
    found = _NUMBER.match(cursor)
    return (found.group(1), int(found.group(2), 16)) if found else None


@dataclass(frozen=True, slots=True)
class Place:
    """A parsed cursor. Times in microseconds."""

    seqnum_id: str
    seqnum: int
    boot_id: str
    monotonic_us: int
    realtime_us: int
    hash: str

    @classmethod
    def of(cls, cursor: str | bytes) -> Place | None:
        """None if the cursor is not of the known form."""
        found = _FORM.match(cursor.encode() if isinstance(cursor, str) else cursor)
        if found is None:
            return None
        seqnum_id, seqnum, boot_id, monotonic, realtime, hashed = found.groups()
        return cls(
            seqnum_id.decode(),
            int(seqnum, 16),
            boot_id.decode(),
            int(monotonic, 16),
            int(realtime, 16),
            hashed.decode(),
        )


def same_entry(one: str, other: str) -> bool:
    """Whether two cursors name the same entry.

    When journald moves its early entries from /run to /var they get new sequence numbers; boot,
    times and hash stay.
    """
    if one == other:
        return True
    a, b = Place.of(one), Place.of(other)
    if a is None or b is None:
        return False
    return (a.boot_id, a.monotonic_us, a.realtime_us, a.hash) == (
        b.boot_id,
        b.monotonic_us,
        b.realtime_us,
        b.hash,
    )


@dataclass(frozen=True, slots=True)
class Hole:
    """Entries that are gone. `count` is None where the journal does not say how many."""

    after: str
    before: str | None
    count: int | None


def step(last: str, following: str) -> int | None:
    """How many entries the host wrote between two entries read one after the other.

    None if that cannot be known. Only for readings without a filter: each entry has its number.
    """
    a, b = Place.of(last), Place.of(following)
    if a is None or b is None or a.seqnum_id != b.seqnum_id:
        return None
    return max(b.seqnum - a.seqnum - 1, 0)


def hole(last: str, found: Sequence[str], heard_until_us: int | None = None) -> Hole | None:
    """What is missing after the entry at `last`.

    :param found: the cursors of the next entries, read without a filter from `last` on, inclusive.
    :param heard_until_us: the host's time up to which whoever asks has heard everything they asked
        for, so that only what was written later can be missed; None if `last` is that place itself.

    Vacuuming takes the oldest files first, so a look at the first few entries tells. (A user's own
    journal file that is never rotated keeps old entries among which the system's are gone; such a
    hole is seen too if it begins within `found`.)
    """
    if not found:
        return Hole(last, None, None)
    present = same_entry(found[0], last)
    for after, before in pairwise(found if present else (last, *found)):
        missing = step(after, before)
        unknown = missing is None and after == last and not present
        if (missing or unknown) and not _heard(before, heard_until_us):
            return Hole(after, before, missing)
    return None


def _heard(cursor: str, heard_until_us: int | None) -> bool:
    place = Place.of(cursor)
    return heard_until_us is not None and place is not None and place.realtime_us <= heard_until_us

"""The `journal` source of one host: every entry, once, in order, or a gap that says what is missing.

The recipe (each step is there because leaving it out loses or doubles lines, see the decisions in
`journal_argv`):

1. Take the cursor of the newest entry, without a filter. A filter that has matched nothing yet
   would give none.
2. Follow from that cursor, inclusively. The first entry is the cursor's own, and is dropped.
3. Hand entries on, then keep the cursor of the last one. The next run resumes there: what was
   handed on is never read again, what was not always is.
4. On resuming, look without a filter whether the cursor's entry and those after it are still
   there (`journal_cursor.hole`). If not, a `Gap` says so before anything else.

With a filter the kept cursor is that of the last entry that *matched*, which may be old. That costs
the host nothing (a match is looked up, not searched), but the entry may be vacuumed long before any
loss. So the source also remembers until when it surely kept up with the host: entries older than that
were heard, matching or not, and their absence is no gap.

Without a filter sequence numbers are seen one by one, so that a jump within the stream (vacuumed
under a slow reader, a corrupt file) is a gap with a count. journald's own reports of suppressed
messages are gaps with a count in any stream.

A follower that ends has failed, with exit code 0 too: journalctl does so when it has no inotify
watches left. The recipe does not care who reads: journalctl on a host, or libsystemd here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from console.errors import UsageError
from console.hosts import journal_argv
from console.hosts.export_format import Entry
from console.hosts.journal_cursor import Hole, Place, hole, same_entry, step
from console.hosts.journal_losses import Losses
from console.hosts.journal_open import BATCH, OpenJournal, Start, Stream
from console.hosts.journal_partials import Partials
from console.hosts.journal_pick import Picks
from console.hosts.journal_record import Speaker, made
from console.hosts.journalctl import Journalctl
from console.hosts.source import Emit
from console.hosts.transport import Transport
from console.hosts.turns import turns
from console.model.events import Logged
from console.model.log import Bookmark, Gap, LogQuery, LogRecord

#: Entries looked at after the cursor on resuming.
_LOOKED_AT = 16
#: A dead peer is noticed within 15 s; what came twice that before the end was surely heard.
_SURELY_HEARD_S = 30.0
#: A pause this long in what comes, or an entry this young, and the stream is at the present.
_PAUSE_S = 0.5
_YOUNG_S = 3.0

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Begin:
    """Where a run begins. `first` is the entry that must come first, where that is known."""

    start: Start
    first: str | None = None


class JournalSource:
    """Follows one host's journal; `run` it again after a fault and it goes on where it was.

    `query.since` and `query.lines` say what is told first of what is there already (as
    `read_journal` would); without them the stream begins now.

    :param resume: go on there, as after a lost connection; what the query wants of the past was told.
    :param fields: names of further fields to carry along in `LogRecord.fields`.
    :param room: waits until more is wanted; until then nothing is read, and journalctl waits.
    :raises UsageError: `query` has an `until`, or its `grep` is no regular expression.
    """

    def __init__(
        self,
        host: str,
        query: LogQuery | None = None,
        *,
        resume: Bookmark | None = None,
        fields: Sequence[str] = (),
        room: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        query = query or LogQuery()
        if query.until is not None:
            raise UsageError("a log that is followed has no end", hint="use `log show` for a range")
        self._host = host
        self._query = query
        self._picks = Picks(query)
        self._losses = Losses(host, query)
        self._partials = Partials()
        self._speaker = Speaker(host)
        self._whole: Bookmark | None = resume  # where to go on while a line is held in part
        self._complete = _complete(query)
        self._fields = tuple(fields)
        self._boot_id: str | None = None
        self._look_back = resume is None and (query.since is not None or query.lines is not None)
        self._placed = resume is not None  # whether the newest entry was ever asked for
        self._cursor = resume.cursor if resume else None
        self._delivered = resume is not None and resume.delivered  # the cursor's entry came through here
        self._told: Hole | None = None
        self._present = _Present(resume.heard_until_us if resume else None)
        self._room = room
        self._clock_offset_s = 0.0

    @property
    def clock_offset_s(self) -> float:
        """The host's clock minus ours, as it was when the journal was last begun to be read."""
        return self._clock_offset_s

    @property
    def holding(self) -> bool:
        """Whether there is a part of a line whose end did not come yet."""
        return self._partials.holding

    def bookmark(self) -> Bookmark | None:
        """Where to resume, now; None while nothing was read yet.

        While there is a part of a line whose end did not come yet, it stays at what was read before: a
        console that ends just then shows some lines again, and loses none.
        """
        if self._partials.holding:
            return self._whole
        if self._cursor is None:
            return None
        return Bookmark(self._cursor, self._present.heard_until_us(), self._delivered)

    async def run(self, transport: Transport, emit: Emit, live: Callable[[], None]) -> NoReturn:
        """See `SourceRun`.

        :raises Absent: no journalctl, or no such boot.
        :raises AccessRefused: the journal is closed to us.
        :raises HostFailure: journalctl ended, or what it says cannot be read.
        :raises Unreachable: the connection went away.
        """
        async with self._open(transport) as journal:
            if self._query.boot is not None and self._boot_id is None:
                self._boot_id = await journal.boot_id(self._query.boot)
            self._clock_offset_s, self._speaker = journal.clock_offset_s, journal.speaker
            begin = await self._begin(journal, emit)
            fields = (*self._fields, *self._picks.fields)
            self._present.begin(live, journal.clock_offset_s)
            async with journal.follow(
                self._query, begin.start, boot_id=self._boot_id, fields=fields
            ) as stream:
                try:
                    await self._pump(stream, begin.first, emit)
                finally:
                    self._present.end()
                raise await stream.fault()

    def _open(self, transport: Transport) -> AbstractAsyncContextManager[OpenJournal]:
        return Journalctl.opened(transport)

    # -- where to begin ---------------------------------------------------------------------

    async def _begin(self, journal: OpenJournal, emit: Emit) -> _Begin:
        if not self._placed:
            newest = await journal.newest()
            if self._look_back:
                await self._tell_what_is_there(journal, emit)
            self._placed = True
            if self._cursor is None and newest is not None:
                self._cursor = newest
                return _Begin(Start(newest), first=newest if self._complete else None)
        if self._cursor is None:
            return _Begin(Start())  # the journal was empty: all there is now came since
        return await self._resume(journal, self._cursor, emit)

    async def _tell_what_is_there(self, journal: OpenJournal, emit: Emit) -> None:
        """Emit what the query wants of the past; the cursor is then at the last entry of it.

        A fault begins all of it anew, unless something was emitted: then it goes on from there.
        """
        if isinstance(self._query.since, float | int):
            # The range is from when it was asked for, not from when a later attempt succeeds.
            asked = datetime.fromtimestamp(time.time() + journal.clock_offset_s, UTC)
            self._query = replace(self._query, since=asked - timedelta(seconds=self._query.since))
        records: list[LogRecord] = []
        async with aclosing(journal.look_back(self._query, self._fields)) as past:
            async for record in past:
                records.append(record)
                if len(records) == BATCH:
                    self._emit(emit, records, records[-1].cursor)
                    self._placed = True
                    records = []
                    await self._until_there_is_room()
        if records:
            self._emit(emit, records, records[-1].cursor)

    async def _resume(self, journal: OpenJournal, cursor: str, emit: Emit) -> _Begin:
        """Go on after the cursor, and tell what is missing there."""
        found = await journal.onwards(cursor, _LOOKED_AT)
        if self._complete:
            missing = hole(cursor, found[:1])  # later ones are seen when the stream jumps
        else:
            missing = hole(cursor, found, self._present.heard_until_us())
        if missing and missing != self._told:
            emit(Logged(self._host, (self._gap(missing, "no longer in the host's journal"),)))
            self._told = missing
        if not found:
            # Nothing is left at or after the place. Its time is the safer way back: a journal
            # that was put back to an earlier state numbers new entries below the cursor's.
            place = Place.of(cursor)
            return _Begin(Start(since=_at(place)) if place else Start(cursor))
        if self._complete:
            return _Begin(Start(cursor), first=found[0])
        present = self._delivered and same_entry(found[0], cursor)
        return _Begin(Start(cursor), first=cursor if present else None)

    # -- the stream -------------------------------------------------------------------------

    async def _pump(self, stream: Stream, first: str | None, emit: Emit) -> None:
        """Emit what comes until the output ends.

        :param first: the entry that must come first; if it is the cursor's own it is dropped.
        """
        last, line = first, turns()
        while entries := await self._present.wait(stream, lambda: self._end_lines(emit)):
            # Whoever says how much is wanted is no screen, and needs no rests for its keys.
            async with line.turn() if self._room is None else nullcontext():
                items: list[LogRecord | Gap] = []
                for entry in entries:
                    record = made(self._speaker, entry, self._fields)
                    if first is not None:
                        if not same_entry(first, record.cursor):
                            items += self._missing(self._jump(first, record))
                        last, first = record.cursor, None
                        if self._cursor is not None and same_entry(self._cursor, record.cursor):
                            continue
                    elif record.cursor in (last, self._cursor):
                        continue  # journalctl repeats an entry now and then
                    elif self._complete and last is not None and (count := step(last, record.cursor)):
                        lost = Hole(last, record.cursor, count)
                        items += self._missing(self._gap(lost, "not in the host's stream"))
                    last = record.cursor
                    if gap := self._losses.before(entry, record):
                        items += self._missing(gap)
                    if self._picks.fits(entry, record):
                        lines = self._partials.take(entry, record)
                        items += [line for line in lines if self._picks.says(line)]
                self._emit(emit, items, record.cursor)
                self._present.saw(record.time)
            await self._until_there_is_room()

    async def _until_there_is_room(self) -> None:
        if self._room is not None:
            await self._room()

    def _emit(self, emit: Emit, items: Sequence[LogRecord | Gap], cursor: str) -> None:
        """Hand on, and only then move the place to resume at."""
        if items:
            emit(Logged(self._host, tuple(items)))
        if not self._partials.holding:
            self._whole = Bookmark(cursor, self._present.heard_until_us(), True)
        self._cursor = cursor
        self._delivered = True

    def _missing(self, gap: Gap) -> list[LogRecord | Gap]:
        """A gap, and before it the lines that it broke off."""
        return [*self._broken_off(), gap]

    def _broken_off(self) -> list[LogRecord]:
        """Lines whose end did not come, as far as they did, if they are wanted."""
        return [line for line in self._partials.flush() if self._picks.says(line)]

    def _end_lines(self, emit: Emit) -> None:
        """Nothing has come for a moment: nobody waits for the end of a line any longer."""
        if self._partials.holding and self._cursor is not None:
            self._emit(emit, self._broken_off(), self._cursor)

    def _jump(self, expected: str, record: LogRecord) -> Gap:
        """The entry that was there a moment ago is not what the stream begins with."""
        between = step(expected, record.cursor)
        count = None if between is None else between + 1
        return self._gap(Hole(expected, record.cursor, count), "vacuumed before they were read")

    def _gap(self, missing: Hole, reason: str) -> Gap:
        self._losses.forget()
        place = Place.of(missing.before) if missing.before else None
        return Gap(
            self._host,
            _at(place) if place else datetime.now(UTC),
            f"entries are {reason}",
            count=missing.count,
            after=missing.after,
            before=missing.before,
        )


class _Present:
    """Whether the stream is at the present, and until when it surely was."""

    def __init__(self, heard_until_us: int | None) -> None:
        self._heard_until_us = heard_until_us  # by the host's clock
        self._live: Callable[[], None] | None = None
        self._offset_s = 0.0
        self._at: float | None = None
        self._quiet = False

    def heard_until_us(self) -> int | None:
        """The host's time up to which everything was heard that was asked for, as far as is known now."""
        at = time.time() if self._quiet else self._at
        if at is None:
            return self._heard_until_us
        return int((at + self._offset_s - _SURELY_HEARD_S) * 1_000_000)

    def begin(self, live: Callable[[], None], clock_offset_s: float) -> None:
        self._live, self._offset_s = live, clock_offset_s
        self._at, self._quiet = None, False

    async def wait(self, stream: Stream, paused: Callable[[], None]) -> list[Entry]:
        """The stream's next batch; a pause before it means that there was nothing left to read.

        :param paused: told of such a pause.
        """
        batch = asyncio.ensure_future(stream.batch())
        try:
            await asyncio.wait({batch}, timeout=_PAUSE_S)
            if not batch.done():
                self._quiet = True
                self._reached()
                paused()
            entries = await batch
        except BaseException:
            batch.cancel()
            await asyncio.gather(batch, return_exceptions=True)
            raise
        if self._quiet:
            self._at, self._quiet = time.time(), False
        return entries

    def saw(self, entry_time: datetime) -> None:
        """The last entry handed on is from `entry_time`, by the host's clock."""
        now = time.time()
        if entry_time.timestamp() >= now + self._offset_s - _YOUNG_S:
            self._at = now
            self._reached()

    def end(self) -> None:
        """The stream is over."""
        self._heard_until_us = self.heard_until_us()
        self._at, self._quiet = None, False

    def _reached(self) -> None:
        if self._live is not None:
            self._live()
            self._live = None


def _complete(query: LogQuery) -> bool:
    """Whether the host sends every entry it writes, so that their numbers must follow each other."""
    exact = journal_argv.exact
    named = (*exact(query.units), *exact(query.containers), *exact(query.images), *query.identifiers)
    return not named and query.priority is None and query.boot is None


def _at(place: Place) -> datetime:
    return _EPOCH + timedelta(microseconds=min(place.realtime_us, 2**57))

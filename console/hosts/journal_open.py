"""What reading a journal takes, however it is read: by journalctl on a host, or by libsystemd here."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from console.errors import HostError
from console.hosts.export_format import Entry
from console.hosts.journal_record import Speaker
from console.model.log import LogQuery, LogRecord

#: No more entries are handed on at once, so that a flood lets others have their turn.
BATCH = 100


@dataclass(frozen=True, slots=True)
class Start:
    """Where a stream begins: at an entry, at a time, or with neither at the journal's first entry."""

    cursor: str | None = None
    since: datetime | None = None


class Stream(Protocol):
    """The entries from a place on, and then each new one."""

    async def batch(self) -> list[Entry]:
        """The next entries, at least one, at most `BATCH`; none once the stream has ended.

        :raises HostError: it cannot be read on.
        """

    async def fault(self) -> HostError:
        """Why it ended; after an empty batch."""


class OpenJournal(Protocol):
    """A host's own journal, all of it. Every method may raise `HostError`."""

    @property
    def speaker(self) -> Speaker:
        """Whose it is."""

    @property
    def clock_offset_s(self) -> float:
        """The host's clock minus ours, roughly."""

    async def newest(self) -> str | None:
        """The newest entry's cursor; None while the journal is empty."""

    async def onwards(self, cursor: str, count: int) -> list[str]:
        """The cursors of the first `count` entries from `cursor` on, itself included if it is there."""

    async def boot_id(self, boot: str) -> str:
        """The id of a boot given by id or by offset (`0`, `-1`).

        :raises Absent: the journal has no such boot.
        :raises UsageError: `boot` is neither.
        """

    def look_back(self, query: LogQuery, fields: Sequence[str] = ()) -> AsyncGenerator[LogRecord, None]:
        """The records that `query` asks for, oldest first; with `fields` carried along."""

    def follow(
        self, query: LogQuery, start: Start, *, boot_id: str | None, fields: Sequence[str]
    ) -> AbstractAsyncContextManager[Stream]:
        """Every entry from `start` on that passes `query`'s filters, as far as no glob is in them.

        :param boot_id: what `query.boot` stands for.
        """

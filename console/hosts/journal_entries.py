"""The entries of a running journalctl, a few at a time."""

from __future__ import annotations

import asyncio
from collections import deque

from console.errors import HostFailure
from console.hosts.export_format import Entry, ExportError, ExportParser
from console.hosts.transport import Completed, Reading

#: No more entries are handed on at once, so that a flood lets others have their turn.
BATCH = 500
#: Parsed without a pause; some 300 entries, a few milliseconds.
_PIECE = 32 * 1024


class EntryReader:
    """Reads and parses; nothing is read ahead of what is asked for."""

    def __init__(self, host: str, reading: Reading) -> None:
        self._host = host
        self._reading = reading
        self._parser = ExportParser()
        self._parsed: deque[Entry] = deque()
        self._raw: deque[bytes] = deque()

    async def batch(self) -> list[Entry]:
        """The next entries, at least one, at most `BATCH`; none at the end of the output.

        :raises HostFailure: what comes is not the export format.
        :raises Unreachable: the connection went away.
        """
        while not self._parsed:
            if not self._raw:
                data = await self._reading.read()
                if not data:
                    return []
                self._raw.extend(data[i : i + _PIECE] for i in range(0, len(data), _PIECE))
            else:
                await asyncio.sleep(0)
            try:
                self._parsed.extend(self._parser.feed(self._raw.popleft()))
            except ExportError as error:
                raise HostFailure(f"journalctl's output cannot be read: {error}", host=self._host) from error
        if len(self._parsed) <= BATCH:
            entries = list(self._parsed)
            self._parsed.clear()
            return entries
        return [self._parsed.popleft() for _ in range(BATCH)]

    async def end(self) -> Completed:
        """How journalctl ended; call it after an empty batch."""
        return await self._reading.wait()

    @property
    def pending(self) -> bool:
        """Whether the output broke off within an entry."""
        return self._parser.pending

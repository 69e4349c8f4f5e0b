"""A journal that holds more than its reader takes: nothing grows, nothing is lost."""

from __future__ import annotations

import asyncio
import tracemalloc
from datetime import timedelta
from pathlib import Path

import pytest

from console.fleet.follow import JournalTail, Slow
from console.hosts.journal_follow import JournalSource
from console.hosts.journal_open import BATCH
from console.model.events import Event
from console.model.log import LogQuery, LogRecord
from tests.hosts.journal_files import Asking, journal_files, needs_journal_tools

pytestmark = needs_journal_tools

_LINES = 30_000
_PENDING = 1000
#: What `_PENDING` lines and what is read of a pipe take at most; all of the lines would take ten times this.
_MOST = 6 * 1024 * 1024


async def test_a_flood_takes_no_more_memory_than_a_reader_that_waits_has_room_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with journal_files(tmp_path) as files:
        monkeypatch.setenv("PATH", files.path)
        files.write(*(f"{n} {'x' * 400}" for n in range(_LINES)))
        tail = JournalTail(["web1"], slow=Slow.WAIT, pending=_PENDING)
        full = asyncio.Event()

        async def room() -> None:
            waiting = asyncio.ensure_future(tail.room("web1"))
            await asyncio.sleep(0)
            if not waiting.done():
                full.set()
            await waiting

        def emit(event: Event) -> None:
            tail.take(event)

        query = LogQuery(since=timedelta(days=1).total_seconds())
        source = JournalSource("web1", query, room=room)
        tracemalloc.start()
        following = asyncio.create_task(source.run(Asking(), emit, lambda: None))
        try:
            async with asyncio.timeout(60):
                await full.wait()
            taken = 0
            for _ in range(5):  # a reader that comes now and then
                batch = (await tail.batch(0)).records
                assert len(batch) <= _PENDING + BATCH
                taken += len(batch)
                full.clear()
                async with asyncio.timeout(60):
                    await full.wait()
            _, peak = tracemalloc.get_traced_memory()
            assert peak < _MOST
            tracemalloc.stop()
            async with asyncio.timeout(60):
                while taken < _LINES:
                    items = (await tail.batch(0)).records
                    said = [int(item.message.split()[0]) for item in items if isinstance(item, LogRecord)]
                    assert said == list(range(taken, taken + len(items)))
                    taken += len(items)
        finally:
            tracemalloc.stop()
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

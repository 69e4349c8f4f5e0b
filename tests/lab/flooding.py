"""A host's journal flooded while its log is on the screen and somebody types."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from textual import events

from console.model.log import LogRecord, Skipped
from console.tui.views import Kind, View
from console.tui.widgets.log_pane import LogPane
from tests.lab.on_screen import OnScreen
from tests.lab.truth import Truth

#: Nobody types faster.
_BETWEEN_KEYS_S = 0.05


@dataclass(frozen=True)
class Flooded:
    """What came of it.

    :param keys: seconds from each key to what `painted` says of it.
    :param ours: the same by the clock that was given for that.
    :param shown: lines of the flood that were taken.
    :param skipped: lines that were not, by the log's own count.
    """

    keys: list[float]
    ours: list[float]
    shown: int
    skipped: int


async def flooded(
    screen: OnScreen,
    truth: Truth,
    host: str,
    lines: int,
    painted: Callable[[float], bool] = lambda since: True,
    ours: Callable[[], float] = time.perf_counter,
) -> Flooded:
    """Write `lines` on `host` while keys pause its log and let it go on.

    :param painted: whether something was painted after a moment of `time.perf_counter`.
    :param ours: a clock that stands still while the machine keeps this process from working.
    """
    screen.app.main.show(View(Kind.LOGS, host))
    await screen.until(lambda: bool(screen.app.main.query(LogPane)))
    pane = screen.app.main.query_one(LogPane)
    await screen.until(lambda: pane.book.held > 0 and pane.following)
    tag = f"flood-{secrets.token_hex(4)}"  # the log begins with what floods before this one wrote
    write = (
        f"seq -f 'flood line %.0f' {lines} |"
        f" sudo systemd-run -q --pipe --wait -p LogRateLimitIntervalSec=0 systemd-cat -t {tag}"
    )
    flooding = asyncio.create_task(asyncio.to_thread(truth.ask, host, write))
    keys: list[float] = []
    keys_ours: list[float] = []

    def last() -> bool:
        newest = (
            pane.book.line(at)
            for at in range(pane.book.end - 1, max(pane.book.first, pane.book.end - 300), -1)
        )
        return any(
            isinstance(line, LogRecord) and line.identifier == tag and line.message == f"flood line {lines}"
            for line in newest
        )

    async with asyncio.timeout(120):
        while not (flooding.done() and last()):
            key, wanted = ("k", False) if pane.following else ("G", True)
            pressed, pressed_ours = time.perf_counter(), ours()
            screen.app.post_message(events.Key(key, key))
            while pane.following is not wanted:  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.001)
            done = time.perf_counter()
            while not painted(done):  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            keys.append(time.perf_counter() - pressed)
            keys_ours.append(ours() - pressed_ours)
            await asyncio.sleep(_BETWEEN_KEYS_S)
    await flooding
    held = [pane.book.line(at) for at in range(pane.book.first, pane.book.end)]
    return Flooded(
        keys,
        keys_ours,
        sum(isinstance(line, LogRecord) and line.identifier == tag for line in held),
        sum(line.count for line in held if isinstance(line, Skipped)),
    )

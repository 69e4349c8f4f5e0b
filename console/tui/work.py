"""Work that a widget does beside what is drawn: one task a group, and gone with the widget."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from textual.widget import Widget

from console.errors import QuarterdeckError


def work(widget: Widget, job: Callable[[], Awaitable[None]], group: str) -> None:
    """Do `job` in place of what the widget's group is at; what a host or a file has done wrong is a note.

    `job` is called by its worker and not before: one that is displaced before it began leaves no coroutine
    behind that nobody awaits.
    """

    async def noted() -> None:
        try:
            await job()
        except QuarterdeckError as error:
            widget.notify(str(error), severity="error", timeout=15, markup=False)

    noting: Callable[[], Awaitable[None]] = noted
    widget.run_worker(noting, group=group, exclusive=True)

"""What a log pane says of itself in one line: every toggle that is set, and what there is. Pure."""

from __future__ import annotations

from console.commands.logbook import LogBook
from console.tui.widgets.log_line import Times

_TIMES = {
    Times.DATE: "dates",
    Times.LOCAL: "local times",
    Times.DELTA: "times since the line before",
    Times.NONE: "no times",
}


def status_text(
    book: LogBook,
    *,
    unseen: int | None,
    search: str | None,
    searching: bool,
    wrap: bool,
    times: Times,
    shift: int,
    by_host: bool = False,
) -> str:
    """The most important first, as what does not fit is cut.

    :param unseen: lines that came while it stood still; None while it follows.
    :param search: what is searched for.
    :param shift: columns that are cut on the left.
    """
    wanted = book.filter
    if unseen is None:
        parts = ["following"]
    else:
        parts = [f"paused, {_lines(unseen, 'new ')}" if unseen else "paused"]
    if book.skipped:
        parts.append(f"{_lines(book.skipped)} not shown")
    parts.append(_lines(book.held) if wanted is None else f"{len(book):,} of {_lines(book.held)}")
    if wanted is not None:
        parts.append(f"filter {wanted.text}")
    if book.pending:
        parts.append(f"{book.pending:,} to look at")
    if search is not None:
        parts.append(f"{'searching' if searching else 'search'} {search}")
    if wrap:
        parts.append("wrapped")
    if times is not Times.TIME:
        parts.append(_TIMES[times])
    if by_host:
        parts.append("coloured by host")
    if shift:
        parts.append(f"{shift} columns to the right")
    if book.evicted:
        parts.append(f"{book.evicted:,} older gone")
    return " · ".join(parts)


def _lines(count: int, what: str = "") -> str:
    return f"{count:,} {what}line{'' if count == 1 else 's'}"

"""The lines around the work: the header on top, where we are below it, the keys at the bottom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from rich.cells import cell_len
from rich.text import Text
from textual.widgets import Static

from console.commands.rows import state_cell
from console.commands.values import ago
from console.model.host import Host
from console.model.state import State, Status
from console.tui.keys import Hint


def header_text(
    fleet: str, hosts: Sequence[Host], now: datetime, width: int, *, read_only: bool = False
) -> str:
    """Fleet, hosts by state, age of the oldest data, read-only badge and clock, in exactly `width` columns.

    What does not fit goes in this order: the seconds' zone, the states that are well, the fleet's name.
    """
    counts = Counter(host.state for host in hosts)
    told = [f"{counts[state]} {state_cell(Status(state, now)).text}" for state in State if counts[state]]
    lost = [host.status.since for host in hosts if host.state not in (State.LIVE, State.CONNECTING)]
    age = f"data from {ago(min(lost), now)} ago" if lost else "data live"
    if counts[State.CONNECTING]:
        age = "data incomplete" if not lost else age
    badge = " [READ-ONLY]" if read_only else ""
    clock = now.strftime("%H:%M:%S UTC")
    left = f" {fleet}  {len(hosts)} hosts: {', '.join(told)}  {age}{badge}"
    if cell_len(left) + cell_len(clock) + 2 > width:
        left = f" {fleet}  {', '.join(told)}{badge}"
    if cell_len(left) + cell_len(clock) + 2 > width:
        clock = now.strftime("%H:%M:%S")
    room = max(0, width - cell_len(clock) - 2)
    text = Text(left)
    text.truncate(room, overflow="ellipsis", pad=True)
    return f"{text.plain} {clock} "


def hint_text(hints: Sequence[Hint]) -> Text:
    """`key label`, two blanks between them."""
    text = Text(" ", no_wrap=True)
    for number, hint in enumerate(hints):
        text.append("  " if number else "")
        text.append(hint.key, "bold")
        text.append(f" {hint.label}")
    return text


class Bar(Static):
    """One line that fills the width."""

    DEFAULT_CSS = "Bar { height: 1; width: 1fr; }"

"""The lines around the work: the header on top, where we are below it, the keys at the bottom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

from rich.cells import cell_len
from rich.text import Text
from textual.widgets import Static

from console.commands.rows import state_cell
from console.commands.values import ago
from console.model.host import Host
from console.model.state import Source, State, Status
from console.tui.keys import Hint

#: Whether something of a host's source is shown, whatever state the source is in.
Holds = Callable[[Host, Source], bool]


def data_age(hosts: Sequence[Host], holds: Holds, now: datetime) -> str:
    """How old the oldest data is that is shown of hosts that count as live.

    A host that is not live is told by its own state, and its rows say that they are old. A host that is
    live may have a source that is not: what is shown of that is from before the source was lost.
    """
    live = [host for host in hosts if host.state is State.LIVE]
    old = [
        status.since
        for host in live
        for source, status in host.sources.items()
        if status.state not in (State.LIVE, State.CONNECTING) and holds(host, source)
    ]
    if old:
        return f"data from {ago(min(old), now)} ago"
    waits = any(status.state is State.CONNECTING for host in live for status in host.sources.values())
    if waits or any(host.state is State.CONNECTING for host in hosts):
        return "data incomplete"
    return "data live" if live else "no live data"


def header_text(
    fleet: str, hosts: Sequence[Host], holds: Holds, now: datetime, width: int, *, badges: Sequence[str] = ()
) -> str:
    """Fleet, hosts by state, age of the data, badges and clock, in exactly `width` columns.

    What does not fit goes in this order: the number of hosts, the clock's zone, the fleet's name, which
    stands in the line below too, the hosts that are live.
    """
    counts = Counter(host.state for host in hosts)
    told = [f"{counts[state]} {state_cell(Status(state, now)).text}" for state in State if counts[state]]
    trouble = told[1:] if counts[State.LIVE] and not counts[State.CONNECTING] else told
    age = "".join((data_age(hosts, holds, now), *(f" [{badge}]" for badge in badges)))
    clock, zone = now.strftime("%H:%M:%S"), now.strftime("%H:%M:%S UTC")
    tries = (
        (f"{fleet}  {len(hosts)} host{'' if len(hosts) == 1 else 's'}: {', '.join(told)}  {age}", zone),
        (f"{fleet}  {', '.join(told)}  {age}", zone),
        (f"{fleet}  {', '.join(told)}  {age}", clock),
        (f"{', '.join(told)}  {age}", clock),
        (f"{', '.join(trouble) or 'all live'}  {age}", clock),
    )
    for left, right in tries:
        room = width - cell_len(right) - 3
        if cell_len(left) <= room:
            break
    text = Text(left)
    text.truncate(max(0, room), overflow="ellipsis", pad=True)
    return f" {text.plain} {right} "


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

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__("", id=id, markup=False)
        self._shown: str | Text = ""

    def show(self, text: str | Text) -> None:
        """Replace its line. Nothing around it moves, so nothing is laid out."""
        if text != self._shown:
            self._shown = text
            self.update(text, layout=False)

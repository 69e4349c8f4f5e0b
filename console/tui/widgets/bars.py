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
from console.model.store import StoreStatus
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


def store_badges(status: StoreStatus | None, now: datetime) -> tuple[str, ...]:
    """That etcd does not answer, and since when it has not: at length, and as short as can be.

    Nothing where it does, or where nobody has asked it anything yet.
    """
    if status is None or status.state is State.LIVE or status.reason is None:
        return ()
    age = ago(status.contact or status.since, now)
    return (f"etcd: {'no quorum' if status.no_quorum else 'unreachable'} {age}", f"etcd ✖ {age}")


def header_text(
    fleet: str,
    hosts: Sequence[Host],
    holds: Holds,
    now: datetime,
    width: int,
    *,
    badges: Sequence[str] = (),
    store: StoreStatus | None = None,
) -> str:
    """Fleet, hosts by state, age of the data, badges and clock, in exactly `width` columns.

    What does not fit goes in this order: that etcd is the console's own, the number of hosts, the clock's
    zone, the fleet's name, which stands in the line below too, why etcd does not answer, the hosts that
    are live, and at last the clock.

    :param store: how etcd is doing; None: the fleet has none.
    """
    counts = Counter(host.state for host in hosts)
    told = [f"{counts[state]} {state_cell(Status(state, now)).text}" for state in State if counts[state]]
    trouble = told[1:] if counts[State.LIVE] and not counts[State.CONNECTING] else told
    data = data_age(hosts, holds, now)
    lost = store_badges(store, now)
    age = data + _bracketed((*badges, *lost[:1]))
    short = data + _bracketed((*badges, *lost[1:]))
    quiet = "  etcd: embedded" if store is not None and store.embedded and not lost else ""
    number = f"{len(hosts)} host{'' if len(hosts) == 1 else 's'}: {', '.join(told)}"
    clock, zone = now.strftime("%H:%M:%S"), now.strftime("%H:%M:%S UTC")
    worst = ", ".join(trouble) or "all live"
    tries = (
        (f"{fleet}  {number}  {age}{quiet}", zone),
        (f"{fleet}  {number}  {age}", zone),
        (f"{fleet}  {', '.join(told)}  {age}", zone),
        (f"{fleet}  {', '.join(told)}  {age}", clock),
        (f"{', '.join(told)}  {age}", clock),
        (f"{', '.join(told)}  {short}", clock),
        (f"{worst}  {short}", clock),
        *(((f"{worst}  {short}", ""),) if lost else ()),
    )
    for left, right in tries:
        room = width - cell_len(right) - 3
        if cell_len(left) <= room:
            break
    text = Text(left)
    text.truncate(max(0, room), overflow="ellipsis", pad=True)
    return f" {text.plain} {right} "


def _bracketed(badges: Sequence[str]) -> str:
    return "".join(f" [{badge}]" for badge in badges)


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

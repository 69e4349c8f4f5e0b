"""The fleet at one glance, as lines for a terminal of any size."""

from __future__ import annotations

from datetime import UTC, datetime

from console.cli.table import paint, table
from console.commands.fitting import fit, width_of
from console.commands.picture import Picture, Trouble
from console.commands.rows import HOST, Cell, Column, Tone, state_cell
from console.commands.values import ago
from console.model.state import State, Status

#: With no terminal to fit, as wide as a wide one.
_UNBOUNDED = 200

_TROUBLES: tuple[Column[Trouble], ...] = (
    Column("HOST", lambda trouble: trouble.place, 9),
    Column("WHAT", lambda trouble: trouble.what, 9, shrink=True),
    Column("HOW", lambda trouble: trouble.how, 9),
    Column("SINCE", lambda trouble: ago(trouble.since, datetime.now(UTC)), 8, right=True),
    Column("WHY", lambda trouble: Cell(trouble.why, Tone.FAINT), 8, shrink=True),
)


def glance(picture: Picture, width: int | None, height: int | None, *, color: bool = False) -> list[str]:
    """Headline, hosts, troubles.

    :param height: lines there are; when short of them the hosts that need no look go first, and
        what was left out is counted. None: everything.
    """
    columns = width or _UNBOUNDED
    head = [_headline(picture, columns, color), ""]
    hosts = list(picture.hosts)
    troubles = list(picture.troubles)
    left_out: list[str] = []
    if height is not None:
        room = max(2, height - len(head) - 4)
        for_hosts = max(1, min(len(hosts), max(room - len(troubles) - 1, room // 2)))
        if len(hosts) > for_hosts:
            hosts = sorted(hosts, key=HOST.sort)[:for_hosts]
            left_out.append(f"… {len(picture.hosts) - for_hosts} more hosts")
        for_troubles = max(0, room - len(hosts) - 1)
        if len(troubles) > for_troubles:
            left_out.append(f"… {len(troubles) - for_troubles} more troubles")
            troubles = troubles[:for_troubles]
    lines = head + table(HOST.columns, hosts, width, color=color)
    if troubles:
        lines += ["", *table(_TROUBLES, troubles, width, color=color)]
    elif not picture.troubles and all(host.state is State.LIVE for host in picture.hosts):
        lines += ["", paint("● nothing is wrong", Tone.GOOD, color)]
    lines += [paint(text, Tone.FAINT, color) for text in left_out]
    return lines if height is None else lines[:height]


def _headline(picture: Picture, columns: int, color: bool) -> str:
    now = datetime.now(UTC)
    clock = now.strftime("%H:%M:%S UTC")
    states = picture.states()
    counts = [f"{states[state]} {state_cell(Status(state, now)).text}" for state in State if states[state]]
    text = f"{picture.name}  {len(picture.hosts)} hosts: {', '.join(counts) or 'none'}"
    text += f"   {picture.units} units, {picture.containers} containers, {len(picture.troubles)} troubles"
    tone = Tone.GOOD if not picture.troubles else Tone.BAD
    room = columns - width_of(clock) - 1
    return paint(fit(text, max(0, room)), tone, color) + " " + clock

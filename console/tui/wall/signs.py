"""Every host as a sign and its name, as many as fit; where they do not, signs alone. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from console.commands.fitting import fit
from console.commands.rows import Cell, Tone
from console.commands.rows.base import GLYPHS
from console.model.host import Host

Line = tuple[Cell, ...]

#: What is left of a name where it has to be cut, at least.
_LEAST, _MOST = 8, 24


def signs(
    hosts: Sequence[Host], tone_of: Callable[[Host], Tone], width: int, height: int
) -> list[list[Line]]:
    """The parts of the page, each no higher than `height` lines of `width` columns.

    :param hosts: in the order of their names; each keeps its place, however it is.
    """
    if not hosts or width < 1 or height < 1:
        return []
    longest = min(_MOST, max(_LEAST, *(len(host.name) for host in hosts)))
    across = max(1, (width + 2) // (longest + 4))
    if len(hosts) <= across * height:
        names = [(_sign(tone_of(host)), Cell(_cut(host.name, longest) + " ")) for host in hosts]
        lines: list[Line] = [
            tuple(cell for pair in names[at : at + across] for cell in pair)
            for at in range(0, len(names), across)
        ]
    else:
        # A blank stands between two cells.
        across = max(1, (width + 1) // 2)
        lines = [
            tuple(_sign(tone_of(host)) for host in hosts[at : at + across])
            for at in range(0, len(hosts), across)
        ]
    return [lines[at : at + height] for at in range(0, len(lines), height)]


def _sign(tone: Tone) -> Cell:
    return Cell(GLYPHS[tone], tone)


def _cut(name: str, width: int) -> str:
    """A name cut in its middle: hosts differ at their ends."""
    if len(name) > width:
        begin = (width - 1) // 2
        name = f"{name[:begin]}…{name[begin + 1 - width :]}"
    return fit(name, width)

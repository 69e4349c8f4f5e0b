"""Which sources of a host are wanted, and how much of each."""

from __future__ import annotations

from dataclasses import dataclass

from console.model.log import LogQuery


@dataclass(frozen=True, slots=True)
class Wants:
    """What a view or a command needs to see. The default is the whole live picture.

    :param details: also ask for `result`, `restarts` and `since` of units at rest, which a
        listing does not carry and which costs the host one question a unit.
    :param journal: what to follow of the journal; None leaves it alone.
    :param connect: to the hosts at all; without it they are known as the inventory has them.
    """

    units: bool = True
    details: bool = False
    containers: bool = True
    journal: LogQuery | None = None
    os: bool = True
    connect: bool = True


#: The journal as a view of the whole fleet follows it: warnings and worse, from now on.
WARNINGS = LogQuery(priority=4)
EVERYTHING = Wants(journal=WARNINGS)

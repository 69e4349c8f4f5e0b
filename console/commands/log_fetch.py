"""How to see lines that were not shown. Pure."""

from __future__ import annotations

from console.commands.grammar import format_command
from console.commands.log import LogShow
from console.model.log import Skipped
from console.model.selector import Selector


def to_fetch(skipped: Skipped) -> str:
    """The command line that shows the lines that `skipped` stands for."""
    query = skipped.query
    return format_command(
        LogShow(
            on=Selector.parse(skipped.host),
            unit=query.units,
            container=query.containers,
            image=query.images,
            identifier=query.identifiers,
            priority=query.priority,
            grep=query.grep,
            since=skipped.time,
            until=skipped.until,
        )
    )

"""Waits for an assertion to hold."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from console.commands.macro.statements import Assertion, unmet
from console.commands.watching import PAUSE
from console.errors import Incomplete
from console.model.wants import Wants

if TYPE_CHECKING:
    from console.commands.core import Core

_NAMED = 5


async def hold(assertion: Assertion, core: Core) -> None:
    """Return as soon as it holds.

    :raises Incomplete: it does not, within its time.
    :raises NothingSelected: it is about no host.
    """
    until = time.monotonic() + assertion.within
    wants = Wants(units=assertion.noun == "unit", containers=assertion.noun == "container", os=False)
    async with core.observe(assertion.on, wants) as view:
        model = view.fleet.model
        feed = model.feed()
        try:
            while reasons := unmet(assertion, model, view.hosts()):
                left = until - time.monotonic()
                if left <= 0:
                    raise Incomplete(f"{assertion}: {_listed(reasons)}")
                # With nothing new to look at, the time is up before the next look.
                await feed.batch(min(PAUSE, left), idle=left)
        finally:
            model.leave(feed)


def _listed(reasons: list[str]) -> str:
    more = f" and {len(reasons) - _NAMED} more" if len(reasons) > _NAMED else ""
    return "; ".join(reasons[:_NAMED]) + more

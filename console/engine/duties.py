"""What an engine does beside placing services: duties of the one that leads, tasks of any of them.

    async def carry_on_rollouts(term: Term) -> None: …      # a duty: one more line in DUTIES
    async def serve_metrics(setting: Setting) -> None: …    # a task: given to `Engine` by who makes it

A duty begins when the engine is elected and is cancelled when another leads by then, or the engine ends; it
may also be done by itself. What etcd or a host has said no to is told, and the duty begins anew after a
while, longer and longer: it does not keep services from being placed. Any other exception is a fault of ours
and ends the engine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from console.engine.naming import name_holders
from console.engine.rollouts import carry_on_rollouts
from console.engine.term import Setting, Term
from console.errors import HostError, StoreError

#: Before a duty that has failed begins anew, in seconds: twice as many each time, up to the second.
FIRST_S, MOST_S = 1.0, 60.0

Duty = Callable[[Term], Coroutine[Any, Any, None]]
Task = Callable[[Setting], Coroutine[Any, Any, None]]

#: What the engine that leads does.
DUTIES: tuple[Duty, ...] = (name_holders, carry_on_rollouts)


async def done(duty: Duty, term: Term) -> None:
    """Have a duty done, again and again if need be, until it is or we are cancelled."""
    pause = FIRST_S
    while True:
        try:
            await duty(term)
        except (StoreError, HostError) as error:
            term.setting.told(f"{name_of(duty)}: {error}; it begins anew in {pause:g} s")
        else:
            return
        await asyncio.sleep(pause)
        pause = min(MOST_S, pause * 2)


def name_of(duty: Duty | Task) -> str:
    """What it is called in what is told, and its task."""
    return getattr(duty, "__name__", type(duty).__name__).replace("_", " ")

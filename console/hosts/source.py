"""What a source is: something that tells a host's facts until it cannot.

A source does not decide about retries or states: it runs until a fault and raises it. The host's
session (`session.py`) turns the fault into a state, waits and runs it again:

    Absent          absent     asked again slowly
    AccessRefused   refused    asked again slowly
    HostFailure     failed, or stale if it was live before; again with backoff
    Unreachable     the same
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, Protocol

from console.hosts.transport import Transport
from console.model.events import Event

#: Nothing on a host pushes its facts: they are read this often, in seconds.
FACTS_EVERY_S = 30.0

#: Takes each event at once and in order; never blocks.
Emit = Callable[[Event], None]


class SourceRun(Protocol):
    """One live feed of one host."""

    async def run(self, transport: Transport, emit: Emit, live: Callable[[], None]) -> NoReturn:
        """Tell everything, then every change, until cancelled or a fault.

        :param emit: takes the events. The first one holds the whole picture.
        :param live: called once what was emitted is the host's present truth.
        :raises HostError: why it cannot go on. It never simply returns.
        """

"""Whether etcd answers, since when it does not, and why: kept from what calls come to, and by asking.

A watch on a member that is frozen or cut off says nothing, and so does one on a quiet cluster. A probe
tells them apart: every few seconds one read that needs a quorum, so that a dead member is left, and the
age of what is shown is known, without a word from gRPC's own keepalive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from console.errors import StoreError
from console.model.state import State
from console.model.store import StoreStatus
from console.store.values import Span

if TYPE_CHECKING:
    from console.store.client import Etcd

PROBE_EVERY_S = 4.0


class Health:
    """The state of the connection to etcd. `status` is the last word; `changed` are told of each new one."""

    def __init__(self, endpoints: Sequence[str]) -> None:
        self.status = StoreStatus(State.CONNECTING, _now())
        self.changed: list[Callable[[], None]] = []
        #: How long the last probe took, in seconds.
        self.latency: float | None = None

    def answered(self, url: str) -> None:
        """A member with a leader has answered."""
        now = _now()
        if self.status.state is State.LIVE and self.status.endpoint == url:
            self.status = replace(self.status, contact=now)  # too often to be told
            return
        since = self.status.since if self.status.state is State.LIVE else now
        self._become(
            replace(self.status, state=State.LIVE, since=since, reason=None, endpoint=url, contact=now)
        )

    def silent(self, reason: str) -> None:
        """A member has not answered, or has nobody to agree with."""
        state = State.STALE if self.status.contact else State.CONNECTING
        if self.status.state is state and self.status.reason == reason:
            return
        since = self.status.since if self.status.state is state else _now()
        self._become(replace(self.status, state=state, since=since, reason=reason, endpoint=None))

    async def watch_over(self, etcd: Etcd) -> None:
        """Ask now and then, until cancelled. What comes of it is in `status`."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(PROBE_EVERY_S)
            if self.status.state is State.CONNECTING and self.status.reason is None:
                continue  # nobody has asked for anything yet
            begun = loop.time()
            try:
                await etcd.range(Span(etcd.prefix), limit=1)
            except StoreError:
                continue  # it is in the status already
            self.latency = loop.time() - begun

    def _become(self, status: StoreStatus) -> None:
        self.status = status
        for tell in self.changed:
            tell()


def _now() -> datetime:
    return datetime.now(UTC)

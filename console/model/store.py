"""How etcd, the fleet's memory, is doing, as far as this console can tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from console.model.state import State


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """Whether what is shown from etcd can be believed.

    :param state: `connecting`, `live`, or `stale`: what is shown is of `contact` or before.
    :param since: since when it is in this state, UTC.
    :param reason: why it is not live: `no quorum: …`, `connection refused`, …
    :param endpoint: the member in use, None without one.
    :param contact: when a member last answered with a leader behind it; None: never yet.
    :param embedded: whether it is the console's own.
    """

    state: State
    since: datetime
    reason: str | None = None
    endpoint: str | None = None
    contact: datetime | None = None
    embedded: bool = False

    @property
    def no_quorum(self) -> bool:
        """Whether members answer, and cannot agree."""
        return self.state is State.STALE and (self.reason or "").startswith("no quorum")

"""The reboot lock: who may reboot, of a group of hosts. Kept by `console/rollouts/reboot_lock.py`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

#: Who has had a slot for longer than this may have forgotten it, if nothing else is said.
STALE_AFTER = timedelta(hours=1)

#: Who keeps a lock: this fleet's own, and airlock, the FleetLock server of CoreOS.
OURS, AIRLOCK = "quarterdeck", "airlock"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a slot.

    :param id: what it calls itself: a rollout's target, Zincati's id of a machine, a person's word.
    :param host: the fleet's host that it is about; None: not known.
    :param since: None where its keeper does not say.
    :param why: what it has the slot for, in a few words.
    """

    id: str
    host: str | None
    since: datetime | None
    why: str

    @property
    def words(self) -> str:
        """Who, for what, since when: one line for a person."""
        who = self.id if self.host in (None, self.id) else f"{self.host} ({self.id})"
        since = "" if self.since is None else f", since {self.since:%Y-%m-%d %H:%M}Z"
        return f"{who}{f': {self.why}' if self.why else ''}{since}"


@dataclass(frozen=True, slots=True)
class Frozen:
    """Who has said that nobody is to get a slot, and why."""

    by: str
    why: str
    since: datetime


@dataclass(frozen=True, slots=True)
class LockState:
    """The semaphore of one group.

    :param max: so many may hold a slot at a time. Fewer than hold one now, if it was lowered since.
    :param frozen: nobody gets one; who has one keeps it. None: it is not frozen.
    :param holders: in the order in which they came.
    :param kept_by: `OURS`, or whose record this is.
    """

    group: str
    max: int = 1
    frozen: Frozen | None = None
    holders: tuple[Holder, ...] = ()
    kept_by: str = OURS

    @property
    def free(self) -> int:
        """Slots that are left, frozen or not."""
        return max(self.max - len(self.holders), 0)

    def find(self, identity: str) -> Holder | None:
        return next((holder for holder in self.holders if holder.id == identity), None)

    def joined(self, holder: Holder) -> LockState:
        return replace(self, holders=(*self.holders, holder))

    def left(self, identity: str) -> LockState:
        return replace(self, holders=tuple(one for one in self.holders if one.id != identity))


def stale_why(
    holder: Holder, hosts: Collection[str], now: datetime, after: timedelta = STALE_AFTER
) -> str | None:
    """Why a slot may be held by nobody any more; None: nothing speaks for that.

    :param hosts: the names of all hosts of the fleet.
    """
    if holder.host is not None and holder.host not in hosts:
        return f"{holder.host} is no host of the fleet"
    if holder.since is not None and now - holder.since > after:
        return f"held for longer than {_told(after)}"
    return "no host of the fleet is known by this id" if holder.host is None else None


def _told(span: timedelta) -> str:
    seconds = round(span.total_seconds())
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit and not seconds % unit:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"

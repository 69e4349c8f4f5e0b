"""What a kind of rollout is: its stages, and what is done in each.

A new kind is one module like `host_update.py`, and one line in `kinds.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from console.rollouts.course import Course, Outcome, Progress
from console.rollouts.rollout import Rollout, Target

if TYPE_CHECKING:
    from console.actions.audit import Audit
    from console.actions.hands import Permit
    from console.actions.hosts import Said
    from console.fleet.fleet import Fleet
    from console.rollouts.instances import Instances
    from console.rollouts.ledger import Ledger
    from console.rollouts.rollout import Account


async def nothing_leaves(host: str) -> str | None:
    """Where nobody places services, a drained host has nothing to let go."""
    return None


@dataclass(frozen=True, slots=True)
class Site:
    """What a rollout is carried out with.

    :param fleet: the hosts, live: units, containers and systems.
    :param said: where what is said of a host is kept.
    :param leaving: what a drained host has still to let go of, in words; None once that is nothing.
    :param told: takes what an operator should know, a line each.
    :param now: the clock.
    :param instances: the registry of services, where the rollout is of services.
    """

    ledger: Ledger
    fleet: Fleet
    permit: Permit
    audit: Audit
    said: Callable[[str], Said]
    told: Callable[[str], None] = field(repr=False)
    now: Callable[[], datetime] = field(repr=False)
    leaving: Callable[[str], Awaitable[str | None]] = nothing_leaves
    instances: Instances | None = None


@dataclass(frozen=True, slots=True)
class At:
    """Where a target is, for who does its stage."""

    rollout: Rollout
    target: Target
    progress: Progress

    @property
    def name(self) -> str:
        """What a lock or a guard of this target is called."""
        return f"{self.rollout.id}/{self.target.id}"

    @property
    def host(self) -> str:
        return self.target.host

    def fact(self, name: str) -> str:
        """What is remembered of the target, or was known when it was planned; empty if nothing is."""
        return self.progress.facts.get(name) or self.target.facts.get(name, "")

    def setting(self, name: str, default: str = "") -> str:
        return self.rollout.settings.get(name, default)

    def seconds(self, name: str, default: float) -> float:
        """A setting that is a time, in seconds."""
        try:
            return float(self.rollout.settings.get(name, default))
        except ValueError:
            return default


class Kind(Protocol):
    """One kind of rollout, carried out by one driver."""

    course: Course

    async def perform(self, at: At) -> Outcome:
        """Do the target's stage, or look whether it is done.

        Called again and again while it is `Waiting`; also by another driver, who knows only what is
        written down. What it changes on hosts goes through `hand.py`.

        :raises HostError: the host does not answer, or has not done it.
        :raises StoreError: etcd did not take it; nothing of the target is known to have changed.
        """

    async def slots(self, rollout: Rollout) -> int | None:
        """How many targets may be out of service at once by the kind's own measure; None: it has none.

        :raises StoreError: etcd does not say.
        """

    def away(self, rollout: Rollout) -> frozenset[str]:
        """Targets that cannot be reached now."""

    async def blame(self, at: At) -> str | None:
        """What a target was to be changed to did not prove itself: have no rollout bring it again.

        :return: what is denied now, in words; None if nothing can be.
        :raises StoreError: see `perform`.
        """

    async def conclude(self, account: Account, *, done: bool) -> str | None:
        """Do what is to be done once for all targets, before the rollout is said to be over.

        :param done: whether all of them have come to their end well; else it was aborted.
        :return: why that is not done yet, in words; None if it is. It is called again then.
        :raises StoreError: see `perform`.
        """

"""A rollout as a command waits for it: an act a target, which is done once the rollout has done it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from console.errors import HostFailure
from console.rollouts.course import End, Progress
from console.rollouts.driving import follow
from console.rollouts.rollout import Account

if TYPE_CHECKING:
    from console.actions.hands import Hands
    from console.rollouts.ledger import Ledger


class Awaiting:
    """Follows one rollout. `run` it beside what waits."""

    def __init__(self, ledger: Ledger, identity: str) -> None:
        self._ledger = ledger
        self.identity = identity
        self._account: Account | None = None
        self._changed = asyncio.Condition()

    async def run(self) -> None:
        """Follow it, until cancelled. :raises StoreError: etcd says no."""
        async with aclosing(follow(self._ledger, self.identity)) as following:
            async for account in following:
                async with self._changed:
                    self._account = account
                    self._changed.notify_all()

    async def begun(self, target: str) -> str | None:
        """Wait until it begins a target; or why it will not."""
        account = await self._until(lambda now: target in now.progress or now.stands)
        if target in account.progress:
            return None
        rollout = account.rollout
        why = f": {rollout.why}" if rollout.why else ""
        return f"not begun: {rollout.id} is {rollout.state}{why}"

    async def ended(self, target: str) -> Progress:
        """Wait until it has ended a target; how that is then."""
        account = await self._until(
            lambda now: (found := now.progress.get(target)) is not None and found.end is not None
        )
        return account.progress[target]

    async def settled(self) -> Account:
        """Wait until nothing more comes of it by itself."""
        return await self._until(lambda now: now.stands)

    async def _until(self, reached: Callable[[Account], bool]) -> Account:
        async with self._changed:
            await self._changed.wait_for(lambda: self._account is not None and reached(self._account))
            assert self._account is not None
            return self._account


@dataclass(frozen=True, slots=True)
class ByRollout:
    """What a rollout does to one target, as a step of the plan that a person confirms."""

    awaiting: Awaiting = field(repr=False, compare=False)
    target: str

    async def check(self, hands: Hands) -> str | None:
        return await self.awaiting.begun(self.target)

    async def do(self, hands: Hands) -> str:
        progress = await self.awaiting.ended(self.target)
        if progress.end is End.DONE:
            return ended_words(progress)
        raise HostFailure(ended_words(progress), host=hands.host)


def ended_words(progress: Progress) -> str:
    """How a target ended, and why."""
    why = f": {progress.failed}" if progress.failed else ""
    words = {
        End.DONE: progress.facts.get("to_version", ""),
        End.ROLLED_BACK: f"rolled back{why}",
        End.FAILED: f"left as it was{why}",
        End.ABORTED: "aborted before it was changed",
        End.LOST: f"LOST{why}; what it holds is kept until somebody has seen to it",
    }
    return "" if progress.end is None else words[progress.end]

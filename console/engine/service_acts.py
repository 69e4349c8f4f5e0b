"""What commands do to services, as acts of a plan: each is refused if the record moved on since the plan."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from console.engine.services import Assigned, ServiceStore, assigned_bytes
from console.errors import Conflict, HostFailure, StoreError
from console.store.values import Put, Unchanged

if TYPE_CHECKING:
    from console.actions.hands import Hands

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ChangeService:
    """Has a service be otherwise.

    :param modified: etcd's revision of its record as the plan saw it; 0: there was none.
    :param doing: does it.
    """

    store: ServiceStore = field(repr=False, compare=False)
    name: str
    modified: int
    doing: Callable[[], Awaitable[object]] = field(repr=False, compare=False)

    async def check(self, hands: Hands) -> str | None:
        entry = await _told(self.store.etcd.get(f"{self.store.keys.under('services').key}{self.name}"))
        now = 0 if entry is None else entry.modified
        return None if now == self.modified else "it has been changed since the plan"

    async def do(self, hands: Hands) -> str:
        await _told(self.doing())
        return ""


@dataclass(frozen=True, slots=True)
class Replace:
    """Places an instance on another host; the engine carries it there. Its epoch rises.

    :param one: its placement as the plan saw it.
    """

    store: ServiceStore = field(repr=False, compare=False)
    one: Assigned
    host: str

    @property
    def _key(self) -> str:
        return self.store.assigned_key(self.one, everywhere=False)

    async def check(self, hands: Hands) -> str | None:
        entry = await _told(self.store.etcd.get(self._key))
        if entry is None or entry.modified != self.one.modified:
            return "it has been placed anew since the plan"
        return None

    async def do(self, hands: Hands) -> str:
        async def do() -> None:
            placed = replace(self.one, host=self.host, epoch=self.one.epoch + 1)
            at = await self.store.etcd.write(
                [Put(self._key, assigned_bytes(placed))], [Unchanged(self._key, self.one.modified)]
            )
            if not at.done:
                raise Conflict(f"{self.one.instance} has been placed anew meanwhile", hint="try again")

        await _told(do())
        return ""


async def _told(doing: Awaitable[_T]) -> _T:
    """:raises HostFailure: etcd's fault, as that of a step."""
    try:
        return await doing
    except StoreError as error:
        raise HostFailure(error.message, host="etcd", hint=error.hint) from error

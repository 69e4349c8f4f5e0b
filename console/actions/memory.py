"""What is done to the fleet's memory itself, and to etcd under it, as acts of a plan. No host is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from console.errors import AccessRefused, ConfigError, HostFailure, Refused, StoreError

if TYPE_CHECKING:
    from console.actions.hands import Hands
    from console.fleet.memory import Memory
    from console.fleet.overlay import HostOverlay

_ETCD = "etcd"

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class KeepText:
    """Has a key hold a text, or has no such key.

    :param kind, name: which; `macros`, `acks`.
    :param before: what the plan saw there.
    """

    memory: Memory = field(repr=False, compare=False)
    kind: str
    name: str
    text: str | None
    before: str | None

    async def check(self, hands: Hands) -> str | None:
        if await _told(self.memory.text(self.kind, self.name)) != self.before:
            return "it has been changed since the plan"
        return None

    async def do(self, hands: Hands) -> str:
        await _told(self.memory.put_text(self.kind, self.name, self.text))
        return ""


@dataclass(frozen=True, slots=True)
class KeepHost:
    """Has a host be the fleet's by what etcd says, or has it said no more; labels and cordon stay.

    :param said: address, port, user and labels; None: it is to go, with all that is said of it.
    :param before: what the plan saw.
    """

    memory: Memory = field(repr=False, compare=False)
    name: str
    said: HostOverlay | None
    before: HostOverlay

    async def check(self, hands: Hands) -> str | None:
        if await _told(self.memory.host(self.name)) != self.before:
            return "what is said of it has been changed since the plan"
        return None

    async def do(self, hands: Hands) -> str:
        def changed(now: HostOverlay) -> HostOverlay:
            if self.said is None:
                return type(now)()
            said = self.said
            return replace(
                now,
                address=said.address,
                port=said.port,
                user=said.user,
                labels={**now.labels, **said.labels},
            )

        await _told(self.memory.change_host(self.name, changed))
        return ""


@dataclass(frozen=True, slots=True)
class OnEtcd:
    """Something that is done in etcd; what it says when it is done.

    :param doing: does it.
    :param moved: why things are not any more as the plan saw them, or None; without it they always are.
    """

    what: str
    doing: Callable[[], Awaitable[str]] = field(repr=False, compare=False)
    moved: Callable[[], Awaitable[str | None]] | None = field(default=None, repr=False, compare=False)

    async def check(self, hands: Hands) -> str | None:
        return None if self.moved is None else await _told(self.moved())

    async def do(self, hands: Hands) -> str:
        return await _told(self.doing())


async def _told(doing: Awaitable[_T]) -> _T:
    """:raises HostError: etcd's fault, or that it was refused, as that of a step."""
    try:
        return await doing
    except Refused as error:
        raise AccessRefused(error.message, host=_ETCD, hint=error.hint) from error
    except (StoreError, ConfigError) as error:
        raise HostFailure(error.message, host=_ETCD, hint=error.hint) from error

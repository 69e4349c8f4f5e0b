"""Draining hosts: steps of a plan that have a host keep nothing that can run elsewhere, and take that back.

The host itself is not asked: what is said of it changes (`hosts/<name>`, `drained-by`), and an engine moves
what is there. A host is drained for as long as anybody keeps it so; a rollout passes its own id as `by`.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from console.actions.plan import Effect, Step
from console.model.text import clean

if TYPE_CHECKING:
    from console.actions.hands import Hands
    from console.actions.hosts import Said
    from console.fleet.overlay import HostOverlay


@dataclass(frozen=True, slots=True)
class HostDrain:
    """Has somebody keep a host drained. Two that say so in one name at the same time say the same."""

    said: Said = field(repr=False, compare=False)
    by: str

    async def check(self, hands: Hands) -> str | None:
        return None

    async def do(self, hands: Hands) -> str:
        since = datetime.now(UTC)
        await self.said.change(lambda said: replace(said, drained={self.by: since, **said.drained}))
        return ""


@dataclass(frozen=True, slots=True)
class HostUndrain:
    """Has some not keep a host drained any more."""

    said: Said = field(repr=False, compare=False)
    by: frozenset[str]

    async def check(self, hands: Hands) -> str | None:
        now = (await self.said.now()).drained
        return None if self.by & now.keys() else "it is not drained any more"

    async def do(self, hands: Hands) -> str:
        left: dict[str, datetime] = {}

        def changed(said: HostOverlay) -> HostOverlay:
            left.clear()
            left.update({who: at for who, at in said.drained.items() if who not in self.by})
            return replace(said, drained={**left})

        await self.said.change(changed)
        return f"still {in_words(left)}" if left else ""


def drain(
    said: Said,
    drained: Mapping[str, datetime],
    *,
    by: str,
    then: str = "drained",
    touches: tuple[Effect, ...] = (),
) -> Step:
    """The step that drains a host.

    :param said: where what is said of the host is kept.
    :param drained: who keeps it drained by now, and since when (`Host.drained`).
    :param by: who drains it: a person, or a rollout by its id.
    :param then: what it will be, in words.
    :param touches: what becomes of its instances.
    """
    host = said.host.name
    undo = shlex.join(["host", "undrain", f"--on={host}"])
    return Step(host, "", "drain", in_words(drained), then, HostDrain(said, clean(by, 120)), touches, undo)


def undrain(said: Said, drained: Mapping[str, datetime], *, by: str | None = None) -> Step | None:
    """The step that takes a drain back; None where there is nothing to take back.

    :param by: whose: others keep it drained then; None: everybody's.
    """
    gone = drained.keys() if by is None else drained.keys() & {by}
    if not gone:
        return None
    host = said.host.name
    left = {who: at for who, at in drained.items() if who not in gone}
    undo = shlex.join(["host", "drain", f"--on={host}"])
    act = HostUndrain(said, frozenset(gone))
    return Step(host, "", "undrain", in_words(drained), in_words(left), act, (), undo)


def in_words(drained: Mapping[str, datetime]) -> str:
    """`drained by r-2f9c`, `not drained`."""
    return f"drained by {', '.join(sorted(drained))}" if drained else "not drained"

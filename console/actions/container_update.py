"""A container's next version: its successor is made, takes its place, proves itself, or gives it back.

    pull ─▶ make web.next ─▶ swap (start-first: start, gate, swap) ─▶ gate ─▶ it is web, web.before is kept
                                                                      └ fails: web again, web.failed is kept

What is kept is stopped, and is not started by its daemon; a kept one is removed once the next update has
proved itself. Whatever interrupts this, asking again looks at what is there and goes on from it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from console.actions.container_gate import Gate
from console.actions.containers import ContainerStamp, OnContainer, says
from console.actions.inspected import Json, part
from console.actions.successor import ASKED, REPLACED, RESTART, Successor, successor
from console.actions.swap import Return, Swap, policy_words, worked
from console.errors import Absent, HostError, HostFailure
from console.model.image import Reference

if TYPE_CHECKING:
    from console.actions.hands import Hands
    from console.hosts.engine_control import EngineControl

_PULLS_WITHIN = 1800.0  # seconds
_STOPS_WITHIN = 10.0


@dataclass(frozen=True, slots=True)
class Names:
    """What the containers are called that are about one name."""

    name: str

    @property
    def next(self) -> str:
        """The successor until it takes the place."""
        return f"{self.name}.next"

    @property
    def before(self) -> str:
        """The one that had the place, kept to go back to."""
        return f"{self.name}.before"

    @property
    def leaving(self) -> str:
        """The one that had the place, until its successor has proved itself."""
        return f"{self.name}.leaving"

    @property
    def failed(self) -> str:
        """A successor that did not prove itself, kept for its log."""
        return f"{self.name}.failed"

    @property
    def after(self) -> str:
        """One that was rolled back from."""
        return f"{self.name}.after"

    @property
    def passing(self) -> tuple[str, ...]:
        """Those that the next update does away with."""
        return (self.next, self.failed, self.after)


def place_of(name: str) -> str:
    """Whose place a container has or has had, by its name."""
    return name.removesuffix(".before").removesuffix(".leaving")


class Image:
    """The image that a rollout brings everywhere: one digest, whatever its tag is made to mean meanwhile.

    :param digest: what the tag stands for; None: found out by the first host that pulls it.
    :param denied: why a digest is not to be brought anywhere, or None; asked of one that is found out.
    """

    def __init__(
        self,
        reference: Reference,
        digest: str | None,
        denied: Callable[[str], Awaitable[str | None]],
    ) -> None:
        self.reference = reference
        self._denied = denied
        self.digest = digest or reference.digest
        self._first = asyncio.Lock()
        self._on_host: dict[str, asyncio.Lock] = {}

    async def pull(
        self, hands: Hands, engine: EngineControl, heard: Callable[[str], None], *, tag: bool = True
    ) -> str:
        """Have it on the host; its id there.

        :param tag: also have its tag stand for it.
        :raises HostError: it cannot be pulled.
        """
        if self.digest is None:
            async with self._first:
                if self.digest is None:
                    await pull_image(hands, engine.kind, str(self.reference), heard)
                    pulled = await engine.image(str(self.reference))
                    digest = _digest_of(pulled, self.reference, hands.host)
                    if why := await self._denied(digest):
                        raise HostFailure(why, host=hands.host)
                    self.digest = digest
        pinned = Reference(self.reference.repository, None, self.digest).pinned
        # Several containers of a host wait for one pull.
        async with self._on_host.setdefault(hands.host, asyncio.Lock()):
            try:
                image = await engine.image(pinned)
            except Absent:
                await pull_image(hands, engine.kind, pinned, heard)
                image = await engine.image(pinned)
        if tag and self.reference.tag:
            await engine.tag(pinned, self.reference.repository, self.reference.tag)
        return str(image.get("Id", ""))


async def pull_image(hands: Hands, kind: str, name: str, heard: Callable[[str], None]) -> None:
    """Have the host pull an image. :raises HostError: it cannot; see `work`."""
    argv = (kind, "pull", name)
    await worked(hands.transport, f"pull {name}", argv, heard, within=_PULLS_WITHIN, about=name)


def _digest_of(image: Json, reference: Reference, host: str) -> str:
    digests = image.get("RepoDigests")
    for one in digests if isinstance(digests, list) else []:
        repository, _, digest = str(one).partition("@")
        if repository == reference.repository:
            return digest
    raise HostFailure(f"it does not say which image {reference} is", host=host)


@dataclass(frozen=True, slots=True)
class ContainerUpdate(OnContainer):
    """Brings one container to another image.

    :param start_first: whether the successor may run beside it.
    :param heard: takes what there is to tell on the way.
    :param disproved: takes the digest of an image that did not prove itself, and why.
    """

    image: Image
    gate: Gate
    start_first: bool
    heard: Callable[[str], None] = field(repr=False, compare=False)
    disproved: Callable[[str, str], Awaitable[None]] = field(repr=False, compare=False)

    async def do(self, hands: Hands) -> str:
        engine = await hands.engine(self.stamp.engine)
        names = Names(self.name)
        wanted = await self.image.pull(hands, engine, self.heard)
        old = await engine.details(self.stamp.id)
        if old.get("Image") == wanted:
            return "it runs that image already"
        await _clear(engine, names, old)
        made = successor(old, await engine.image(str(old.get("Image"))), engine=engine.kind)
        new = await self._create(engine, made, wanted, names)
        if self.start_first:
            await self._prove_beside(hands, engine, new, names)
        there = Swap(
            engine.kind,
            self.stamp.id,
            new,
            self.name,
            names.leaving,
            names.failed,
            policy_words(made.restart),
        )
        await there.carry_out(hands.transport, self.heard, grace=_grace(old))
        if not self.start_first and (why := await self.gate.passed(engine, new)):
            await self._go_back(hands, engine, there, why)
        await _keep(engine, names)
        return f"the one before is kept as {names.before}"

    async def _create(self, engine: EngineControl, made: Successor, image: str, names: Names) -> str:
        asked = str(self.image.reference)
        told = {REPLACED: self.stamp.id, ASKED: asked, RESTART: policy_words(made.restart)}
        labels = {**part(made.body, "Labels"), **told}
        new = await engine.create(names.next, {**made.body, "Labels": labels, "Image": asked})
        try:
            if (await engine.details(new)).get("Image") != image:
                raise HostFailure(f"somebody else has just made {asked} another image", host=engine.host)
            for network, endpoint in made.networks.items():
                await engine.connect(network, new, endpoint)
        except HostError:
            await engine.remove(new, force=True, volumes=False)
            raise
        return new

    async def _prove_beside(self, hands: Hands, engine: EngineControl, new: str, names: Names) -> None:
        """:raises HostFailure: it does not prove itself; the old one has run all the time."""
        try:
            await engine.start(new)
            why = await self.gate.passed(engine, new)
        except HostFailure as error:
            why = error.message
        if why is None:
            return
        await engine.stop(new, grace=None, patience=_STOPS_WITHIN + 30)
        await engine.rename(new, names.failed)
        await self._deny(why)
        raise HostFailure(
            f"{why}: {self.name} runs on as it was; the new one is kept as {names.failed}", host=hands.host
        )

    async def _go_back(self, hands: Hands, engine: EngineControl, there: Swap, why: str) -> None:
        await self._deny(why)
        names = Names(self.name)
        back = Swap(
            engine.kind,
            there.comes,
            there.goes,
            self.name,
            names.failed,
            names.leaving,
            there.policy,
        )
        self.heard(f"{why}: going back")
        await back.carry_out(hands.transport, self.heard, grace=_STOPS_WITHIN)
        now = await engine.inspect(there.goes)
        raise HostFailure(
            f"{why}: the one before is back ({says(now)}); the new one is kept as {names.failed}",
            host=hands.host,
        )

    async def _deny(self, why: str) -> None:
        if self.image.digest is not None:
            await self.disproved(self.image.digest, why)


@dataclass(frozen=True, slots=True)
class ContainerRollback:
    """Brings back the container that an update has kept.

    :param stamp: of the one that has the place; None where an update was broken off and none has it, or
        one that it has stopped.
    :param kept: the id of the one that comes back.
    :param policy: the restart policy that goes with the place, as far as labels tell it; of one that has
        the place and runs, its own counts.
    """

    name: str
    engine: str
    stamp: ContainerStamp | None
    kept: str
    policy: str | None
    heard: Callable[[str], None] = field(repr=False, compare=False)

    async def check(self, hands: Hands) -> str | None:
        engine = await hands.engine(self.engine)
        try:
            await engine.details(self.kept)
            now = await engine.inspect(self.stamp.id) if self.stamp is not None else None
        except Absent:
            return "the containers of the plan are gone"
        return self.stamp.moved(now, None) if self.stamp is not None and now is not None else None

    async def do(self, hands: Hands) -> str:
        engine = await hands.engine(self.engine)
        names = Names(self.name)
        kept = await engine.details(self.kept)
        if self.stamp is None:
            back = Return(engine.kind, self.kept, self.name, self.policy or "no")
            await back.carry_out(hands.transport, self.heard)
            lost = "" if self.policy else "; its restart policy is not known, and is `no` now"
            return f"an update of it had been broken off{lost}"
        await _discard(engine, names.after, _made_by_an_update)
        now = await engine.details(self.stamp.id)
        policy = policy_words(part(part(now, "HostConfig"), "RestartPolicy"))
        if part(now, "State").get("Running") is not True:  # one that was broken off may have taken it away
            policy = self.policy or policy
        swap = Swap(engine.kind, self.stamp.id, self.kept, self.name, names.after, names.before, policy)
        await swap.carry_out(hands.transport, self.heard, grace=_grace(now))
        asked = part(part(kept, "Config"), "Labels").get(ASKED) or part(kept, "Config").get("Image")
        return f"{asked} again; the other one is kept as {names.after}"


async def _clear(engine: EngineControl, names: Names, now: Json) -> None:
    """What updates before this one have left: all but the one to go back to.

    :param now: the container that has the place.
    :raises HostFailure: a container of somebody else's has one of the names.
    """
    await _keep(engine, names)
    for name in names.passing:
        await _discard(engine, name, _made_by_an_update)
    try:
        before = await engine.details(names.before)
    except Absent:
        return
    if not _replaced(now, before):
        raise _not_ours(engine, names.before)


async def _keep(engine: EngineControl, names: Names) -> None:
    """The one that has left is the one to go back to, from now on."""
    try:
        left = await engine.details(names.leaving)
    except Absent:
        return
    await _discard(engine, names.before, lambda before: _replaced(left, before))
    await engine.rename(str(left.get("Id")), names.before)


async def _discard(engine: EngineControl, name: str, ours: Callable[[Json], bool]) -> None:
    """Remove one of ours that is not at work. :raises HostFailure: it is somebody else's, or runs."""
    try:
        found = await engine.details(name)
    except Absent:
        return
    if not ours(found):
        raise _not_ours(engine, name)
    if part(found, "State").get("Running") is True and not name.endswith(".next"):
        raise HostFailure(f"{name} is there, and runs", host=engine.host, hint="stop it first")
    await engine.remove(str(found.get("Id")), force=True, volumes=False)


def _made_by_an_update(container: Json) -> bool:
    return REPLACED in part(part(container, "Config"), "Labels")


def _replaced(container: Json, other: Json) -> bool:
    """Whether an update has put the container in the other one's place."""
    return part(part(container, "Config"), "Labels").get(REPLACED) == other.get("Id")


def _not_ours(engine: EngineControl, name: str) -> HostFailure:
    hint = "give that container another name"
    return HostFailure(f"{name} is there, and no update has made it", host=engine.host, hint=hint)


def _grace(container: Json) -> float:
    said = part(container, "Config").get("StopTimeout")
    return float(said) if isinstance(said, int) and not isinstance(said, bool) else _STOPS_WITHIN

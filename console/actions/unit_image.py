"""A container whose unit makes it, brought to another image: the unit is told so by a drop-in, and restarted.

    pull ─▶ drop-in: the new image, by its digest ─▶ reload ─▶ restart ─▶ gate ─▶ done
                                                                └ fails: the drop-in says the old one, restart

The restart is systemd's own job: it comes to its end whatever becomes of us. What was there before is told
by a label of the container, so that the way back needs nothing that could be lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from console.actions.container_gate import Gate
from console.actions.container_owner import Owned, drop_in_path, drop_in_text, says_image
from console.actions.container_update import Image, pull_image
from console.actions.containers import ContainerStamp, OnContainer
from console.actions.inspected import Json, items, part
from console.actions.root_file import place_file, remove_file
from console.actions.successor import ASKED, ASKED_BEFORE, BEFORE
from console.errors import Absent, HostFailure
from console.model.image import Reference, parse_reference

if TYPE_CHECKING:
    from console.actions.hands import Hands
    from console.hosts.engine_control import EngineControl
    from console.hosts.unit_control import UnitControl
    from console.model.unit_start import UnitStart

#: Seconds that a restart may take; a unit's own limits are shorter, but for one that has none.
_RESTARTS_WITHIN = 600.0
_LOOK_EVERY_S = 0.2
#: How long a container may take to be there once its unit was restarted, where no gate says it.
_COMES_WITHIN = 60.0


@dataclass(frozen=True, slots=True)
class UnitUpdate(OnContainer):
    """Brings a unit's container to another image.

    :param heard: takes what there is to tell on the way.
    :param disproved: takes the digest of an image that did not prove itself, and why.
    """

    made_of: str
    owned: Owned
    image: Image
    gate: Gate
    heard: Callable[[str], None] = field(repr=False, compare=False)
    disproved: Callable[[str, str], Awaitable[None]] = field(repr=False, compare=False)

    async def check(self, hands: Hands) -> str | None:
        return await OnContainer.check(self, hands) or await _other_command(hands, self.owned)

    async def do(self, hands: Hands) -> str:
        engine = await hands.engine(self.stamp.engine)
        wanted = await self.image.pull(hands, engine, self.heard, tag=False)
        old = await engine.details(self.stamp.id)
        if old.get("Image") == wanted:
            return "it runs that image already"
        before = pinned(await engine.image(str(old.get("Image"))), self.made_of)
        assert self.image.digest is not None
        new = Reference(self.image.reference.repository, None, self.image.digest).pinned
        said = {name: told for name, told in _labels(old).items() if name in (ASKED, BEFORE, ASKED_BEFORE)}
        was = {ASKED: self.made_of} | said
        asked = {ASKED: str(self.image.reference), BEFORE: before, ASKED_BEFORE: was[ASKED]}
        there = _Unit(hands, engine, self.owned, self.name, self.made_of)
        why = await there.runs(new, asked, wanted, self.gate)
        if why is None:
            return f"by {self.owned.unit.unit}; the one before is {before}"
        await self.disproved(self.image.digest, why)
        self.heard(f"{why}: going back")
        back = await there.runs(before, was, str(old.get("Image")), Gate(0.0, _COMES_WITHIN))
        log = f"`log show -u {self.owned.unit.unit}` has what it said"
        if back is not None:
            raise HostFailure(f"{why}; and back on {before}: {back}", host=hands.host, hint=log)
        raise HostFailure(
            f"{why}: {self.owned.unit.unit} runs {before} again, which its drop-in says",
            host=hands.host,
            hint=log,
        )


@dataclass(frozen=True, slots=True)
class UnitRollback:
    """Brings a unit's container back to the image of before its last update.

    :param stamp: of the container; None where there is none now.
    :param made_of: the image that the unit's command line says now.
    """

    name: str
    engine: str
    stamp: ContainerStamp | None
    made_of: str
    owned: Owned
    heard: Callable[[str], None] = field(repr=False, compare=False)

    async def check(self, hands: Hands) -> str | None:
        if self.stamp is not None:
            engine = await hands.engine(self.engine)
            try:
                now = await engine.inspect(self.stamp.id)
            except Absent:
                return "the container of the plan is gone"
            if moved := self.stamp.moved(now, None):
                return moved
        return await _other_command(hands, self.owned)

    async def do(self, hands: Hands) -> str:
        engine = await hands.engine(self.engine)
        before = self.owned.label(BEFORE)
        assert before is not None
        try:
            image = await engine.image(before)
        except Absent:
            await pull_image(hands, engine.kind, before, self.heard)
            image = await engine.image(before)
        labels = {
            ASKED: self.owned.label(ASKED_BEFORE) or before,
            BEFORE: self.made_of,
            ASKED_BEFORE: self.owned.label(ASKED) or self.made_of,
        }
        there = _Unit(hands, engine, self.owned, self.name, self.made_of)
        why = await there.runs(before, labels, str(image.get("Id", "")), Gate(0.0, _COMES_WITHIN))
        if why is not None:
            raise HostFailure(f"on {before}: {why}", host=hands.host)
        return f"{before} again, by {self.owned.unit.unit}"


@dataclass(frozen=True, slots=True)
class _Unit:
    """One container's unit, open for changes."""

    hands: Hands
    engine: EngineControl
    owned: Owned
    name: str
    made_of: str

    async def runs(self, image: str, labels: Mapping[str, str], image_id: str, gate: Gate) -> str | None:
        """Have it run `image`, and see whether that proves itself; why it does not, if so.

        :raises HostError: the unit could not be told, and is as it was.
        """
        control = await self.hands.systemd()
        await self._tell(control, image, labels)
        await control.reset_failed(self.owned.unit.unit)  # else a start limit would be its end
        old = await self._identity()
        result = await control.job("restart", self.owned.unit.unit, within=_RESTARTS_WITHIN)
        if result != "done":
            facts = await control.facts(self.owned.unit.unit)
            return f"{self.owned.unit.unit} is {facts.says}: its restart ended as {result}"
        return await self._proved(control, old, image_id, gate)

    async def _tell(self, control: UnitControl, image: str, labels: Mapping[str, str]) -> None:
        path = drop_in_path(self.owned.unit)
        text = drop_in_text(self.owned, self.made_of, image, labels)
        before = await place_file(self.hands, path, text.encode())
        await control.reload()
        told = await _started(control, self.owned.unit.unit)
        if told is not None and says_image(told, image):
            return
        if before is None:
            await remove_file(self.hands, path)
        else:
            await place_file(self.hands, path, before)
        await control.reload()
        raise HostFailure(
            f"{path} does not change the image of {self.owned.unit.unit}",
            host=self.hands.host,
            hint=f"change it in {self.owned.unit.file}, and restart it",
        )

    async def _identity(self) -> str | None:
        try:
            return (await self.engine.inspect(self.name)).id
        except Absent:
            return None

    async def _proved(self, control: UnitControl, old: str | None, image_id: str, gate: Gate) -> str | None:
        """None once its new container has passed the gate; otherwise why it has not."""
        clock = asyncio.get_running_loop()
        end = clock.time() + max(gate.timeout, _COMES_WITHIN)
        while (new := await self._identity()) in (None, old):
            facts = await control.facts(self.owned.unit.unit)
            if not facts.up or facts.sub.startswith("auto-restart"):
                return f"{self.owned.unit.unit} is {facts.says}"
            if clock.time() > end:
                return f"{self.owned.unit.unit} has made no container {self.name}"
            await asyncio.sleep(_LOOK_EVERY_S)
        assert new is not None
        try:
            now = await self.engine.details(new)
        except Absent:
            return "it has ended, and is gone"
        if now.get("Image") != image_id:
            return f"{self.owned.unit.unit} has made it of another image"
        if why := await gate.passed(self.engine, new):
            return why
        facts = await control.facts(self.owned.unit.unit)
        return None if facts.up else f"{self.owned.unit.unit} is {facts.says}"


def pinned(image: Json, name: str) -> str:
    """An image as the host can find it whatever its tags are made to mean: by digest, else by its id.

    :param name: what a container of it was made from; of its repositories, that one's digest counts.
    """
    try:
        repository = parse_reference(name).repository
    except ValueError:
        repository = ""
    digests = [one for one in items(image.get("RepoDigests")) if "@sha256:" in one]
    digests.sort(key=lambda one: one.partition("@")[0] != repository)
    return digests[0] if digests else str(image.get("Id", "")).removeprefix("sha256:")


def _labels(container: Json) -> dict[str, str]:
    found = part(part(container, "Config"), "Labels")
    return {name: said for name, said in found.items() if isinstance(said, str)}


async def _started(control: UnitControl, unit: str) -> UnitStart | None:
    """How a unit is started now."""
    from console.hosts.unit_starts import unit_starts  # D-Bus takes its time to load

    return (await unit_starts(control.manager, [unit])).get(unit)


async def _other_command(hands: Hands, owned: Owned) -> str | None:
    """That the unit is started otherwise than when planned; None: it is not."""
    control = await hands.systemd()
    found = await _started(control, owned.unit.unit)
    if found is None or found.starts != owned.unit.starts:
        return f"{owned.unit.unit} is started otherwise than when planned"
    return None

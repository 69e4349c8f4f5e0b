"""The containers of one daemon, kept true: a whole picture, then what changed in it.

    events ──▶ ids that changed ──25 ms──▶ inspect them all ──▶ what is new ──▶ emit

An event only says that something may have changed; what is true is asked afterwards. A restart is
four events within milliseconds, hence the short wait, and one batch of questions for all that came.

docker drops events, without a word, for a reader that is slow to take them, so now and then the list
is asked for and compared with what is known.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import NoReturn

from console.errors import HostFailure
from console.hosts.container_facts import (
    UnreadableContainer,
    agrees,
    from_inspect,
    from_summary,
    identity,
    image_id,
    is_image_id,
    names_of,
)
from console.hosts.engine_api import Engine
from console.hosts.engine_events import EngineEvent, EventStream
from console.hosts.engine_reader import EngineReader
from console.hosts.engine_threads import EngineThreads
from console.hosts.groups import Group
from console.model.container import Container

#: Events closer together than this are answered by one look.
GATHER = 0.025
PING_EVERY = 15.0
#: Every so many pings the list is compared with what is known.
COMPARE_EVERY = 20
IMAGES_KEPT = 1000

Changed = Callable[[Sequence[Container], Sequence[str]], None]


class ContainerFeed:
    """One daemon's containers: first `picture`, then `follow`."""

    def __init__(self, reader: EngineReader) -> None:
        self._reader = reader
        self._stream = EventStream(reader.host, reader.daemon, reader.path)
        self._known: dict[str, Container] = {}
        self._images: dict[str, object] = {}
        self._touched: set[str] = set()
        self._gone: set[str] = set()
        self._looking: set[str] = set()
        self._wake = asyncio.Event()

    async def picture(self) -> tuple[Container, ...]:
        """Subscribe, then tell of every container there is, in the daemon's order (newest first)."""
        summaries = await self._subscribed_summaries()
        self._known = await self._look(summaries, summaries)
        return tuple(self._known.values())

    async def follow(self, changed: Changed) -> NoReturn:
        """Tell what differs from the last picture, until the daemon or the way to it fails.

        :param changed: takes containers that are new or different, and ids of those that are gone.
        """
        async with Group() as group:
            group.create_task(self._listen())
            group.create_task(self._check())
            while True:
                await self._wake.wait()
                await asyncio.sleep(GATHER)
                self._wake.clear()
                await self._settle(changed)

    def engine(self, threads: EngineThreads) -> Engine:
        """The same daemon, for questions on demand."""

        def name_of(container: str) -> str | None:
            known = self._known.get(container)
            return known.name if known else None

        reader = self._reader
        return Engine(reader.host, reader.daemon, reader.path, threads, name_of)

    def close(self) -> None:
        self._stream.close()

    # -- events -------------------------------------------------------------------------------

    async def _listen(self) -> NoReturn:
        async with aclosing(self._stream.events()) as events:
            async for event in events:
                if self._matters(event):
                    (self._gone if event.gone else self._touched).add(event.id)
                    self._wake.set()
        raise AssertionError("a stream of events only ends by raising")

    def _matters(self, event: EngineEvent) -> bool:
        """podman tells the outcome of every single probe; news is only another one than before."""
        if event.action != "health_status" or event.id in self._looking | self._touched:
            return True
        known = self._known.get(event.id)
        return known is None or known.health != event.health

    async def _check(self) -> NoReturn:
        """See that the daemon still answers, and that no event was lost."""
        while True:
            for _ in range(COMPARE_EVERY):
                # Hosts that were connected together need not all be asked at once.
                await asyncio.sleep(PING_EVERY * random.uniform(0.8, 1.2))
                await self._reader.ping()
            await self._compare()

    async def _compare(self) -> None:
        listed = await self._summaries()
        for number, item in listed.items():
            known = self._known.get(number)
            if known is None or not agrees(item, known):
                self._touched.add(number)
        self._gone |= self._known.keys() - listed.keys()
        if self._touched or self._gone:
            self._wake.set()

    # -- looking ------------------------------------------------------------------------------

    async def _settle(self, changed: Changed) -> None:
        """Look at what was touched and tell what became of it."""
        self._looking, gone = self._touched - self._gone, self._gone
        self._touched, self._gone = set(), set()
        found = await self._look(self._looking, {}) if self._looking else {}
        gone |= self._looking - found.keys()
        self._looking = set()
        news = [container for number, container in found.items() if self._known.get(number) != container]
        removed = [number for number in gone if self._known.pop(number, None)]
        self._known.update((container.id, container) for container in news)
        if news or removed:
            changed(news, removed)

    async def _look(self, ids: Iterable[str], summaries: Mapping[str, object]) -> dict[str, Container]:
        """What the containers are now; one that is missing from the answer is gone."""
        host, kind = self._reader.host, self._reader.daemon.kind
        ids = tuple(ids)
        inspections = await self._reader.inspect(ids)
        silent = set(ids) - inspections.found.keys() - inspections.gone
        if silent and not summaries:
            # One container may hang; where all of the daemon does, this tells sooner than the list would.
            await self._reader.ping()
            summaries = await self._summaries()
        await self._learn_images(inspections.found.values())
        found: dict[str, Container] = {}
        for each in ids:
            try:
                if each in inspections.found:
                    item = inspections.found[each]
                    names, image = names_of(summaries.get(each)), self._images.get(image_id(item))
                    found[each] = from_inspect(host, kind, item, names=names, image=image)
                elif each in silent and each in summaries:
                    found[each] = from_summary(host, kind, summaries[each])
            except UnreadableContainer as error:
                raise self._unreadable(error) from error
        return found

    async def _learn_images(self, items: Iterable[object]) -> None:
        """Ask for images not seen before: only an image knows the digest it was pulled as."""
        unknown = {image_id(item) for item in items} - self._images.keys()
        askable = {each for each in unknown if is_image_id(each)}
        if not askable:
            return
        if len(self._images) + len(askable) > IMAGES_KEPT:
            self._images.clear()
        found = (await self._reader.images(askable)).found
        self._images.update((each, _digests_only(found.get(each))) for each in askable)

    async def _subscribed_summaries(self) -> dict[str, object]:
        if self._reader.daemon.clock is None:
            await self._stream.open()
            return await self._summaries()
        # Events are told from a moment ago on, so the list need not wait for them to begin.
        async with Group() as group:
            group.create_task(self._stream.open())
            listing = group.create_task(self._summaries())
        return listing.result()

    async def _summaries(self) -> dict[str, object]:
        try:
            return {identity(item): item for item in await self._reader.containers()}
        except UnreadableContainer as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: UnreadableContainer) -> HostFailure:
        return HostFailure(f"{self._reader.daemon.kind} tells of {error}", host=self._reader.host)


def _digests_only(image: object) -> object:
    return {"RepoDigests": image.get("RepoDigests")} if isinstance(image, Mapping) else None

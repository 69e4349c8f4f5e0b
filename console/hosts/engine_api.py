"""Questions to a daemon on demand, by the `docker` package: one container's details, its figures.

The package blocks, so its calls run on a few threads that the whole process shares, and it is
imported with the first question (a sixth of a second). What every host asks all the time goes by
`engine_reader.py` instead.

A question has a deadline. When that, or the patience of whoever waits, runs out, the question's own
socket is shut down, so its thread comes back whatever the daemon does: closing the program waits for
no host.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from console.errors import Absent, HostFailure
from console.hosts.container_stats import Sample, sample_of, stats_of
from console.hosts.engine_reader import INSPECT_LIMIT, LIST_LIMIT, Daemon
from console.hosts.engine_threads import Call, EngineThreads
from console.model.container import ContainerStats

if TYPE_CHECKING:
    from console.hosts.engine_docker import BlockingEngine

#: How an image's content is named (OCI image specification, "Digests"); others than SHA-256 are not in use.
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

#: Seconds for a whole answer, and of silence within it.
DEADLINE = 15.0
SILENCE = 10.0
#: Connections (and so threads, and sessions of a relayed socket) that one daemon gets at most.
AT_ONCE = 2
#: An idle connection is kept this long; a relayed one costs the host a session and a process.
KEEP_IDLE = 5.0
#: Seconds between the two samples of a share of CPU, if there is none from before.
SAMPLE_APART = 0.5
#: A sample from before counts if it is at least and at most so old.
_SAMPLE_AGES = (0.2, 60.0)
_SAMPLES_KEPT = 1024


class Engine:
    """One daemon, for questions on demand; good for as long as the source that gives it runs.

    Every method raises a `HostError`: `Absent` for a container that is not there, `HostFailure` or
    `Unreachable` for a daemon that does not answer, or not readably.

    :param path: a unix socket on this machine that stands for the daemon's.
    :param name_of: a container's name by its id; an answer about figures need not tell it.
    """

    def __init__(
        self,
        host: str,
        daemon: Daemon,
        path: Path,
        threads: EngineThreads,
        name_of: Callable[[str], str | None],
    ) -> None:
        self.host = host
        self.kind = daemon.kind
        self._api = daemon.api
        self._path = path
        self._threads = threads
        self._name_of = name_of
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._making = threading.Lock()
        self._blocking: BlockingEngine | None = None
        self._asking = 0
        self._idle: asyncio.TimerHandle | None = None
        self._samples: dict[str, Sample] = {}

    async def ping(self) -> None:
        """Returns if it answers."""
        await self._ask("/_ping", {}, 4096)

    async def version(self) -> Mapping[str, object]:
        """`GET /version`: the daemon's own account of itself."""
        return self._object(await self._ask("/version", {}, INSPECT_LIMIT))

    async def containers(self) -> tuple[Mapping[str, object], ...]:
        """`GET /containers/json?all=1`, as the daemon says it."""
        found = self._json(await self._ask("/containers/json", {"all": "1"}, LIST_LIMIT))
        if not isinstance(found, list):
            raise self._fault("answers with something else than a list of containers")
        return tuple(item for item in found if isinstance(item, dict))

    async def inspect(self, container: str) -> Mapping[str, object]:
        """`GET /containers/{id}/json`: everything the daemon knows, as it says it.

        :param container: an id, or the beginning of one, or a name.
        """
        return self._object(await self._ask(_of(container, "json"), {}, INSPECT_LIMIT))

    async def details(self, container: str) -> Mapping[str, object]:
        """What `inspect` says, and what podman tells in its own way only: the tag of its log."""
        found = await self.inspect(container)
        if self.kind != "podman":
            return found
        own = self._object(await self._ask(f"/libpod{_of(container, 'json')}", {}, INSPECT_LIMIT))
        host, mine = found.get("HostConfig"), own.get("HostConfig")
        log = mine.get("LogConfig") if isinstance(mine, dict) else None
        if not isinstance(host, dict) or not isinstance(log, dict) or not log.get("Tag"):
            return found
        said = {"Type": log.get("Type"), "Config": {"tag": log["Tag"]}}
        return {**found, "HostConfig": {**host, "LogConfig": said}}

    async def image(self, name: str) -> Mapping[str, object]:
        """`GET /images/{name}/json`: an image on the host, by id, tag or digest; `Absent` for none."""
        target = f"/images/{quote(name, safe='')}/json"
        image = self._object(await self._ask(target, {}, INSPECT_LIMIT))
        config = image.get("Config")
        if self.kind == "podman" and isinstance(config, dict):
            # Asked in docker's way, podman leaves out the health check; asked in its own, it tells it.
            own = self._object(await self._ask(f"/libpod{target}", {}, INSPECT_LIMIT))
            image = {**image, "Config": {**config, "Healthcheck": own.get("Healthcheck")}}
        return image

    async def digest(self, name: str) -> str | None:
        """What a tag stands for in its registry now, `sha256:…`, by docker's `GET /distribution/{name}/json`.

        None where the daemon cannot say: podman has no such question.
        """
        if self.kind != "docker":
            return None
        target = f"/distribution/{quote(name, safe='/:')}/json"
        try:
            descriptor = self._object(await self._ask(target, {}, INSPECT_LIMIT)).get("Descriptor")
        except HostFailure as error:
            raise HostFailure(f"{name}: {error.message}", host=self.host) from error
        except Absent as error:
            raise Absent(f"there is no image {name}: {error.message}", host=self.host) from error
        found = descriptor.get("digest") if isinstance(descriptor, dict) else None
        return found if isinstance(found, str) and DIGEST.fullmatch(found) else None

    async def stats_once(self, container: str) -> ContainerStats:
        """One sample of the figures of the container with this full id.

        The share of CPU is that since the last sample of this container, if that is under a minute
        old; otherwise two samples are taken, `SAMPLE_APART` seconds apart.
        """
        before, now = self._samples.get(container), await self._sample(container)
        if now.read is not None and not _fits(before, now):
            before = now
            await asyncio.sleep(SAMPLE_APART)
            now = await self._sample(container)
        if len(self._samples) >= _SAMPLES_KEPT:
            self._samples.clear()
        self._samples[container] = now
        name = self._name_of(container) or container
        return stats_of(self.host, name, container, before or now, now)

    def close(self) -> None:
        """Drop its connections; the threads' owner cuts off what is still under way."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if self._blocking is not None:
            self._blocking.close()

    async def _sample(self, container: str) -> Sample:
        query = {"stream": "false", "one-shot": "true"}
        return sample_of(self._object(await self._ask(_of(container, "stats"), query, INSPECT_LIMIT)))

    async def _ask(self, target: str, query: Mapping[str, str], limit: int) -> bytes:
        def work(call: Call) -> bytes:
            return self._blocking_engine().get(call, target, query, limit=limit, deadline=DEADLINE)

        async with self._at_once:
            self._asking += 1
            try:
                return await self._threads.run(work, DEADLINE)
            except TimeoutError:
                raise self._fault(f"has not answered for {DEADLINE:.0f} s") from None
            finally:
                self._asking -= 1
                self._close_when_idle()

    def _blocking_engine(self) -> BlockingEngine:
        """On a thread, since the import takes its time."""
        with self._making:
            if self._blocking is None:
                from console.hosts.engine_docker import BlockingEngine

                self._blocking = BlockingEngine(
                    self.host, self.kind, self._path, self._api, silence=SILENCE, at_once=AT_ONCE
                )
            return self._blocking

    def _close_when_idle(self) -> None:
        def close() -> None:
            if self._asking == 0:
                self.close()

        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(KEEP_IDLE, close)

    def _object(self, body: bytes) -> Mapping[str, object]:
        found = self._json(body)
        if not isinstance(found, dict):
            raise self._fault("answers with something else than an object")
        return found

    def _json(self, body: bytes) -> object:
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise self._fault("answers with something that is not JSON") from error

    def _fault(self, what: str) -> HostFailure:
        return HostFailure(f"{self.kind} {what}", host=self.host)


def _of(container: str, what: str) -> str:
    return f"/containers/{quote(container, safe='')}/{what}"


def _fits(before: Sample | None, now: Sample) -> bool:
    if before is None or before.read is None or now.read is None:
        return False
    youngest, oldest = _SAMPLE_AGES
    return youngest <= (now.read - before.read).total_seconds() <= oldest

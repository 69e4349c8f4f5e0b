"""A lab host whose containers a test makes, breaks and compares with what its engine says."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from console.fleet.config import load_config
from console.hosts.connect import Connector
from console.hosts.containers import ContainersSource
from console.hosts.engine_threads import EngineThreads
from console.lab.lab import Lab
from console.model.config import HostConfig
from console.model.container import Container
from tests.hosts.container_watch import Watched, watching
from tests.lab.truth import Truth


@dataclass
class EngineHost:
    """A host with one engine; `engine` is that engine's command."""

    lab: Lab
    truth: Truth
    config: HostConfig
    engine: str

    async def root(self, line: str) -> None:
        """Run a shell line as root on the host, past its network."""
        quiet = f"exec >/dev/null; {line}"
        assert await self.lab.exec(self.config.name, ("sh", "-c", quiet)) == 0, line

    async def say(self, line: str) -> str:
        """What a shell line prints on the host, as root, by OpenSSH."""
        return await asyncio.to_thread(self.truth.ask, self.config.name, line, user="root")

    async def make(
        self, name: str, *options: str, command: str = "sleep 100000", verb: str = "run -d"
    ) -> None:
        """A container of ours, from the image that the lab's own are made of."""
        image = (await self.say(f"{self.engine} inspect web --format '{{{{.Config.Image}}}}'")).strip()
        line = [*verb.split(), "--name", name, *options, image, "sh", "-c", command]
        await self.root(f"{self.engine} {shlex.join(line)}")

    async def told(self) -> dict[str, tuple[str, str, str]]:
        """Name, image and state of each container by its full id, as `ps -a` says."""
        if self.engine == "podman":
            rows = json.loads(await self.say("podman ps -a --format json"))
            return {row["Id"]: (row["Names"][0], row["Image"], row["State"]) for row in rows}
        text = await self.say("docker ps -a --no-trunc --format '{{json .}}'")
        rows = [json.loads(line) for line in text.splitlines()]
        return {row["ID"]: (row["Names"], row["Image"], row["State"]) for row in rows}

    async def inspected(self, *fields: str) -> dict[str, str]:
        """These fields of each container by its name, as `inspect` says."""
        shape = "{{.Name}} " + " ".join(f"{{{{.{field}}}}}" for field in fields)
        lines = await self.say(
            f"{self.engine} inspect --type container --format '{shape}' $({self.engine} ps -aq)"
        )
        return {
            name.lstrip("/"): rest for name, _, rest in (line.partition(" ") for line in lines.splitlines())
        }


async def engine_host(lab: Lab, engine: str) -> EngineHost:
    """The lab's first host with that engine."""
    fleet = load_config(Path((await lab.status()).config))
    config = next(host for host in fleet.hosts if host.labels["kind"] == engine)
    return EngineHost(lab, Truth(fleet), config, engine)


@asynccontextmanager
async def cleared(host: EngineHost) -> AsyncIterator[None]:
    """No container of ours on the host, before and after."""
    ours = f"{host.engine} ps -aq --filter name=^c-"
    # podman now and then cannot tell how one has ended that it kills, and removes it when asked again.
    once = f'ids=$({ours}); test -z "$ids" || {host.engine} rm -f $ids'
    clear = f"for try in 1 2 3; do ({once}) && exit 0; sleep 1; done; exit 1"
    await host.root(clear)
    try:
        yield
    finally:
        await host.root(clear)


@asynccontextmanager
async def followed(host: EngineHost, user: str | None = None) -> AsyncIterator[Watched]:
    """The source at work on the host, from when it is live."""
    config = replace(host.config, user=user or host.config.user)
    transport = await Connector().connect(config)
    threads = EngineThreads(4)
    try:
        async with watching(ContainersSource(config.name, threads), transport) as watched:
            yield watched
    finally:
        await threads.close()
        await transport.close()


def steady(containers: dict[str, Container]) -> dict[str, tuple[str, str, str]]:
    """Name, image and state by id, without what restarts for ever and so is never twice the same."""
    return {
        each.id: (each.name, each.image, each.state) for each in containers.values() if each.name != "crashy"
    }

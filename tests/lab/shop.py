"""One container on one host, made as its operator makes it, from the lab's own registry, and updated."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from console.lab.lab import Lab
from tests.lab.changing import Writer
from tests.lab.containers_host import EngineHost, cleared, engine_host


class Shop:
    """One container on one host, made as its operator makes it, and updated."""

    def __init__(self, writer: Writer, host: EngineHost) -> None:
        self.writer = writer
        self.host = host
        self.name = host.config.name
        registry = self.say("cat /etc/lab/registry").strip()
        self.repository = f"{registry}/lab/app"

    def say(self, line: str) -> str:
        return asyncio.run(self.host.say(line))

    def make(self, name: str, *options: str, version: str = "1.0") -> None:
        line = " ".join(("run", "-d", "--name", name, *options, f"{self.repository}:{version}"))
        asyncio.run(self.host.root(f"{self.host.engine} {line}"))

    def words(self, name: str, version: str, *more: str) -> tuple[str, ...]:
        image = f"--image={self.repository}:{version}"
        return ("container", "update", name, "--on", self.name, image, *more)

    def update(self, name: str, version: str, *more: str, code: int = 0) -> tuple[str, str]:
        """Status and detail of the one target."""
        found = self.writer.write(*self.words(name, version, "--gate=1s", *more), code=code)
        return found[f"{self.name}/{name}"]

    def inspected(self, name: str) -> dict[str, Any]:
        (found,) = json.loads(self.say(f"{self.host.engine} inspect --type container {name}"))
        assert isinstance(found, dict)
        return found

    def there(self) -> dict[str, str]:
        """Our containers and the version each was made of; those that run are marked."""
        shape = "{{.Names}} {{.Image}} {{.State}}"
        rows = self.say(f"{self.host.engine} ps -a --filter name=^c- --format '{shape}'").splitlines()
        split = [row.split() for row in rows]
        return {
            name: image.rpartition(":")[2] + (" runs" if state == "running" else "")
            for name, image, state in split
        }


@contextmanager
def shop_on(lab: Lab, writer: Writer, engine: str, host: EngineHost | None = None) -> Iterator[Shop]:
    """On the first host with that engine; no container or volume of ours is there before and after."""
    there = host or asyncio.run(engine_host(lab, engine))

    async def clear() -> None:
        async with cleared(there):
            await there.root(f"{there.engine} volume rm -f c-data")

    asyncio.run(clear())
    try:
        yield Shop(writer, there)
    finally:
        asyncio.run(clear())

"""A lab host whose journal a test writes, follows, breaks and compares with what journalctl says."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from console.fleet.config import load_config
from console.hosts.connect import Connector
from console.hosts.journal import read_journal
from console.hosts.journal_follow import JournalSource
from console.hosts.session import HostSession
from console.hosts.ssh import SshTransport
from console.lab.lab import Lab
from console.model.config import HostConfig
from console.model.events import Event, SourceChanged
from console.model.log import LogQuery, LogRecord
from console.model.state import Source
from tests.hosts.journal_files import Heard
from tests.lab.truth import Truth


@dataclass
class JournalHost:
    """One lab host: to change past its network, to ask past the product, and to read with it."""

    lab: Lab
    truth: Truth
    config: HostConfig

    async def root(self, command: str) -> None:
        """Run a shell line as root on the host."""
        assert await self.lab.exec(self.config.name, ("sh", "-c", command)) == 0, command

    async def says(self, *options: str) -> list[dict[str, Any]]:
        """Entries as journalctl on the host prints them; binary values are lists of numbers."""
        command = shlex.join(["journalctl", "-q", "--no-pager", "-a", "-o", "json", *options])
        text = await asyncio.to_thread(self.truth.ask, self.config.name, command, user="root")
        return [json.loads(line) for line in text.splitlines()]

    async def machine_id(self) -> str:
        return (await asyncio.to_thread(self.truth.ask, self.config.name, "cat /etc/machine-id")).strip()

    async def put(self, file: Path, target: str) -> None:
        """Copy a file to the host."""
        argv = [*self.truth.argv(self.config.name, "root"), f"cat > {shlex.quote(target)}"]
        process = await asyncio.create_subprocess_exec(*argv, stdin=asyncio.subprocess.PIPE)
        await process.communicate(await asyncio.to_thread(file.read_bytes))
        assert process.returncode == 0, target

    @asynccontextmanager
    async def connected(self, user: str | None = None) -> AsyncIterator[SshTransport]:
        config = replace(self.config, user=user) if user else self.config
        transport = await Connector().connect(config)
        try:
            yield transport
        finally:
            await transport.close()

    async def read(self, query: LogQuery, *, user: str | None = None) -> list[LogRecord]:
        """`read_journal` over a connection of its own."""
        async with self.connected(user) as transport, aclosing(read_journal(transport, query)) as records:
            return [record async for record in records]

    async def write(self, identifier: str, *messages: str) -> None:
        """Log lines as a program of that name would."""
        text = "\n".join(messages)
        await self.root(f"printf '%s\\n' {shlex.quote(text)} | systemd-cat -t {shlex.quote(identifier)}")


async def host_of(lab: Lab, name: str) -> JournalHost:
    config = load_config(Path((await lab.status()).config))
    return JournalHost(lab, Truth(config), next(host for host in config.hosts if host.name == name))


@asynccontextmanager
async def kept(host: JournalHost, source: JournalSource) -> AsyncIterator[Heard]:
    """The source as a console keeps it: over a session that reconnects by itself."""
    heard = Heard()

    def emit(event: Event) -> None:
        if isinstance(event, SourceChanged):
            if event.source is Source.JOURNAL and event.status.state == "live":
                heard.now_live()
        elif hasattr(event, "records"):
            heard.emit(event)

    connector = Connector()
    session = HostSession(host.config, connector.connect, {Source.JOURNAL: source}, emit)
    task = asyncio.create_task(session.run())
    try:
        await heard.until(lambda h: h.live)
        yield heard
    finally:
        task.cancel()
        result = (await asyncio.gather(task, return_exceptions=True))[0]
        assert isinstance(result, asyncio.CancelledError), result


def message(said: dict[str, Any]) -> bytes:
    """The MESSAGE of a JSON entry, whatever form it has there."""
    value = said.get("MESSAGE")
    if isinstance(value, list):
        return bytes(value) if all(isinstance(each, int) for each in value) else str(value[0]).encode()
    return (value or "").encode()


def whole(record: LogRecord) -> bytes:
    """The message of a record, all of it."""
    return record.message.encode() if record.raw is None else record.raw

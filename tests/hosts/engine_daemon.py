"""A docker daemon in this process, as slow, garbled and dying as a test wants it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from console.errors import Absent, HostError, HostFailure
from console.hosts.transport import OUTPUT_LIMIT, Completed, Reading

IMAGE_ID = f"sha256:{'1' * 64}"
DIGEST = f"sha256:{'2' * 64}"


def full_id(name: str) -> str:
    """A container's id made from its name, so that tests can speak of names."""
    return name.encode().hex().ljust(64, "0")[:64]


def container(name: str, status: str = "running", **state: object) -> dict[str, Any]:
    """An inspection's JSON."""
    return {
        "Id": full_id(name),
        "Name": f"/{name}",
        "Created": "2026-11-20T10:00:00Z",
        "Image": IMAGE_ID,
        "RestartCount": 0,
        "State": {"Status": status, "StartedAt": "2026-11-20T10:00:01Z", "ExitCode": 0, "Pid": 7} | state,
        "Config": {"Image": "busybox:1.0", "Labels": {"app": name}},
        "HostConfig": {"RestartPolicy": {"Name": "no"}},
        "NetworkSettings": {"Ports": {}},
    }


def summary(item: dict[str, Any]) -> dict[str, Any]:
    """The same container in a list."""
    health = item["State"].get("Health", {}).get("Status")
    words = {"running": f"Up 5 days ({health})" if health else "Up 5 days"}
    return {
        "Id": item["Id"],
        "Names": [item["Name"]],
        "Image": item["Config"]["Image"],
        "ImageID": item["Image"],
        "Created": 1795168800,
        "State": item["State"]["Status"],
        "Status": words.get(item["State"]["Status"], f"Exited ({item['State']['ExitCode']}) 1 hour ago"),
        "Labels": item["Config"]["Labels"],
        "Ports": [],
    }


@dataclass
class FakeDaemon:
    """What it says, and how it misbehaves; all of it may be changed while it runs.

    `answers` replaces what a path says: bytes sent as they are, after which the connection ends;
    None for silence. `seen` holds the targets asked for, in order; `changes` the verb, the id and the
    parameters of each POST and DELETE, after which `becomes[verb]` is added to the container's state.
    """

    path: Path
    kind: str = "docker"
    api: str = "1.45"
    date: str | None = "Mon, 23 Nov 2026 22:12:15 GMT"
    containers: dict[str, dict[str, Any]] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    answers: dict[str, bytes | None] = field(default_factory=dict)
    close_each: bool = False
    piece: int = 2048
    seen: list[str] = field(default_factory=list)
    changes: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    becomes: dict[str, dict[str, Any]] = field(default_factory=dict)
    connections: int = 0
    open_connections: set[asyncio.StreamWriter] = field(default_factory=set)
    followers: list[asyncio.StreamWriter] = field(default_factory=list)
    asked: asyncio.Condition = field(default_factory=asyncio.Condition)
    _server: asyncio.Server | None = None

    def put(self, *items: dict[str, Any]) -> None:
        """Containers that are now there, or are now so."""
        self.containers.update((item["Id"], item) for item in items)

    def tell(self, action: str, name: str, **more: object) -> None:
        """Send an event to whoever follows."""
        event = {"Type": "container", "Action": action, "Actor": {"ID": full_id(name)}, **more}
        self.send(json.dumps(event).encode() + b"\n")

    def send(self, data: bytes, piece: int | None = None) -> None:
        """Send bytes of the stream of events, in chunks of `piece`."""
        for writer in self.followers:
            writer.write(_chunked(data, piece or len(data)))

    def end_events(self) -> None:
        """End the stream as a daemon that stops in good order does."""
        for writer in self.followers:
            writer.write(b"0\r\n\r\n")

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a question to have come."""
        async with self.asked, asyncio.timeout(10):
            await self.asked.wait_for(condition)

    def drop(self) -> None:
        """Cut every connection."""
        for writer in self.open_connections:
            writer.transport.abort()

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, str(self.path))

    async def stop(self) -> None:
        """Die: no listener, no connections, no socket."""
        assert self._server is not None
        self._server.close()
        self.drop()
        async with self.asked:
            await self.asked.wait_for(lambda: not self.open_connections)
        self.path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open_connections.add(writer)
        try:
            while await self._answer(reader, writer):
                await writer.drain()
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open_connections.discard(writer)
            writer.close()
            async with self.asked:
                self.asked.notify_all()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one question; False if the connection ends with it."""
        head = await reader.readuntil(b"\r\n\r\n")
        method, target = (word.decode() for word in head.split(b" ", 2)[:2])
        self.seen.append(target)
        async with self.asked:
            self.asked.notify_all()
        path = urlsplit(target).path
        for part, said in self.answers.items():
            if part in path:
                if said is None:
                    await reader.read()
                    return False
                writer.write(said)
                return False
        if path.endswith("/events"):
            writer.write(self._head(200) + b"Transfer-Encoding: chunked\r\n\r\n")
            self.followers.append(writer)
            await writer.drain()
            await reader.read()
            return False
        query = parse_qs(urlsplit(target).query)
        status, body = self._body(path, query) if method == "GET" else self._change(method, path, query)
        more = b"Connection: close\r\n" if self.close_each else b""
        if len(body) > 2048:
            writer.write(
                self._head(status) + more + b"Transfer-Encoding: chunked\r\n\r\n"
                + _chunked(body, self.piece) + b"0\r\n\r\n"
            )  # fmt: skip
        else:
            writer.write(self._head(status) + more + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        return not self.close_each

    def _head(self, status: int) -> bytes:
        lines = [f"HTTP/1.1 {status} Whatever", f"Api-Version: {self.api}"]
        lines += (
            ["Server: Libpod/5.4.2 (linux)"] if self.kind == "podman" else ["Server: Docker/26.1.5 (linux)"]
        )
        lines += [f"Date: {self.date}"] if self.date else []
        return "".join(f"{line}\r\n" for line in lines).encode()

    def _body(self, path: str, query: dict[str, list[str]]) -> tuple[int, bytes]:
        *_, number, what = ["", "", *unquote(path).split("/")]
        for part, status in self.statuses.items():
            if part in path:
                return status, json.dumps({"message": f"no {part}"}).encode()
        if what == "_ping":
            return 200, b"OK"
        if what == "version":
            return 200, json.dumps({"Version": "26.1.5", "ApiVersion": self.api}).encode()
        if path.endswith("/containers/json"):
            return 200, json.dumps([summary(item) for item in self.containers.values()]).encode()
        if "/images/" in path:
            return 200, json.dumps({"Id": number, "RepoDigests": [f"busybox@{DIGEST}"]}).encode()
        found = next(
            (item for item in self.containers.values() if number in (item["Id"], item["Name"][1:])), None
        )
        if found is None:
            return 404, json.dumps({"message": f"No such container: {number}"}).encode()
        if what == "stats":
            return 200, json.dumps(self._stats(found)).encode()
        return 200, json.dumps(found).encode()

    def _change(self, method: str, path: str, query: dict[str, list[str]]) -> tuple[int, bytes]:
        """What a POST or a DELETE does; `/v1.45/containers/{id}/{verb}`."""
        number, verb = (*unquote(path).split("/")[3:], "remove")[:2]
        self.changes.append((verb, number, {key: values[0] for key, values in query.items()}))
        for part, status in self.statuses.items():
            if part in path:
                return status, json.dumps({"message": f"no {part}"}).encode()
        if number not in self.containers:
            return 404, json.dumps({"message": f"No such container: {number}"}).encode()
        if verb == "remove":
            del self.containers[number]
        elif self.becomes.get(verb):
            self.containers[number]["State"] |= self.becomes[verb]
        return 204, b""

    def _stats(self, found: dict[str, Any]) -> dict[str, Any]:
        """A second apart each time, half a core busy."""
        asked = sum("/stats" in target for target in self.seen)
        usage = {"total_usage": asked * 500_000_000}
        return {"read": f"2026-11-23T22:12:{asked:02}Z", "cpu_stats": {"cpu_usage": usage}}


def _chunked(data: bytes, piece: int) -> bytes:
    pieces = [data[start : start + piece] for start in range(0, len(data), piece)]
    return b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in pieces)


@asynccontextmanager
async def daemon(path: Path, **given: Any) -> AsyncIterator[FakeDaemon]:
    """A running daemon."""
    fake = FakeDaemon(path, **given)
    await fake.start()
    try:
        yield fake
    finally:
        await fake.stop()


@dataclass
class DaemonTransport:
    """A `Transport` to a host with these sockets.

    `sockets` says what an attempt to open one gives: a path here, or an error; `privileged` the
    same for attempts as root. `codes` are exit codes of commands by their words.
    """

    sockets: dict[str, Path | HostError] = field(default_factory=dict)
    privileged: dict[str, Path | HostError] = field(default_factory=dict)
    codes: dict[str, int | HostError] = field(default_factory=dict)
    seen: str = ""
    relays: list[tuple[str, ...]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    open_sockets: int = 0
    lost: asyncio.Future[str] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    host: str = "web1"

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout: float = 15.0,
        limit: int = OUTPUT_LIMIT,
        privileged: bool = False,
    ) -> Completed:
        line = " ".join(("sudo", *argv) if privileged else argv)
        self.commands.append(line)
        code = self.codes.get(line, 1)
        if isinstance(code, HostError):
            raise code
        return Completed(tuple(argv), code, self.seen.encode() if argv[0] == "stat" else b"", b"")

    @asynccontextmanager
    async def socket(
        self, remote: str, *, relay: Sequence[str] = (), privileged: bool = False
    ) -> AsyncIterator[Path]:
        self.relays.append((*(("sudo",) if privileged else ()), *relay))
        found = (self.privileged if privileged else self.sockets).get(
            remote, Absent("no socket", host=self.host)
        )
        if isinstance(found, HostError):
            raise found
        self.open_sockets += 1
        try:
            yield found
        finally:
            self.open_sockets -= 1

    def stream(
        self, argv: Sequence[str], *, privileged: bool = False
    ) -> AbstractAsyncContextManager[Reading]:
        raise HostFailure("nothing streams here", host=self.host)

    async def wait_closed(self) -> str:
        return await asyncio.shield(self.lost)

"""A daemon's container events, followed on the loop: one connection a daemon and no thread.

`GET /events` answers with one JSON object a line for as long as the connection lasts
(https://docs.docker.com/reference/api/engine/, "Monitor events"). The daemon filters: only what
changes a `Container` is sent; a health check's exec_create, exec_start and exec_die, three for every
probe, stay where they are. Of networks, `disconnect` is wanted: when a container cannot be started,
docker 26 says nothing else.

docker sends the answer's head just before it subscribes, so what happens in between would be lost.
The request therefore names a time just past (`since`, in the daemon's own clock), and the daemon
begins with what it remembers from then on; an event told twice does no harm.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from console.errors import AccessRefused, HostFailure
from console.hosts.container_facts import UnreadableContainer, identity
from console.hosts.engine_http import Connection, DaemonGone, Head, NotHttp
from console.hosts.engine_reader import Daemon, message_of
from console.model.text import clean

#: An event carries all of the container's labels.
LINE_LIMIT = 512 * 1024
#: Seconds in which the stream must begin, before the rest goes on without waiting for it.
PATIENCE = 2.0

#: docker's names first, then podman's own. docker takes each as a prefix once `health_status` is
#: among them (it is spelled `health_status: healthy`); `exec_die` and its like match none.
ACTIONS = (
    *("create", "start", "restart", "stop", "die", "oom", "pause", "unpause"),
    *("rename", "update", "destroy", "health_status"),
    *("init", "died", "cleanup", "remove"),
)
DISCONNECT = "disconnect"
_GONE = frozenset({"destroy", "remove"})


@dataclass(frozen=True, slots=True)
class EngineEvent:
    """Something happened to the container `id`. `health` is the word of a health_status event."""

    id: str
    action: str
    health: str | None = None

    @property
    def gone(self) -> bool:
        """Whether the container no longer exists."""
        return self.action in _GONE


class EventStream:
    """The events of one daemon, from `open` until it or the connection ends."""

    def __init__(self, host: str, daemon: Daemon, path: Path) -> None:
        self._host = host
        self._daemon = daemon
        self._path = path
        self._connection: Connection | None = None
        self._head: Head | None = None

    async def open(self) -> None:
        """Ask for the events.

        :raises HostFailure: nobody listens, or the daemon has none for us.
        :raises AccessRefused: the daemon does not let us.
        """
        try:
            self._connection = await Connection.open(self._path)
            self._connection.ask([events_target(self._daemon)])
            # Some podman says nothing, not even yes, before the first event.
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await self._begin(self._connection)
        except BaseException as error:
            self.close()
            if isinstance(error, DaemonGone | NotHttp):
                raise self._fault(f"gives no answer: {clean(str(error), 200)}") from error
            raise

    async def events(self) -> AsyncGenerator[EngineEvent, None]:
        """Events, in the daemon's order; they end only by an error.

        :raises HostFailure: the stream ended, or cannot be read.
        :raises AccessRefused: the daemon does not let us.
        """
        assert self._connection is not None, "open() comes first"
        try:
            head = self._head or await self._begin(self._connection)
            async with aclosing(_lines(self._connection.body(head, None))) as lines:
                async for line in lines:
                    if event := parse_event(line):
                        yield event
        except (DaemonGone, NotHttp) as error:
            raise self._fault(f"sends its events no longer: {clean(str(error), 200)}") from error
        except ValueError as error:
            raise self._fault(f"sends an event that cannot be read: {clean(str(error), 200)}") from error
        raise self._fault("has ended its stream of events")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _begin(self, connection: Connection) -> Head:
        head = await connection.head()
        if head.status == 200:
            self._head = head
            return head
        body = b"".join([piece async for piece in connection.body(head, 64 * 1024)])
        reason = f"says {head.status} to a question for events: {message_of(body)}"
        if head.status in (401, 403):
            raise AccessRefused(f"{self._daemon.kind} {reason}", host=self._host)
        raise self._fault(reason)

    def _fault(self, what: str) -> HostFailure:
        return HostFailure(f"{self._daemon.kind} {what}", host=self._host)


def events_target(daemon: Daemon) -> str:
    """The path and query of the question."""
    wanted = {"type": ["container", "network"], "event": [*ACTIONS, DISCONNECT]}
    filters = quote(json.dumps(wanted, separators=(",", ":")))
    since = f"&since={daemon.clock - 1}" if daemon.clock else ""
    return f"/v{daemon.api}/events?filters={filters}{since}"


def parse_event(line: bytes) -> EngineEvent | None:
    """One line of the stream; None for what changes no container.

    :raises ValueError: it is not an event.
    """
    try:
        found = json.loads(line)
    except RecursionError:
        raise ValueError("an event nested too deeply") from None
    if not isinstance(found, Mapping):
        raise ValueError("an event that is not an object")
    actor = found.get("Actor")
    actor = actor if isinstance(actor, Mapping) else {}
    kind, action = found.get("Type", "container"), found.get("Action") or found.get("status")
    if kind == "network" and action == DISCONNECT:
        return _left_network(actor)
    if kind != "container" or not isinstance(action, str):
        return None
    action, colon, word = action.partition(":")
    if action not in ACTIONS:
        return None
    health = word.strip() if colon else found.get("HealthStatus")
    number = identity({"Id": actor.get("ID") or found.get("id")})
    return EngineEvent(number, action, health if isinstance(health, str) and health else None)


def _left_network(actor: Mapping[str, object]) -> EngineEvent | None:
    """The container that left a network; networks have other members too."""
    attributes = actor.get("Attributes")
    with suppress(UnreadableContainer):
        if isinstance(attributes, Mapping):
            return EngineEvent(identity({"Id": attributes.get("container")}), DISCONNECT)
    return None


async def _lines(pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The lines of a stream, without their ends and without empty ones."""
    begun = bytearray()
    async for piece in pieces:
        line, newline, rest = piece.partition(b"\n")
        begun += line
        if len(begun) > LINE_LIMIT:
            raise NotHttp(f"an event of more than {LINE_LIMIT} bytes")
        if not newline:
            continue
        *lines, last = rest.split(b"\n")
        for whole in (bytes(begun), *lines):
            if whole.strip():
                yield whole
        begun = bytearray(last)

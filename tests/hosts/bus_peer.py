"""A system bus with a systemd on it, in this process: what the tests of the units source talk to.

It speaks the wire format to whoever connects, keeps the calls it got, and says what it is told to.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from io import BufferedRWPair, BytesIO
from pathlib import Path
from typing import Any

from dbus_fast import Message, MessageType, Variant
from dbus_fast._private.marshaller import Marshaller
from dbus_fast._private.unmarshaller import Unmarshaller

from console.hosts.transport import Completed
from console.hosts.unit_wire import PATH, ROWS, SERVICE, unit_name, unit_path

SYSTEMD = ":1.1"  # systemd's unique name, unless a test has it come back under another
MANAGER = f"{SERVICE}.Manager"

Answer = tuple[str, list[Any]]


@dataclass
class Refusal(Exception):
    """A D-Bus error to answer with."""

    name: str
    text: str = "no"


@dataclass
class PeerUnit:
    """A unit of the fake systemd. `service` and `unit` are the properties of the two interfaces."""

    active: str = "active"
    sub: str = "running"
    load: str = "loaded"
    description: str = "a unit"
    service: dict[str, Variant] = field(default_factory=dict)
    unit: dict[str, Variant] = field(default_factory=dict)


class Peer:
    """The far end of one bus socket."""

    def __init__(self) -> None:
        self.units: dict[str, PeerUnit] = {}
        self.owner = SYSTEMD
        self.present = True  # whether systemd is on the bus
        self.calls: list[Message] = []
        self.called = asyncio.Condition()
        self.answers: dict[str, Callable[[Message], Answer | None]] = {
            "Hello": lambda call: ("s", [":1.99"]),
            "AddMatch": lambda call: ("", []),
            "GetNameOwner": lambda call: ("s", [self.owner]),
            "Subscribe": lambda call: ("", []),
            "Ping": lambda call: ("", []),
            "ListUnits": lambda call: (ROWS, [self.rows()]),
            "ListUnitsByPatterns": lambda call: (ROWS, [self.rows(call.body[1])]),
            "GetUnit": self._get_unit,
            "Get": self._get,
            "GetAll": self._get_all,
        }
        self.handshake: bytes | None = None  # said instead of a handshake
        self._writers: set[asyncio.StreamWriter] = set()
        self._serial = 0

    # -- what it is asked -------------------------------------------------------------------

    def asked(self, member: str) -> list[Message]:
        return [call for call in self.calls if call.member == member]

    async def until_asked(self, member: str, times: int = 1) -> None:
        async with self.called:
            await self.called.wait_for(lambda: len(self.asked(member)) >= times)

    def rows(self, names: Sequence[str] | None = None) -> list[Any]:
        return [
            [name, unit.description, unit.load, unit.active, unit.sub, "", unit_path(name), 0, "", "/"]
            for name, unit in self.units.items()
            if names is None or name in names
        ]

    def _get_unit(self, call: Message) -> Answer:
        if call.body[0] not in self.units:
            raise Refusal(f"{SERVICE}.NoSuchUnit", f"Unit {call.body[0]} not loaded.")
        return "o", [unit_path(call.body[0])]

    def _properties(self, call: Message) -> dict[str, Variant]:
        unit = self.units.get(unit_name(call.path or "") or "")
        if unit is None:
            return {"LoadState": Variant("s", "not-found")}
        return {
            "": unit.unit | unit.service,
            f"{SERVICE}.Unit": unit.unit,
        }.get(call.body[0], unit.service)

    def _get(self, call: Message) -> Answer:
        value = self._properties(call).get(call.body[1])
        if value is None:
            raise Refusal("org.freedesktop.DBus.Error.UnknownProperty")
        return "v", [value]

    def _get_all(self, call: Message) -> Answer:
        return "a{sv}", [self._properties(call)]

    # -- what it says -----------------------------------------------------------------------

    def signal(
        self,
        path: str,
        interface: str,
        member: str,
        signature: str,
        body: list[Any],
        sender: str | None = None,
    ) -> None:
        self.send(
            Message(
                path=path,
                interface=interface,
                member=member,
                signature=signature,
                body=body,
                sender=sender or self.owner,
                message_type=MessageType.SIGNAL,
            )
        )

    def manager(self, member: str, signature: str, body: list[Any]) -> None:
        self.signal(PATH, MANAGER, member, signature, body)

    def new(self, name: str) -> None:
        self.manager("UnitNew", "so", [name, unit_path(name)])

    def removed(self, name: str) -> None:
        self.manager("UnitRemoved", "so", [name, unit_path(name)])

    def owner_changed(self, old: str, new: str) -> None:
        bus = "org.freedesktop.DBus"
        self.signal("/org/freedesktop/DBus", bus, "NameOwnerChanged", "sss", [SERVICE, old, new], sender=bus)

    def properties(
        self, name: str, values: dict[str, Variant], interface: str = "Unit", sender: str | None = None
    ) -> None:
        self.signal(
            unit_path(name),
            "org.freedesktop.DBus.Properties",
            "PropertiesChanged",
            "sa{sv}as",
            [f"{SERVICE}.{interface}", values, []],
            sender,
        )

    def state(self, name: str, active: str, sub: str, *, since: int = 1_700_000_000_000_000) -> None:
        """A unit enters a state, and says so."""
        self.units[name].active, self.units[name].sub = active, sub
        self.properties(
            name,
            {
                "ActiveState": Variant("s", active),
                "SubState": Variant("s", sub),
                "StateChangeTimestamp": Variant("t", since),
            },
        )

    def service(self, name: str, *, result: str = "success", restarts: int = 0) -> None:
        """What rides on the service's own interface, said just before its state."""
        values = {"Result": Variant("s", result), "NRestarts": Variant("u", restarts)}
        self.units[name].service |= values
        self.properties(name, values, "Service")

    def send(self, message: Message) -> None:
        self._serial += 1
        self.say(encoded(message, self._serial))

    def say(self, data: bytes) -> None:
        for writer in self._writers:
            writer.write(data)

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.close()

    # -- the wire ---------------------------------------------------------------------------

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await self._shake_hands(reader, writer)
            while True:
                await self._answer(await _read(reader))
        self._writers.discard(writer)
        writer.close()

    async def _shake_hands(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        while (line := await reader.readuntil(b"\r\n")) != b"BEGIN\r\n":
            if self.handshake is not None:
                writer.write(self.handshake)
            else:
                writer.write(b"DATA\r\n" if line.startswith(b"AUTH") else b"OK 0123456789abcdef\r\n")

    async def _answer(self, call: Message) -> None:
        self.calls.append(call)
        async with self.called:
            self.called.notify_all()
        try:
            if not self.present and (call.destination == SERVICE or call.member == "GetNameOwner"):
                raise Refusal("org.freedesktop.DBus.Error.NameHasNoOwner")
            answer = self.answers[call.member or ""](call)
        except Refusal as refusal:
            reply = Message.new_error(call, refusal.name, refusal.text)
        else:
            if answer is None:
                return
            reply = Message.new_method_return(call, *answer)
        reply.sender = self.owner
        self.send(reply)


async def _read(reader: asyncio.StreamReader) -> Message:
    head = await reader.readexactly(16)
    body, _, fields = struct.unpack_from("<III", head, 4)
    rest = await reader.readexactly(fields + -fields % 8 + body)
    message = Unmarshaller(BufferedRWPair(BytesIO(head + rest), BytesIO())).unmarshall()
    assert message is not None
    return message


def encoded(message: Message, serial: int = 1) -> bytes:
    """A message with its sender, which a client's own marshalling leaves to the bus."""
    body = Marshaller(message.signature, message.body).marshall()
    fields = [
        (number, Variant(signature, value))
        for number, signature, value in (
            (1, "o", message.path),
            (2, "s", message.interface),
            (3, "s", message.member),
            (4, "s", message.error_name),
            (5, "u", message.reply_serial),
            (7, "s", message.sender),
            (8, "g", message.signature),
        )
        if value
    ]
    head = Marshaller(
        "yyyyuua(yv)", [ord("l"), message.message_type.value, 1, 1, len(body), serial, fields]
    ).marshall()
    return bytes(head) + bytes(-len(head) % 8) + bytes(body)


class PeerTransport:
    """A transport whose only socket is a peer's."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.ran: list[tuple[str, ...]] = []
        self.completed = Completed((), 0, b"", b"")

    @property
    def host(self) -> str:
        return "web1"

    async def run(self, argv: Sequence[str], **_: object) -> Completed:
        self.ran.append(tuple(argv))
        return self.completed

    def stream(self, argv: Sequence[str], *, privileged: bool = False) -> Any:
        raise NotImplementedError

    @asynccontextmanager
    async def socket(
        self, remote: str, *, relay: Sequence[str] = (), privileged: bool = False
    ) -> AsyncIterator[Path]:
        yield self.path

    async def wait_closed(self) -> str:
        return await asyncio.shield(self.lost)


@asynccontextmanager
async def peer(folder: Path) -> AsyncIterator[tuple[Peer, PeerTransport]]:
    """A peer that listens in `folder`, and a transport to it."""
    bus = Peer()
    path = folder / "bus"
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(bus.serve(reader, writer))
        tasks.add(task)

    server = await asyncio.start_unix_server(accept, str(path))
    try:
        yield bus, PeerTransport(path)
    finally:
        server.close()
        bus.hang_up()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


__all__ = ["Peer", "PeerTransport", "PeerUnit", "Refusal", "encoded", "peer"]

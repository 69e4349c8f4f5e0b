"""A host's system bus: one connection, calls with deadlines, signals as they come.

The wire is `dbus-fast`'s; what it knows stays here. Used as

    async with system_bus(transport) as bus:
        body = await bus.call(Call(SERVICE, PATH, MANAGER, "ListUnits", expect="a(ssssssouso)"))

Every error that leaves is one of `console.errors`:

    no such unit, object, or nobody of that name on the bus      Absent
    the bus or its policy says no                                AccessRefused
    no answer in time, an error, or what is not D-Bus            HostFailure
    the connection to the host went                              Unreachable
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, NoReturn
from urllib.parse import quote

from dbus_fast import AuthError, Message, MessageFlag, MessageType
from dbus_fast.aio import MessageBus
from dbus_fast.auth import UID_NOT_SPECIFIED, AuthExternal

from console.errors import AccessRefused, HostError, HostFailure, Unreachable
from console.hosts.bus_errors import error_of
from console.hosts.bus_guard import MESSAGE_LIMIT, Guard, guarded
from console.hosts.knots import untie_bus
from console.hosts.transport import Transport
from console.model.text import clean

SYSTEM_BUS = "/run/dbus/system_bus_socket"
RELAY = ("systemd-stdio-bridge",)

DBUS = "org.freedesktop.DBus"
DBUS_PATH = "/org/freedesktop/DBus"
PROPERTIES = "org.freedesktop.DBus.Properties"
PEER = "org.freedesktop.DBus.Peer"

#: Seconds from the socket to the bus's greeting, and for a call unless it says otherwise.
CONNECT_TIMEOUT = 15.0
CALL_TIMEOUT = 15.0

#: How long a connection that ended waits to hear whether the whole host went, in seconds.
_CAUSE_TIMEOUT = 0.5

# What dbus-fast would write to the log are faults that are raised here, or that a host made up.
logging.getLogger("dbus_fast").setLevel(logging.CRITICAL)


class Call(NamedTuple):
    """One method call. `expect` is the signature its answer must have."""

    destination: str
    path: str
    interface: str
    member: str
    signature: str = ""
    body: tuple[Any, ...] = ()
    expect: str = ""


class Reply(NamedTuple):
    """The answer to a call: either `body`, or `error` with the D-Bus `name` of it ("" if it has none)."""

    body: list[Any]
    error: HostError | None = None
    name: str = ""


class Signal(NamedTuple):
    """A signal. `sender` is a unique name, filled in by the bus; the bus itself is `DBUS`."""

    sender: str
    path: str
    interface: str
    member: str
    signature: str
    body: list[Any]


class Bus:
    """An open connection to one host's system bus. Made by `system_bus`, which closes it."""

    def __init__(self, transport: Transport, wire: MessageBus, guard: Guard) -> None:
        self.host = transport.host
        self._transport = transport
        self._wire = wire
        self._guard = guard
        self._waiting: dict[int, tuple[Call, Callable[[Reply], None]]] = {}
        self._broken: Exception | None = None  # a fault met while taking a message
        self._fault: Exception | None = None  # why it is over; set once
        self._over = asyncio.Event()
        self._closing = False
        #: Takes each signal at once, in the order of the wire and of the replies. What it raises
        #: ends the connection.
        self.on_signal: Callable[[Signal], None] | None = None
        wire.add_message_handler(self._take)
        guard.on_down = self._disconnect

    @property
    def is_open(self) -> bool:
        return self._fault is None and self._broken is None and not self._guard.down and self._wire.connected

    # -- asking -----------------------------------------------------------------------------

    def post(self, call: Call, answered: Callable[[Reply], None]) -> int:
        """Send a call; `answered` takes its reply at once, in the order of the wire.

        Without a deadline of its own: to be used under one. What `answered` raises ends the
        connection; when the connection ends, it is told so.

        :return: a ticket for `forget`.
        :raises HostError: the connection is over.
        """
        if not self.is_open:
            raise self._ended()
        serial = self._wire.next_serial()
        self._waiting[serial] = call, answered
        sent = self._wire.send(
            Message(
                destination=call.destination,
                path=call.path,
                interface=call.interface,
                member=call.member,
                # A look at a host must not start anything there.
                flags=MessageFlag.NO_AUTOSTART,
                signature=call.signature,
                body=list(call.body),
                serial=serial,
            )
        )
        sent.add_done_callback(_seen)
        return serial

    def forget(self, ticket: int) -> None:
        """No longer wait for the answer to a posted call."""
        self._waiting.pop(ticket, None)

    async def call(
        self,
        call: Call,
        *,
        timeout: float = CALL_TIMEOUT,
        answered: Callable[[list[Any]], None] | None = None,
    ) -> list[Any]:
        """The body of the answer.

        :param answered: takes it first, in the order of the wire: no signal that came after the
            answer has been taken yet.
        :raises HostError: see the module.
        """
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

        def take(reply: Reply) -> None:
            if future.done():
                return
            if answered and reply.error is None:
                answered(reply.body)
            future.set_result(reply)

        if not self.is_open:
            await self._over.wait()
            raise self._ended()
        ticket = self.post(call, take)
        try:
            async with asyncio.timeout(timeout):
                reply = await future
        except TimeoutError:
            raise HostFailure(f"{call.member} had no answer within {timeout:g} s", host=self.host) from None
        finally:
            self.forget(ticket)
        if reply.error is not None:
            raise reply.error
        return reply.body

    # -- hearing ----------------------------------------------------------------------------

    def _take(self, message: Message) -> bool:
        """Everything the bus sends. True: the library has no more to do with it."""
        if self._broken is not None:
            return True
        try:
            match message.message_type:
                case MessageType.SIGNAL:
                    if self.on_signal is not None:
                        self.on_signal(self._signal(message))
                    return False
                case MessageType.METHOD_RETURN | MessageType.ERROR:
                    if waiting := self._waiting.pop(message.reply_serial, None):
                        call, answered = waiting
                        answered(self._reply(call, message))
        except Exception as error:  # raised again by whoever waits for this connection
            self._broken = error
            self._disconnect()
        # A method call comes from a stranger on the host and gets no answer.
        return True

    def _signal(self, message: Message) -> Signal:
        fields = (message.sender, message.path, message.interface, message.member)
        if not all(isinstance(field, str) for field in fields):
            raise HostFailure("what the system bus sends is not D-Bus", host=self.host)
        return Signal(*fields, message.signature, message.body)  # type: ignore[arg-type]  # checked above

    def _reply(self, call: Call, message: Message) -> Reply:
        if message.message_type is MessageType.ERROR:
            name = str(message.error_name)
            text = message.body[0] if message.body and isinstance(message.body[0], str) else ""
            return Reply([], error_of(self.host, call.destination, name, text), name)
        if message.signature != call.expect:
            fault = f"{call.member} answers {clean(message.signature, 40)!r}, not {call.expect!r}"
            return Reply([], HostFailure(fault, host=self.host))
        return Reply(message.body)

    # -- the end ----------------------------------------------------------------------------

    def close(self) -> None:
        """Begin to close, because nobody needs it any more."""
        self._closing = True
        self._disconnect()

    def _disconnect(self) -> None:
        if self._wire.connected:
            self._wire.disconnect()

    async def watch(self) -> None:
        """Wait for the end of the connection and tell everybody who waits for an answer."""
        fault: Exception
        try:
            await self._wire.wait_for_disconnect()  # type: ignore[no-untyped-call]
            fault = await self._cause()
        except EOFError:
            fault = await self._cause()
        except OSError as error:
            fault = HostFailure(f"the system bus: {error.strerror or error}", host=self.host)
        except Exception as error:  # whatever its parser made of what the host sent
            fault = HostFailure(
                f"what the system bus sends is not D-Bus: {clean(str(error), 120)}", host=self.host
            )
        self._fault = self._broken or fault
        waiting, self._waiting = self._waiting, {}
        ended = self._ended()
        for _, answered in waiting.values():
            answered(Reply([], ended))
        self._over.set()

    async def _cause(self) -> HostError:
        if self._closing or self._broken is not None:
            return HostFailure("the connection to the system bus is over", host=self.host)
        if self._guard.fault:
            return HostFailure(f"the system bus: {self._guard.fault}", host=self.host)
        try:
            async with asyncio.timeout(_CAUSE_TIMEOUT):
                return Unreachable(await self._transport.wait_closed(), host=self.host)
        except TimeoutError:
            return HostFailure("the system bus closed the connection", host=self.host)

    def _ended(self) -> HostError:
        if isinstance(self._fault, HostError):
            return self._fault
        return HostFailure("the connection to the system bus is over", host=self.host)

    async def wait_closed(self) -> NoReturn:
        """Raise, once the connection has ended, why it has.

        :raises HostError: the connection dropped, or the host sent what cannot be read.
        """
        await self._over.wait()
        assert self._fault is not None
        raise self._fault


def _seen(sent: asyncio.Future[None]) -> None:
    """A call that could not be sent has no answer either: the end of the connection tells its caller."""
    if not sent.cancelled():
        sent.exception()


@asynccontextmanager
async def system_bus(
    transport: Transport,
    *,
    socket: str = SYSTEM_BUS,
    timeout: float = CONNECT_TIMEOUT,
    message_limit: int = MESSAGE_LIMIT,
    privileged: bool = False,
) -> AsyncIterator[Bus]:
    """A connection to the host's system bus as the user the transport is.

    :param privileged: as root, by `become`; for a command that writes, and closed with it.
    :param timeout: seconds until the bus has greeted us.
    :param message_limit: bytes; a longer message ends the connection.
    :raises HostError: no such socket, the bus refuses us, or does not speak D-Bus.
    """
    async with AsyncExitStack() as stack:
        path = await stack.enter_async_context(transport.socket(socket, relay=RELAY, privileged=privileged))
        try:
            local, guard = await stack.enter_async_context(guarded(path, message_limit))
        except OSError as error:
            raise HostFailure(f"nothing listens on {socket}", host=transport.host) from error
        wire = await _greeted(transport, local, guard, timeout)
        guard.stop_listening()
        bus = Bus(transport, wire, guard)
        watch = asyncio.create_task(bus.watch(), name=f"{transport.host}: system bus")
        try:
            yield bus
        finally:
            bus.close()
            await watch
            untie_bus(wire)
            # Whoever heard the signals holds the bus: nothing of it stays when both are let go.
            bus.on_signal = guard.on_down = None


def bus_address(path: Path) -> str:
    """The address of the bus at `path`, escaped as the D-Bus specification has it."""
    return "unix:path=" + quote(str(path)).replace("~", "%7E")


async def _greeted(transport: Transport, path: Path, guard: Guard, timeout: float) -> MessageBus:
    host = transport.host
    # With no uid claimed, the bus takes the one at its end of the socket: the SSH user's.
    wire = MessageBus(bus_address(path), auth=AuthExternal(UID_NOT_SPECIFIED))
    try:
        async with asyncio.timeout(timeout):
            await wire.connect()
    except TimeoutError:
        raise HostFailure(f"the system bus does not answer within {timeout:g} s", host=host) from None
    except Exception as error:  # whatever its parser made of what the host sent
        if guard.fault:
            raise HostFailure(f"the system bus: {guard.fault}", host=host) from error
        if isinstance(error, AuthError) and "REJECTED" in str(error):
            raise AccessRefused("the system bus refuses this user", host=host) from error
        if isinstance(error, EOFError | OSError) or "connection closed" in str(error):
            try:
                async with asyncio.timeout(_CAUSE_TIMEOUT):
                    reason = await transport.wait_closed()
            except TimeoutError:
                raise HostFailure("the system bus closed the connection", host=host) from error
            raise Unreachable(reason, host=host) from error
        said = clean(str(error), 120)
        raise HostFailure(f"the system bus does not speak D-Bus: {said}", host=host) from error
    if not (wire.unique_name or "").startswith(":"):
        # An error to our greeting ends up here too, as its text.
        wire.disconnect()
        await wire.wait_for_disconnect()  # type: ignore[no-untyped-call]
        greeting = clean(str(wire.unique_name), 200)
        raise HostFailure(f"the system bus does not greet us: {greeting}", host=host)
    return wire

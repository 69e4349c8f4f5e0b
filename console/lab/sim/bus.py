"""The host's end of a connection to its system bus: the greeting, the bus itself, and who is on it.

One connection a console; nobody else is on the bus but systemd, whose methods are in `systemd.py`.
Source: D-Bus specification, "Authentication Protocol", "Message Bus Messages".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dbus_fast import ErrorType, Message, MessageFlag, MessageType

from console.lab.sim import seeds
from console.lab.sim.bus_wire import NotDBus, Reader, Rule, marshalled, rule
from console.lab.sim.machine import Machine
from console.lab.sim.systemd import OWNER, SERVICE, Refused, Systemd
from console.lab.sim.wire import Out

BUS = "org.freedesktop.DBus"
_LINE_MOST = 16 * 1024
_RULES_MOST = 512


class BusService:
    """One connection to the bus of `machine`; see `Service`.

    :param root: whether the peer is the host's root.
    """

    def __init__(self, machine: Machine, out: Out, *, root: bool) -> None:
        self._machine = machine
        self._out = out
        self._root = root
        self._greeting = bytearray()
        self._greeted = False
        self._reader = Reader()
        self._serial = 0
        self._name = f":1.{seeds.number(machine.name, id(self)) % 100_000 + 10}"
        self._rules: dict[str, Rule] = {}
        self._systemd = Systemd(machine, self, root=root)

    # -- Service ----------------------------------------------------------------------------

    def received(self, data: bytes) -> None:
        if not self._greeted:
            data = self._greet(data)
        if not data:
            return
        try:
            for message in self._reader.feed(data):
                self._take(message)
        except NotDBus:
            self._out.end(1)

    def finished(self) -> None:
        self.closed()
        self._out.end()

    def closed(self) -> None:
        self._systemd.close()

    # -- greeting ---------------------------------------------------------------------------

    def _greet(self, data: bytes) -> bytes:
        """Answer the lines before BEGIN; what comes after it."""
        self._greeting += data
        while (end := self._greeting.find(b"\r\n")) >= 0:
            words = bytes(self._greeting[:end]).lstrip(b"\0").split()
            del self._greeting[: end + 2]
            match words:
                case [b"BEGIN"]:
                    self._greeted = True
                    rest, self._greeting = bytes(self._greeting), bytearray()
                    return rest
                case [b"AUTH", (b"EXTERNAL" | b"ANONYMOUS"), _]:
                    self._say_ok()
                case [b"AUTH", (b"EXTERNAL" | b"ANONYMOUS")]:
                    self._out.write(b"DATA\r\n")
                case [b"DATA", *_]:
                    self._say_ok()
                case [b"AUTH", *_]:
                    self._out.write(b"REJECTED EXTERNAL\r\n")
                case _:
                    self._out.write(b"ERROR\r\n")
        if len(self._greeting) > _LINE_MOST:
            self._out.end(1)
        return b""

    def _say_ok(self) -> None:
        self._out.write(b"OK " + seeds.digest("bus", self._machine.boot_id)[:32].encode() + b"\r\n")

    # -- calls ------------------------------------------------------------------------------

    def _take(self, message: Message) -> None:
        if message.message_type is not MessageType.METHOD_CALL:
            return
        quiet = MessageFlag.NO_REPLY_EXPECTED in message.flags
        try:
            if message.destination == BUS:
                signature, body = self._driver(message.member or "", message.body)
                if not quiet:
                    self._reply(BUS, message, signature, body)
            elif message.destination in (SERVICE, OWNER):
                self._systemd.call(message, quiet=quiet)
            else:
                text = f"The name {message.destination} was not provided by any .service files"
                raise Refused("org.freedesktop.DBus.Error.ServiceUnknown", text)
        except Refused as error:
            if not quiet:
                self.send(Message.new_error(message, error.name, str(error)), BUS)

    def _driver(self, member: str, body: list[Any]) -> tuple[str, list[Any]]:
        """What the bus itself does."""
        names = {SERVICE: OWNER, BUS: BUS}
        match member, body:
            case "Hello", []:
                return "s", [self._name]
            case "AddMatch", [str(text)]:
                self._add_match(text)
                return "", []
            case "RemoveMatch", [str(text)]:
                self._rules.pop(text, None)
                return "", []
            case "GetNameOwner", [str(name)]:
                if name not in names:
                    raise Refused(
                        "org.freedesktop.DBus.Error.NameHasNoOwner", f"Could not get owner of name '{name}'"
                    )
                return "s", [names[name]]
            case "NameHasOwner", [str(name)]:
                return "b", [name in names]
            case "ListNames", []:
                return "as", [[*names, OWNER, self._name]]
            case "GetId", []:
                return "s", [seeds.digest("bus", self._machine.boot_id)[:32]]
            case "GetConnectionUnixUser", [str()]:
                return "u", [0 if self._root else 1000]
        raise Refused(ErrorType.UNKNOWN_METHOD.value, f'Method "{member}" doesn\'t exist')

    def _add_match(self, text: str) -> None:
        if len(self._rules) >= _RULES_MOST:
            raise Refused("org.freedesktop.DBus.Error.LimitsExceeded", "too many match rules")
        try:
            self._rules[text] = rule(text, {SERVICE: OWNER})
        except ValueError:
            raise Refused("org.freedesktop.DBus.Error.MatchRuleInvalid", text) from None

    # -- to the console ---------------------------------------------------------------------

    def answer(self, message: Message, signature: str = "", body: list[Any] | None = None) -> None:
        """systemd's answer to a call."""
        self._reply(OWNER, message, signature, body or [])

    def _reply(self, sender: str, message: Message, signature: str, body: list[Any]) -> None:
        self.send(Message.new_method_return(message, signature, body), sender)

    def stamped(self, message: Message, sender: str) -> Message:
        """`message` with its sender, its number and whom it is for."""
        self._serial += 1
        message.sender, message.serial, message.destination = sender, self._serial, self._name
        return message

    def send(self, message: Message, sender: str) -> None:
        self._out.write(marshalled(self.stamped(message, sender)))

    def send_bytes(self, data: bytes) -> None:
        """A message that is marshalled already."""
        self._out.write(data)

    def signal(
        self,
        path: str,
        interface: str,
        member: str,
        signature: str,
        body: Callable[[], list[Any]],
        *,
        arg0: str | None = None,
        sender: str = OWNER,
    ) -> None:
        """Send a signal if a rule selects it; `body` is made only then."""
        if any(each.fits(sender, path, interface, member, arg0) for each in self._rules.values()):
            message = Message.new_signal(path, interface, member, signature, body())
            self.send(message, sender)

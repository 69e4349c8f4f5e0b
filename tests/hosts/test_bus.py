"""One connection to a host's system bus: answers, errors, deadlines, and a host that lies."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dbus_fast import Message
from dbus_fast._private.address import parse_address

from console.errors import Absent, AccessRefused, HostError, HostFailure, Unreachable
from console.hosts.bus import Call, Reply, Signal, bus_address, system_bus
from console.hosts.bus_errors import NotOnBus, error_of
from tests.hosts.bus_peer import Peer, PeerTransport, Refusal, encoded, peer

PING = Call("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.DBus.Peer", "Ping")


@pytest.fixture
async def far(tmp_path: Path) -> AsyncIterator[tuple[Peer, PeerTransport]]:
    async with peer(tmp_path) as both:
        yield both


async def connect(transport: PeerTransport, **options: float) -> None:
    async with asyncio.timeout(10), system_bus(transport, **options):  # type: ignore[arg-type]
        pass


async def test_a_call_gives_the_body_of_its_answer(far: tuple[Peer, PeerTransport]) -> None:
    bus_peer, transport = far
    bus_peer.answers["Echo"] = lambda call: ("s", [call.body[0].upper()])
    async with system_bus(transport) as bus:
        assert await bus.call(PING._replace(member="Echo", signature="s", body=("a",), expect="s")) == ["A"]


async def test_a_look_starts_nothing_on_the_host(far: tuple[Peer, PeerTransport]) -> None:
    bus_peer, transport = far
    async with system_bus(transport) as bus:
        await bus.call(PING)
    assert bus_peer.asked("Ping")[0].flags.value & 2  # NO_AUTO_START


async def test_the_claimed_user_is_left_to_the_bus(far: tuple[Peer, PeerTransport], tmp_path: Path) -> None:
    """The peer asks for no uid, as dbus-daemon does for `AUTH EXTERNAL` without one, and gets none."""
    _, transport = far
    await connect(transport)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("org.freedesktop.systemd1.NoSuchUnit", Absent),
        ("org.freedesktop.DBus.Error.UnknownObject", Absent),
        ("org.freedesktop.DBus.Error.ServiceUnknown", NotOnBus),
        ("org.freedesktop.DBus.Error.NameHasNoOwner", NotOnBus),
        ("org.freedesktop.DBus.Error.Spawn.ChildExited", NotOnBus),
        ("org.freedesktop.DBus.Error.AccessDenied", AccessRefused),
        ("org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", AccessRefused),
        ("org.freedesktop.DBus.Error.NoReply", HostFailure),
        ("org.freedesktop.DBus.Error.LimitsExceeded", HostFailure),
        ("gibberish\x1b[31m", HostFailure),
    ],
)
def test_a_dbus_error_is_one_of_ours(name: str, expected: type[HostError]) -> None:
    error = error_of("web1", "org.freedesktop.systemd1", name, "the \x1b[31mreason")
    assert type(error) is expected
    assert error.host == "web1"
    assert str(error).isprintable()


def test_systemd_not_on_the_bus_is_said_in_plain_words() -> None:
    error = error_of("web1", "org.freedesktop.systemd1", "org.freedesktop.DBus.Error.ServiceUnknown", "…")
    assert error.message == "systemd is not running"


async def test_an_error_reply_is_raised(far: tuple[Peer, PeerTransport]) -> None:
    bus_peer, transport = far

    def refuse(call: Message) -> None:
        raise Refusal("org.freedesktop.DBus.Error.AccessDenied", "Rejected send message")

    bus_peer.answers["Ping"] = refuse
    async with system_bus(transport) as bus:
        with pytest.raises(AccessRefused, match="Rejected send message"):
            await bus.call(PING)


async def test_an_answer_of_another_type_is_a_fault_of_the_host(far: tuple[Peer, PeerTransport]) -> None:
    bus_peer, transport = far
    bus_peer.answers["Ping"] = lambda call: ("s", ["pong"])
    async with system_bus(transport) as bus:
        with pytest.raises(HostFailure, match="Ping answers 's', not ''"):
            await bus.call(PING)


async def test_a_call_without_an_answer_ends_at_its_deadline(far: tuple[Peer, PeerTransport]) -> None:
    bus_peer, transport = far
    bus_peer.answers["Ping"] = lambda call: None
    async with system_bus(transport) as bus:
        with pytest.raises(HostFailure, match=r"Ping had no answer within 0\.05 s"):
            await bus.call(PING, timeout=0.05)


async def test_an_answer_is_taken_before_the_signal_that_follows_it(far: tuple[Peer, PeerTransport]) -> None:
    bus_peer, transport = far
    order: list[str] = []

    def answer_and_signal(call: Message) -> tuple[str, list[str]]:
        asyncio.get_running_loop().call_soon(bus_peer.new, "late.service")
        return "", []

    bus_peer.answers["Ping"] = answer_and_signal
    async with system_bus(transport) as bus:
        heard = asyncio.Event()

        def signalled(signal: Signal) -> None:
            order.append(signal.member)
            heard.set()

        bus.on_signal = signalled
        await bus.call(PING, answered=lambda body: order.append("answer"))
        await heard.wait()
    assert order == ["answer", "UnitNew"]


async def test_a_method_call_from_a_stranger_gets_no_answer(far: tuple[Peer, PeerTransport]) -> None:
    bus_peer, transport = far
    async with system_bus(transport) as bus:
        bus_peer.send(
            Message(path="/", interface="org.freedesktop.DBus.Peer", member="GetMachineId", sender=":1.7")
        )
        await bus.call(PING)
    assert [call.member for call in bus_peer.calls] == ["Hello", "Ping"]


async def test_what_a_signal_handler_raises_ends_the_connection(far: tuple[Peer, PeerTransport]) -> None:
    bus_peer, transport = far
    async with system_bus(transport) as bus:

        def refuse(signal: Signal) -> None:
            raise HostFailure("systemd says too much", host="web1")

        bus.on_signal = refuse
        bus_peer.new("a.service")
        with pytest.raises(HostFailure, match="says too much"):
            await bus.wait_closed()


async def test_a_drop_is_told_to_whoever_waits(far: tuple[Peer, PeerTransport]) -> None:
    bus_peer, transport = far
    bus_peer.answers["Ping"] = lambda call: bus_peer.hang_up()
    async with system_bus(transport) as bus:
        with pytest.raises(HostFailure, match="the system bus closed the connection"):
            await bus.call(PING)
        with pytest.raises(HostFailure, match="the system bus closed the connection"):
            await bus.wait_closed()
        with pytest.raises(HostFailure, match="the system bus closed the connection"):
            await bus.call(PING)


async def test_a_drop_with_the_whole_host_is_unreachable(far: tuple[Peer, PeerTransport]) -> None:
    bus_peer, transport = far
    async with system_bus(transport) as bus:
        bus_peer.hang_up()
        transport.lost.set_result("no answer for 15 s")
        with pytest.raises(Unreachable, match="no answer for 15 s"):
            await bus.wait_closed()


async def test_a_drop_leaves_nothing_in_the_log_and_nothing_open(
    far: tuple[Peer, PeerTransport], caplog: pytest.LogCaptureFixture
) -> None:
    bus_peer, transport = far
    files = open_files()
    tasks = asyncio.all_tasks()
    with caplog.at_level(logging.DEBUG, logger="asyncio"):
        for _ in range(3):
            async with system_bus(transport) as bus:
                bus.post(PING, _ignore)
                bus_peer.hang_up()
                bus.post(PING, _ignore)
                with pytest.raises(HostFailure):
                    await bus.wait_closed()
                with pytest.raises(HostFailure):
                    bus.post(PING, _ignore)
        # What is left are the peer's ends of what was dropped.
        await asyncio.gather(*(task for task in asyncio.all_tasks() - tasks if "serve" in repr(task)))
        gc.collect()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert asyncio.all_tasks() - tasks == set()
    assert open_files() == files


def open_files() -> dict[str, str]:
    """What this process has open and is not the peer's, where /proc says so."""
    folder = "/proc/self/fd"
    numbers = os.listdir(folder) if os.path.isdir(folder) else []
    return {number: os.readlink(f"{folder}/{number}") for number in numbers if _is_open(folder, number)}


def _is_open(folder: str, number: str) -> bool:
    return os.path.lexists(f"{folder}/{number}")


def _ignore(reply: Reply) -> None:
    return None


# -- a host that lies -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00" * 100,
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"OK\r\n\xff\xfe\xfd" * 50,
        b"\xff\xfe garbage\r\n",
        b"x" * 100_000,
        b"DATA\r\n" * 2000,
    ],
)
async def test_a_handshake_of_garbage_is_a_failure(far: tuple[Peer, PeerTransport], garbage: bytes) -> None:
    bus_peer, transport = far
    bus_peer.handshake = garbage
    with pytest.raises(HostFailure):
        await connect(transport, timeout=0.3)


async def test_a_refused_user_is_told_so(far: tuple[Peer, PeerTransport]) -> None:
    bus_peer, transport = far
    bus_peer.handshake = b"REJECTED EXTERNAL\r\n"
    with pytest.raises(AccessRefused, match="refuses this user"):
        await connect(transport)


async def test_a_silent_peer_ends_at_the_deadline(far: tuple[Peer, PeerTransport]) -> None:
    bus_peer, transport = far
    bus_peer.handshake = b""
    with pytest.raises(HostFailure, match=r"does not answer within 0\.05 s"):
        await connect(transport, timeout=0.05)


async def test_no_greeting_ends_at_the_deadline(far: tuple[Peer, PeerTransport]) -> None:
    bus_peer, transport = far
    bus_peer.answers["Hello"] = lambda call: None
    with pytest.raises(HostFailure, match=r"does not answer within 0\.05 s"):
        await connect(transport, timeout=0.05)


async def test_a_refused_greeting_is_a_failure(far: tuple[Peer, PeerTransport]) -> None:
    bus_peer, transport = far

    def refuse(call: Message) -> None:
        raise Refusal("org.freedesktop.DBus.Error.LimitsExceeded", "too many connections")

    bus_peer.answers["Hello"] = refuse
    with pytest.raises(HostFailure, match="does not greet us: too many connections"):
        await connect(transport)


async def test_a_peer_that_hangs_up_at_once_is_a_failure(tmp_path: Path) -> None:
    server = await asyncio.start_unix_server(lambda reader, writer: writer.close(), str(tmp_path / "bus"))
    async with server:
        with pytest.raises(HostFailure, match="closed the connection"):
            await connect(PeerTransport(tmp_path / "bus"))


async def test_nothing_behind_the_socket_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(HostFailure, match="nothing listens on /run/dbus/system_bus_socket"):
        await connect(PeerTransport(tmp_path / "none"))


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00" * 64,
        b"\xff" * 10_000,
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack("<BBBBIII", ord("l"), 9, 0, 1, 0, 1, 0),  # no such type of message
        struct.pack("<BBBBIII", ord("l"), 4, 0, 1, 40, 1, 0) + b"\xff" * 40,  # a body without a signature
        struct.pack("<BBBBIII", ord("l"), 4, 0, 1, 0, 1, 64) + b"\xff" * 64,  # fields of garbage
    ],
)
async def test_garbage_instead_of_a_message_is_a_failure(
    far: tuple[Peer, PeerTransport], garbage: bytes
) -> None:
    bus_peer, transport = far
    async with asyncio.timeout(10), system_bus(transport) as bus:
        bus_peer.say(garbage)
        with pytest.raises(HostFailure, match="is not D-Bus"):
            await bus.wait_closed()


async def test_a_message_longer_than_the_limit_ends_the_connection_before_it_is_kept(
    far: tuple[Peer, PeerTransport],
) -> None:
    bus_peer, transport = far
    async with asyncio.timeout(10), system_bus(transport) as bus:
        bus_peer.say(struct.pack("<BBBBIII", ord("l"), 4, 0, 1, 100_000_000, 1, 0))
        with pytest.raises(HostFailure, match="a message of 100000016 bytes, and 8388608 is the limit"):
            await bus.wait_closed()


async def test_a_long_answer_within_the_limit_arrives(far: tuple[Peer, PeerTransport]) -> None:
    bus_peer, transport = far
    bus_peer.answers["Ping"] = lambda call: ("s", ["x" * 3_000_000])
    async with system_bus(transport) as bus:
        body = await bus.call(PING._replace(expect="s"))
    assert len(body[0]) == 3_000_000


async def test_a_signal_without_an_interface_is_not_dbus(far: tuple[Peer, PeerTransport]) -> None:
    bus_peer, transport = far
    async with system_bus(transport) as bus:
        heard: list[Signal] = []
        bus.on_signal = heard.append
        signal = Message.new_signal("/", "a.b", "C")
        signal.interface = None
        bus_peer.say(encoded(signal))
        with pytest.raises(HostFailure, match="is not D-Bus"):
            await bus.wait_closed()
    assert heard == []


# -- addresses --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/tmp/plain/bus", "/tmp/a b/~user,x=1;y:%41/ünï", "/tmp/tab\there", "/tmp/\\back'quote\""]
)
def test_a_bus_address_says_the_path_whatever_it_contains(path: str) -> None:
    assert parse_address(bus_address(Path(path))) == [("unix", {"path": path})]


async def test_a_folder_with_odd_characters_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / "a b,c=~;é"
    odd.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(odd))
    async with peer(odd) as (_, transport), system_bus(transport) as bus:
        await bus.call(PING)
    assert [path.name for path in odd.iterdir()] == ["bus"]

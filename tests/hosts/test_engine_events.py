"""Events of a daemon, however they are cut, and a stream's every end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from console.errors import AccessRefused, HostFailure
from console.hosts import engine_events
from console.hosts.engine_events import EngineEvent, EventStream, events_target, parse_event
from console.hosts.engine_reader import Daemon
from tests.hosts.engine_daemon import FakeDaemon, daemon, full_id

DOCKER = Daemon("docker", "1.45", 1000)
WEB = full_id("web")


@pytest.fixture
async def fake(tmp_path: Path) -> AsyncIterator[FakeDaemon]:
    async with daemon(tmp_path / "d.sock") as running:
        yield running


@pytest.fixture
async def stream(fake: FakeDaemon) -> AsyncIterator[EventStream]:
    stream = EventStream("web1", DOCKER, fake.path)
    yield stream
    stream.close()


@pytest.fixture
async def events(stream: EventStream) -> AsyncIterator[AsyncGenerator[EngineEvent, None]]:
    await stream.open()
    generator = stream.events()
    yield generator
    await generator.aclose()


def test_the_daemon_is_asked_for_what_changes_containers_and_nothing_else() -> None:
    query = parse_qs(urlsplit(events_target(DOCKER)).query)
    filters = json.loads(query["filters"][0])
    assert filters["type"] == ["container", "network"]
    assert {"start", "die", "oom", "health_status", "rename", "destroy", "disconnect"} <= set(
        filters["event"]
    )
    assert not [action for action in filters["event"] if action.startswith("exec")]
    assert query["since"] == ["999"], "one second before the daemon's own now"


def test_without_the_daemons_clock_events_begin_now() -> None:
    assert "since" not in events_target(Daemon("docker", "1.45", None))


def told(**more: object) -> bytes:
    return json.dumps({"Type": "container", "Action": "start", "Actor": {"ID": WEB}, **more}).encode()


@pytest.mark.parametrize(
    ("line", "event"),
    [
        (told(), EngineEvent(WEB, "start")),
        (told(Action="health_status: unhealthy"), EngineEvent(WEB, "health_status", "unhealthy")),
        (told(Action="health_status", HealthStatus="healthy"), EngineEvent(WEB, "health_status", "healthy")),
        (json.dumps({"status": "die", "id": WEB}).encode(), EngineEvent(WEB, "die")),
        (told(Action="exec_create: sh -c true"), None),
        (told(Action="exec_die"), None),
        (told(Type="network", Action="connect"), None),
        (told(Type="network", Action="disconnect"), None),
        (
            told(Type="network", Action="disconnect", Actor={"Attributes": {"container": "ingress-sbox"}}),
            None,
        ),
        (
            told(
                Type="network", Action="disconnect", Actor={"ID": "ab" * 32, "Attributes": {"container": WEB}}
            ),
            EngineEvent(WEB, "disconnect"),
        ),
        (told(Action=None), None),
    ],
)
def test_one_event(line: bytes, event: EngineEvent | None) -> None:
    assert parse_event(line) == event


@pytest.mark.parametrize(("action", "gone"), [("destroy", True), ("remove", True), ("die", False)])
def test_which_events_end_a_container(action: str, gone: bool) -> None:
    assert EngineEvent(WEB, action).gone is gone


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"3",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        told(Actor={"ID": "../secrets"}),
        told(Actor={"ID": 7}),
    ],
)
def test_what_is_no_event(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_event(line)


@pytest.mark.parametrize("piece", [1, 10, 100_000])
async def test_events_in_any_chunks(
    fake: FakeDaemon, events: AsyncGenerator[EngineEvent, None], piece: int
) -> None:
    fake.send(told() + b"\n" + told(Action="exec_die") + b"\n\n" + told(Action="die") + b"\n", piece)
    assert [(await anext(events)).action for _ in range(2)] == ["start", "die"]


async def test_a_burst_in_one_chunk_and_then_one_more(
    fake: FakeDaemon, events: AsyncGenerator[EngineEvent, None]
) -> None:
    fake.send((told() + b"\n") * 500)
    fake.tell("die", "web")
    assert [(await anext(events)).action for _ in range(501)] == ["start"] * 500 + ["die"]


@pytest.mark.parametrize(
    "said", [b"garbage\n", b"{}\x00\n", b"\x1b[31m{}\n", b'{"Actor":{"ID":"x"},"Action":"die"}\n']
)
async def test_garbage_ends_the_stream_with_a_fault(
    fake: FakeDaemon, events: AsyncGenerator[EngineEvent, None], said: bytes
) -> None:
    fake.send(said)
    with pytest.raises(HostFailure, match="docker sends an event that cannot be read"):
        await anext(events)


async def test_a_line_without_end_is_not_taken_in(
    fake: FakeDaemon, events: AsyncGenerator[EngineEvent, None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_events, "LINE_LIMIT", 10_000)
    fake.send(b"x" * 20_000, 1000)
    with pytest.raises(HostFailure, match="more than 10000 bytes"):
        await anext(events)


async def test_the_daemon_stops_in_good_order(
    fake: FakeDaemon, events: AsyncGenerator[EngineEvent, None]
) -> None:
    fake.end_events()
    with pytest.raises(HostFailure, match="docker has ended its stream of events"):
        await anext(events)


async def test_the_daemon_is_killed(fake: FakeDaemon, events: AsyncGenerator[EngineEvent, None]) -> None:
    fake.tell("start", "web")
    assert (await anext(events)).action == "start"
    fake.drop()
    with pytest.raises(HostFailure, match="docker sends its events no longer"):
        await anext(events)


async def test_a_daemon_that_refuses_to_tell(fake: FakeDaemon, stream: EventStream) -> None:
    fake.answers["/events"] = b'HTTP/1.1 403 No\r\nContent-Length: 16\r\n\r\n{"message":"no"}'
    with pytest.raises(AccessRefused, match="docker says 403 to a question for events: no"):
        await stream.open()
    fake.answers["/events"] = b"HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\noops"
    with pytest.raises(HostFailure, match="500 to a question for events: oops"):
        await stream.open()


async def test_nobody_to_follow(tmp_path: Path) -> None:
    with pytest.raises(HostFailure, match="gives no answer"):
        await EventStream("web1", DOCKER, tmp_path / "nobody.sock").open()


async def test_a_daemon_that_says_nothing_before_the_first_event(
    fake: FakeDaemon, stream: EventStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_events, "PATIENCE", 0.01)
    hold = asyncio.Event()

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await hold.wait()
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + told() + b"\n")
        await writer.drain()
        await reader.read()
        writer.close()

    path = fake.path.with_name("late.sock")
    server = await asyncio.start_unix_server(late, str(path))
    stream = EventStream("web1", DOCKER, path)
    await stream.open()
    hold.set()
    async for event in stream.events():
        assert event.action == "start"
        break
    stream.close()
    server.close()
    await server.wait_closed()

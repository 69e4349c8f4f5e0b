"""Questions on demand through the docker package, and that nothing of it outlives the asker."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from console.errors import Absent, AccessRefused, HostFailure, InternalError, Unreachable
from console.hosts import engine_api
from console.hosts.engine_api import Engine
from console.hosts.engine_reader import Daemon
from console.hosts.engine_threads import Call, EngineThreads
from tests.hosts.engine_daemon import FakeDaemon, container, daemon, full_id

WEB = full_id("web")


@pytest.fixture
async def fake(tmp_path: Path) -> AsyncIterator[FakeDaemon]:
    async with daemon(tmp_path / "d.sock") as running:
        running.put(container("web"))
        yield running


@pytest.fixture
async def threads() -> AsyncIterator[EngineThreads]:
    threads = EngineThreads(4)
    yield threads
    await threads.close()


@pytest.fixture
async def engine(fake: FakeDaemon, threads: EngineThreads) -> AsyncIterator[Engine]:
    engine = Engine("web1", Daemon("docker", "1.45", None), fake.path, threads, {WEB: "web"}.get)
    yield engine
    engine.close()


def engine_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("engine")]


async def test_it_answers(engine: Engine) -> None:
    await engine.ping()
    assert (await engine.version())["Version"] == "26.1.5"
    assert [item["Id"] for item in await engine.containers()] == [WEB]
    assert (await engine.inspect(WEB))["Name"] == "/web"


async def test_a_container_by_its_name(fake: FakeDaemon, engine: Engine) -> None:
    assert (await engine.inspect("web"))["Id"] == WEB
    with pytest.raises(Absent):
        await engine.inspect("../version")
    assert fake.seen[-1] == "/v1.45/containers/..%2Fversion/json", "a name cannot leave its place in the path"


async def test_questions_go_over_few_connections_that_are_kept(fake: FakeDaemon, engine: Engine) -> None:
    await asyncio.gather(*(engine.inspect(WEB) for _ in range(20)))
    assert fake.connections <= engine_api.AT_ONCE


async def test_idle_connections_are_given_back(
    fake: FakeDaemon, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_api, "KEEP_IDLE", 0.01)
    await engine.inspect(WEB)
    async with fake.asked, asyncio.timeout(5):
        await fake.asked.wait_for(lambda: not fake.open_connections)
    assert (await engine.inspect(WEB))["Id"] == WEB, "and one is opened again when it is needed"


async def test_the_first_sample_takes_two_looks_and_the_next_one(
    fake: FakeDaemon, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_api, "SAMPLE_APART", 0.0)
    first = await engine.stats_once(WEB)
    assert (first.host, first.name, first.id, first.cpu_percent) == ("web1", "web", WEB, 50.0)
    assert len([target for target in fake.seen if "/stats" in target]) == 2
    assert (await engine.stats_once(WEB)).cpu_percent == 50.0
    assert len([target for target in fake.seen if "/stats" in target]) == 3
    assert "one-shot=true" in fake.seen[-1]


@pytest.mark.parametrize(("status", "error"), [(404, Absent), (403, AccessRefused), (500, HostFailure)])
async def test_refusals_in_our_words(
    fake: FakeDaemon, engine: Engine, status: int, error: type[Exception]
) -> None:
    fake.statuses["/containers"] = status
    with pytest.raises(error, match=f"web1: docker says {status}: no /containers"):
        await engine.inspect(WEB)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\noops", HostFailure),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", HostFailure),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\nbroken off", Unreachable),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Unreachable),
        (b"220 mail.example ESMTP\r\n\r\n", Unreachable),
        (b"", Unreachable),
    ],
    ids=["no JSON", "no object", "broken off", "bad chunk", "no HTTP", "hung up"],
)
async def test_what_cannot_be_read(
    fake: FakeDaemon, engine: Engine, said: bytes, error: type[Exception]
) -> None:
    fake.answers["/json"] = said
    with pytest.raises(error) as caught:
        await engine.inspect(WEB)
    assert str(caught.value).startswith("web1: docker")


async def test_an_answer_that_is_too_large(
    fake: FakeDaemon, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_api, "INSPECT_LIMIT", 10_000)
    fake.put(container("web", Error="x" * 20_000))
    with pytest.raises(HostFailure, match="more than 10000 bytes"):
        await engine.inspect(WEB)


async def test_nobody_there(tmp_path: Path, threads: EngineThreads) -> None:
    engine = Engine("web1", Daemon("docker", "1.45", None), tmp_path / "nobody.sock", threads, lambda _: None)
    with pytest.raises(Unreachable, match="web1: docker gives no answer"):
        await engine.ping()
    engine.close()


async def test_a_daemon_that_hangs_is_given_up_and_its_thread_comes_back(
    fake: FakeDaemon, engine: Engine, threads: EngineThreads, monkeypatch: pytest.MonkeyPatch
) -> None:
    await engine.ping()  # the import takes longer than the patience below
    monkeypatch.setattr(engine_api, "DEADLINE", 0.1)
    fake.answers["/json"] = None
    with pytest.raises(HostFailure, match="has not answered"):
        await engine.inspect(WEB)
    await threads.close()
    assert engine_threads() == []


async def test_closing_waits_for_no_daemon(fake: FakeDaemon, engine: Engine, threads: EngineThreads) -> None:
    fake.answers["/json"] = None
    asking = [asyncio.create_task(engine.inspect(WEB)) for _ in range(2)]
    await fake.until(lambda: len(fake.seen) == 2)
    await threads.close()
    assert engine_threads() == [], "though the daemon still has not answered"
    for each in asking:
        with pytest.raises(Unreachable):
            await each
    with pytest.raises(InternalError):
        await engine.ping()


async def test_an_answer_that_ends_the_connection_can_be_cut_off_too(
    fake: FakeDaemon, engine: Engine, threads: EngineThreads
) -> None:
    # http.client lets go of its socket while it reads such an answer.
    held = asyncio.Event()

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{")
        await writer.drain()
        held.set()
        await reader.read()
        writer.close()

    path = fake.path.with_name("trickle.sock")
    server = await asyncio.start_unix_server(trickle, str(path))
    slow = Engine("web1", Daemon("docker", "1.45", None), path, threads, lambda _: None)
    asking = asyncio.create_task(slow.inspect(WEB))
    await held.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await threads.close()
    assert engine_threads() == []
    slow.close()
    server.close()
    await server.wait_closed()


async def test_who_gives_up_cuts_off_only_its_own_question(fake: FakeDaemon, engine: Engine) -> None:
    fake.answers[f"/{WEB}/json"] = None
    asking = asyncio.create_task(engine.inspect(WEB))
    await fake.until(lambda: bool(fake.seen))
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await engine.ping()


async def test_no_more_questions_than_threads_at_once(threads: EngineThreads) -> None:
    running, most = 0, 0
    lock, release = threading.Lock(), threading.Event()

    def work(call: Call) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            if most == 4:
                release.set()
        release.wait(5)
        with lock:
            running -= 1

    await asyncio.gather(*(threads.run(work, 5) for _ in range(40)))
    assert most == 4


async def test_waiting_for_a_thread_does_not_count_as_the_daemons_silence() -> None:
    threads = EngineThreads(1)
    first, second = threading.Event(), threading.Event()

    def hold(call: Call) -> None:
        first.set()
        second.wait(5)

    holding = asyncio.create_task(threads.run(hold, 5))
    await asyncio.to_thread(first.wait, 5)
    queued = asyncio.create_task(threads.run(lambda call: "done", 0.05))
    await asyncio.sleep(0.1)
    assert not queued.done()
    second.set()
    await holding
    assert await queued == "done"
    await threads.close()


def test_the_docker_package_is_loaded_by_the_first_question_and_not_before() -> None:
    code = "import sys, console.hosts.containers; print('docker' in sys.modules, 'requests' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


async def test_a_question_that_ends_in_an_error_leaves_its_connection_to_the_next_one(
    threads: EngineThreads,
) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:

        def refused(call: Call) -> None:
            call.waits_on(ours)
            raise Absent("no such container", host="web1")

        with pytest.raises(Absent):
            await threads.run(refused, 5)
        ours.sendall(b"next")
        assert theirs.recv(4) == b"next"

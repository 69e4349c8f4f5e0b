"""Questions to a daemon that is slow, stuck, gone or lying."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from console.errors import AccessRefused, HostFailure
from console.hosts import engine_reader
from console.hosts.engine_reader import Daemon, EngineReader
from tests.hosts.engine_daemon import IMAGE_ID, FakeDaemon, container, daemon, full_id


@pytest.fixture
async def fake(tmp_path: Path) -> AsyncIterator[FakeDaemon]:
    async with daemon(tmp_path / "d.sock") as running:
        yield running


@pytest.fixture
async def reader(fake: FakeDaemon) -> AsyncIterator[EngineReader]:
    reader = EngineReader("web1", fake.path)
    yield reader
    reader.close()


@pytest.fixture
async def impatient(fake: FakeDaemon) -> AsyncIterator[EngineReader]:
    reader = EngineReader("web1", fake.path, patience=0.05)
    yield reader
    reader.close()


async def test_what_listens_there(fake: FakeDaemon, reader: EngineReader) -> None:
    assert await reader.greet() == Daemon("docker", "1.45", 1795471935)
    fake.kind, fake.api, fake.date = "podman", "1.41", None
    assert await reader.greet() == Daemon("podman", "1.41", None)


async def test_the_newest_version_that_both_know(fake: FakeDaemon, reader: EngineReader) -> None:
    fake.api = "1.99"
    await reader.greet()
    assert reader.daemon.api == "1.45"
    await reader.containers()
    assert fake.seen[-1] == "/v1.45/containers/json?all=1"


@pytest.mark.parametrize("api", ["", "one", "1", "1.2.3", "1.23", "٣.١"])
async def test_a_version_that_we_cannot_speak(fake: FakeDaemon, reader: EngineReader, api: str) -> None:
    fake.api = api
    with pytest.raises(HostFailure) as caught:
        await reader.greet()
    assert caught.value.host == "web1"


async def test_a_batch_of_questions_is_one_connection(fake: FakeDaemon, reader: EngineReader) -> None:
    names = [f"c{number}" for number in range(200)]
    fake.put(*(container(name) for name in names))
    found = await reader.inspect([full_id(name) for name in names])
    assert list(found.found) == [full_id(name) for name in names]
    assert found.found == fake.containers
    assert fake.connections == 1


async def test_large_answers_in_small_pieces(fake: FakeDaemon, reader: EngineReader) -> None:
    fake.piece = 100
    fake.put(container("big", Error="x" * 100_000))
    found = await reader.inspect([full_id("big")])
    assert found.found[full_id("big")] == fake.containers[full_id("big")]


async def test_a_container_that_went_meanwhile(fake: FakeDaemon, reader: EngineReader) -> None:
    fake.put(container("here"))
    found = await reader.inspect([full_id("gone"), full_id("here")])
    assert (set(found.found), set(found.gone)) == ({full_id("here")}, {full_id("gone")})


async def test_a_daemon_that_hangs_up_after_each_answer(fake: FakeDaemon, reader: EngineReader) -> None:
    fake.close_each = True
    fake.put(*(container(f"c{number}") for number in range(5)))
    found = await reader.inspect(list(fake.containers))
    assert set(found.found) == set(fake.containers)


async def test_a_connection_that_was_dropped_while_idle(fake: FakeDaemon, reader: EngineReader) -> None:
    await reader.greet()
    fake.drop()
    await reader.ping()
    assert fake.connections == 2


async def test_one_stuck_container_costs_its_own_answer_only(
    fake: FakeDaemon, impatient: EngineReader
) -> None:
    fake.put(*(container(name) for name in ("a", "stuck", "z")))
    fake.answers[f"/containers/{full_id('stuck')}/json"] = None
    found = await impatient.inspect([full_id(name) for name in ("a", "stuck", "z")])
    assert set(found.found) == {full_id("a"), full_id("z")}
    assert found.gone == set()


async def test_a_daemon_that_answers_nothing_is_given_up(fake: FakeDaemon, impatient: EngineReader) -> None:
    fake.answers["/json"] = None
    with pytest.raises(HostFailure, match="has not answered"):
        await impatient.inspect([full_id(f"c{number}") for number in range(100)])
    assert len([target for target in fake.seen if full_id("c50") in target]) <= 3


async def test_a_daemon_that_accepts_and_is_silent(fake: FakeDaemon, impatient: EngineReader) -> None:
    fake.answers["/_ping"] = None
    with pytest.raises(HostFailure, match="has not answered"):
        await impatient.greet()


async def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(HostFailure, match="gives no answer"):
        await EngineReader("web1", tmp_path / "nobody.sock").greet()


async def test_a_relay_that_ends_at_once(fake: FakeDaemon, reader: EngineReader) -> None:
    fake.answers["/_ping"] = b""
    with pytest.raises(HostFailure, match="gives no answer"):
        await reader.greet()


async def test_a_refusal_carries_the_daemons_words(fake: FakeDaemon, reader: EngineReader) -> None:
    fake.statuses["/containers"] = 500
    with pytest.raises(HostFailure, match="docker says 500 no /containers"):
        await reader.containers()
    fake.statuses["/containers"] = 403
    with pytest.raises(AccessRefused, match="403"):
        await reader.containers()


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'"x"', b"[" * 100_000, b"\xff", b""])
async def test_a_list_that_is_none(fake: FakeDaemon, reader: EngineReader, body: bytes) -> None:
    fake.answers["/containers/json"] = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with pytest.raises(HostFailure, match="answers with something"):
        await reader.containers()


async def test_an_answer_that_is_not_http(fake: FakeDaemon, reader: EngineReader) -> None:
    fake.answers["/containers/json"] = b"220 mail.example ESMTP\r\n\r\n"
    with pytest.raises(HostFailure, match="not HTTP"):
        await reader.containers()


async def test_a_list_without_end_is_not_taken_in(
    fake: FakeDaemon, reader: EngineReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_reader, "LIST_LIMIT", 10_000)
    body = json.dumps(["x" * 20_000]).encode()
    fake.answers["/containers/json"] = b"HTTP/1.1 200 OK\r\n\r\n" + body
    with pytest.raises(HostFailure, match="more than 10000 bytes"):
        await reader.containers()


async def test_a_question_given_up_does_not_garble_the_next(fake: FakeDaemon, reader: EngineReader) -> None:
    fake.put(container("a"))
    fake.answers["/images/"] = None
    asking = asyncio.create_task(reader.images([IMAGE_ID]))
    await fake.until(lambda: any("/images/" in target for target in fake.seen))
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert set((await reader.inspect([full_id("a")])).found) == {full_id("a")}


async def test_two_questions_at_once_get_their_own_answers(fake: FakeDaemon, reader: EngineReader) -> None:
    fake.put(container("a"), container("b"))
    both = await asyncio.gather(reader.inspect([full_id("a")]), reader.inspect([full_id("b")]))
    assert [set(each.found) for each in both] == [{full_id("a")}, {full_id("b")}]

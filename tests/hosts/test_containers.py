"""The containers source: a whole picture, then every change, until the daemon or the way to it fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.errors import Absent, AccessRefused, HostFailure, Unreachable
from console.hosts import container_feed
from console.hosts.containers import ContainersSource
from console.hosts.engine_sockets import DOCKER_SOCKET, PODMAN_FOLDER, PODMAN_SOCKET
from console.hosts.engine_threads import EngineThreads
from console.model.events import ContainersChanged, ContainersListed
from tests.hosts.container_watch import watching
from tests.hosts.engine_daemon import DIGEST, DaemonTransport, FakeDaemon, container, daemon, full_id


@pytest.fixture
async def docker(tmp_path: Path) -> AsyncIterator[FakeDaemon]:
    async with daemon(tmp_path / "docker.sock") as running:
        running.put(container("web", Health={"Status": "healthy"}), container("db"))
        yield running


@pytest.fixture
async def podman(tmp_path: Path) -> AsyncIterator[FakeDaemon]:
    async with daemon(tmp_path / "podman.sock", kind="podman", api="1.41") as running:
        running.put(container("cache"))
        yield running


@pytest.fixture
async def transport(docker: FakeDaemon) -> DaemonTransport:
    return DaemonTransport(sockets={DOCKER_SOCKET: docker.path})


@pytest.fixture
async def source() -> AsyncIterator[ContainersSource]:
    threads = EngineThreads(2)
    yield ContainersSource("web1", threads)
    await threads.close()


async def test_the_first_event_is_the_whole_picture(
    source: ContainersSource, transport: DaemonTransport, docker: FakeDaemon
) -> None:
    async with watching(source, transport) as watched:
        [listed] = watched.events
        assert isinstance(listed, ContainersListed)
        assert [each.name for each in listed.containers] == ["web", "db"]
        web = listed.containers[0]
        assert (web.state, web.health, web.digest) == ("running", "healthy", DIGEST)
        assert web.since == datetime(2026, 11, 20, 10, 0, 1, tzinfo=UTC)


async def test_a_host_without_containers_is_live_too(
    source: ContainersSource, transport: DaemonTransport, docker: FakeDaemon
) -> None:
    docker.containers.clear()
    async with watching(source, transport) as watched:
        assert watched.events == [ContainersListed("web1", ())]


async def test_it_subscribes_no_later_than_it_lists(
    source: ContainersSource, transport: DaemonTransport, docker: FakeDaemon
) -> None:
    async with watching(source, transport):
        events = next(target for target in docker.seen if "/events" in target)
        assert "since=1795471934" in events, "or the events would have to be open before the list is asked"


async def test_without_a_clock_it_lists_after_the_stream_has_begun(
    source: ContainersSource, transport: DaemonTransport, docker: FakeDaemon
) -> None:
    docker.date = None
    async with watching(source, transport):
        kinds = [target.partition("?")[0].rpartition("/")[2] for target in docker.seen]
        assert kinds[:3] == ["_ping", "events", "json"]


async def test_one_image_is_asked_for_once_whatever_the_number_of_containers(
    source: ContainersSource, transport: DaemonTransport, docker: FakeDaemon
) -> None:
    async with watching(source, transport) as watched:
        docker.put(container("more"))
        docker.tell("start", "more")
        await watched.until(lambda: "more" in watched.now)
        assert sum("/images/" in target for target in docker.seen) == 1
        assert watched.now["more"].digest == DIGEST


async def test_a_container_stops(
    source: ContainersSource, transport: DaemonTransport, docker: FakeDaemon
) -> None:
    async with watching(source, transport) as watched:
        docker.put(container("db", "exited", ExitCode=137, OOMKilled=True, FinishedAt="2026-11-23T01:02:03Z"))
        docker.tell("oom", "db")
        docker.tell("die", "db")
        await watched.until(lambda: watched.now["db"].state == "exited")
        assert watched.now["db"].oom_killed
        assert watched.now["db"].exit_code == 137
        assert watched.now["web"].state == "running", "the other one is left alone"


async def test_events_close_together_are_one_look(
    source: ContainersSource, transport: DaemonTransport, docker: FakeDaemon
) -> None:
    async with watching(source, transport) as watched:
        asked = len(docker.seen)
        docker.put({**container("db"), "RestartCount": 1})
        for action in ("die", "stop", "start", "restart"):
            docker.tell(action, "db")
        await watched.until(lambda: watched.now["db"].restarts == 1)
        assert docker.seen[asked:] == [f"/v1.45/containers/{full_id('db')}/json"]


async def test_an_event_that_changed_nothing_is_not_told(
    source: ContainersSource, transport: DaemonTransport, docker: FakeDaemon
) -> None:
    async with watching(source, transport) as watched:
        docker.tell("update", "db")
        await docker.until(lambda: docker.seen[-1].endswith(f"{full_id('db')}/json"))
        docker.put(container("web", "exited"))
        docker.tell("die", "web")
        await watched.until(lambda: watched.now["web"].state == "exited")
        assert len(watched.events) == 2


async def test_health_changes(
    source: ContainersSource, transport: DaemonTransport, docker: FakeDaemon
) -> None:
    async with watching(source, transport) as watched:
        docker.put(container("web", Health={"Status": "unhealthy"}))
        docker.tell("health_status: unhealthy", "web")
        await watched.until(lambda: watched.now["web"].health == "unhealthy")


async def test_a_probe_with_the_same_outcome_asks_nothing(
    source: ContainersSource, transport: DaemonTransport, docker: FakeDaemon
) -> None:
    async with watching(source, transport) as watched:
        asked = len(docker.seen)
        docker.tell("health_status", "web", HealthStatus="healthy")
        docker.put(container("db", "exited"))
        docker.tell("die", "db")
        await watched.until(lambda: watched.now["db"].state == "exited")
        assert docker.seen[asked:] == [f"/v1.45/containers/{full_id('db')}/json"]


async def test_health_that_came_back_while_we_looked_is_not_missed(
    source: ContainersSource, transport: DaemonTransport, docker: FakeDaemon
) -> None:
    async with watching(source, transport) as watched:
        docker.put(container("web", Health={"Status": "unhealthy"}))
        asked = len(docker.seen)
        docker.tell("health_status: unhealthy", "web")
        await docker.until(lambda: len(docker.seen) > asked)
        # The look under way may still see it sick, and what is known until then is "healthy".
        docker.put(container("web", Health={"Status": "healthy"}))
        docker.tell("health_status: healthy", "web")
        await docker.until(lambda: len(docker.seen) > asked + 1)
        await watched.until(lambda: watched.now["web"].health == "healthy")


async def test_a_container_comes_and_goes(
    source: ContainersSource, transport: DaemonTransport, docker: FakeDaemon
) -> None:
    async with watching(source, transport) as watched:
        docker.put(container("job"))
        docker.tell("create", "job")
        docker.tell("start", "job")
        await watched.until(lambda: "job" in watched.now)
        del docker.containers[full_id("job")]
        docker.tell("destroy", "job")
        await watched.until(lambda: "job" not in watched.now)
        assert watched.events[-1] == ContainersChanged("web1", (), (full_id("job"),))


async def test_one_that_was_gone_before_we_looked_is_never_told(
    source: ContainersSource, transport: DaemonTransport, docker: FakeDaemon
) -> None:
    async with watching(source, transport) as watched:
        docker.tell("create", "flash")
        docker.put(container("last"))
        docker.tell("create", "last")
        await watched.until(lambda: "last" in watched.now)
        assert all(full_id("flash") not in str(event) for event in watched.events)


async def test_a_container_is_renamed(
    source: ContainersSource, transport: DaemonTransport, docker: FakeDaemon
) -> None:
    async with watching(source, transport) as watched:
        docker.put({**container("db"), "Name": "/database"})
        docker.tell("rename", "db")
        await watched.until(lambda: "database" in watched.now)
        assert "db" not in watched.now


async def test_a_container_that_cannot_be_inspected_is_shown_from_the_list(
    source: ContainersSource, transport: DaemonTransport, docker: FakeDaemon
) -> None:
    docker.put(container("dead", "dead", ExitCode=1))
    docker.statuses[f"/containers/{full_id('dead')}"] = 500
    async with watching(source, transport) as watched:
        assert (watched.now["dead"].state, watched.now["web"].state) == ("dead", "running")
        docker.put(container("dead", "removing"))
        docker.tell("die", "dead")
        await watched.until(lambda: watched.now["dead"].state == "removing")


async def test_docker_and_podman_make_one_picture(
    source: ContainersSource, transport: DaemonTransport, docker: FakeDaemon, podman: FakeDaemon
) -> None:
    transport.sockets[PODMAN_SOCKET] = podman.path
    transport.seen = f"{PODMAN_FOLDER}\n{PODMAN_SOCKET}\n"
    async with watching(source, transport) as watched:
        assert {each.name: each.engine for each in watched.now.values()} == {
            "web": "docker",
            "db": "docker",
            "cache": "podman",
        }
        assert [engine.kind for engine in source.engines] == ["docker", "podman"]
        podman.put(container("cache", "exited"))
        podman.tell("died", "cache")
        await watched.until(lambda: watched.now["cache"].state == "exited")
        docker.put(container("db", "paused"))
        docker.tell("pause", "db")
        await watched.until(lambda: watched.now["db"].state == "paused")


async def test_a_refused_podman_is_told_beside_docker(
    source: ContainersSource, transport: DaemonTransport
) -> None:
    transport.seen = f"{PODMAN_FOLDER}\n"
    transport.codes[f"sudo test -S {PODMAN_SOCKET}"] = AccessRefused("no sudo", host="web1")
    async with watching(source, transport) as watched:
        assert set(watched.now) == {"web", "db"}
        assert "podman" in str(source.refused[0])


async def test_questions_on_demand_while_it_runs(
    source: ContainersSource, transport: DaemonTransport
) -> None:
    assert not source.engines
    async with watching(source, transport):
        engine = source.engines[0]
        assert (await engine.inspect("web"))["Id"] == full_id("web")
        assert (await engine.stats_once(full_id("web"))).name == "web"
    assert not source.engines


async def test_no_daemon_at_all(source: ContainersSource, transport: DaemonTransport) -> None:
    transport.sockets.clear()
    with pytest.raises(Absent):
        await source.run(transport, lambda _: None, lambda: None)


async def test_the_daemon_is_restarted_and_the_next_run_tells_what_is_now(
    source: ContainersSource, transport: DaemonTransport, docker: FakeDaemon
) -> None:
    async with watching(source, transport) as watched:
        await docker.stop()
        with pytest.raises(HostFailure, match="web1: docker"):
            await watched.end()
    docker.put(container("db", "exited"))
    await docker.start()
    async with watching(source, transport) as watched:
        assert watched.now["db"].state == "exited"


async def test_a_lost_connection_is_the_reason_when_it_is(
    source: ContainersSource, transport: DaemonTransport, docker: FakeDaemon
) -> None:
    async with watching(source, transport) as watched:
        docker.drop()
        transport.lost.set_result("keepalive timeout")
        with pytest.raises(Unreachable, match="web1: keepalive timeout"):
            await watched.end()


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        (b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n{}", "says 500"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n[[],{}]", "without a readable id"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{", "not JSON"),
        (b"garbage\r\n\r\n", "not HTTP"),
    ],
)
async def test_a_list_that_cannot_be_read(
    source: ContainersSource, transport: DaemonTransport, docker: FakeDaemon, said: bytes, complaint: str
) -> None:
    docker.answers["/containers/json"] = said
    with pytest.raises(HostFailure, match=complaint):
        await source.run(transport, lambda _: None, lambda: None)


async def test_a_stream_that_turns_to_garbage(
    source: ContainersSource, transport: DaemonTransport, docker: FakeDaemon
) -> None:
    async with watching(source, transport) as watched:
        docker.send(b"\x00\x01garbage\n")
        with pytest.raises(HostFailure, match="event that cannot be read"):
            await watched.end()


async def test_a_daemon_that_hangs_is_noticed_by_the_ping(
    source: ContainersSource, transport: DaemonTransport, docker: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container_feed, "PING_EVERY", 0.01)
    async with watching(source, transport) as watched:
        docker.answers["/_ping"] = b""
        with pytest.raises(HostFailure, match="gives no answer"):
            await watched.end()


async def test_a_lost_event_is_made_up_for_by_comparing(
    source: ContainersSource, transport: DaemonTransport, docker: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container_feed, "PING_EVERY", 0.01)
    monkeypatch.setattr(container_feed, "COMPARE_EVERY", 2)
    async with watching(source, transport) as watched:
        docker.put(container("db", "exited"), container("new"))
        del docker.containers[full_id("web")]
        await watched.until(lambda: set(watched.now) == {"db", "new"})
        assert watched.now["db"].state == "exited"
        await docker.until(lambda: docker.seen.count("/v1.45/containers/json?all=1") > 3)
        inspections = [target for target in docker.seen if target.endswith("/json")]
        assert len([target for target in inspections if full_id("new") in target]) == 1, (
            "what agrees is left alone"
        )


async def test_stopping_leaves_no_connection_behind(
    source: ContainersSource, transport: DaemonTransport, docker: FakeDaemon
) -> None:
    async with watching(source, transport) as watched:
        await source.engines[0].ping()
        assert watched.is_live
        assert len(docker.open_connections) == 3
    async with docker.asked, asyncio.timeout(5):
        await docker.asked.wait_for(lambda: not docker.open_connections)
    assert transport.open_sockets == 0

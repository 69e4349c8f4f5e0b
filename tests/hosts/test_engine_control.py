"""Changes of a daemon's containers: what is asked of it, and what becomes of what it answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from console.errors import Absent, AccessRefused, HostFailure, Unreachable
from console.hosts.engine_api import Engine
from console.hosts.engine_control import EngineControl, engine_control
from console.hosts.engine_docker import BlockingEngine
from console.hosts.engine_reader import EngineReader
from console.hosts.engine_sockets import DOCKER_SOCKET, PODMAN_SOCKET
from tests.hosts.engine_daemon import DaemonTransport, FakeDaemon, container, daemon, full_id

WEB = full_id("web")


@pytest.fixture
async def fake(tmp_path: Path) -> AsyncIterator[FakeDaemon]:
    async with daemon(tmp_path / "d.sock") as running:
        running.put(container("web"))
        yield running


@pytest.fixture
async def control(fake: FakeDaemon) -> AsyncIterator[EngineControl]:
    async with engine_control(DaemonTransport({DOCKER_SOCKET: fake.path}), "docker") as opened:
        yield opened


async def test_each_change_is_the_engine_apis_own(fake: FakeDaemon, control: EngineControl) -> None:
    await control.start(WEB)
    await control.stop(WEB, grace=None, patience=5)
    await control.stop(WEB, grace=2.5, patience=5)
    await control.restart(WEB, grace=0, patience=5)
    await control.kill(WEB, "HUP")
    await control.pause(WEB)
    await control.unpause(WEB)
    await control.remove(WEB, force=True, volumes=False)
    assert fake.changes == [
        ("start", WEB, {}),
        ("stop", WEB, {}),
        ("stop", WEB, {"t": "3"}),
        ("restart", WEB, {"t": "0"}),
        ("kill", WEB, {"signal": "SIGHUP"}),
        ("pause", WEB, {}),
        ("unpause", WEB, {}),
        ("remove", WEB, {"force": "true", "v": "false"}),
    ]


async def test_what_became_of_it_is_looked_at(fake: FakeDaemon, control: EngineControl) -> None:
    fake.becomes["stop"] = {"Status": "exited", "ExitCode": 3}
    await control.stop(WEB, grace=None, patience=5)
    found = await control.inspect(WEB)
    assert (found.host, found.name, found.state, found.exit_code) == ("web1", "web", "exited", 3)


async def test_a_refusal_has_the_daemons_own_words(fake: FakeDaemon, control: EngineControl) -> None:
    with pytest.raises(Absent, match="No such container: nobody"):
        await control.start("nobody")
    fake.statuses["/kill"] = 409
    with pytest.raises(HostFailure, match="docker says 409: no /kill"):
        await control.kill(WEB, "TERM")
    fake.statuses["/pause"] = 403
    with pytest.raises(AccessRefused):
        await control.pause(WEB)


async def test_what_is_so_already_is_no_fault(fake: FakeDaemon, control: EngineControl) -> None:
    fake.statuses["/start"] = 304
    await control.start(WEB)


async def test_a_daemon_that_does_not_do_it_in_time_is_a_failure_and_holds_up_nobody(
    fake: FakeDaemon, control: EngineControl
) -> None:
    fake.answers["/stop"] = None
    with pytest.raises(HostFailure, match=r"within 0 s|not answered for 0 s"):
        await control.stop(WEB, grace=None, patience=0.2)
    await control.start(WEB)


async def test_a_lost_connection_is_unreachable(fake: FakeDaemon, control: EngineControl) -> None:
    fake.answers["/start"] = b""
    with pytest.raises(Unreachable):
        await control.start(WEB)


async def test_a_cancelled_change_leaves_no_thread_waiting(fake: FakeDaemon, control: EngineControl) -> None:
    fake.answers["/stop"] = None
    stopping = asyncio.create_task(control.stop(WEB, grace=None, patience=60))
    await fake.until(lambda: any("/stop" in target for target in fake.seen))
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping


async def test_a_name_cannot_leave_its_place_in_the_path(fake: FakeDaemon, control: EngineControl) -> None:
    with pytest.raises(Absent):
        await control.start("../../version")
    assert fake.seen[-1] == "/v1.45/containers/..%2F..%2Fversion/start"


def test_readers_have_no_method_that_writes() -> None:
    for reader in (Engine, EngineReader, BlockingEngine):
        assert not {"post", "delete", "start", "stop", "kill", "remove"} & set(dir(reader)), reader


# -- which daemon, and as whom --------------------------------------------------------------


@asynccontextmanager
async def podman_and_docker(folder: Path) -> AsyncIterator[tuple[FakeDaemon, FakeDaemon]]:
    async with daemon(folder / "p.sock", kind="podman") as podman, daemon(folder / "d.sock") as docker:
        podman.put(container("web"))
        docker.put(container("web"))
        yield podman, docker


async def test_the_daemon_of_the_right_kind_is_changed(tmp_path: Path) -> None:
    async with podman_and_docker(tmp_path) as (podman, docker):
        transport = DaemonTransport(
            {DOCKER_SOCKET: docker.path, PODMAN_SOCKET: podman.path},
            seen=f"/run/podman\n{PODMAN_SOCKET}\n",
        )
        for kind in ("podman", "docker"):
            async with engine_control(transport, kind) as control:
                await control.start(WEB)
        assert (len(podman.changes), len(docker.changes)) == (1, 1)
        assert transport.open_sockets == 0


async def test_podman_behind_dockers_socket_is_podman(tmp_path: Path) -> None:
    async with daemon(tmp_path / "p.sock", kind="podman") as podman:
        podman.put(container("web"))
        transport = DaemonTransport({DOCKER_SOCKET: podman.path}, seen="/run/podman\n")
        transport.codes["test -x /run/podman"] = 0
        async with engine_control(transport, "podman") as control:
            await control.start(WEB)
        with pytest.raises(Absent, match="no docker"):
            async with engine_control(transport, "docker"):
                pass
        assert len(podman.changes) == 1


async def test_without_the_group_it_goes_by_become_and_only_then(tmp_path: Path, fake: FakeDaemon) -> None:
    closed = AccessRefused("closed", host="web1")
    transport = DaemonTransport({DOCKER_SOCKET: closed}, {DOCKER_SOCKET: fake.path})
    async with engine_control(transport, "docker") as control:
        await control.start(WEB)
    assert [relay[0] for relay in transport.relays] == ["docker", "sudo"]
    transport.privileged[DOCKER_SOCKET] = AccessRefused("sudo: no", host="web1")
    with pytest.raises(AccessRefused, match="sudo: no"):
        async with engine_control(transport, "docker"):
            pass

"""Which daemons a host has, and how they are come by."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from console.errors import Absent, AccessRefused, HostFailure, Unreachable
from console.hosts.engine_sockets import DOCKER_SOCKET, PODMAN_FOLDER, PODMAN_SOCKET, Found, find_engines
from tests.hosts.engine_daemon import DaemonTransport, FakeDaemon, daemon

CLOSED = AccessRefused("the socket is closed to this user", host="web1")
NO_SUDO = AccessRefused("sudo: a password is required", host="web1")
BOTH_SEEN = f"{PODMAN_FOLDER}\n{PODMAN_SOCKET}\n"
IS_FOLDER_OPEN = f"test -x {PODMAN_FOLDER}"
IS_SOCKET_THERE = f"sudo test -S {PODMAN_SOCKET}"


@pytest.fixture
async def docker(tmp_path: Path) -> AsyncIterator[FakeDaemon]:
    async with daemon(tmp_path / "docker.sock") as running:
        yield running


@pytest.fixture
async def podman(tmp_path: Path) -> AsyncIterator[FakeDaemon]:
    async with daemon(tmp_path / "podman.sock", kind="podman", api="1.41") as running:
        yield running


@pytest.fixture
async def transport() -> DaemonTransport:
    return DaemonTransport()


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


def kinds(found: Found) -> list[str]:
    return [reader.daemon.kind for reader in found.readers]


async def test_docker_alone(transport: DaemonTransport, stack: AsyncExitStack, docker: FakeDaemon) -> None:
    transport.sockets[DOCKER_SOCKET] = docker.path
    found = await find_engines(transport, stack)
    assert (kinds(found), found.refused) == (["docker"], ())
    assert len(transport.commands) == 1, "one command finds that there is no podman"


async def test_podman_alone(transport: DaemonTransport, stack: AsyncExitStack, podman: FakeDaemon) -> None:
    transport.sockets[PODMAN_SOCKET] = podman.path
    transport.seen = BOTH_SEEN
    assert kinds(await find_engines(transport, stack)) == ["podman"]


async def test_both_are_followed_docker_first(
    transport: DaemonTransport, stack: AsyncExitStack, docker: FakeDaemon, podman: FakeDaemon
) -> None:
    transport.sockets |= {DOCKER_SOCKET: docker.path, PODMAN_SOCKET: podman.path}
    transport.seen = BOTH_SEEN
    assert kinds(await find_engines(transport, stack)) == ["docker", "podman"]


async def test_podman_that_answers_on_dockers_socket_too_is_followed_once(
    transport: DaemonTransport, stack: AsyncExitStack, podman: FakeDaemon
) -> None:
    transport.sockets |= {DOCKER_SOCKET: podman.path, PODMAN_SOCKET: podman.path}
    transport.seen = BOTH_SEEN
    assert kinds(await find_engines(transport, stack)) == ["podman"]


async def test_neither(transport: DaemonTransport, stack: AsyncExitStack) -> None:
    with pytest.raises(Absent, match="web1: no docker or podman socket"):
        await find_engines(transport, stack)


async def test_an_open_folder_without_a_socket_is_no_podman(
    transport: DaemonTransport, stack: AsyncExitStack
) -> None:
    transport.seen = f"{PODMAN_FOLDER}\n"
    transport.codes[IS_FOLDER_OPEN] = 0
    with pytest.raises(Absent):
        await find_engines(transport, stack)
    assert IS_SOCKET_THERE not in transport.commands


async def test_without_the_group_docker_is_read_as_root(
    transport: DaemonTransport, stack: AsyncExitStack, docker: FakeDaemon
) -> None:
    transport.sockets[DOCKER_SOCKET] = CLOSED
    transport.privileged[DOCKER_SOCKET] = docker.path
    assert kinds(await find_engines(transport, stack)) == ["docker"]
    assert transport.relays[-1] == (
        "sudo",
        "docker",
        "--host",
        "unix:///run/docker.sock",
        "system",
        "dial-stdio",
    )


async def test_without_group_and_sudo_the_reason_says_both(
    transport: DaemonTransport, stack: AsyncExitStack
) -> None:
    transport.sockets[DOCKER_SOCKET], transport.privileged[DOCKER_SOCKET] = CLOSED, NO_SUDO
    with pytest.raises(AccessRefused) as caught:
        await find_engines(transport, stack)
    assert "closed to this user" in caught.value.message
    assert "password is required" in caught.value.message
    assert caught.value.hint == "add the user to the group docker, or allow it sudo"


async def test_podmans_closed_folder_is_entered_as_root(
    transport: DaemonTransport, stack: AsyncExitStack, podman: FakeDaemon
) -> None:
    transport.seen = f"{PODMAN_FOLDER}\n"
    transport.codes[IS_SOCKET_THERE] = 0
    transport.privileged[PODMAN_SOCKET] = podman.path
    assert kinds(await find_engines(transport, stack)) == ["podman"]
    assert transport.relays[-1] == (
        "sudo", "podman", "--url", "unix:///run/podman/podman.sock", "system", "dial-stdio",
    )  # fmt: skip


async def test_an_empty_closed_folder_is_no_podman(transport: DaemonTransport, stack: AsyncExitStack) -> None:
    transport.seen = f"{PODMAN_FOLDER}\n"
    with pytest.raises(Absent):
        await find_engines(transport, stack)
    assert IS_SOCKET_THERE in transport.commands


async def test_a_closed_folder_without_sudo_is_a_refusal(
    transport: DaemonTransport, stack: AsyncExitStack
) -> None:
    transport.seen = f"{PODMAN_FOLDER}\n"
    transport.codes[IS_SOCKET_THERE] = NO_SUDO
    with pytest.raises(AccessRefused, match="/run/podman is closed to this user, and sudo: a password"):
        await find_engines(transport, stack)


async def test_a_refused_podman_does_not_hide_docker(
    transport: DaemonTransport, stack: AsyncExitStack, docker: FakeDaemon
) -> None:
    transport.sockets[DOCKER_SOCKET] = docker.path
    transport.seen = f"{PODMAN_FOLDER}\n"
    transport.codes[IS_SOCKET_THERE] = NO_SUDO
    found = await find_engines(transport, stack)
    assert kinds(found) == ["docker"]
    assert "podman" in str(found.refused[0])


async def test_a_broken_docker_is_told_though_podman_works(
    transport: DaemonTransport, stack: AsyncExitStack, docker: FakeDaemon, podman: FakeDaemon
) -> None:
    docker.answers["/_ping"] = b""
    transport.sockets |= {DOCKER_SOCKET: docker.path, PODMAN_SOCKET: podman.path}
    transport.seen = BOTH_SEEN
    with pytest.raises(HostFailure, match="docker gives no answer"):
        await find_engines(transport, stack)


async def test_the_connection_goes_while_we_look(transport: DaemonTransport, stack: AsyncExitStack) -> None:
    transport.codes["stat -c %n /run/podman /run/podman/podman.sock"] = Unreachable("lost", host="web1")
    with pytest.raises(Unreachable):
        await find_engines(transport, stack)


async def test_everything_that_was_opened_is_closed(
    transport: DaemonTransport, docker: FakeDaemon, podman: FakeDaemon
) -> None:
    transport.sockets |= {DOCKER_SOCKET: docker.path, PODMAN_SOCKET: podman.path}
    transport.seen = BOTH_SEEN
    async with AsyncExitStack() as stack:
        await find_engines(transport, stack)
        assert transport.open_sockets == 2
    assert transport.open_sockets == 0
    podman.answers["/_ping"] = b""
    async with AsyncExitStack() as stack:
        with pytest.raises(HostFailure):
            await find_engines(transport, stack)
    assert transport.open_sockets == 0

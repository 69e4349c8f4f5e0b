"""Finds the daemons of one host: docker's socket, podman's, or both.

Both are followed where both are: a host may run docker and podman side by side. What listens on
docker's socket may be podman (the package podman-docker links one to the other); then it is
followed once.

Without the right to a socket, `become` is tried: reads go by the engine's own `dial-stdio` run as
root. podman's socket lies in a folder that only root may enter, so a plain user cannot even see it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from console.errors import Absent, AccessRefused, HostError
from console.hosts.engine_reader import EngineReader
from console.hosts.groups import Group
from console.hosts.transport import Transport

#: `/var/run` is `/run` wherever systemd is.
DOCKER_SOCKET = "/run/docker.sock"
PODMAN_FOLDER = "/run/podman"
PODMAN_SOCKET = f"{PODMAN_FOLDER}/podman.sock"

#: The same daemon over stdin and stdout. The socket is named, or the user's own settings on the
#: host (DOCKER_HOST, a docker context, containers.conf) might lead elsewhere.
_DOCKER_RELAY = ("docker", "--host", f"unix://{DOCKER_SOCKET}", "system", "dial-stdio")
_PODMAN_RELAY = ("podman", "--url", f"unix://{PODMAN_SOCKET}", "system", "dial-stdio")

_DOCKER_HINT = "add the user to the group docker, or allow it sudo"
_PODMAN_HINT = "podman's socket is root's: allow the user sudo"
_NONE_HINT = "for podman: systemctl enable --now podman.socket"

_Way = Callable[[Transport, AsyncExitStack], Awaitable[EngineReader]]


@dataclass(frozen=True, slots=True)
class Found:
    """The daemons that answer, and why others that are there do not."""

    readers: tuple[EngineReader, ...]
    refused: tuple[AccessRefused, ...] = ()


async def find_engines(transport: Transport, stack: AsyncExitStack) -> Found:
    """Open a way to each daemon of the host; `stack` closes them.

    :raises Absent: there is none.
    :raises AccessRefused: there are some, and none lets us.
    :raises HostFailure: there is one that does not answer.
    """
    async with Group() as group:
        attempts = [group.create_task(_attempt(way, transport, stack)) for way in (_docker, _podman)]
    results = [attempt.result() for attempt in attempts]
    # The rarer and more telling fault first: what is broken, then what is closed.
    for result in results:
        if isinstance(result, HostError) and not isinstance(result, Absent | AccessRefused):
            raise result
    readers: list[EngineReader] = []
    for result in results:
        if isinstance(result, EngineReader):
            if any(result.daemon.kind == "podman" == reader.daemon.kind for reader in readers):
                result.close()
            else:
                readers.append(result)
    refused = tuple(result for result in results if isinstance(result, AccessRefused))
    if not readers and refused:
        raise refused[0]
    if not readers:
        raise Absent("no docker or podman socket", host=transport.host, hint=_NONE_HINT)
    return Found(tuple(readers), refused)


async def open_engine(transport: Transport, stack: AsyncExitStack, kind: str) -> EngineReader:
    """Open a way to one daemon of the host; `stack` closes it.

    :param kind: docker or podman, as `Daemon.kind` says it.
    :raises Absent: there is none of that kind.
    :raises AccessRefused: there is, and it does not let us.
    :raises HostFailure: there is, and it does not answer.
    """
    fault: HostError = Absent(f"no {kind} socket", host=transport.host)
    # podman may listen on docker's socket too.
    for way in (_podman, _docker) if kind == "podman" else (_docker,):
        try:
            reader = await way(transport, stack)
        except Absent:
            continue
        except HostError as error:
            fault = error
            continue
        if reader.daemon.kind == kind:
            return reader
        reader.close()
    raise fault


async def _attempt(way: _Way, transport: Transport, stack: AsyncExitStack) -> EngineReader | HostError:
    """Go one way; a fault is a result, so that one daemon does not hide the other."""
    try:
        return await way(transport, stack)
    except HostError as error:
        return error


async def _docker(transport: Transport, stack: AsyncExitStack) -> EngineReader:
    try:
        return await _open(transport, stack, DOCKER_SOCKET, _DOCKER_RELAY)
    except AccessRefused as closed:
        return await _open_as_root(transport, stack, DOCKER_SOCKET, _DOCKER_RELAY, closed, _DOCKER_HINT)


async def _podman(transport: Transport, stack: AsyncExitStack) -> EngineReader:
    # One cheap question first: most docker hosts have no podman, and a socket that cannot be opened
    # costs more to explain.
    seen = await transport.run(("stat", "-c", "%n", PODMAN_FOLDER, PODMAN_SOCKET))
    names = seen.stdout.decode("utf-8", "replace").split()
    closed = AccessRefused(f"{PODMAN_SOCKET} is closed to this user", host=transport.host, hint=_PODMAN_HINT)
    if PODMAN_SOCKET in names:
        try:
            return await _open(transport, stack, PODMAN_SOCKET, _PODMAN_RELAY)
        except AccessRefused as error:
            closed = error
    elif PODMAN_FOLDER not in names or (await transport.run(("test", "-x", PODMAN_FOLDER))).code == 0:
        raise Absent("no podman socket", host=transport.host, hint=_NONE_HINT)
    else:
        try:
            there = await transport.run(("test", "-S", PODMAN_SOCKET), privileged=True)
        except AccessRefused as error:
            raise AccessRefused(
                f"{PODMAN_FOLDER} is closed to this user, and {error.message}",
                host=transport.host,
                hint=_PODMAN_HINT,
            ) from error
        if there.code != 0:
            raise Absent("no podman socket", host=transport.host, hint=_NONE_HINT)
    return await _open_as_root(transport, stack, PODMAN_SOCKET, _PODMAN_RELAY, closed, _PODMAN_HINT)


async def _open(
    transport: Transport,
    stack: AsyncExitStack,
    remote: str,
    relay: tuple[str, ...],
    *,
    privileged: bool = False,
) -> EngineReader:
    async with AsyncExitStack() as attempt:
        path = await attempt.enter_async_context(transport.socket(remote, relay=relay, privileged=privileged))
        reader = EngineReader(transport.host, path)
        attempt.callback(reader.close)
        await reader.greet()
        stack.push_async_exit(attempt.pop_all())
        return reader


async def _open_as_root(
    transport: Transport,
    stack: AsyncExitStack,
    remote: str,
    relay: tuple[str, ...],
    closed: AccessRefused,
    hint: str,
) -> EngineReader:
    try:
        return await _open(transport, stack, remote, relay, privileged=True)
    except AccessRefused as error:
        raise AccessRefused(
            f"{closed.message}, and {error.message}", host=transport.host, hint=hint
        ) from error

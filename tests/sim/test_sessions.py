"""What sits at a simulated host's terminal, and what runs in its containers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from console.hosts.terminal import RemoteTerminal, Size, terminal_on
from tests.sim.contract import connected
from tests.sim.sim_host import SimHost, sim_host


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[SimHost]:
    async with sim_host(tmp_path) as simulated:
        yield simulated


async def typed(terminal: RemoteTerminal, keys: bytes) -> bytes:
    """All that is shown once these keys are typed, up to the end."""
    await terminal.write(keys)
    shown = b""
    while piece := await terminal.read():
        shown += piece
    return shown


async def test_a_shell_runs_lines_and_ends_with_its_own_code(host: SimHost) -> None:
    async with (
        connected(host) as transport,
        terminal_on(transport, (), term="xterm", size=Size(80, 24)) as terminal,
    ):
        shown = await typed(terminal, b"hostnamX\x7fe\rsudo -n id -u\rnope\rexit 3\r")
        assert await terminal.wait() == 3
    lines = shown.decode().replace("\b \b", "<").split("\r\n")
    assert lines[0] == f"core@{host.machine.name}:~$ hostnamX<e"
    assert lines[1] == host.machine.name
    assert lines[3] == "0"
    assert "not found" in lines[5]


async def test_a_command_runs_in_a_container_that_runs(host: SimHost) -> None:
    docker = ("docker", "--host", "unix:///run/docker.sock")
    async with connected(host) as transport:
        said = await transport.run((*docker, "exec", host.container, "echo", "a  b"))
        assert (said.code, said.stdout) == (0, b"a  b\n")
        lost = await transport.run((*docker, "exec", "no-such", "true"))
        assert (lost.code, b"No such container" in lost.stderr) == (1, True)
        assert host.machine.engine
        host.machine.engine.kill(host.machine.engine.find(host.container))
        ended = await transport.run((*docker, "exec", host.container, "true"))
        assert (ended.code, b"is not running" in ended.stderr) == (1, True)

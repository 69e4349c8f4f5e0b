"""Terminals on hosts: here, and over SSH."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from console.errors import Absent, AccessRefused, HostFailure
from console.hosts.become import Becoming, Elevation
from console.hosts.connect import Connector
from console.hosts.local import LocalTransport
from console.hosts.secrets import Keyring
from console.hosts.terminal import RemoteTerminal, Size, terminal_on
from tests.hosts.engine_daemon import DaemonTransport
from tests.hosts.sshd import running_sshd

SIZE = Size(101, 33)


@pytest.fixture
def here() -> LocalTransport:
    return LocalTransport("here", Becoming("none", "nobody", Keyring()))


async def all_of(remote: RemoteTerminal) -> str:
    shown = b""
    async with asyncio.timeout(20):
        while piece := await remote.read():
            shown += piece
    return shown.decode()


async def until(remote: RemoteTerminal, wanted: bytes) -> None:
    shown = b""
    async with asyncio.timeout(20):
        while wanted not in shown:
            piece = await remote.read()
            assert piece, shown
            shown += piece


async def test_a_command_here_has_a_terminal_of_the_kind_and_size_asked_for(here: LocalTransport) -> None:
    line = ("sh", "-c", "tty >/dev/null && stty size && echo $TERM; exit 5")
    async with terminal_on(here, line, term="vt52", size=SIZE) as remote:
        assert (await all_of(remote)).split() == ["33", "101", "vt52"]
        assert await remote.wait() == 5


async def test_the_size_can_change_and_ctrl_c_interrupts(here: LocalTransport) -> None:
    line = ("sh", "-c", "trap 'stty size; exit 130' INT; echo ready; while :; do sleep 0.1; done")
    async with terminal_on(here, line, term="vt100", size=SIZE) as remote:
        await until(remote, b"ready")
        remote.resize(Size(99, 44))
        await remote.write(b"\x03")
        await until(remote, b"44 99")
        assert await remote.wait() == 130


async def test_a_signals_end_is_told_as_shells_do(here: LocalTransport) -> None:
    async with terminal_on(here, ("sh", "-c", "kill -9 $$"), term="vt100", size=SIZE) as remote:
        await all_of(remote)
        assert await remote.wait() == 137


async def test_leaving_ends_the_command(here: LocalTransport) -> None:
    async with terminal_on(here, ("sh", "-c", "echo $$; sleep 1000"), term="vt100", size=SIZE) as remote:
        number = int((await remote.read()).split()[0])
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


async def test_a_program_that_is_not_there_is_absent(here: LocalTransport) -> None:
    with pytest.raises(Absent):
        async with terminal_on(here, ("no-such-program",), term="vt100", size=SIZE):
            pass


async def test_a_way_to_a_host_without_terminals_says_so() -> None:
    with pytest.raises(HostFailure, match="no terminals"):
        terminal_on(DaemonTransport(), ("sh",), term="vt100", size=SIZE)


async def test_over_ssh_every_word_arrives_as_it_is(tmp_path: Path) -> None:
    odd = ("it's", '"q" $(id) `id`', "two\nlines", "*", "")
    async with running_sshd(tmp_path) as server:
        transport = await Connector(ssh_config=()).connect(server.config())
        try:
            line = ("sh", "-c", 'printf "<%s>" "$@"; exit 7', "sh", *odd)
            async with terminal_on(transport, line, term="vt100", size=SIZE) as remote:
                assert await all_of(remote) == "".join(f"<{word}>" for word in odd)
                assert await remote.wait() == 7
        finally:
            await transport.close()


async def test_become_that_says_no_is_told(here: LocalTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.hosts.local.os.geteuid", lambda: 1000)
    with pytest.raises(AccessRefused):
        async with terminal_on(here, ("id",), term="vt100", size=SIZE, privileged=True):
            pass


def test_on_a_terminal_sudo_asks_for_itself_what_it_wants() -> None:
    assert Elevation(("sudo", "-S", "-p", "", "--"), b"secret\n").asking == ("sudo", "--")
    assert Elevation(("sudo", "-n", "--")).asking == ("sudo", "-n", "--")
    assert Elevation(()).asking == ()

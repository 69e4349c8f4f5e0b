"""Root on a host that is asked for by sudo, and on this machine."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from console.errors import AccessRefused
from console.hosts.become import Becoming
from console.hosts.local import LocalTransport
from console.hosts.secrets import Keyring, Secret
from console.hosts.transport import Completed


class Sudo:
    """A host whose sudo wants a password, and what it says to one."""

    host = "h"

    def __init__(self, code: int, said: bytes) -> None:
        self.lines: list[tuple[str, ...]] = []
        self._answer = (code, said)

    async def run(self, argv: Sequence[str], **_: Any) -> Completed:
        self.lines.append(tuple(argv))
        code, said = (1, b"sudo: a password is required\n") if "-n" in argv else self._answer
        return Completed(tuple(argv), code, b"", said)


async def typed(question: str) -> Secret:
    return Secret("secret")


async def test_a_password_is_read_by_sudo_and_never_by_what_it_runs() -> None:
    host = Sudo(0, b"We trust you have received the usual lecture\n")
    found = await Becoming("sudo", "ann", Keyring(typed)).elevation(cast("Any", host))
    assert found.stdin == b"secret\n"
    assert "-k" in found.prefix, "a password that is remembered is not read"
    assert host.lines[-1] == (*found.prefix, "true")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"Sorry, try again.\nsudo: no password was provided\n", "sudo: the password was wrong"),
        (
            b"ann is not in the sudoers file.\nThis incident has been reported to the administrator.\n",
            "sudo: ann is not in the sudoers file.",
        ),
    ],
)
async def test_why_sudo_says_no_to_a_password_is_told(said: bytes, why: str) -> None:
    with pytest.raises(AccessRefused) as caught:
        await Becoming("sudo", "ann", Keyring(typed)).elevation(cast("Any", Sudo(1, said)))
    assert caught.value.message == why


async def test_a_socket_of_this_machine_that_is_roots_is_reached_through_become(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.hosts.local.os.geteuid", lambda: 1000)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        here = LocalTransport("here", Becoming("sudo", "root", Keyring()))
        async with here.socket(str(tmp_path / "s"), relay=("cat",), privileged=True) as path:
            assert path.parent.stat().st_mode & 0o777 == 0o700
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"hello"
            writer.close()
            await writer.wait_closed()
        assert not path.exists()
        nobody = LocalTransport("here", Becoming("none", "ann", Keyring()))
        with pytest.raises(AccessRefused, match="become"):
            async with nobody.socket(str(tmp_path / "s"), relay=("cat",), privileged=True):
                pass

"""A connection sends no empty packets, and its ciphers need none."""

from __future__ import annotations

from pathlib import Path

import asyncssh
import pytest
from asyncssh.connection import SSHConnection
from asyncssh.encryption import get_default_encryption_algs

from console.hosts.connect import Connector
from tests.sim.sim_host import sim_host

_MSG_IGNORE = 2


@pytest.mark.parametrize("cipher", [name.decode() for name in get_default_encryption_algs()])
async def test_none_of_our_ciphers_needs_or_sends_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cipher: str
) -> None:
    heard: list[int] = []

    def hear(self: SSHConnection, pkttype: int, pktid: int, packet: object) -> None:
        heard.append(pkttype)

    monkeypatch.setitem(SSHConnection._packet_handlers, _MSG_IGNORE, hear)
    options = asyncssh.SSHServerConnectionOptions

    def only(*args: object, encryption_algs: object, **more: object) -> asyncssh.SSHServerConnectionOptions:
        return options(*args, encryption_algs=cipher, **more)

    monkeypatch.setattr(asyncssh, "SSHServerConnectionOptions", only)
    async with sim_host(tmp_path) as host:
        transport = await Connector(ssh_config=()).connect(host.config)
        assert (await transport.run(("echo", "said"))).stdout == b"said\n"
        assert transport.connection.get_extra_info("send_cipher") == cipher
        await transport.close()
    assert heard == []
    assert not cipher.endswith("-cbc")

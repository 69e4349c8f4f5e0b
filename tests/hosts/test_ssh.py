"""Commands and sockets over SSH, and everyone who can say no."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest

from console.errors import Absent, AccessRefused, HostFailure, Unreachable
from console.hosts.connect import Connector
from console.hosts.secrets import Keyring, Secret
from console.hosts.ssh import SshReading, SshTransport
from tests.hosts.sshd import Sshd, running_sshd


@pytest.fixture
async def sshd(tmp_path: Path) -> AsyncIterator[Sshd]:
    async with running_sshd(tmp_path) as server:
        yield server


@pytest.fixture
async def transport(sshd: Sshd) -> AsyncIterator[SshTransport]:
    link = await Connector(ssh_config=()).connect(sshd.config())
    yield link
    await link.close()


async def echo_server(path: Path) -> asyncio.Server:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(4096):
            writer.write(chunk)
        writer.close()

    return await asyncio.start_unix_server(echo, path)


async def said_back(path: Path, word: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(word)
    answer = await reader.readexactly(len(word))
    writer.close()
    await writer.wait_closed()
    return answer


HOSTILE = ["$(id)", "a b", "'; reboot; '", "`x`", "new\nline", "--", "\\x2d", "*", ""]


async def test_an_argv_arrives_as_it_was_whatever_is_in_it(transport: SshTransport) -> None:
    done = await transport.run(["printf", "%s\\0", *HOSTILE])
    assert done.stdout.decode().split("\0")[:-1] == HOSTILE


@pytest.mark.parametrize("word", ["A=b", "until", "if", "%1", "~", ""])
async def test_the_first_word_is_a_program_whatever_a_shell_would_make_of_it(
    transport: SshTransport, word: str
) -> None:
    with pytest.raises(Absent):
        await transport.run([word, "true"])


async def test_stdin_exit_code_and_complaint_are_carried(transport: SshTransport) -> None:
    done = await transport.run(["sh", "-c", "cat; echo no such thing >&2; exit 3"], stdin=b"hello")
    assert (done.stdout, done.code, done.complaint) == (b"hello", 3, "no such thing")


async def test_a_missing_program_is_absent(transport: SshTransport) -> None:
    with pytest.raises(Absent, match="nonesuch is not installed"):
        await transport.run(["nonesuch"])


async def test_output_beyond_the_limit_is_a_failure_and_not_memory(transport: SshTransport) -> None:
    with pytest.raises(HostFailure, match="more than 1000 bytes"):
        await transport.run(["yes"], limit=1000)


async def test_a_command_without_an_answer_is_given_up(transport: SshTransport) -> None:
    with pytest.raises(Unreachable, match="no answer within"):
        await transport.run(["sleep", "60"], timeout=0.2)


async def test_a_lost_connection_is_told_to_whoever_waits_or_reads(
    sshd: Sshd, transport: SshTransport
) -> None:
    async with transport.stream(["sleep", "60"]) as reading:
        sshd.drop()
        with pytest.raises(Unreachable):
            # Either the reading fails, or it ends and how it ended is not known.
            await _read_to_the_end(reading)
    assert await asyncio.wait_for(transport.wait_closed(), 5)
    with pytest.raises(Unreachable):
        await transport.run(["true"])


async def _read_to_the_end(reading: SshReading) -> None:
    while await reading.read():
        pass
    await reading.wait()


@pytest.mark.parametrize("broken", [BrokenPipeError(32, "Broken pipe"), ConnectionResetError(104, "reset")])
async def test_a_connection_that_breaks_as_a_command_is_sent_is_lost_and_no_fault_of_ours(
    transport: SshTransport, monkeypatch: pytest.MonkeyPatch, broken: OSError
) -> None:
    async def breaks(*_: object, **__: object) -> None:
        raise broken

    monkeypatch.setattr(transport.connection, "create_process", breaks)
    monkeypatch.setattr(transport.connection, "open_unix_connection", breaks)
    with pytest.raises(Unreachable, match="connection was lost"):
        await transport.run(("true",))
    with pytest.raises(Unreachable, match="connection was lost"):
        async with transport.socket("/run/x"):
            pass


async def test_few_sessions_are_shared_by_many_commands(sshd: Sshd, transport: SshTransport) -> None:
    sshd.max_sessions = 2
    async with transport.stream(["sleep", "60"]):
        done = await asyncio.gather(*(transport.run(["echo", str(n)]) for n in range(6)))
    assert [int(end.stdout) for end in done] == list(range(6))
    assert sshd.most_sessions <= 2


async def test_no_session_at_all_is_refused_with_the_setting_to_change(
    sshd: Sshd, transport: SshTransport
) -> None:
    sshd.max_sessions = 0
    with pytest.raises(AccessRefused, match="opens no session") as caught:
        await transport.run(["true"])
    assert "MaxSessions" in (caught.value.hint or "")


# -- sockets ------------------------------------------------------------------------------------


async def test_a_remote_socket_becomes_a_local_one(transport: SshTransport, tmp_path: Path) -> None:
    server = await echo_server(tmp_path / "s")
    async with transport.socket(str(tmp_path / "s")) as local:
        assert await said_back(local, b"one") == b"one"
        assert await said_back(local, b"two") == b"two"
        assert local.parent.stat().st_mode & 0o777 == 0o700
    assert not local.exists()
    server.close()


@pytest.mark.parametrize("says_why", [True, False])
async def test_where_forwarding_is_off_a_relay_carries_the_bytes(
    sshd: Sshd, transport: SshTransport, tmp_path: Path, says_why: bool
) -> None:
    server = await echo_server(tmp_path / "s")
    sshd.forwarding = False
    sshd.says_why = says_why
    async with transport.socket(str(tmp_path / "s"), relay=["cat"]) as local:
        assert await said_back(local, b"by hand") == b"by hand"
    assert "cat" in sshd.commands
    assert not transport.forwards_sockets
    server.close()


async def test_without_forwarding_and_relay_the_hint_names_the_setting(
    sshd: Sshd, transport: SshTransport, tmp_path: Path
) -> None:
    server = await echo_server(tmp_path / "s")
    sshd.forwarding = False
    sshd.says_why = True
    with pytest.raises(AccessRefused) as caught:
        async with transport.socket(str(tmp_path / "s")):
            pass
    assert "AllowStreamLocalForwarding" in (caught.value.hint or "")
    server.close()


@pytest.mark.parametrize("forwarding", [True, False])
async def test_a_missing_socket_is_absent(
    sshd: Sshd, transport: SshTransport, tmp_path: Path, forwarding: bool
) -> None:
    sshd.forwarding = forwarding
    with pytest.raises(Absent, match="no socket at"):
        async with transport.socket(str(tmp_path / "none"), relay=["cat"]):
            pass


async def test_a_dead_socket_is_a_failure(transport: SshTransport, tmp_path: Path) -> None:
    server = await echo_server(tmp_path / "s")
    server.close()
    await server.wait_closed()
    with pytest.raises(HostFailure, match="nothing listens"):
        async with transport.socket(str(tmp_path / "s")):
            pass


# -- getting in ---------------------------------------------------------------------------------


async def test_an_unknown_host_key_is_refused_and_shown(sshd: Sshd) -> None:
    (sshd.folder / "known_hosts").write_text("")
    with pytest.raises(AccessRefused, match="host key unknown: ssh-ed25519 SHA256:") as caught:
        await Connector(ssh_config=()).connect(sshd.config())
    assert caught.value.host == "web1"


async def test_a_changed_host_key_is_refused_as_changed(sshd: Sshd) -> None:
    sshd.trust(asyncssh.generate_private_key("ssh-ed25519"))
    with pytest.raises(AccessRefused, match="HOST KEY CHANGED"):
        await Connector(ssh_config=()).connect(sshd.config())


async def test_known_hosts_is_read_again_when_it_changes(sshd: Sshd) -> None:
    good = (sshd.folder / "known_hosts").read_text()
    (sshd.folder / "known_hosts").write_text("")
    connector = Connector(ssh_config=())
    with pytest.raises(AccessRefused):
        await connector.connect(sshd.config())
    (sshd.folder / "known_hosts").write_text(good)
    await (await connector.connect(sshd.config())).close()


async def test_a_key_the_host_does_not_take_is_refused(sshd: Sshd) -> None:
    sshd.accept_keys = False
    with pytest.raises(AccessRefused, match="does not let core in"):
        await Connector(ssh_config=()).connect(sshd.config())


async def test_nobody_listening_is_unreachable(sshd: Sshd) -> None:
    with pytest.raises(Unreachable):
        await Connector(ssh_config=()).connect(sshd.config(port=1))


async def test_something_else_listening_is_a_failure_or_unreachable(tmp_path: Path, sshd: Sshd) -> None:
    async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n" * 200)
        writer.close()

    server = await asyncio.start_server(web, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises((HostFailure, Unreachable)):
        await Connector(ssh_config=()).connect(sshd.config(port=port))
    server.close()


def encrypt(path: Path) -> None:
    key = asyncssh.read_private_key(str(path))
    key.write_private_key(str(path), passphrase="open sesame")


async def test_a_passphrase_is_asked_once_for_all_hosts(sshd: Sshd) -> None:
    encrypt(sshd.folder / "id")
    asked: list[str] = []

    async def ask(question: str) -> Secret:
        asked.append(question)
        return Secret("open sesame")

    connector = Connector(Keyring(ask), ssh_config=())
    for link in await asyncio.gather(*(connector.connect(sshd.config(f"web{n}")) for n in range(3))):
        await link.close()
    assert asked == [f"passphrase of {sshd.folder / 'id'}"]


async def test_without_anybody_to_ask_an_encrypted_key_is_refused_with_what_to_do(
    sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    encrypt(sshd.folder / "id")
    with pytest.raises(AccessRefused, match="needs a passphrase") as caught:
        await Connector(ssh_config=()).connect(sshd.config())
    assert "ssh-add" in (caught.value.hint or "")


def test_a_secret_is_not_shown() -> None:
    assert "sesame" not in f"{Secret('sesame')!r} {Secret('sesame')}"

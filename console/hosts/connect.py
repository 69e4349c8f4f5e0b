"""From a `[[host]]` to a connection to it: keys, agent, host keys, jump hosts, and whoever says no."""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncssh

from console.errors import AccessRefused, HostError, HostFailure, Unreachable
from console.hosts.become import Becoming
from console.hosts.keepalive import USUAL, Keepalive
from console.hosts.quiet import quieten
from console.hosts.secrets import Keyring
from console.hosts.ssh import SshTransport
from console.model.config import HostConfig
from console.model.text import clean

CONNECT_TIMEOUT = 8.0
LOGIN_TIMEOUT = 12.0

#: The cheapest that a current sshd has, before asyncssh's own order.
_CIPHERS = "^aes128-gcm@openssh.com,aes256-gcm@openssh.com"
_KEX = "^curve25519-sha256,curve25519-sha256@libssh.org"

#: A person needs longer than a program: a login waits this long for each thing typed.
_TYPING_TIMEOUT = 120.0

OPENSSH_CONFIG = (Path("~/.ssh/config"), Path("/etc/ssh/ssh_config"))


class _Asker:
    """Questions during one login; the login's clock stands still while somebody types."""

    def __init__(self, keyring: Keyring, timer: asyncio.Timeout) -> None:
        self._keyring = keyring
        self._timer = timer

    async def ask(self, question: str, *, fresh: bool = False) -> str | None:
        if not self._keyring.interactive:
            return None
        now = asyncio.get_running_loop().time
        self._timer.reschedule(now() + _TYPING_TIMEOUT)
        secret = await self._keyring.secret(question, fresh=fresh)
        self._timer.reschedule(now() + LOGIN_TIMEOUT)
        return secret.reveal() if secret else None

    async def passphrase(self, filename: str) -> str | None:
        return await self.ask(f"passphrase of {filename}")


class _Client(asyncssh.SSHClient):
    """Notes the key the host showed and why the connection ended; answers what must be typed."""

    def __init__(self, host: str, asker: _Asker, interactive: bool) -> None:
        self._host = host
        self._asker = asker
        self._interactive = interactive
        self._password_given = False
        self.offered: asyncssh.SSHKey | None = None
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        quieten(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(clean(str(exc), 200) if exc else "the connection was closed")

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        self.offered = key
        return False

    async def password_auth_requested(self) -> str | None:
        if self._password_given:
            return None
        self._password_given = True
        return await self._asker.ask(f"SSH password for {self._host}")

    def kbdint_auth_requested(self) -> str | None:
        return "" if self._interactive else None

    async def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[str] | None:
        answers = []
        for prompt, _echo in prompts:
            answer = await self._asker.ask(f"{self._host}: {clean(prompt, 200)}", fresh=True)
            if answer is None:
                return None
            answers.append(answer)
        return answers


class Connector:
    """Opens connections; shares what is the same for many hosts (parsed keys, known_hosts).

    :param keepalive: how each host is asked for signs of life.
    """

    def __init__(
        self,
        keyring: Keyring | None = None,
        *,
        ssh_config: Sequence[Path] = OPENSSH_CONFIG,
        keepalive: Keepalive = USUAL,
    ) -> None:
        self._keepalive = keepalive
        self._keyring = keyring or Keyring()
        self._ssh_config = [str(path.expanduser()) for path in ssh_config if path.expanduser().is_file()]
        self._identities: dict[Path, asyncio.Task[list[asyncssh.SSHKeyPair]]] = {}
        self._known_hosts: dict[Path, tuple[float, asyncssh.SSHKnownHosts]] = {}

    async def connect(self, config: HostConfig) -> SshTransport:
        """A live connection to `config`.

        :raises Unreachable: the network or sshd gives no answer in time.
        :raises AccessRefused: the host's key is unknown or has changed, or it does not let us in.
        :raises HostFailure: what answers does not speak our SSH.
        """
        clients: list[_Client] = []
        try:
            given = await self._options(config)
            async with asyncio.timeout(LOGIN_TIMEOUT) as timer:
                asker = _Asker(self._keyring, timer)

                def client() -> _Client:
                    clients.append(_Client(config.name, asker, self._keyring.interactive))
                    return clients[-1]

                connection = await asyncssh.connect(
                    config.address or config.name,
                    client_factory=client,
                    passphrase=asker.passphrase if self._keyring.interactive else None,
                    **given,
                )
        except asyncssh.HostKeyNotVerifiable as error:
            raise self._host_key_refused(config, clients, error) from error
        except (
            HostError,
            asyncssh.Error,
            asyncssh.KeyImportError,
            asyncssh.ConfigParseError,
            OSError,
            ValueError,
        ) as error:
            raise _explain(config, error) from error
        becoming = Becoming(config.become, connection.get_extra_info("username") or "", self._keyring)
        return SshTransport(config.name, connection, clients[-1].lost, becoming)

    async def _options(self, config: HostConfig) -> dict[str, Any]:
        given: dict[str, Any] = {
            "config": self._ssh_config,
            "connect_timeout": CONNECT_TIMEOUT,
            # The clock of the login is ours (`_Asker` stops it).
            "login_timeout": 0,
            "keepalive_interval": self._keepalive.every,
            "keepalive_count_max": self._keepalive.unanswered,
            "encryption_algs": _CIPHERS,
            "kex_algs": _KEX,
            "client_version": "Quarterdeck",
        }
        if config.port is not None:
            given["port"] = config.port
        if config.user is not None:
            given["username"] = config.user
        if pairs := [pair for path in config.identity for pair in await self._keys(path)]:
            given["client_keys"] = pairs
        if config.known_hosts is not None:
            given["known_hosts"] = self._trusted(config.known_hosts)
        return given

    async def _keys(self, path: Path) -> list[asyncssh.SSHKeyPair]:
        """The key pair in `path` (with its certificate, if one lies beside it), parsed once."""
        if path not in self._identities or self._identities[path].cancelled():
            self._identities[path] = asyncio.ensure_future(self._load_keys(path))
        try:
            return await asyncio.shield(self._identities[path])
        except Exception:
            self._identities.pop(path, None)
            raise

    async def _load_keys(self, path: Path) -> list[asyncssh.SSHKeyPair]:
        try:
            return list(asyncssh.load_keypairs([str(path)]))
        except asyncssh.KeyImportError as error:
            if "passphrase" not in str(error).lower():
                raise
        question = f"passphrase of {path}"
        secret = await self._keyring.secret(question)
        if secret is None:
            if os.environ.get("SSH_AUTH_SOCK"):
                return []  # the agent may hold it
            raise AccessRefused(
                f"{path} needs a passphrase", hint=f"`ssh-add {path}`, or run without --batch in a terminal"
            )
        try:
            return list(asyncssh.load_keypairs([str(path)], secret.reveal()))
        except asyncssh.KeyEncryptionError:
            self._keyring.forget(question)
            raise AccessRefused(f"the passphrase of {path} was wrong") from None

    def _trusted(self, path: Path) -> asyncssh.SSHKnownHosts:
        """`path` parsed, once for as long as it does not change."""
        changed = path.stat().st_mtime
        if path not in self._known_hosts or self._known_hosts[path][0] != changed:
            self._known_hosts[path] = (changed, asyncssh.read_known_hosts(str(path)))
        return self._known_hosts[path][1]

    def _host_key_refused(
        self, config: HostConfig, clients: list[_Client], error: asyncssh.HostKeyNotVerifiable
    ) -> AccessRefused:
        offered = clients[-1].offered if clients else None
        if offered is None:
            return AccessRefused(f"host key refused: {clean(error.reason, 200)}", host=config.name)
        shown = f"{offered.get_algorithm()} {offered.get_fingerprint()}"
        address = config.address or config.name
        where = config.known_hosts or Path("~/.ssh/known_hosts").expanduser()
        known = False
        if where.is_file():
            keys = asyncssh.match_known_hosts(self._trusted(where), address, address, config.port)
            known = bool(keys[0])
        if known:
            return AccessRefused(
                f"HOST KEY CHANGED, now {shown}; somebody may be in between",
                host=config.name,
                hint=f"if the host was reinstalled: ssh-keygen -R {address} -f {where}, then add its new key",
            )
        return AccessRefused(
            f"host key unknown: {shown}",
            host=config.name,
            hint=f"compare it on the host, then add it to {where} (ssh-keyscan {address})",
        )


def _explain(config: HostConfig, error: Exception) -> HostError:
    """asyncssh's and the system's exceptions in the words of our tree."""
    name = config.name
    where = f"{config.address or name}:{config.port or 22}"
    text = clean(str(error), 200)
    match error:
        case HostError():
            error.host = name
            return error
        case asyncssh.PermissionDenied():
            user = config.user or getpass.getuser()
            return AccessRefused(
                f"{where} does not let {user} in: {text}",
                host=name,
                hint="check user, identity and the host's authorized_keys",
            )
        case asyncssh.KeyImportError() | asyncssh.ConfigParseError():
            return AccessRefused(f"cannot use our own SSH files: {text}", host=name)
        case asyncssh.ConnectionLost():
            return Unreachable(f"{where} closed the connection: {text}", host=name)
        case asyncssh.DisconnectError():
            return HostFailure(f"{where}: {text}", host=name)
        case TimeoutError():
            return Unreachable(f"{where} gives no answer", host=name)
        case OSError():
            return Unreachable(f"{where}: {error.strerror or text}", host=name)
        case _:
            return HostFailure(f"{where}: {text}", host=name)

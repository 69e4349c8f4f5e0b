"""How a host lets us do what its root may: `sudo`, with the password only if it wants one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.errors import Absent, AccessRefused
from console.hosts.secrets import Keyring
from console.model.text import clean

if TYPE_CHECKING:
    from console.hosts.transport import Completed, Transport
    from console.model.config import Become


@dataclass(frozen=True, slots=True, repr=False)
class Elevation:
    """What goes before a privileged command, and what it wants on stdin first."""

    prefix: tuple[str, ...]
    stdin: bytes = b""

    @property
    def asking(self) -> tuple[str, ...]:
        """What goes before a command that has a terminal: there sudo asks for itself what it wants."""
        return ("sudo", "--") if self.stdin else self.prefix


_NOTHING = Elevation(())
_QUIET = Elevation(("sudo", "-n", "--"))


def refused_by_sudo(end: Completed) -> str | None:
    """sudo's own reason if `end` is a command that sudo would not run."""
    if end.code == 1 and end.stderr.startswith(b"sudo:"):
        return clean(end.stderr.decode("utf-8", "replace").splitlines()[0], 200)
    return None


def _why_not(end: Completed) -> str:
    """Why sudo said no to a password; its last line, of an incident that was reported, tells nothing."""
    for line in end.stderr.decode("utf-8", "replace").splitlines():
        if "sudoers" in line or "not allowed" in line or "may not run" in line:
            return clean(f"sudo: {line.strip().removeprefix('sudo: ')}", 200)
    return "sudo: the password was wrong"


class Becoming:
    """Finds out once a connection how `become` works there."""

    def __init__(self, become: Become, user: str, keyring: Keyring) -> None:
        self._become = become
        self._user = user
        self._keyring = keyring
        self._known: Elevation | None = None
        self._asking = asyncio.Lock()

    async def elevation(self, transport: Transport) -> Elevation:
        """:raises AccessRefused: `become` is none, or sudo says no."""
        if self._become == "none":
            raise AccessRefused(
                'this needs root, and become is "none" for this host',
                host=transport.host,
                hint='set become = "sudo"',
            )
        async with self._asking:
            if self._known is None:
                self._known = await self._find(transport)
        return self._known

    async def _find(self, transport: Transport) -> Elevation:
        if self._user == "root":
            return _NOTHING
        try:
            end = await transport.run((*_QUIET.prefix, "true"))
        except Absent as error:
            raise AccessRefused(error.message, host=error.host, hint='set become = "none"') from error
        if end.code == 0:
            return _QUIET
        question = f"sudo password of {self._user}"
        reason = refused_by_sudo(end) or clean(end.complaint, 200)
        if "password" in reason and (secret := await self._keyring.secret(question)):
            # -k: with a password that sudo still remembers it would read none, and what is run would get it.
            typed = Elevation(("sudo", "-k", "-S", "-p", "", "--"), secret.reveal().encode() + b"\n")
            end = await transport.run((*typed.prefix, "true"), stdin=typed.stdin)
            if end.code == 0:
                return typed
            self._keyring.forget(question)
            reason = _why_not(end)
        raise AccessRefused(
            reason, host=transport.host, hint="allow it in sudoers, or run `quarterdeck login`"
        )

"""The seam between a host's sources and how the host is reached.

Two implementations: `ssh.py` (asyncssh) and `local.py` (this machine). Tests give their own.
Everything a source needs of a host is one of three things: a finished command, a command whose
output streams, or a byte pipe to one of the host's unix sockets.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

#: No answer of a finished command is read beyond this many bytes.
OUTPUT_LIMIT = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that ended. `code` is the exit status, negative for a signal, as in subprocess."""

    argv: tuple[str, ...]
    code: int
    stdout: bytes
    stderr: bytes

    @property
    def complaint(self) -> str:
        """The last line it wrote to stderr, for a message; not yet safe to show."""
        lines = self.stderr.decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else f"exit code {self.code}"


class Reading(Protocol):
    """A running command's output."""

    async def read(self, size: int = 65536) -> bytes:
        """The next bytes of stdout, b"" at its end. Not reading holds the command back."""

    async def wait(self) -> Completed:
        """The end of it: exit code and (bounded) stderr; stdout is empty here."""


class Transport(Protocol):
    """A connection to one host."""

    @property
    def host(self) -> str:
        """The host's name in the fleet, for errors."""

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout: float = 15.0,
        limit: int = OUTPUT_LIMIT,
        privileged: bool = False,
    ) -> Completed:
        """Run `argv` to its end.

        :param privileged: run it through the host's `become`; used for reads only where a
            group is missing.
        :raises Unreachable: the connection went away, or the time is up.
        :raises Absent: there is no such program (exit 127).
        :raises HostFailure: it wrote more than `limit` bytes.
        :raises AccessRefused: no session could be had, or `become` said no.
        """

    def stream(
        self, argv: Sequence[str], *, privileged: bool = False
    ) -> AbstractAsyncContextManager[Reading]:
        """Run `argv` and read as it writes; leaving the context ends it."""

    def socket(
        self, remote: str, *, relay: Sequence[str] = (), privileged: bool = False
    ) -> AbstractAsyncContextManager[Path]:
        """A local unix socket that stands for the host's socket at `remote`.

        :param relay: the command that does the same over stdin and stdout, for a host whose
            sshd forwards no unix sockets (each connection then costs a session).
        :param privileged: go by `relay`, run through the host's `become`; for reads only where
            a group is missing.
        :raises Absent: no such socket on the host.
        :raises AccessRefused: there is one, and we may not use it.

        The path lies in a folder only this user can enter, and is gone when the context ends.
        """

    async def wait_closed(self) -> str:
        """Return, with the reason, once the connection is gone."""

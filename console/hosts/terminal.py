"""A terminal on a host: a command, or the user's shell, with a PTY of its own there.

Not every transport has one, so it is a seam beside `Transport`: `terminal_on` finds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from console.errors import HostFailure
from console.hosts.transport import Transport


@dataclass(frozen=True, slots=True)
class Size:
    """Of a terminal, in characters."""

    columns: int
    rows: int


class RemoteTerminal(Protocol):
    """A command at work on a terminal of its own."""

    async def read(self) -> bytes:
        """What it shows next; b"" once it has ended. :raises Unreachable: the connection was lost."""

    async def write(self, data: bytes) -> None:
        """What is typed. Returns once there is room for more."""

    def resize(self, size: Size) -> None:
        """The terminal has another size now."""

    async def wait(self) -> int:
        """How it ended: its exit code, or 128 and the signal, as shells say it."""


@runtime_checkable
class HasTerminals(Protocol):
    """A transport that can give terminals."""

    def terminal(
        self, argv: Sequence[str], *, term: str, size: Size, privileged: bool = False
    ) -> AbstractAsyncContextManager[RemoteTerminal]:
        """Run `argv` on a terminal; leaving the context ends it.

        :param argv: empty: the user's own shell.
        :param term: what kind of terminal it is, as `$TERM` says it.
        :param privileged: through the host's `become`, which may ask on that terminal.
        :raises HostError: no session, or `become` said no.
        """


def terminal_on(
    transport: Transport, argv: Sequence[str], *, term: str, size: Size, privileged: bool = False
) -> AbstractAsyncContextManager[RemoteTerminal]:
    """See `HasTerminals.terminal`. :raises HostFailure: this host has none."""
    if not isinstance(transport, HasTerminals):
        raise HostFailure("it is reached in a way that has no terminals", host=transport.host)
    return transport.terminal(argv, term=term, size=size, privileged=privileged)

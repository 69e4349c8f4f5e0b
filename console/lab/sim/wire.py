"""The seam between what a host says and how it is carried: a service talks to one peer over one channel."""

from __future__ import annotations

from typing import Protocol


class Out(Protocol):
    """Towards the console, from one service of a host."""

    def write(self, data: bytes) -> None:
        """Say something. After the end it is dropped."""

    def complain(self, data: bytes) -> None:
        """Say something on stderr; on a socket there is none, and it is dropped."""

    def end(self, code: int = 0) -> None:
        """That was all: the exit code of a command, the end of a socket."""


class Service(Protocol):
    """What is at a host's end of a channel. Made with its `Out`."""

    def received(self, data: bytes) -> None:
        """The console says something."""

    def finished(self) -> None:
        """The console says no more; it still listens."""

    def closed(self) -> None:
        """The channel is gone."""

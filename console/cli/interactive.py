"""The terminal that the person at the command line sits at, and their stdout as it is."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from console.hosts.readiness import readable, writable
from console.model.text import clean

if TYPE_CHECKING:
    from console.hosts.terminal import RemoteTerminal, Size

_STDIN, _STDOUT = 0, 1
#: A terminal that can be written to takes at least so many bytes without a wait.
_PIECE = 1024
#: 128 and SIGHUP: our own terminal went away.
_HUNG_UP = 129


class TerminalSeat:
    """`Seat` on our stdin and stdout."""

    @property
    def term(self) -> str:
        return os.environ.get("TERM") or "dumb"

    def size(self) -> Size:
        from console.hosts.terminal import Size

        columns, rows = shutil.get_terminal_size()
        with suppress(OSError):
            columns, rows = os.get_terminal_size(_STDOUT)
        return Size(columns, rows)

    async def join(self, remote: RemoteTerminal) -> int:
        """Everything typed goes there as it is, ^C too, and everything shown there comes here."""
        loop = asyncio.get_running_loop()
        with _raw(_STDIN):
            loop.add_signal_handler(signal.SIGWINCH, lambda: remote.resize(self.size()))
            remote.resize(self.size())
            showing = asyncio.create_task(_shown(remote), name="shown")
            typing = asyncio.create_task(_typed(remote), name="typed")
            both = (showing, typing)
            try:
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                if not showing.done():
                    typing.result()
                    return _HUNG_UP
                showing.result()
            finally:
                for task in both:
                    task.cancel()
                await asyncio.gather(*both, return_exceptions=True)
                loop.remove_signal_handler(signal.SIGWINCH)
        return await remote.wait()


def seat() -> TerminalSeat | None:
    """Where a person sits at both our stdin and our stdout."""
    return TerminalSeat() if os.isatty(_STDIN) and os.isatty(_STDOUT) else None


def write_raw(data: bytes) -> None:
    """What a remote command wrote, to our stdout as it is; made safe where that is a terminal."""
    if sys.stdout.isatty() or not hasattr(sys.stdout, "buffer"):
        text = data.decode("utf-8", "replace")
        sys.stdout.write("\n".join(clean(line, len(line) + 1) for line in text.split("\n")))
    else:
        sys.stdout.buffer.write(data)
    sys.stdout.flush()


async def _shown(remote: RemoteTerminal) -> None:
    """Show what comes, until it has ended."""
    while shown := await remote.read():
        await _show(shown)


async def _typed(remote: RemoteTerminal) -> None:
    """Pass on what is typed, until our terminal hangs up."""
    while True:
        await readable(_STDIN)
        try:
            typed = os.read(_STDIN, 4096)
        except OSError:
            return
        if not typed:
            return
        await remote.write(typed)


async def _show(shown: bytes) -> None:
    for start in range(0, len(shown), _PIECE):
        piece = shown[start : start + _PIECE]
        await writable(_STDOUT)
        while piece:
            piece = piece[os.write(_STDOUT, piece) :]


@contextmanager
def _raw(terminal: int) -> Iterator[None]:
    """Keys come one by one and unread, until the end; then it is as it was, whatever happened."""
    before = termios.tcgetattr(terminal)
    try:
        tty.setraw(terminal, termios.TCSADRAIN)
        yield
    finally:
        with suppress(termios.error):  # it is gone
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)

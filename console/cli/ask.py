"""Asks the person at the terminal for a secret, without echo and without a thread."""

from __future__ import annotations

import os
import termios

from console.hosts.readiness import readable
from console.hosts.secrets import Secret
from console.model.text import clean


def terminal_there() -> bool:
    """Whether somebody can be asked."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


async def ask(question: str) -> Secret | None:
    """Read one line from /dev/tty with echo off; None at its end (Ctrl-D)."""
    tty = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    before = termios.tcgetattr(tty)
    quiet = [*before]
    quiet[3] &= ~termios.ECHO
    try:
        termios.tcsetattr(tty, termios.TCSAFLUSH, quiet)
        os.write(tty, f"{clean(question)}: ".encode())
        await readable(tty)
        line = os.read(tty, 4096)
    finally:
        termios.tcsetattr(tty, termios.TCSAFLUSH, before)
        os.write(tty, b"\n")
        os.close(tty)
    return Secret(line.decode("utf-8", "replace").rstrip("\r\n")) if line else None

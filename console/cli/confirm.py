"""Asks the person at the terminal whether a plan is to be carried out."""

from __future__ import annotations

import os
import sys
import termios

from console.actions.plan import Plan
from console.cli.printer import wants_color
from console.cli.table import paint
from console.commands.confirm import Challenge
from console.commands.rows.change import plan_lines
from console.hosts.readiness import readable
from console.model.text import clean


async def confirm(plan: Plan, challenge: Challenge) -> bool:
    """Show the plan on stderr, and read one line from /dev/tty; True if it is the one that means yes."""
    color = wants_color("auto", sys.stderr, os.environ)
    for cells in plan_lines(plan):
        print(" ".join(paint(cell.text, cell.tone, color) for cell in cells if cell.text), file=sys.stderr)
    tty = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    try:
        # What was typed before there was a question is no answer to it.
        termios.tcflush(tty, termios.TCIFLUSH)
        os.write(tty, f"{clean(challenge.question)} (anything else: no) ".encode())
        await readable(tty)
        line = os.read(tty, 4096)
    finally:
        os.close(tty)
    return line.decode("utf-8", "replace").strip() == challenge.answer

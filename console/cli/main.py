"""The way in: argv to a command, its end to an exit code.

What is imported here decides how fast `--help` is; everything heavy is imported by who needs it
(`tests/cli/test_imports.py` holds that).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING

from console import __version__

if TYPE_CHECKING:
    from console.commands.command import Command
    from console.commands.core import Core


#: Opens the terminal on a fleet, or the command that takes the whole screen; the exit code.
Terminal = Callable[["Core", "Command | None"], Awaitable[int]]


class Exit(IntEnum):
    """Exit codes; a contract with scripts (README, "Scripts")."""

    OK = 0
    OURS = 1  # no target was reached for a cause on our side
    USAGE = 2
    REFUSED = 3
    TARGET = 4  # at least one target failed or was unreachable
    EMPTY = 5  # the selection is empty
    INTERRUPTED = 130


def main(argv: Sequence[str] | None = None, *, terminal: Terminal | None = None) -> int:
    """Run one command line and return its exit code.

    :param terminal: what a line without a command opens, where there is a screen to open it on, and what
        a command opens that takes the whole screen.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if words == ["--version"]:
        print(f"quarterdeck {__version__}")
        return Exit.OK
    from console.cli.run import run_line

    try:
        code = run_line(words, terminal)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our stdout has gone (`… | head`): nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    return code


if __name__ == "__main__":
    sys.exit(main())

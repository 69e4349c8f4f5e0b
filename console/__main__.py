"""The way in for both faces: a line of words goes to the command line, none of them on a terminal opens it.

Neither face knows the other; this is the one place that knows both.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from console.cli.main import main as command_line

if TYPE_CHECKING:
    from console.commands.command import Command
    from console.commands.core import Core


async def _terminal(core: Core, command: Command | None) -> int:
    if command is None:
        from console.tui.start import open_terminal

        return await open_terminal(core)
    from console.tui.wall.start import open_wall

    return await open_wall(core, command)


def main() -> int:
    """Run `quarterdeck`; its exit code."""
    return command_line(terminal=_terminal)


if __name__ == "__main__":
    sys.exit(main())

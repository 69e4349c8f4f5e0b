"""One line, from its words to its end."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from console import __version__
from console.cli.completion import completing
from console.cli.main import Exit, Terminal
from console.cli.registry import all_commands
from console.commands.command import Command
from console.commands.grammar import Globals, Line, format_command, parse
from console.commands.help import command_help, noun_help, overview
from console.commands.registry import Registry
from console.errors import QuarterdeckError, RemoteExit, UsageError
from console.model.text import clean

if TYPE_CHECKING:
    from console.cli.printer import Printer
    from console.commands.core import Core


def run_line(words: Sequence[str], terminal: Terminal | None = None) -> int:
    """Understand `words`, run the command, and say how it ended.

    :param terminal: what opens where no command is named and there is a screen.
    """
    if completing(words):
        return Exit.OK
    if words and words[0] == "help":
        words = [*words[1:], "--help"]
    try:
        line = _parsed(words)
    except UsageError as error:
        print(f"✖ {clean(str(error))}", file=sys.stderr)
        return Exit.USAGE
    if line.globals.version:
        print(f"quarterdeck {__version__}")
        return Exit.OK
    if line.command is None and not line.globals.help and not line.topic and terminal and _screen_there():
        return _open(terminal, line.globals, None)
    if line.globals.help or line.command is None:
        return _help(line, all_commands())
    if line.command.screen and terminal is not None:
        return _open(terminal, replace(line.globals, read_only=True), line.command)
    return _run(line.command, line.globals)


def _parsed(words: Sequence[str]) -> Line:
    """The line, of the commands that begin with any of its words; where that is none, all may be meant.

    :raises UsageError: it cannot be understood.
    """
    try:
        return parse(words, all_commands(words))
    except UsageError:
        return parse(words, all_commands())


def _screen_there() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def _help(line: Line, registry: Registry) -> int:
    found = registry.find(line.topic) if line.topic else None
    if found:
        print(command_help(found[0]))
    elif line.topic and registry.verbs(line.topic[0]):
        print(noun_help(registry, line.topic[0]))
    else:
        print(overview(registry))
    return Exit.OK if line.globals.help else Exit.USAGE


def _run(command: Command, options: Globals) -> int:
    async def work(core: Core, printer: Printer) -> int:
        core.check(command)
        if options.engine and not command.engine_helps:
            name = " ".join(command.words)
            raise UsageError(f"{name}: does not wait for an engine", hint="leave out --engine")
        async with core.recalled(command.recall, printer.note):
            await command.run(core, printer)
        return Exit.TARGET if printer.failures else Exit.OK

    return _guarded(work, options, format_command(command))


def _open(terminal: Terminal, options: Globals, command: Command | None) -> int:
    """Open the terminal, or a command that takes the screen for itself: read-only, whatever it shows."""

    async def work(core: Core, printer: Printer) -> int:
        if command is not None and options.engine:
            raise UsageError(f"{' '.join(command.words)}: runs no engine", hint="leave out --engine")
        return await terminal(core, command)

    return _guarded(work, options, "(the terminal)" if command is None else format_command(command))


def _guarded(work: Callable[[Core, Printer], Awaitable[int]], options: Globals, line: str) -> int:
    """Do `work`; whatever becomes of it is an exit code and words for the user.

    :param line: what a report says was run.
    """
    import asyncio

    from console.cli.ask import ask, terminal_there
    from console.cli.confirm import confirm
    from console.cli.interactive import seat, write_raw
    from console.cli.printer import Printer
    from console.cli.report import keep_log, write_report
    from console.commands.core import Core
    from console.fleet.loop import fair_loop

    printer = Printer(options.output, options.color)
    there = terminal_there()
    core = Core(
        options,
        ask=ask if there else None,
        confirm=confirm if there else None,
        seat=seat(),
        pipe=write_raw,
    )
    keep_log()
    try:
        with asyncio.Runner(loop_factory=fair_loop) as runner:
            code = runner.run(_interruptible(work, core, printer))
    except (KeyboardInterrupt, asyncio.CancelledError):
        printer.close()
        return Exit.INTERRUPTED
    except RemoteExit as ended:
        printer.close()
        return ended.code
    except QuarterdeckError as error:
        printer.close()
        printer.error(str(error))
        return error.exit_code
    except BrokenPipeError:
        raise  # the reader of our stdout has gone; `main` knows what to do
    except Exception as error:
        printer.close()
        path = write_report(error, line)
        printer.error(f"a fault of Quarterdeck's own: {type(error).__name__}; a report is in {path}")
        return Exit.OURS
    printer.close()
    return code


async def _interruptible(
    work: Callable[[Core, Printer], Awaitable[int]], core: Core, printer: Printer
) -> int:
    """Do `work`; SIGTERM and a closed terminal end it as Ctrl-C does, with everything put away."""
    import asyncio
    import signal

    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        with suppress(NotImplementedError, RuntimeError):
            loop.add_signal_handler(number, task.cancel)
    code = await work(core, printer)
    sys.stdout.flush()
    return code

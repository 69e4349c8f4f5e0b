"""An engine in this process: by itself (`engine run`), or beside what somebody looks at (`--engine`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from console.errors import Refused, first_of

if TYPE_CHECKING:
    from console.commands.core import Core
    from console.engine.duties import Task
    from console.engine.tally import Role


async def run_engine(
    core: Core,
    line: str,
    stands: Callable[[Role, str], None],
    told: Callable[[str], None],
    tasks: Iterable[Task] = (),
    *,
    embedded: bool = False,
) -> None:
    """Run an engine on the fleet's memory that `core` has, until cancelled.

    :param line: what it is run by, for the audit of what it does to hosts.
    :param stands: takes what it is to other engines, and in words what it is doing.
    :param told: takes what an operator should know.
    :param tasks: what it does beside.
    :param embedded: whether it is there only for as long as something else runs.
    :raises Refused: this console is read-only.
    :raises QuarterdeckError: there is no etcd, or one of the tasks cannot be done.
    """
    from console.engine.contacts import KEEPALIVE
    from console.engine.engine import Engine
    from console.engine.term import Setting
    from console.hosts.links import Links

    permit = core.permit(line)
    # Who follows the memory has it to himself: whoever shows the fleet follows its own.
    memory = core.mind.beside()
    setting = Setting(memory, core.file, permit, core.audit, told, embedded)
    links = Links(core.keyring, ssh_config=core.file.ssh_config, keepalive=KEEPALIVE)
    await Engine(setting, links, stands, tasks).run()


def check_engine(core: Core) -> None:
    """:raises Refused: an engine is asked for beside something else, and this console is read-only."""
    if core.options.engine and (why := core.read_only()):
        raise Refused(f"an engine writes, and this console is read-only: {why}")


@asynccontextmanager
async def engine_beside(core: Core, line: str, told: Callable[[str], None]) -> AsyncIterator[None]:
    """An engine for as long as the context is held; it leads where no other does.

    :raises QuarterdeckError: it cannot run, and what was done beside it is cancelled.
    """

    def stands(role: Role, words: str) -> None:
        told(f"the engine in here: {words}")

    try:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(
                run_engine(core, line, stands, told, embedded=True), name="the engine in here"
            )
            yield
            running.cancel()
    except BaseExceptionGroup as errors:
        raise first_of(errors) from None

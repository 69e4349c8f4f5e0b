"""A line of the console run in this process, and what it puts out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from console.commands.command import Command
from console.commands.core import Core
from console.commands.everything import core_registry
from console.commands.grammar import Globals, parse_line
from console.commands.rows import RowKind
from console.errors import HostError
from console.model.config import HostConfig
from console.model.log import LogRecord

R = TypeVar("R")


class Collected:
    """What a command that lists journal records puts out."""

    def __init__(self) -> None:
        self.records: list[LogRecord] = []
        self.failures: list[HostError] = []
        self.notes: list[str] = []

    @contextmanager
    def listing(self, kind: RowKind[R]) -> Iterator[Callable[[R], None]]:
        def add(row: R) -> None:
            assert isinstance(row, LogRecord)
            self.records.append(row)

        yield add

    def failed(self, error: HostError) -> None:
        self.failures.append(error)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def said(self, host: str | None = None) -> list[str]:
        """The messages, of one host or of all."""
        return [record.message for record in self.records if host in (None, record.host)]


def core_of(hosts: Iterable[HostConfig], folder: Path) -> Core:
    """A console for hosts whose sshd is on this machine; the fleet's file is in `folder`."""
    entries = ['[fleet]\nname = "test"\n']
    for host in hosts:
        entries.append(
            f'[[host]]\nname = "{host.name}"\naddress = "127.0.0.1"\nport = {host.port}\n'
            f'user = "{host.user}"\nidentity = "{host.identity[0]}"\nknown_hosts = "{host.known_hosts}"\n'
        )
    file = folder / "fleet.toml"
    file.write_text("".join(entries))
    return Core(Globals(config=file))


async def run(core: Core, line: str) -> Collected:
    """What the line puts out."""
    command: Any = parse_line(line, core_registry()).command
    assert isinstance(command, Command)
    out: Any = Collected()
    await command.run(core, out)
    assert isinstance(out, Collected)
    return out

"""A host that is asked by script, and keeps the commands it was told to run."""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import cast

from console.errors import HostError
from console.hosts.transport import Completed, Transport

Sections = Mapping[str, str]
NOTHING: Sections = MappingProxyType({})


class Output:
    """What a command that is followed writes."""

    def __init__(self, chunks: Sequence[bytes], code: int, stderr: bytes) -> None:
        self._chunks = list(chunks)
        self._end = Completed((), code, b"", stderr)

    async def read(self, size: int = 65536) -> bytes:
        return self._chunks.pop(0) if self._chunks else b""

    async def wait(self) -> Completed:
        return self._end


class AskedHost:
    """A connection to it.

    :param answers: what each section says, read anew at each question; or why it cannot be asked.
    :param probe: what the probe finds.
    """

    host = "web1"

    def __init__(self, answers: Sections | HostError = NOTHING, *, code: int = 0, probe: str = "") -> None:
        self.answers = answers
        self.code = code
        self.probe = probe
        self.asked = 0
        self.as_root: list[bool] = []
        self.ran: list[str] = []
        self.work: list[bytes] = [b"\x1eended\n0\n"]
        self.work_code = 0
        self.complaint = b"error: loading sysroot: no repo\n"
        #: Told of each command that is run.
        self.on_command: Callable[[str], None] = lambda line: None

    @property
    def transport(self) -> Transport:
        return cast(Transport, self)

    async def run(self, argv: Sequence[str], *, privileged: bool = False, **_: object) -> Completed:
        if tuple(argv[:2]) == ("sh", "-c") and "section()" in argv[2]:
            self.asked += 1
            self.as_root.append(privileged)
            if isinstance(self.answers, HostError):
                raise self.answers
            said = "".join(f"\x1e{name}\n{text}" for name, text in self.answers.items())
            return Completed(tuple(argv), self.code, said.encode(), self.complaint)
        if tuple(argv[:2]) == ("sh", "-c") and "ostree-booted" in argv[2]:
            return Completed(tuple(argv), 0, self.probe.encode(), b"")
        assert privileged, argv
        self._told(shlex.join(argv))
        return Completed(tuple(argv), self.code, b"", self.complaint)

    @asynccontextmanager
    async def stream(self, argv: Sequence[str], *, privileged: bool = False) -> AsyncIterator[Output]:
        assert privileged
        _, _, script, _, what, program, *_ = argv
        assert "systemd-run" in script
        self._told(f"{what}: {program}")
        yield Output(self.work, self.work_code, self.complaint)

    def _told(self, line: str) -> None:
        self.ran.append(line)
        self.on_command(line)

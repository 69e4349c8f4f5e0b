"""The process of the embedded etcd: started apart from its console, known again later, and ended.

A process is known by its number and the moment it began, so that none that got the number later is ever
signalled. Both are written to a file by the very process that then becomes etcd: there is no moment in
which an etcd runs that no console could find.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

#: $1 is the folder to work in, $2 the file that says which process this is, the rest is what it becomes.
_BECOME = (
    'umask 077; cd -- "$1" && read -r stat < /proc/$$/stat && printf "%s\\n" "$stat" > "$2" '
    '&& shift 2 && exec "$@"'
)

_LOOKS_EVERY = 0.01
_ANSWERS_WITHIN = 0.5


@dataclass(frozen=True, slots=True)
class Process:
    """One process of this machine.

    :param started: when it began, in clock ticks since the machine's start.
    """

    pid: int
    started: int

    def runs(self) -> bool:
        """Whether it is still there. One that we started ourselves and that has ended is reaped."""
        try:
            found, ended = parse_stat(Path(f"/proc/{self.pid}/stat").read_text("ascii", "replace"))
        except (OSError, ValueError):
            return False
        if found != self:
            return False
        if ended:
            with suppress(ChildProcessError):  # another console's
                os.waitpid(self.pid, os.WNOHANG)
        return not ended


def parse_stat(text: str) -> tuple[Process, bool]:
    """The process, and whether it has ended; from /proc/PID/stat (proc(5), fields 1, 3, 20 and 22).

    It has not as long as one of its threads is left, which holds all its files open.

    :raises ValueError: it is not that.
    """
    head, paren, tail = text.rpartition(")")  # a name may hold anything, parentheses as well
    fields = tail.split()
    if not paren or len(fields) < 20:
        raise ValueError("not a line of /proc/PID/stat")
    ended = fields[0] in "ZX" and int(fields[17]) <= 1
    return Process(int(head.split(" ", 1)[0]), int(fields[19])), ended


def supported() -> bool:
    """Whether this system tells one process from another for good (pidfd_open(2), Linux 5.3)."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True


def machine() -> str:
    """What numbers of processes hold for: this start of this machine, and our namespace of them."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    return f"{boot} {os.readlink('/proc/self/ns/pid')}"


def spawn(argv: Sequence[str], folder: Path, mark: Path, log: int, environ: Mapping[str, str]) -> Process:
    """Start `argv` in `folder`, in a session of its own: neither Ctrl-C nor the end of ours reaches it.

    It inherits no descriptor but `log`, for its stdout and stderr.

    :param mark: the file that it says in which process it is; see `read_mark`.
    :raises OSError: it cannot be started.
    """
    null = os.open(os.devnull, os.O_RDONLY)
    try:
        pid = os.posix_spawn(
            "/bin/sh",
            ("sh", "-c", _BECOME, "sh", str(folder), str(mark), *argv),
            environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, null, 0),
                (os.POSIX_SPAWN_DUP2, log, 1),
                (os.POSIX_SPAWN_DUP2, log, 2),
            ],
            setsid=True,
            # What Python ignores, and what a console's parent may have set aside.
            setsigdef=(signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ),
            setsigmask=(),
        )
    finally:
        os.close(null)
    # Ours, so that its number stays its own until it is waited for.
    return parse_stat(Path(f"/proc/{pid}/stat").read_text("ascii", "replace"))[0]


def read_mark(mark: Path) -> Process | None:
    """The process that was started last, whether it runs or not; None if none was or it is unreadable."""
    try:
        return parse_stat(mark.read_text("ascii", "replace"))[0]
    except (OSError, ValueError):
        return None


async def answers(path: Path) -> bool:
    """Whether an HTTP server answers on the unix socket at `path`, soon. etcd does once it can be used."""
    writer = None
    try:
        async with asyncio.timeout(_ANSWERS_WITHIN):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return (await reader.read(16)).startswith(b"HTTP/1.")
    except (TimeoutError, OSError):
        return False
    finally:
        if writer is not None:
            writer.close()


async def ready(process: Process, path: Path, within: float) -> bool:
    """Wait until it answers on the socket at `path`; False if it ends, or `within` seconds are over."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within):
            while process.runs():
                if await answers(path):
                    return True
                await asyncio.sleep(_LOOKS_EVERY)
    return False


async def end(process: Process, within: float) -> bool:
    """Ask it to end, and wait; after `within` seconds it is killed. False if even that did nothing."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return True
    try:
        # Looked at once the handle is open: from here on the two are the same process, or it has ended.
        if not process.runs():
            return True
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, number)
            if await _ended(handle, within):
                break
        return not process.runs()
    finally:
        os.close(handle)


async def _ended(handle: int, within: float) -> bool:
    """Whether the process of a pidfd ends in time (pidfd_open(2): it is readable then)."""
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    loop.add_reader(handle, done.set)
    try:
        async with asyncio.timeout(within):
            await done.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(handle)
    return True


def host() -> str:
    """This machine's name, for people."""
    return socket.gethostname()

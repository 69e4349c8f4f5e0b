"""The folder of a simulated fleet that runs: held by a lock, left running, found and ended from elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

from console.errors import LabError
from console.lab.layout import default_root

_ENDS_WITHIN = 10.0


def sim_root() -> Path:
    """Where a user's simulated fleet keeps its files: beside the lab's."""
    root = default_root()
    return root.with_name(f"{root.name}-sim")


def standing(root: Path) -> Path | None:
    """The fleet file of the one that runs in this folder; None if none does, or not all of it yet."""
    config = root / "fleet.toml"
    return config if _is_held(root / "lock") and config.exists() else None


async def detached(root: Path, argv: Sequence[str]) -> Path:
    """Start the fleet by a command that goes on without us; its fleet file, once all hosts listen.

    :param argv: `quarterdeck lab sim …`, which prints the file's path in its first line.
    :raises LabError: it does not come up; in the command's own words.
    """
    root.parent.mkdir(parents=True, exist_ok=True)
    log = _log(root)
    pid, reading = _spawn(argv, log)
    try:
        line = await _first_line(reading)
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        await asyncio.to_thread(os.waitpid, pid, 0)
        raise
    if line:
        return Path(line.decode().rstrip("\n"))
    await asyncio.to_thread(os.waitpid, pid, 0)
    words = log.read_text().strip().splitlines()
    raise LabError(words[-1].removeprefix("✖ ") if words else "the simulated fleet did not come up")


def _spawn(argv: Sequence[str], log: Path) -> tuple[int, int]:
    """Start a program in a session of its own: its process id, and the other end of its stdout."""
    reading, writing = os.pipe()
    try:
        # Not asyncio's: that ends a process which nobody waits for.
        pid = os.posix_spawn(
            argv[0],
            list(argv),
            os.environ,
            setsid=True,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, writing, 1),
                (os.POSIX_SPAWN_OPEN, 2, str(log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
            ],
        )
    except OSError as error:
        os.close(reading)
        raise LabError(f"{argv[0]}: {error.strerror}") from error
    finally:
        os.close(writing)
    return pid, reading


async def _first_line(reading: int) -> bytes:
    """The first line that comes out of a pipe, which is closed then; b"" for none."""
    reader = asyncio.StreamReader()
    pipe = os.fdopen(reading, "rb", 0)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    try:
        return await reader.readline()
    finally:
        transport.close()


def _log(root: Path) -> Path:
    """What a detached fleet has to say."""
    return root.with_name(f"{root.name}.log")


async def down(root: Path) -> bool:
    """End the fleet that runs in this folder; False if none does.

    :raises LabError: it does not end.
    """
    lock = root / "lock"
    _log(root).unlink(missing_ok=True)
    try:
        pid = int(lock.read_text() or 0)
    except (FileNotFoundError, ValueError):
        return False
    if not pid or not _is_held(lock):
        shutil.rmtree(root, ignore_errors=True)
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    try:
        async with asyncio.timeout(_ENDS_WITHIN):
            while lock.exists() and _is_held(lock):  # noqa: ASYNC110  # another process's; there is no event
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise LabError(f"the simulated fleet (process {pid}) does not end") from None
    return True


@contextlib.contextmanager
def held(root: Path) -> Iterator[None]:
    """The folder for us alone."""
    path = root / "lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LabError(
                f"a simulated fleet already runs: {root / 'fleet.toml'}", hint="`lab down` ends it"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _is_held(lock: Path) -> bool:
    try:
        descriptor = os.open(lock, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False

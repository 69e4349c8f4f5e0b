"""The embedded etcd's folder: closed to others, and shared by the consoles of its user.

    users.lock    each console that uses etcd holds it, shared; the kernel frees it when one is killed
    turn.lock     held by the one console that starts or ends etcd just now
    facts.json    which etcd wrote the data last, and on which machine
    process       which process it is (embedded_process.py)
    etcd.log      what the running one has to say, or the last one had; etcd.log.old: the one before
    etcd:0 peer:0 its sockets
    data/         its data

The first two stay for good: who waited for one that is removed would hold another than the rest.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import re
import stat
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from console.errors import ConfigError, Problem, StoreError
from console.store.embedded_binary import Version, dotted
from console.store.embedded_words import TAIL

#: etcd takes the address of a unix socket as `unix://HOST:PORT` only (3.4 refuses a path) and uses the
#: two as they stand for the name of the file, in the folder that it works in.
CLIENT = "etcd:0"
PEER = "peer:0"

#: A log that a joining console finds larger is begun anew; a starting one begins it anyway.
_MAX_LOG = 4 * 1024 * 1024

_MAX_ADDRESS = 107  # bytes of a socket's path (unix(7)), without the NUL at its end
_PLAIN = re.compile(r"/[\w./@:+~-]*", re.ASCII)

_TURN_WITHIN = 40.0
_TURN_EVERY = 0.02


@dataclass(frozen=True, slots=True)
class Facts:
    """What is kept of the etcd that was started last.

    :param version: that of the program, which its data may carry by now.
    :param machine: where it was started, as `embedded_process.machine` has it; `host` for people.
    """

    version: Version
    machine: str
    host: str


class Folder:
    """One folder, opened and locked; `close` lets go of it.

    :raises ConfigError: it cannot be made, or others could look into it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.mark = self.root / "process"
        self.log = self.root / "etcd.log"
        self._facts = self.root / "facts.json"
        self._ours = asyncio.Lock()
        with ExitStack() as opened:
            try:
                self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._handle = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
                opened.callback(os.close, self._handle)
                _check_private(self.root, os.fstat(self._handle))
                self._users = os.open(self.root / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
                opened.callback(os.close, self._users)
                self._turn = os.open(self.root / "turn.lock", os.O_RDWR | os.O_CREAT, 0o600)
                opened.callback(os.close, self._turn)
            except OSError as error:
                raise _wrong(Path(error.filename), f"cannot be opened: {error.strerror}") from error
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Let go of it: from here on this console does not count."""
        self._opened.close()

    def socket(self) -> Path:
        """A path to etcd's socket, valid in this process and for as long as the folder is open.

        Where the folder's own path is too long for a socket's, or has characters that an address does not
        carry (gRPC would read them as a URL's), it goes by the descriptor that we hold of it.
        """
        plain = self.root / CLIENT
        if len(os.fsencode(plain)) <= _MAX_ADDRESS and _PLAIN.fullmatch(str(plain)):
            return plain
        return Path(f"/proc/self/fd/{self._handle}") / CLIENT

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Be the only console that starts or ends etcd.

        :raises StoreError: another one is at it and does not finish.
        """
        async with self._ours:  # the kernel's lock is this process's, whichever task asks for it
            try:
                async with asyncio.timeout(_TURN_WITHIN):
                    while not _try_lock(self._turn, fcntl.LOCK_EX):  # noqa: ASYNC110  # there is no event
                        await asyncio.sleep(_TURN_EVERY)
            except TimeoutError:
                raise StoreError(
                    f"another console has been starting or ending etcd for {_TURN_WITHIN:.0f} s",
                    hint=f"`fuser {self.root / 'turn.lock'}` tells the processes that wait for it",
                ) from None
            try:
                yield
            finally:
                fcntl.flock(self._turn, fcntl.LOCK_UN)

    def join(self) -> bool:
        """Count as a user of etcd; whether we are the only one. Only within a turn."""
        alone = _try_lock(self._users, fcntl.LOCK_EX)
        _try_lock(self._users, fcntl.LOCK_SH)
        return alone

    def leave(self) -> bool:
        """Count no longer; whether nobody else does. Only within a turn."""
        last = _try_lock(self._users, fcntl.LOCK_EX)
        fcntl.flock(self._users, fcntl.LOCK_UN)
        return last

    def facts(self) -> Facts | None:
        """What was kept; None if nothing was, or it cannot be read: etcd itself says then what is wrong."""
        try:
            found = json.loads(self._facts.read_text("utf-8"))
            major, minor, patch = (int(part) for part in str(found["version"]).split("."))
            return Facts((major, minor, patch), str(found["machine"]), str(found["host"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, facts: Facts) -> None:
        """Write them, whole or not at all, and to the disk.

        :raises OSError: they cannot be.
        """
        new = self._facts.with_suffix(".new")
        with open(new, "w", encoding="utf-8", opener=_private) as file:
            json.dump({**asdict(facts), "version": dotted(facts.version)}, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._facts)

    def begin_log(self) -> int:
        """An empty log, open for appending; the last one is kept as the one before.

        :raises OSError: it cannot be made.
        """
        with suppress(FileNotFoundError):
            self.log.replace(self._old_log())
        return os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def bound_log(self) -> None:
        """Begin anew a log that has grown too long; the end of it is kept. etcd appends, and goes on.

        :raises OSError: it cannot be written.
        """
        with suppress(FileNotFoundError):
            if self.log.stat().st_size > _MAX_LOG:
                with open(self._old_log(), "w", encoding="utf-8", opener=_private) as old:
                    old.write(self.read_log())
                os.truncate(self.log, 0)

    def read_log(self) -> str:
        """The end of the log; empty if there is none."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
                return file.read(TAIL).decode("utf-8", "replace")
        except OSError:
            return ""

    def room(self) -> int:
        """Bytes free on its disk, for its user."""
        disk = os.fstatvfs(self._handle)
        return disk.f_bavail * disk.f_frsize

    def clear(self) -> None:
        """Take away what a dead etcd leaves: 3.4 does not start where its old sockets are.

        :raises OSError: it cannot be.
        """
        for path in (self.root / CLIENT, self.root / PEER, self.mark):
            path.unlink(missing_ok=True)

    def _old_log(self) -> Path:
        return self.log.with_suffix(".log.old")


def _check_private(root: Path, found: os.stat_result) -> None:
    if found.st_uid != os.geteuid():
        raise _wrong(root, f"belongs to user {found.st_uid}, not to us ({os.geteuid()})")
    if (mode := stat.S_IMODE(found.st_mode)) & 0o077:
        raise _wrong(root, f"others may enter it (mode {mode:04o}); chmod 700 closes it")


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _wrong(path: Path, reason: str) -> ConfigError:
    return ConfigError((Problem(path, 0, reason),))

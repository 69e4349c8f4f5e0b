"""Commands and sockets over one asyncssh connection."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import asyncssh

from console.errors import Absent, AccessRefused, HostError, HostFailure, Unreachable
from console.hosts.become import Becoming
from console.hosts.knots import untie_connection, untie_process
from console.hosts.relay import serving
from console.hosts.running import collect
from console.hosts.sessions import SessionSlots
from console.hosts.terminal import Size
from console.hosts.transport import OUTPUT_LIMIT, Completed
from console.model.text import clean

_STDERR_KEPT = 16 * 1024
_OPEN_TIMEOUT = 10.0
_CLOSE_TIMEOUT = 2.0
#: Reserved words of sh, bash and zsh that need no quotes as arguments.
_SHELL_WORDS = frozenset(
    (
        *("case", "coproc", "do", "done", "elif", "else", "end", "esac", "fi", "for", "foreach", "function"),
        *("if", "in", "nocorrect", "repeat", "select", "then", "time", "until", "while"),
    )
)
_REFUSED_PAUSE = 0.05  # sshd may be about to forget a session that has ended

Process = asyncssh.SSHClientProcess[bytes]


class SshReading:
    """A remote command's output; see `Reading`."""

    def __init__(self, host: str, argv: tuple[str, ...], process: Process) -> None:
        self._host = host
        self._argv = argv
        self._process = process
        self._complaint = bytearray()
        self.complaints = asyncio.create_task(self._drain_stderr(), name=f"{host}: stderr of {argv[0]}")

    async def read(self, size: int = 65536) -> bytes:
        try:
            return await self._process.stdout.read(size)
        except (asyncssh.Error, OSError) as error:
            raise _lost(self._host, error) from error

    async def _drain_stderr(self) -> None:
        """Read the complaints as they come, or a chatty command would block on them."""
        with suppress(asyncssh.Error, OSError):
            while chunk := await self._process.stderr.read(4096):
                self._complaint += chunk
                del self._complaint[:-_STDERR_KEPT]

    async def wait(self) -> Completed:
        try:
            await self._process.wait_closed()
        except (asyncssh.Error, OSError) as error:
            raise _lost(self._host, error) from error
        await asyncio.wait([self.complaints], timeout=_CLOSE_TIMEOUT)
        code = self._process.returncode
        if code is None:
            # sshd says how a command ended before it closes the channel, unless it went away itself.
            raise Unreachable("the connection was lost", host=self._host)
        return Completed(self._argv, code, b"", bytes(self._complaint))


class SshTerminal:
    """A command on a PTY of the host's; see `RemoteTerminal`."""

    def __init__(self, host: str, process: Process) -> None:
        self._host = host
        self._process = process

    async def read(self) -> bytes:
        try:
            return await self._process.stdout.read(65536)
        except (asyncssh.Error, OSError) as error:
            raise _lost(self._host, error) from error

    async def write(self, data: bytes) -> None:
        with suppress(asyncssh.Error, OSError):  # it has ended: `read` tells
            self._process.stdin.write(data)
            await self._process.stdin.drain()

    def resize(self, size: Size) -> None:
        self._process.change_terminal_size(size.columns, size.rows)

    async def wait(self) -> int:
        with suppress(asyncssh.Error, OSError):
            await self._process.wait_closed()
        code = self._process.returncode
        if code is None:
            raise Unreachable("the connection was lost", host=self._host)
        return code if code >= 0 else 128 - code


class SshTransport:
    """`Transport` over one authenticated connection, which it owns and closes."""

    def __init__(
        self,
        host: str,
        connection: asyncssh.SSHClientConnection,
        lost: asyncio.Future[str],
        becoming: Becoming,
    ) -> None:
        self._host = host
        self._connection = connection
        self._lost = lost
        self._becoming = becoming
        self._slots = SessionSlots(host)
        self._leaving: set[asyncio.Task[None]] = set()
        self._folder: Path | None = None
        self._sockets = 0
        self._forwarding = True

    @property
    def host(self) -> str:
        return self._host

    @property
    def connection(self) -> asyncssh.SSHClientConnection:
        """For what only SSH has; stays inside `hosts/`."""
        return self._connection

    @property
    def forwards_sockets(self) -> bool:
        """False once sshd has refused to forward a unix socket."""
        return self._forwarding

    async def wait_closed(self) -> str:
        return await asyncio.shield(self._lost)

    async def close(self) -> None:
        """End the connection; everything that runs on it ends with it."""
        self._connection.abort()
        with suppress(asyncssh.Error, OSError):
            await self._connection.wait_closed()
        untie_connection(self._connection)
        await asyncio.gather(*self._leaving, return_exceptions=True)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    # -- commands ---------------------------------------------------------------------------

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout: float = 15.0,
        limit: int = OUTPUT_LIMIT,
        privileged: bool = False,
    ) -> Completed:
        return await collect(
            self._host,
            argv[0],
            self._running(argv, stdin, privileged),
            timeout=timeout,
            limit=limit,
            privileged=privileged,
        )

    @asynccontextmanager
    async def stream(self, argv: Sequence[str], *, privileged: bool = False) -> AsyncIterator[SshReading]:
        async with self._running(argv, b"", privileged) as reading:
            yield reading

    @asynccontextmanager
    async def _running(
        self, argv: Sequence[str], stdin: bytes, privileged: bool
    ) -> AsyncIterator[SshReading]:
        argv = tuple(argv)
        if privileged:
            elevation = await self._becoming.elevation(self)
            argv, stdin = (*elevation.prefix, *argv), elevation.stdin + stdin
        async with AsyncExitStack() as stack:
            process = await self._start(stack, argv)
            reading = SshReading(self._host, argv, process)
            try:
                with suppress(BrokenPipeError):
                    if stdin:
                        process.stdin.write(stdin)
                    process.stdin.write_eof()
                yield reading
            finally:
                reading.complaints.cancel()
                await asyncio.gather(reading.complaints, return_exceptions=True)

    @asynccontextmanager
    async def terminal(
        self, argv: Sequence[str], *, term: str, size: Size, privileged: bool = False
    ) -> AsyncIterator[SshTerminal]:
        """See `HasTerminals`."""
        argv = tuple(argv)
        if privileged:
            argv = (*(await self._becoming.elevation(self)).asking, *argv)
        async with AsyncExitStack() as stack:
            process = await self._start(stack, argv, term_type=term, term_size=(size.columns, size.rows))
            yield SshTerminal(self._host, process)

    async def _start(self, stack: AsyncExitStack, argv: tuple[str, ...], **terminal: Any) -> Process:
        """Open a session for `argv`, waiting for a place where sshd allows few.

        :param terminal: asyncssh's own words for one.
        """
        line = command_line(argv) if argv else None
        give_up = asyncio.get_running_loop().time() + _OPEN_TIMEOUT
        while True:
            place = AsyncExitStack()
            held = await place.enter_async_context(self._slots.place(_OPEN_TIMEOUT))
            try:
                async with asyncio.timeout(_OPEN_TIMEOUT):
                    process: Process = await self._connection.create_process(line, encoding=None, **terminal)
            except asyncssh.ChannelOpenError as error:
                wait = not self._lost.done() and self._slots.refused()
                await place.aclose()
                if wait and asyncio.get_running_loop().time() < give_up:
                    await asyncio.sleep(_REFUSED_PAUSE)
                    continue
                if self._lost.done():
                    raise _lost(self._host, error) from error
                raise AccessRefused(
                    f"sshd opens no session: {clean(error.reason)}",
                    host=self._host,
                    hint="see MaxSessions and ForceCommand in its sshd_config",
                ) from error
            except TimeoutError as error:
                await place.aclose()
                raise HostFailure(
                    f"sshd opens no session within {_OPEN_TIMEOUT:g} s", host=self._host
                ) from error
            except (asyncssh.Error, OSError) as error:  # OSError: the connection broke as we wrote
                await place.aclose()
                raise _lost(self._host, error) from error
            except BaseException:
                await place.aclose()
                raise
            held.opened()
            stack.callback(self._leave, process, place)
            return process

    def _leave(self, process: Process, place: AsyncExitStack) -> None:
        """Close a session, which ends its command by SIGHUP or SIGPIPE at its next word.

        Its place is free for another only once sshd has closed it too: asking before that would be
        refused, and taken for a lower limit than there is. Who has left need not wait for that.
        """

        async def left() -> None:
            async with place:
                with suppress(TimeoutError, asyncssh.Error, OSError):
                    async with asyncio.timeout(_CLOSE_TIMEOUT):
                        await process.wait_closed()
            untie_process(process)

        process.close()
        task = asyncio.create_task(left(), name=f"{self._host}: a session ends")
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    # -- sockets ----------------------------------------------------------------------------

    @asynccontextmanager
    async def socket(
        self, remote: str, *, relay: Sequence[str] = (), privileged: bool = False
    ) -> AsyncIterator[Path]:
        if not privileged and await self._forwards(remote, relay):
            local = self._new_path()
            listener = await self._connection.forward_local_path(str(local), remote)
            try:
                yield local
            finally:
                listener.close()
                await listener.wait_closed()
                local.unlink(missing_ok=True)
            return
        if not relay:
            raise AccessRefused(
                f"sshd forwards no unix sockets, and nothing else reaches {remote}",
                host=self._host,
                hint="set AllowStreamLocalForwarding yes",
            )
        async with self._relayed(tuple(relay), privileged) as local:
            yield local

    async def _forwards(self, remote: str, relay: Sequence[str]) -> bool:
        """Whether sshd connects us to `remote`; False if a relay may do it instead.

        OpenSSH 10 says the same "open failed" for a socket that is missing, closed to us or dead as
        for one that it may not forward, so the cause is looked up. A socket that is there and open
        to us is tried by `relay`; only once that has worked is sshd known to forward none.

        :raises HostError: the socket is missing or closed to us; or dead, and there is no relay.
        """
        if self._forwarding:
            try:
                async with asyncio.timeout(_OPEN_TIMEOUT):
                    _, writer = await self._connection.open_unix_connection(remote, encoding=None)
            except asyncssh.ChannelOpenError as error:
                if error.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED:
                    self._forwarding = False
                elif self._lost.done():
                    raise _lost(self._host, error) from error
            except TimeoutError:
                raise HostFailure(f"{remote} does not answer", host=self._host) from None
            except (asyncssh.Error, OSError) as error:
                raise _lost(self._host, error) from error
            else:
                writer.close()
                return True
        for test, error_type, reason in (
            ("-S", Absent, f"no socket at {remote}"),
            ("-w", AccessRefused, f"{remote} is closed to this user"),
        ):
            if (await self.run(("test", test, remote))).code != 0:
                raise error_type(reason, host=self._host)
        if self._forwarding and not relay:
            raise HostFailure(f"nothing listens on {remote}", host=self._host)
        return False

    @asynccontextmanager
    async def _relayed(self, relay: tuple[str, ...], privileged: bool) -> AsyncIterator[Path]:
        """A local socket whose every connection is one remote `relay` process."""
        elevation = await self._becoming.elevation(self) if privileged else None
        argv = (*elevation.prefix, *relay) if elevation else relay

        def answered() -> None:
            if not privileged:
                self._forwarding = False

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                async with AsyncExitStack() as stack:
                    process = await self._start(stack, argv)
                    if elevation:
                        process.stdin.write(elevation.stdin)
                    await _join(process, reader, writer, answered)
            except (HostError, asyncssh.Error, OSError):
                # The client of this connection sees it end, and asks its own questions.
                pass

        local = self._new_path()
        async with serving(local, serve, f"{self._host}: relay {relay[0]}"):
            yield local

    def _new_path(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="qd-"))  # made with mode 0700
        self._sockets += 1
        return self._folder / str(self._sockets)


def command_line(argv: Sequence[str]) -> str:
    """What the host's shell runs as `argv`, and as nothing else.

    As a first word, `A=b` would set a variable, and `time` or `if` begin a sentence of the shell's own:
    `shlex.quote` leaves them as they are.
    """
    first, *others = argv
    special = first in _SHELL_WORDS or (shlex.quote(first) == first and ("=" in first or "%" in first))
    return " ".join([f"'{first}'" if special else shlex.quote(first), *map(shlex.quote, others)])


async def _join(
    process: Process,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    answered: Callable[[], None],
) -> None:
    """Carry bytes both ways until the remote command has said its last; `answered` at its first."""

    async def upwards() -> None:
        while chunk := await reader.read(65536):
            process.stdin.write(chunk)
            await process.stdin.drain()
        process.stdin.write_eof()

    up = asyncio.create_task(upwards())
    try:
        while chunk := await process.stdout.read(65536):
            answered()
            writer.write(chunk)
            await writer.drain()
    finally:
        up.cancel()
        await asyncio.gather(up, return_exceptions=True)


def _lost(host: str, error: Exception) -> HostError:
    return Unreachable(f"the connection was lost: {clean(str(error), 200)}", host=host)

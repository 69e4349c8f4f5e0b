"""The embedded etcd: a single member that the consoles of one user share where no etcd is configured.

    async with embedded(state / "etcd", report=print) as etcd:
        client = connect(etcd.config)

The first console starts it, the last one ends it. A console that is killed counts no longer, because
the kernel frees its lock; etcd runs on then, and whoever is the last one next ends it. An etcd that dies is
seen by `alive` and started anew by `restart_if_dead`, once, however many consoles see it.

It listens on two unix sockets in a folder that only its user can enter, and on nothing else: no port, no
password. (Tried with etcd 3.4.23 and 3.5.1: both listen on `unix://NAME:PORT` for clients and for
peers, and gRPC connects to it at 0.4 to 0.7 ms a call.) Every acknowledged write is on the disk:
no flag that trades that away is set.

A console that runs in a cgroup of its own (`systemd-run --scope`, a service, a login session with
`KillUserProcesses=yes`) takes etcd with it when systemd ends that cgroup: the others start it anew, and
nothing that was acknowledged is lost.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from console.errors import StoreError
from console.model.config import EtcdConfig
from console.store import embedded_process as processes
from console.store.embedded_binary import Binary, candidates, choose
from console.store.embedded_folder import CLIENT, PEER, Facts, Folder
from console.store.embedded_process import Process
from console.store.embedded_words import Ending, ending, last_words

#: Of data; etcd refuses writes beyond it until some is taken away and the alarm is lifted.
QUOTA = 512 * 1024 * 1024

#: How long a start may take, replaying the log of writes included, and an end that etcd is asked for.
_READY_WITHIN = 30.0
_ENDS_WITHIN = 5.0

#: With less room than this, in bytes, a line of a log may not have been written.
_TOO_LITTLE = 64 * 1024

_FLAGS = (
    "--name=quarterdeck",
    "--data-dir=data",
    f"--listen-client-urls=unix://{CLIENT}",
    f"--advertise-client-urls=unix://{CLIENT}",
    f"--listen-peer-urls=unix://{PEER}",
    f"--initial-advertise-peer-urls=unix://{PEER}",
    f"--initial-cluster=quarterdeck=unix://{PEER}",
    # A member without peers elects itself: ready in 40 to 180 ms with these, in 0.7 to 1.4 s with the
    # defaults (100, 1000). Ticking that often costs 1.2 % of a CPU instead of 0.5 %.
    "--heartbeat-interval=20",
    "--election-timeout=100",
    f"--quota-backend-bytes={QUOTA}",
    # By count, not by time: what an engine writes in an hour may not fit into the quota, and the history
    # of a quiet fleet is worth keeping.
    "--auto-compaction-mode=revision",
    "--auto-compaction-retention=10000",
    # The log of writes comes in files of 64 MB: with the defaults (100,000 and 5) up to 400 MB.
    "--snapshot-count=10000",
    "--max-snapshots=2",
    "--max-wals=2",
    "--enable-grpc-gateway=false",
    "--logger=zap",
    "--log-outputs=stderr",
    "--log-level=warn",
)

#: All that it gets of our environment. etcd takes every flag from ETCD_* as well, but a user's are meant
#: for clients; and systemd's NOTIFY_SOCKET is the console's. This one lets 3.4 run on arm64.
_ENVIRON = ("ETCD_UNSUPPORTED_ARCH",)


class EmbeddedEtcd:
    """The etcd that this console shares; made by `embedded`.

    :ivar config: how to reach it, from this process and until the context is left. It stays the same when
        etcd is started anew. No other process is to be given its endpoint: it may name a descriptor of ours.
    """

    def __init__(
        self,
        folder: Folder,
        report: Callable[[str], None],
        environ: Mapping[str, str],
        binaries: Sequence[Path],
        start: bool,
    ) -> None:
        self.config = EtcdConfig(endpoints=(f"unix://{folder.socket()}",))
        self._folder = folder
        self._report = report
        self._environ = environ
        self._binaries = binaries
        self._may_start = start
        self._process: Process | None = None

    def alive(self) -> bool:
        """Whether its process is there, by a look at small files; if it answers is the client's to ask."""
        return self._running() is not None

    def ending(self) -> Ending:
        """Why it is dead; of use while it is not alive."""
        log = self._folder.read_log()
        if last_words(log) is None and self._folder.room() < _TOO_LITTLE:
            return Ending("the disk is full, and so etcd could not say why it ended", "make room")
        return ending(log)

    async def restart_if_dead(self) -> bool:
        """Start it anew if it is dead, unless another console has; whether this one did. It is ready then.

        :raises StoreError: it does not start, and why.
        """
        async with self._folder.turn():
            if self.alive():
                return False
            await self._start()
            return True

    async def enter(self) -> None:
        """Count as a user, and start etcd unless it runs. Called by `embedded`."""
        async with self._folder.turn():
            alone = self._folder.join()
            facts = self._folder.facts()
            if facts is not None and facts.machine != processes.machine():
                if not alone:
                    raise StoreError(
                        f"{self._folder.root} is in use by consoles on {facts.host}, with the etcd there",
                        hint="keep it on a disk of this machine ($XDG_STATE_HOME), or name an etcd in [etcd]",
                    )
                self._clear()  # its number of a process means nothing here
            if (process := self._running()) is None:
                await self._start()
                return
            if not await processes.ready(process, self._folder.socket(), _READY_WITHIN):
                raise self._failed(process)
            try:
                self._folder.bound_log()
            except OSError as error:
                self._report(f"{self._folder.log} has grown long and cannot be begun anew: {error.strerror}")

    async def leave(self) -> None:
        """Count no longer, and end etcd if nobody else does. Called by `embedded`.

        :raises StoreError: it cannot be ended.
        """
        async with self._folder.turn():
            process = self._running()
            if not self._folder.leave() or process is None:
                return
            if not await processes.end(process, _ENDS_WITHIN):
                raise StoreError(f"etcd (process {process.pid}) does not end")

    def _running(self) -> Process | None:
        if self._process is None or not self._process.runs():
            # Another console may have started it anew.
            self._process = processes.read_mark(self._folder.mark)
        return self._process if self._process is not None and self._process.runs() else None

    async def _start(self) -> None:
        if not self._may_start:
            raise StoreError("the embedded etcd does not run, and this console does not start it")
        facts = self._folder.facts()
        binary = await choose(self._binaries, facts.version if facts else None)
        if note := binary.note():
            self._report(note)
        process = self._spawn(binary, facts)
        try:
            if not await processes.ready(process, self._folder.socket(), _READY_WITHIN):
                raise self._failed(process)
        except BaseException:
            await processes.end(process, _ENDS_WITHIN)
            raise
        self._process = process

    def _spawn(self, binary: Binary, facts: Facts | None) -> Process:
        new = Facts(binary.version, processes.machine(), processes.host())
        environ = {name: self._environ[name] for name in _ENVIRON if name in self._environ}
        self._clear()
        try:
            if new != facts:
                self._folder.keep(new)  # before it runs: from then on the data may carry its version
            log = self._folder.begin_log()
            try:
                argv = (str(binary.path), *_FLAGS)
                return processes.spawn(argv, self._folder.root, self._folder.mark, log, environ)
            finally:
                os.close(log)
        except OSError as error:
            raise self._unusable(error) from error

    def _clear(self) -> None:
        try:
            self._folder.clear()
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> StoreError:
        return StoreError(f"etcd cannot be run in {self._folder.root}: {error.strerror}")

    def _failed(self, process: Process) -> StoreError:
        log = f"its log: {self._folder.log}"
        if process.runs():
            return StoreError(
                f"etcd (process {process.pid}) has not answered for {_READY_WITHIN:.0f} s", hint=log
            )
        end = self.ending()
        return StoreError(f"etcd does not start: {end.why}", hint=f"{end.hint}; {log}" if end.hint else log)


@asynccontextmanager
async def embedded(
    folder: Path,
    *,
    report: Callable[[str], None],
    environ: Mapping[str, str] | None = None,
    binaries: Sequence[Path] | None = None,
    start: bool = True,
) -> AsyncIterator[EmbeddedEtcd]:
    """Use the embedded etcd in `folder`; it is ready when the context is entered.

    The client is to be closed before the context is left.

    :param folder: for etcd alone; made if need be, with its parents.
    :param report: takes what the user should be told though nothing failed, a line each.
    :param environ: instead of this process's own.
    :param binaries: the programs to choose from, best first; None: those of this machine.
    :param start: False: only one that runs is used, and it is not started anew either.
    :raises ConfigError: the folder is not ours alone.
    :raises StoreError: there is no etcd to start, or it does not start, and why.
    """
    if not processes.supported():
        raise StoreError("etcd is started on Linux 5.3 or later only", hint="name a running one in [etcd]")
    environ = os.environ if environ is None else environ
    place = Folder(folder)
    try:
        found = tuple(candidates(environ)) if binaries is None else binaries
        etcd = EmbeddedEtcd(place, report, environ, found, start)
        await etcd.enter()
        try:
            yield etcd
        finally:
            try:
                await etcd.leave()
            except StoreError as error:
                report(f"{error}; it is left running")
    finally:
        place.close()

"""The fleet's memory as this console has it: what etcd holds for all consoles, read or followed.

    etcd ──list, watch──▶ Memory: hosts, acting, macros, acks, denied, locks ──told──▶ the model, views

What is known of hosts is kept in a file beside (`overlay.py`), for when etcd cannot be asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from console.errors import ConfigError, Problem, StoreError, first_of
from console.fleet.config_values import is_name
from console.fleet.overlay import HostOverlay, change_overlay, read_record, record_fields
from console.model.config import EtcdConfig
from console.model.locks import LockState
from console.model.memory import Ack, Acting, Denied
from console.model.store import StoreStatus
from console.store import guarded, records
from console.store.client import Etcd, open_etcd
from console.store.lease import leased
from console.store.mirror import difference, mirror
from console.store.schema import Keys, check_schema
from console.store.values import Entry, Event, Put

#: How each kind of key is read: its name and its value. Each raises ValueError for what it cannot read.
_KINDS: Mapping[str, Callable[[str, bytes], Any]] = {
    "hosts": lambda name, value: read_record(records.unpack(value)),
    "acting": records.read_acting,
    "macros": lambda name, value: value.decode(),
    "acks": records.read_ack,
    "denied": records.read_denied,
    "locks": records.read_lock,
}

#: Among the problems, that what is known cannot be kept.
_KEPT = "what is said of hosts"

#: Who acts on a host, and has vanished, is forgotten after so many seconds.
_ACTING_TTL = 15

#: Work waits no longer than this for etcd to say that it goes on. Seconds.
_SAID_WITHIN_S = 2.0

#: Takes the names of one kind that have changed.
Told = Callable[[str, frozenset[str]], None]


class Memory:
    """Made by `open_memory`.

    :param file: the fleet's file, named in what is kept of hosts at `snapshot`.
    :param macros: the folder in which the fleet's macros are kept.
    """

    def __init__(self, etcd: Etcd, file: Path, snapshot: Path, macros: Path, *, embedded: bool) -> None:
        self.etcd = etcd
        self.keys = Keys(etcd.prefix)
        #: What could not be read: the key, and what is wrong with it.
        self.problems: dict[str, str] = {}
        self._file = file
        self._snapshot = snapshot
        self._macros = macros
        self._embedded = embedded
        self._keeping = asyncio.Lock()
        self._found: dict[str, dict[str, Any]] = {kind: {} for kind in _KINDS}
        self._entries: dict[str, dict[str, Entry]] = {kind: {} for kind in _KINDS}

    def beside(self) -> Memory:
        """Another over the same connection, which knows nothing yet: one at a time follows each."""
        return Memory(self.etcd, self._file, self._snapshot, self._macros, embedded=self._embedded)

    @property
    def status(self) -> StoreStatus:
        """Whether what is here can be believed."""
        return replace(self.etcd.health.status, embedded=self._embedded)

    # -- what is known ----------------------------------------------------------------------

    @property
    def hosts(self) -> Mapping[str, HostOverlay]:
        """What is said of hosts, by their names."""
        return self._found["hosts"]

    @property
    def macros(self) -> Mapping[str, str]:
        """The texts of the fleet's macros, by their names."""
        return self._found["macros"]

    @property
    def acks(self) -> Mapping[str, Ack]:
        """What is known of and looked after, by the name of the trouble."""
        return {ack.trouble: ack for ack in self._found["acks"].values()}

    @property
    def denied(self) -> tuple[Denied, ...]:
        """The versions that no rollout may bring back."""
        return tuple(self._found["denied"].values())

    @property
    def locks(self) -> tuple[LockState, ...]:
        """The reboot locks that somebody has asked for or changed."""
        return tuple(self._found["locks"].values())

    def acting(self, host: str) -> tuple[Acting, ...]:
        """Who changes something on a host just now, whoever began first before the others."""
        found = [one for one in self._found["acting"].values() if one.host == host]
        return tuple(sorted(found, key=lambda one: one.since))

    # -- reading ----------------------------------------------------------------------------

    async def read(self) -> None:
        """Read all of it once. :raises StoreError: etcd does not say, or a newer program wrote it."""
        await check_schema(self.etcd, write=False)

        async def read(kind: str) -> None:
            listing = await self.etcd.list(self.keys.under(kind))
            changes = difference(self._entries[kind], listing)
            self._entries[kind] = {entry.key: entry for entry in listing.entries}
            self._take(kind, changes)

        async with _one_error(), asyncio.TaskGroup() as group:
            for kind in _KINDS:
                group.create_task(read(kind))
        await self.keep()

    async def follow(self, told: Told) -> None:
        """Keep all of it as it is in etcd, until cancelled. `told` of what changes, at first of all.

        :raises StoreError: etcd says no: our user may not read it.
        """

        async def follow(kind: str) -> None:
            async for events in mirror(self.etcd, self.keys.under(kind), self._entries[kind]):
                self._take(kind, events)
                if kind in ("hosts", "macros"):
                    try:
                        await self.keep()
                    except ConfigError as error:
                        self.problems[_KEPT] = f"is shown, and not kept for when etcd is away: {error}"
                    else:
                        self.problems.pop(_KEPT, None)
                told(kind, frozenset(self.keys.name(event.key) for event in events))

        async with _one_error(), asyncio.TaskGroup() as group:
            for kind in _KINDS:
                group.create_task(follow(kind), name=f"following {kind}")

    async def keep(self) -> None:
        """Keep what is known of hosts, and the macros, for when etcd cannot be asked.

        :raises ConfigError: the state folder does not take it.
        """
        async with self._keeping:  # threads may come to it in another order than they were asked in
            hosts, macros = dict(self.hosts), dict(self.macros)
            await asyncio.to_thread(self._keep, hosts, macros)

    def _keep(self, hosts: Mapping[str, HostOverlay], macros: Mapping[str, str]) -> None:
        change_overlay(self._snapshot, self._file, lambda _: hosts)
        try:
            keep_texts(self._macros, {f"{name}.toml": text for name, text in macros.items() if is_name(name)})
        except OSError as error:
            raise ConfigError((Problem(self._macros, 0, f"cannot be written: {error.strerror}"),)) from error

    def _take(self, kind: str, events: Iterable[Event]) -> None:
        for event in events:
            name = self.keys.name(event.key)
            self.problems.pop(event.key, None)
            self._found[kind].pop(name, None)
            if event.entry is None:
                continue
            try:
                self._found[kind][name] = _KINDS[kind](name, event.entry.value)
            except (ValueError, KeyError) as error:
                self.problems[event.key] = str(error)

    # -- changing ---------------------------------------------------------------------------

    async def host(self, name: str) -> HostOverlay:
        """What is said of a host now. :raises StoreError: etcd does not say."""
        entry = await self.etcd.get(self.keys.host(name))
        return HostOverlay() if entry is None else _host(entry)

    async def change_host(self, name: str, change: Callable[[HostOverlay], HostOverlay]) -> HostOverlay:
        """Change what is said of a host; what it is now.

        :raises StoreError: it was not changed, or whether it was is not known.
        """
        said = HostOverlay()

        def changed(before: Entry | None) -> bytes | None:
            nonlocal said
            said = change(HostOverlay() if before is None else _host(before))
            return records.pack(record_fields(said)) if said else None

        await check_schema(self.etcd, write=True)
        await guarded.change(self.etcd, self.keys.host(name), changed)
        if said:
            self._found["hosts"][name] = said
        else:
            self._found["hosts"].pop(name, None)
        # This host alone: of the others another console may know more by now than we do.
        await asyncio.to_thread(change_overlay, self._snapshot, self._file, lambda kept: {**kept, name: said})
        return said

    async def text(self, kind: str, name: str) -> str | None:
        """What a key of some kind holds now, None if there is none. :raises StoreError: etcd does not say."""
        entry = await self.etcd.get(f"{self.keys.under(kind).key}{name}")
        return None if entry is None else entry.value.decode("utf-8", "replace")

    async def put_text(self, kind: str, name: str, text: str | None) -> None:
        """Have it hold `text`, or have no such key. :raises StoreError: see above."""
        await check_schema(self.etcd, write=True)
        value = None if text is None else text.encode()
        await guarded.change(self.etcd, f"{self.keys.under(kind).key}{name}", lambda before: value)

    @asynccontextmanager
    async def acting_on(
        self, acting: Iterable[Acting], unheard: Callable[[str], None]
    ) -> AsyncIterator[None]:
        """Have every console see who acts on which hosts, while the context is held.

        Work on a host does not wait for etcd and does not fail by it: what it does not take is told.

        :param unheard: takes why nobody sees it.
        """
        puts = list(acting)
        if not puts:
            yield
            return
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(_SAID_WITHIN_S):
                    lease = await stack.enter_async_context(leased(self.etcd, _ACTING_TTL))
                    said = [
                        Put(self.keys.acting(one.host, one.record), records.acting_bytes(one), lease.id)
                        for one in puts
                    ]
                    await guarded.in_pages(self.etcd, said)
            except TimeoutError:
                unheard(f"etcd does not answer: {self.status.reason or 'no word in time'}")
            except StoreError as error:
                unheard(str(error))
            yield


@asynccontextmanager
async def open_memory(
    config: EtcdConfig,
    file: Path,
    snapshot: Path,
    macros: Path,
    *,
    embedded: bool = False,
    writes: bool = True,
) -> AsyncIterator[Memory]:
    """The memory of a fleet; nothing is read yet.

    :param writes: False: it is for reading alone.
    :raises ConfigError: a file that `config` names cannot be read.
    """
    async with open_etcd(config, writes=writes) as etcd:
        yield Memory(etcd, file, snapshot, macros, embedded=embedded)


def keep_texts(folder: Path, texts: Mapping[str, str]) -> None:
    """Have `folder` hold these files, by their names, and no other. :raises OSError:"""
    there = {path.name for path in folder.glob("*")} if folder.exists() else set()
    if texts:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, text in texts.items():
        path = folder / name
        if name not in there or path.read_text(encoding="utf-8", errors="replace") != text:
            new = folder / f".{name}.new"
            new.write_text(text, encoding="utf-8")
            new.replace(path)
    for name in there - texts.keys():
        (folder / name).unlink(missing_ok=True)


def _host(entry: Entry) -> HostOverlay:
    try:
        return read_record(records.unpack(entry.value))
    except ValueError as error:
        raise StoreError(f"{entry.key} cannot be read: {error}", hint="`etcd get` shows it") from None


@asynccontextmanager
async def _one_error() -> AsyncIterator[None]:
    """Of several tasks that etcd refused, one says so."""
    try:
        yield
    except* StoreError as errors:
        raise first_of(errors) from None

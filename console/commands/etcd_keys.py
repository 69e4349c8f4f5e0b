"""The fleet's keys in etcd as somebody looks through them: kinds, keys, and what a key held before."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from console.commands.etcd_picture import key_row
from console.commands.rows.etcd import KeyRow
from console.commands.rows.etcd_keys import KeyHistory, KindRow
from console.model.text import clean

if TYPE_CHECKING:
    from console.fleet.memory import Memory
    from console.store.values import Entry, Event, Span

#: So many earlier values of a key are looked for.
_EARLIER = 10


class Kinds:
    """How many keys there are of each kind, kept by `follow`."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._names: dict[str, set[str]] = {}
        self._newest: dict[str, int] = {}
        #: The last change that was seen, by its revision.
        self.revision = 0

    def look_up(self, kind: str) -> KindRow | None:
        """A kind as it is now; None if there is no key of it."""
        names = self._names.get(kind)
        return KindRow(kind, len(names), self._newest[kind]) if names else None

    async def follow(self) -> AsyncGenerator[set[str], None]:
        """Follow all keys until closed: the kinds that have changed, at first all.

        :raises StoreError: etcd says no.
        """
        from console.store.mirror import mirror

        entries: dict[str, Entry] = {}
        span = self._memory.keys.all
        async with aclosing(mirror(self._memory.etcd, span, entries, values=False)) as changing:
            async for events in changing:
                yield {self._take(event) for event in events}

    def _take(self, event: Event) -> str:
        name = event.key.removeprefix(self._memory.etcd.prefix)
        kind = clean(_kind(name), 60)
        names = self._names.setdefault(kind, set())
        (names.discard if event.entry is None else names.add)(name)
        self._newest[kind] = max(self._newest.get(kind, 0), event.revision)
        self.revision = max(self.revision, event.revision)
        return kind


class KeysOf:
    """The keys of one kind, kept by `follow`; their names without the fleet's prefix."""

    #: Kinds of keys whose values are many and large: they are read when one is looked at.
    WITHOUT_VALUES = frozenset({"audit"})

    def __init__(self, memory: Memory, kind: str) -> None:
        self._memory = memory
        self._kind = kind
        self._entries: dict[str, Entry] = {}

    def rows(self) -> list[KeyRow]:
        """All of them, by name."""
        rows = (_row(self._memory, self._entries[key]) for key in sorted(self._entries))
        return [row for row in rows if _kind(row.key) == self._kind]

    def look_up(self, name: str) -> KeyRow | None:
        entry = self._entries.get(self._memory.etcd.prefix + name)
        return None if entry is None else _row(self._memory, entry)

    @property
    def _span(self) -> Span:
        from console.store.values import Span

        # Some kinds are one key of that name. "0" comes after "/".
        whole = f"{self._memory.etcd.prefix}{self._kind}"
        return Span(whole, f"{whole}0")

    async def follow(self) -> AsyncGenerator[set[str], None]:
        """Follow them until closed: the names of those that have changed, at first all.

        :raises StoreError: etcd says no.
        """
        from console.store.mirror import mirror

        etcd, span = self._memory.etcd, self._span
        values = self._kind not in self.WITHOUT_VALUES
        async with aclosing(mirror(etcd, span, self._entries, values=values)) as changing:
            async for events in changing:
                names = (event.key.removeprefix(etcd.prefix) for event in events)
                yield {name for name in names if _kind(name) == self._kind}


async def follow_key(memory: Memory, name: str) -> AsyncGenerator[KeyHistory, None]:
    """A key with what it held before, now and after each change, until closed.

    :param name: without the fleet's prefix.
    :raises StoreError: etcd does not say.
    """
    from console.store.client import Compacted
    from console.store.values import Span
    from console.store.watch import watch

    span = Span(memory.etcd.prefix + name)
    history = await key_history(memory, name)
    while True:
        yield history
        try:
            async with aclosing(watch(memory.etcd, span, history.revision)) as changing:
                async for events in changing:
                    if events:
                        history = await key_history(memory, name, history)
                        yield history
        except Compacted:
            history = await key_history(memory, name, history)


async def key_history(memory: Memory, name: str, known: KeyHistory | None = None) -> KeyHistory:
    """A key now, and the values it had before as far as etcd still has them.

    :param name: without the fleet's prefix.
    :param known: what was known of it, for when it is gone.
    :raises StoreError: etcd does not say.
    """
    from console.store.client import Compacted
    from console.store.values import Span

    etcd, span = memory.etcd, Span(memory.etcd.prefix + name)
    now = await etcd.range(span)
    if not now.entries:
        return KeyHistory(name, now.revision, None, known.values if known is not None else (), "it is gone")
    found = [now.entries[0]]
    end = ""
    while found[-1].created != found[-1].modified:
        if len(found) > _EARLIER:
            end = f"{found[-1].version - 1} changes before that are not shown"
            break
        try:
            before = await etcd.range(span, revision=found[-1].modified - 1)
        except Compacted:
            end = f"etcd has forgotten what it was before revision {found[-1].modified}"
            break
        found += before.entries
    end = end or f"it was made at revision {found[-1].created}"
    values = tuple(_row(memory, one) for one in found)
    return KeyHistory(name, now.revision, found[0].modified, values, end)


def _kind(name: str) -> str:
    return name.partition("/")[0]


def _row(memory: Memory, entry: Entry) -> KeyRow:
    row = key_row(entry)
    return replace(row, key=row.key.removeprefix(memory.etcd.prefix))

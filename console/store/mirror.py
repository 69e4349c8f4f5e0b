"""What stands under some keys, kept up to date here: listed once, then watched.

    async with aclosing(mirror(etcd, Span.under(…), entries)) as changing:
        async for changes in changing: …                             entries is what is now

After a compaction it is listed anew and compared with what it was, so that no change is lost; those in
between, which nobody can know any more, come as one.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from console.errors import StoreUnreachable
from console.store.client import Compacted, Etcd
from console.store.values import Entry, Event, Listing, Span
from console.store.watch import watch


async def mirror(
    etcd: Etcd, span: Span, entries: dict[str, Entry], *, values: bool = True
) -> AsyncGenerator[tuple[Event, ...], None]:
    """Keep `entries` as they are in etcd; what changed, as it does. The first batch is all that there is.

    A key that was deleted while nobody could see it is told at the revision of the listing.

    :param entries: filled and kept by this alone. It may hold what is known from before.
    :param values: False: what the keys hold is left out of the listing, and comes with changes only.
    :raises StoreError: etcd says no; it is waited for where it does not answer.
    """
    first = True
    while True:
        try:
            listing = await etcd.list(span, values=values)
        except (Compacted, StoreUnreachable):
            continue  # it took longer to read all pages than etcd keeps what was; or nobody answered for long
        revision = listing.revision
        changes = difference(entries, listing)
        _apply(entries, changes)
        if changes or first:
            first = False
            yield changes
        del listing, changes  # all that was there then, which would be kept for as long as the watch stands
        try:
            async with aclosing(watch(etcd, span, revision)) as watching:
                async for events in watching:
                    if events:
                        _apply(entries, events)
                        yield events
        except Compacted:
            pass


def difference(before: dict[str, Entry], listing: Listing) -> tuple[Event, ...]:
    """What makes `before` into what was listed, in the order in which it happened."""
    now = {entry.key: entry for entry in listing.entries}
    changed = [
        Event(key, entry.modified, entry)
        for key, entry in now.items()
        if (known := before.get(key)) is None or known.modified != entry.modified
    ]
    gone = [Event(key, listing.revision, None) for key in before if key not in now]
    return tuple(sorted([*changed, *gone], key=lambda event: event.revision))


def _apply(entries: dict[str, Entry], events: tuple[Event, ...]) -> None:
    for event in events:
        if event.entry is None:
            entries.pop(event.key, None)
        else:
            entries[event.key] = event.entry

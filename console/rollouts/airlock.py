"""The locks that airlock keeps in the same etcd, to be shown beside ours. Read alone, never written.

    com.coreos.airlock/groups/<group, escaped as in a query>/v1/semaphore
    {"total_slots": 1, "holders": ["c988d2509fdf5cdcbed39037c56406fb"]}

Source: coreos/airlock, internal/lock/lock.go and semaphore.go. Holders are Zincati's ids of machines; since
when they hold a slot, airlock does not keep.
"""

from __future__ import annotations

from urllib.parse import unquote_plus

from console.errors import StoreError
from console.model.locks import AIRLOCK, Holder, LockState
from console.model.text import clean
from console.store.client import Etcd
from console.store.records import unpack
from console.store.values import Entry, Span

_GROUPS = "com.coreos.airlock/groups/"
_SEMAPHORE = "/v1/semaphore"

#: More holders than this are not read; there are as many as slots.
_HOLDERS_MAX = 10_000


async def airlock_locks(etcd: Etcd) -> tuple[LockState, ...]:
    """What airlock keeps in this etcd; nothing where it is not used.

    :raises StoreError: etcd does not say, does not let us read there, or one cannot be read.
    """
    listing = await etcd.list(Span.under(_GROUPS))
    return tuple(read_semaphore(entry) for entry in listing.entries if entry.key.endswith(_SEMAPHORE))


def read_semaphore(entry: Entry) -> LockState:
    """One of its records. :raises StoreError: it is none."""
    group = unquote_plus(entry.key.removeprefix(_GROUPS).removesuffix(_SEMAPHORE))
    try:
        found = unpack(entry.value)
        slots, ids = found["total_slots"], found["holders"] or []
        if not isinstance(slots, int) or not isinstance(ids, list) or len(ids) > _HOLDERS_MAX:
            raise ValueError("total_slots or holders are not what airlock writes")
    except (ValueError, KeyError) as error:
        raise StoreError(f"{clean(entry.key, 200)} of airlock cannot be read: {error}") from None
    holders = tuple(Holder(clean(str(one), 200), None, None, "") for one in ids)
    return LockState(clean(group, 200), slots, None, holders, AIRLOCK)

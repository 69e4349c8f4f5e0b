"""Versions that were rolled back, or that a person wants nowhere: no rollout brings one unless told to.

denied/<kind>/<version>     {"kind": …, "version": …, "since": …, "by": …, "why": …}
"""

from __future__ import annotations

from datetime import UTC, datetime

from console.errors import StoreError, UsageError
from console.model.memory import HOST, Denied
from console.model.text import clean
from console.store import guarded, records
from console.store.client import Etcd
from console.store.schema import Keys, check_schema
from console.store.values import Entry

_WORD_MAX = 200


async def deny(client: Etcd, keys: Keys, kind: str, version: str, *, by: str, why: str) -> Denied:
    """Have `version` be brought back by no rollout; what is denied then.

    Who has denied it before, and why, stands.

    :raises UsageError: it cannot be the name of a version.
    :raises StoreError: etcd did not take it, or did not say; it may be asked again as it is.
    """
    checked_version(kind, version)
    wanted = Denied(kind, version, datetime.now(UTC), clean(by, _WORD_MAX), clean(why, 500))
    found = wanted

    def changed(entry: Entry | None) -> bytes:
        nonlocal found
        found = wanted if entry is None else _read(keys, entry)
        return records.denied_bytes(wanted) if entry is None else entry.value

    await check_schema(client, write=True)
    await guarded.change(client, keys.denied(kind, version), changed)
    return found


async def allow(client: Etcd, keys: Keys, kind: str, version: str) -> bool:
    """Let rollouts bring `version` again; whether it was denied. :raises StoreError: see `deny`."""
    await check_schema(client, write=True)
    return await guarded.change(client, keys.denied(kind, version), lambda entry: None) is not None


async def denied(client: Etcd, keys: Keys) -> tuple[Denied, ...]:
    """All of them, by kind and version. :raises StoreError: etcd does not say, or one cannot be read."""
    listing = await client.list(keys.under("denied"))
    return tuple(_read(keys, entry) for entry in listing.entries)


async def find_denied(client: Etcd, keys: Keys, kind: str, version: str) -> Denied | None:
    """What is said of this version; None: it is not denied. :raises StoreError: see `denied`."""
    entry = await client.get(keys.denied(kind, version))
    return None if entry is None else _read(keys, entry)


def _read(keys: Keys, entry: Entry) -> Denied:
    try:
        return records.read_denied(keys.name(entry.key), entry.value)
    except (ValueError, KeyError) as error:
        raise StoreError(f"{entry.key} cannot be read: {error}", hint="`etcd get` shows it") from None


def checked_version(kind: str, version: str) -> None:
    """:raises UsageError: they have to stay what they are wherever they are shown."""
    for word in (kind, version):
        if not word.strip() or clean(word, _WORD_MAX) != word:
            raise UsageError(f"cannot be denied: {clean(word, _WORD_MAX)!r}", hint="one printable line")


__all__ = ["HOST", "allow", "checked_version", "denied", "deny", "find_denied"]

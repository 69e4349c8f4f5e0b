"""etcd as it is, put together for the commands and the screen that show it."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING

from console.commands.rows.etcd import EtcdPicture, Holder, KeyRow, MemberRow
from console.model.text import clean

if TYPE_CHECKING:
    from console.fleet.memory import Memory
    from console.store.values import Entry

#: A value is shown up to here, in characters.
_VALUE_MAX = 1 << 20

#: Kinds of keys that one of many holds at a time.
_HELD = ("engine/", "locks/")


async def etcd_picture(memory: Memory) -> EtcdPicture:
    """Members, alarms, keys and holders, now.

    :raises StoreError: nobody answers.
    """
    from console.store.members import cluster_status
    from console.store.schema import check_schema

    cluster = await cluster_status(memory.etcd)
    schema = await check_schema(memory.etcd, write=False)
    entries = (await memory.etcd.list(memory.keys.all)).entries
    kinds = Counter(entry.key.removeprefix(memory.etcd.prefix).partition("/")[0] for entry in entries)
    held = [
        Holder(entry.key, _text(entry), entry.lease, entry.created)
        for entry in entries
        if entry.key.removeprefix(memory.etcd.prefix).startswith(_HELD)
    ]
    return EtcdPicture(
        memory.status,
        memory.etcd.prefix,
        cluster.revision,
        schema,
        dict(sorted(kinds.items())),
        tuple(MemberRow(**dataclasses.asdict(one)) for one in cluster.members),
        cluster.alarms,
        tuple(held),
    )


def key_row(entry: Entry) -> KeyRow:
    return KeyRow(
        clean(entry.key, 500),
        len(entry.value),
        entry.created,
        entry.modified,
        entry.version,
        entry.lease,
        _text(entry),
    )


def _text(entry: Entry) -> str:
    return entry.value[:_VALUE_MAX].decode("utf-8", "replace")

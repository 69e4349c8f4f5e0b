"""The fleet's keys as a file, and back: for moving, and for the day on which etcd is lost.

JSON lines: a head, then a key a line, all as of one revision.

    {"quarterdeck": "etcd backup", "schema": 1, "prefix": "/quarterdeck/", "revision": 4711, "keys": 2}
    {"key": "hosts/web1", "value": "{…}"}

A value that is not UTF-8 is `value_b64`. Keys that live on a lease are the present, not memory (who leads,
who acts just now), and are left out; but the audit, which is kept on the leases of its days, is not.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.errors import ConfigError, Conflict, Problem
from console.store import guarded
from console.store.client import Etcd
from console.store.schema import VERSION, Keys, check_schema
from console.store.values import Entry, Listing, Put

_MARK = "etcd backup"
_KEPT_ON_LEASES = "audit/"


@dataclass(frozen=True, slots=True)
class Backup:
    """What a file holds. Keys are without the prefix."""

    revision: int
    keys: dict[str, bytes]


async def backup(etcd: Etcd, file: Path) -> int:
    """Write all keys of the fleet to `file`, all of one revision; how many there were.

    The file is whole or not there: it takes the name once all is in it. Only its owner can read it.

    :raises StoreError: etcd does not say.
    :raises ConfigError: it cannot be written.
    """
    lines = list(_lines(await etcd.list(Keys(etcd.prefix).all), etcd.prefix))
    await asyncio.to_thread(_write, file, lines)
    return len(lines) - 1


def read_backup(file: Path) -> Backup:
    """Read and check a whole file. :raises ConfigError: what is wrong with it, and where."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(file, 0, f"cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8'}") from error
    lines = text.removesuffix("\n").split("\n") if text else []
    head = _json(file, 1, lines[0]) if lines else {}
    if head.get("quarterdeck") != _MARK:
        raise _wrong(file, 1, "is not a backup of `etcd backup`")
    if head.get("schema") != VERSION:
        raise _wrong(
            file, 1, f"its keys are of version {head.get('schema')}, and this program knows {VERSION}"
        )
    keys = {}
    for number, line in enumerate(lines[1:], 2):
        one = _json(file, number, line)
        try:
            key, value = str(one["key"]), one.get("value")
            keys[key] = base64.b64decode(one["value_b64"], validate=True) if value is None else value.encode()
        except (KeyError, ValueError, AttributeError) as error:
            raise _wrong(file, number, "is not a key and its value") from error
    if len(keys) != head.get("keys"):
        raise _wrong(file, 0, f"has {len(keys)} keys where its head says {head.get('keys')}: it was cut off")
    return Backup(int(head.get("revision", 0)), keys)


async def restore(etcd: Etcd, saved: Backup) -> int:
    """Write the keys of a backup into an etcd that has none of the fleet's yet; how many.

    :raises Conflict: there are keys of a fleet already; nothing was written.
    :raises StoreError: it broke off; what was written before stays, and `restore` says so when run again.
    """
    keys = Keys(etcd.prefix)
    there = [entry for entry in (await etcd.list(keys.all)).entries if entry.key != keys.schema]
    if there:
        raise Conflict(
            f"{etcd.prefix} has {len(there)} keys already; a backup goes into an empty place",
            hint="another prefix in [etcd], or delete those first",
        )
    await check_schema(etcd, write=True)
    puts = (Put(etcd.prefix + key, value) for key, value in saved.keys.items() if key != "schema")
    return await guarded.in_pages(etcd, puts)


def _write(file: Path, lines: Iterable[str]) -> None:
    new = file.with_name(f".{file.name}.new")
    try:
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "w", encoding="utf-8") as out:
            out.writelines(lines)
            out.flush()
            os.fsync(handle)
        new.replace(file)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise _wrong(file, 0, f"cannot be written: {error.strerror}") from error


def _lines(listing: Listing, prefix: str) -> Iterator[str]:
    kept = [entry for entry in listing.entries if _is_memory(entry, prefix)]
    head = {
        "quarterdeck": _MARK,
        "schema": VERSION,
        "prefix": prefix,
        "revision": listing.revision,
        "keys": len(kept),
    }
    yield json.dumps(head) + "\n"
    yield from _written(kept, prefix)


def _written(entries: Iterable[Entry], prefix: str) -> Iterator[str]:
    for entry in entries:
        one = {"key": entry.key.removeprefix(prefix)}
        try:
            one["value"] = entry.value.decode()
        except UnicodeDecodeError:
            one["value_b64"] = base64.b64encode(entry.value).decode()
        yield json.dumps(one, ensure_ascii=False) + "\n"


def _is_memory(entry: Entry, prefix: str) -> bool:
    return not entry.lease or entry.key.startswith(prefix + _KEPT_ON_LEASES)


def _json(file: Path, number: int, line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise _wrong(file, number, "is not JSON") from error
    if not isinstance(found, dict):
        raise _wrong(file, number, "is not a key and its value")
    return found


def _wrong(file: Path, line: int, text: str) -> ConfigError:
    return ConfigError((Problem(file, line, text),))

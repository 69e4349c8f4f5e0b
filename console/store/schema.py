"""The keys of the fleet in etcd: their names, the version of what they hold, and how one becomes the next.

The one module that knows them. All under the fleet's prefix:

    schema                          {"version": 1}
    hosts/<name>                    address, labels, cordoned, drained-by
    services/<name>                 current spec: revision number, unit text, policy, desired state
    services/<name>/rev/<n>         immutable revisions
    services/<name>/at/<i>          the revision that a rollout has given one instance
    instances/<name>/<i>            host, epoch, revision: the placement
    leases/<host>                   until when its lease may hold, written before it is wound
    observed/<host>                 the engine's last summary
    rollouts/<id>                   spec, waves, state
    rollouts/<id>/targets/<target>  how far one target is, and its result
    rollouts/<id>/driver            who carries it out, on a lease
    denied/<kind>/<version>         versions that no rollout may bring back
    locks/reboot/<group>            semaphore: max, holders with since and why
    migrating                       which console brings the keys to the next version, on a lease
    engine/leader                   election, on a lease
    engine/present/<engine>         which engines there are, each on a lease
    engine/fleet                    the fleet's id, by which hosts are claimed
    engine/brake                    why nothing is taken away any more, until a person says otherwise
    engine/pending                  instances that no host will have, and why
    acting/<host>/<record>          who changes something on a host just now, on a lease
    acks/<id>                       what is known and being looked after, until when
    audit/<time>-<id>               what was done, on the lease of its day
    audit-leases/<day>              which lease that is
    macros/<name>                   the text of a macro
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from console.errors import Conflict, StoreError
from console.store import guarded
from console.store.claim import claimed
from console.store.client import Etcd
from console.store.values import Entry, Guard, Span

#: The version of the keys that this program reads and writes.
VERSION = 1

#: From each older version to the next: changes all keys, with the guard in each write. It is run again
#: where it was interrupted.
Migration = Callable[[Etcd, "Keys", Guard], Awaitable[None]]
MIGRATIONS: dict[int, Migration] = {}

#: Seconds after which another console takes over from one that vanished while it migrated.
_MIGRATING_TTL_S = 15


@dataclass(frozen=True, slots=True)
class Keys:
    """Where things stand under a prefix, which ends in a slash."""

    prefix: str

    @property
    def all(self) -> Span:
        return Span.under(self.prefix)

    @property
    def schema(self) -> str:
        return f"{self.prefix}schema"

    @property
    def migrating(self) -> str:
        return f"{self.prefix}migrating"

    @property
    def leader(self) -> str:
        return f"{self.prefix}engine/leader"

    def present(self, engine: str) -> str:
        return f"{self.prefix}engine/present/{engine}"

    @property
    def fleet(self) -> str:
        return f"{self.prefix}engine/fleet"

    @property
    def brake(self) -> str:
        return f"{self.prefix}engine/brake"

    @property
    def pending(self) -> str:
        return f"{self.prefix}engine/pending"

    def lease(self, host: str) -> str:
        return f"{self.prefix}leases/{host}"

    def observed(self, host: str) -> str:
        return f"{self.prefix}observed/{host}"

    def under(self, kind: str) -> Span:
        """All keys of a kind, such as `hosts`."""
        return Span.under(f"{self.prefix}{kind}/")

    def host(self, name: str) -> str:
        return f"{self.prefix}hosts/{name}"

    def macro(self, name: str) -> str:
        return f"{self.prefix}macros/{name}"

    def reboot_lock(self, group: str) -> str:
        return f"{self.prefix}locks/reboot/{group}"

    def denied(self, kind: str, version: str) -> str:
        """A version may hold a slash: it is quoted, as in a URL."""
        return f"{self.prefix}denied/{quote(kind, safe='')}/{quote(version, safe='')}"

    def ack(self, identity: str) -> str:
        return f"{self.prefix}acks/{identity}"

    def acting(self, host: str, record: str) -> str:
        return f"{self.prefix}acting/{host}/{record}"

    def audit(self, time: datetime, record: str) -> str:
        """Sorted by time, so that the newest are the last."""
        return f"{self.prefix}audit/{time.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}-{record}"

    def audit_lease(self, day: str) -> str:
        return f"{self.prefix}audit-leases/{day}"

    def rollout(self, identity: str) -> str:
        return f"{self.prefix}rollouts/{identity}"

    def rollout_span(self, identity: str) -> Span:
        """A rollout, and all that is written under it."""
        # `.` comes before `/`, and `0` after it; neither can be in an id.
        return Span(self.rollout(identity), f"{self.rollout(identity)}0")

    def rollout_target(self, identity: str, target: str) -> str:
        """A target may hold a slash: it is quoted, as in a URL."""
        return f"{self.rollout(identity)}/targets/{quote(target, safe='')}"

    def rollout_driver(self, identity: str) -> str:
        return f"{self.rollout(identity)}/driver"

    def rollout_parts(self, key: str) -> tuple[str, str, str]:
        """The id, what of the rollout it is (empty: the rollout itself), and of which target."""
        identity, _, rest = self.name(key).partition("/")
        part, _, target = rest.partition("/")
        return identity, part, unquote(target)

    def name(self, key: str) -> str:
        """What comes after `<prefix><kind>/`."""
        return key.removeprefix(self.prefix).partition("/")[2]


async def check_schema(etcd: Etcd, *, write: bool) -> int:
    """See that we understand the keys, and bring older ones forward; the version that is there.

    :param write: whether that may be written. A reader takes what is there, where it is not newer.
    :raises StoreError: a newer program has written them.
    """
    keys = Keys(etcd.prefix)
    while True:
        entry = await etcd.get(keys.schema)
        version = _version(entry)
        if version > VERSION:
            raise StoreError(
                f"the keys under {etcd.prefix} are of version {version}, and this program knows {VERSION}",
                hint="use the newer quarterdeck here too",
            )
        if version == VERSION or not write:
            return version
        with suppress(Conflict):  # another console was at it too: see what it has made of them
            if version:
                await _migrate(etcd, keys, version)
            else:
                await guarded.put(etcd, keys.schema, _text(VERSION), None)


async def _migrate(etcd: Etcd, keys: Keys, version: int) -> None:
    """Bring the keys one version forward, unless another console does or has."""
    async with claimed(etcd, keys.migrating, b"", _MIGRATING_TTL_S) as claim:
        entry = await etcd.get(keys.schema)
        if _version(entry) == version:
            await MIGRATIONS[version](etcd, keys, claim.guard)
            await guarded.put(etcd, keys.schema, _text(version + 1), entry, guards=[claim.guard])


def _version(entry: Entry | None) -> int:
    """0 where there are none yet."""
    if entry is None:
        return 0
    try:
        version = json.loads(entry.value)["version"]
    except (ValueError, KeyError, TypeError):
        version = None
    if not isinstance(version, int) or version < 1:
        raise StoreError(f"{entry.key} does not hold a version", hint="is this prefix another's?")
    return version


def _text(version: int) -> bytes:
    return json.dumps({"version": version}).encode()

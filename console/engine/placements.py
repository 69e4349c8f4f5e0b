"""Where everything is placed, as etcd has it and as we have just written it there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from console.engine.assigning import Assignment
from console.engine.services import Assigned, assigned_bytes, read_assigned
from console.errors import Conflict
from console.store.claim import Claim
from console.store.client import Etcd
from console.store.schema import Keys
from console.store.values import OPERATIONS, Delete, Event, Operation, Put, Span, Unchanged

#: Records of one transaction: the claim is compared besides, and etcd counts comparisons too.
_AT_ONCE = OPERATIONS - 1

#: So many forgotten instances are remembered.
_DISMISSED = 10_000


class Placements:
    """All placements. `take` what a watch of them says; `write` what is to be otherwise."""

    def __init__(self, etcd: Etcd) -> None:
        self._etcd = etcd
        self._keys = Keys(etcd.prefix)
        self._records: dict[str, tuple[int, Assigned | None]] = {}  # by key: as of which revision
        #: Rises with each change.
        self.version = 0
        #: Instances that we have forgotten ourselves, the newest last: what a host still has of them, or is
        #: back with, is no sign of a registry that lost something.
        self.dismissed: dict[str, None] = {}
        #: Records that cannot be read: the key, and what is wrong with it.
        self.problems: dict[str, str] = {}

    def __iter__(self) -> Iterator[Assigned]:
        return (record for _, record in self._records.values() if record is not None)

    def take(self, events: Iterable[Event]) -> None:
        """What etcd says. What is older than what we wrote ourselves is passed over."""
        for event in events:
            known = self._records.get(event.key)
            if known is not None and event.revision <= known[0]:
                continue
            self.version += 1
            self.problems.pop(event.key, None)
            record: Assigned | None = None
            if event.entry is not None:
                try:
                    record = read_assigned(self._keys, event.entry)
                except (ValueError, KeyError, TypeError) as error:
                    self.problems[event.key] = f"cannot be read: {error}"
            self._records[event.key] = (event.revision, record)

    async def write(self, assignment: Assignment, everywhere: frozenset[str], claim: Claim) -> None:
        """Have etcd say so, as long as the claim is ours and nobody has changed these records.

        :param everywhere: services of which many hosts have one; their keys name the host.
        :raises Conflict: it is not, or somebody has. The pages before are written.
        :raises StoreError: the pages before are written.
        """
        work: list[tuple[Assigned, bool]] = [(one, True) for one in assignment.put]
        work += [(one, False) for one in assignment.forget]
        for at in range(0, len(work), _AT_ONCE):
            page = work[at : at + _AT_ONCE]
            keys = [self._key(one, everywhere) for one, _ in page]
            operations: list[Operation] = [
                Put(key, assigned_bytes(one)) if keep else Delete(Span(key))
                for key, (one, keep) in zip(keys, page, strict=True)
            ]
            guards = [Unchanged(key, one.modified) for key, (one, _) in zip(keys, page, strict=True)]
            written = await self._etcd.write(operations, [claim.guard, *guards])
            if not written.done:
                raise Conflict("what is placed has been changed by somebody else meanwhile")
            self.version += 1
            for key, (one, keep) in zip(keys, page, strict=True):
                record = replace(one, modified=written.revision) if keep else None
                self._records[key] = (written.revision, record)
                self.dismissed.pop(one.instance, None)
                if not keep:
                    self.dismissed[one.instance] = None
        for name in list(self.dismissed)[:-_DISMISSED]:
            del self.dismissed[name]

    def _key(self, one: Assigned, everywhere: frozenset[str]) -> str:
        """Where a record stands, or is to stand: a service may have become one for every host since."""
        plain = f"{self._keys.under('instances').key}{one.service}/{one.instance}"
        hosted = f"{plain}@{one.host}"
        if one.modified:
            return hosted if self._records.get(hosted, (0, None))[1] is not None else plain
        return hosted if one.service in everywhere else plain

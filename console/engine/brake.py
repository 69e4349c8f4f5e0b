"""The brake that stays on until a person says otherwise, as etcd keeps it for whichever engine leads.

engine/brake        {"why": "…", "since": "…"}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from console.store.claim import Claim
from console.store.client import Etcd
from console.store.records import pack, text, time, unpack, written
from console.store.schema import Keys
from console.store.values import Entry, Put, Unchanged


@dataclass(frozen=True, slots=True)
class Pulled:
    """Why nothing is taken away any more, and since when."""

    why: str
    since: datetime


class Brake:
    """The brake, in the hands of the engine that leads."""

    def __init__(self, etcd: Etcd, claim: Claim) -> None:
        self._etcd = etcd
        self._key = Keys(etcd.prefix).brake
        self._claim = claim
        self.pulled: Pulled | None = None
        self._kept = False  # whether etcd has it too
        self._causes: frozenset[str] = frozenset()
        #: Kinds of causes that a person has seen: none of them pulls it again before it was gone.
        self._released: frozenset[str] = frozenset()

    def take(self, entry: Entry | None) -> None:
        """What etcd says."""
        if entry is not None:
            self.pulled, self._kept = read_brake(entry), True
        elif self.pulled is not None:
            self.pulled, self._kept = None, False
            self._released = self._causes

    def judge(self, causes: Mapping[str, str]) -> bool:
        """Pull it, where there is a cause that nobody has seen; whether it was pulled just now.

        :param causes: why, by the kind of cause.
        """
        self._causes = frozenset(causes)
        self._released &= self._causes
        unseen = [why for kind, why in causes.items() if kind not in self._released]
        if self.pulled is not None or not unseen:
            return False
        self.pulled = Pulled("; ".join(unseen), datetime.now(UTC))
        return True

    async def keep(self) -> None:
        """Have etcd know of one that was pulled here.

        :raises StoreError: it does not take it. It is on here all the same.
        """
        if self.pulled is None or self._kept:
            return
        value = pack({"why": self.pulled.why, "since": written(self.pulled.since)})
        # If there is one already, it is as good as ours, and comes with the watch.
        await self._etcd.write([Put(self._key, value)], [self._claim.guard, Unchanged(self._key, 0)])
        self._kept = True


def read_brake(entry: Entry) -> Pulled:
    """One that cannot be read is a brake all the same."""
    try:
        found = unpack(entry.value)
        return Pulled(text(found, "why", 500), time(found["since"]))
    except (ValueError, KeyError):
        return Pulled("a brake that cannot be read", datetime.now(UTC))

"""The fleet's memory as the terminal sees it, with no etcd behind it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from console.commands.etcd_watch import ClusterLook, store_troubles
from console.commands.picture import Trouble
from console.commands.rows.etcd import MemberRow
from console.commands.service_book import ServiceBook
from console.model.state import State
from console.model.store import StoreStatus
from console.store.schema import Keys
from console.store.values import Entry, Listing, Span
from tests.tui.small_fleet import BEFORE, NOW

PREFIX = "/quarterdeck/"
_MIB = 1 << 20


def member(number: int, **other: Any) -> MemberRow:
    size = 28 * _MIB + number * 40_000
    known = MemberRow(
        f"etcd{number}", f"https://198.18.9.{number}:2379", "3.5.16", number == 2, False, size, size // 2,
        2048 * _MIB, 41, 902_117, 0.0008 * number, None,
    )  # fmt: skip
    return replace(known, **other)


LOOK = ClusterLook(NOW, tuple(member(number) for number in (1, 2, 3)), 88_412, 88_408)
LIVE = StoreStatus(State.LIVE, BEFORE, None, "https://198.18.9.2:2379", NOW)

#: Two of three members are gone.
_SAID = ("version", "size", "quota", "term", "index", "latency")
_GONE = {**dict.fromkeys(_SAID), "leader": False, "problem": "connection refused"}
NO_QUORUM = ClusterLook(
    NOW,
    (member(1, **_GONE), member(2, leader=False, problem="it has no leader"), member(3, **_GONE)),
    problem="no quorum: it has no leader",
)

VALUES: dict[str, Any] = {
    "schema": {"version": 1},
    "hosts/web1": {"labels": {"role": "web", "zone": "a"}},
    "hosts/db1": {"cordoned": "2026-11-24T02:51:00+00:00", "labels": {"role": "db"}},
    "macros/rolling-restart": 'description = "one after the other"',
    "audit/20261124T025100.000000Z-a-1f0c92ab": {"id": "a-1f0c92ab", "line": "host cordon --on=db1"},
    "engine/leader": {"host": "engine1", "since": "2026-11-24T01:12:09Z"},
    "locks/reboot/default": {"max": 1, "holders": [{"host": "web2", "why": "host update"}]},
    "acks/fb1c2f37075fe54d": {"trouble": "db1/postgres.service", "actor": "alice"},
}


class FakeEtcd:
    """What it holds does not change while it is looked at."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.prefix = PREFIX
        self.health = SimpleNamespace(latency=0.0012, changed=[], status=LIVE)
        self._entries = {
            PREFIX + name: self._entry(PREFIX + name, value, 88_401 + number)
            for number, (name, value) in enumerate(values.items())
        }

    def _entry(self, key: str, value: Any, modified: int) -> Entry:
        text = value if isinstance(value, str) else json.dumps(value)
        lease = 0x694D8F if "engine/" in key else 0
        return Entry(key, text.encode(), modified - 40, modified, 2, lease)

    async def list(self, span: Span, revision: int = 0, *, values: bool = True) -> Listing:
        found = [entry for key, entry in sorted(self._entries.items()) if key in span]
        return Listing(tuple(found), 88_412)

    async def range(self, span: Span, *, revision: int = 0, limit: int = 0) -> Listing:
        found = (await self.list(span)).entries
        if revision:
            # Each had been made with no more than this.
            found = tuple(replace(one, value=b"{}", modified=one.created, version=1) for one in found)
        return Listing(found, 88_412)

    async def ready(self, until: float) -> Any:
        """A watch that never hears of anything."""
        await asyncio.Event().wait()


class FakeRemembering:
    """Stands for `console.commands.remembering.Remembering`."""

    def __init__(
        self,
        status: StoreStatus | None = LIVE,
        look: ClusterLook | None = LOOK,
        values: dict[str, Any] = VALUES,
    ) -> None:
        self.settled = asyncio.Event()
        self.settled.set()
        self.why = ""
        self.status = status
        self.own: list[Trouble] = []
        self.cluster = SimpleNamespace(last=look, watched=self._watched)
        self.engine = ""
        self.services: ServiceBook | None = None
        self.engine = ""
        etcd = FakeEtcd(values)
        self.memory: Any = None
        if status is not None:
            self.memory = SimpleNamespace(etcd=etcd, keys=Keys(PREFIX), status=status, denied=())
        self.watchers = 0
        self.changed: Callable[[], None] = lambda: None
        self.told: Callable[[str], None] = lambda text: None

    def listen(self, told: Callable[[str], None], changed: Callable[[], None]) -> None:
        self.told, self.changed = told, changed

    def troubles(self) -> list[Trouble]:
        services = self.services.troubles() if self.services is not None else []
        return [*store_troubles(self.status), *services, *self.own] if self.status is not None else []

    def become(self, status: StoreStatus) -> None:
        self.status = status
        self.changed()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        self.watchers += 1
        try:
            yield
        finally:
            self.watchers -= 1

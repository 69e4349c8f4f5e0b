"""What an engine keeps in etcd, on a real one: placements, the brake, reports, the fleet's id."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace

import pytest

from console.engine.assigning import Assignment
from console.engine.brake import Brake
from console.engine.placements import Placements
from console.engine.reporting import Report, Reporter, read_report, read_standing
from console.engine.services import Assigned, ServiceStore
from console.errors import Conflict
from console.placement.candidate import Standing
from console.placement.outcome import Pending
from console.placement.reconcile import Condition, Phase
from console.store.claim import claimed
from console.store.client import Etcd
from console.store.mirror import mirror
from console.store.schema import Keys
from console.store.values import Delete, Entry, Put, Span
from tests.store.cluster import needs_etcd

pytestmark = needs_etcd

WEB = Assigned("web@.service", "web@1.service", "h1", 1, 1)
NOBODY: frozenset[str] = frozenset()


async def test_a_placement_is_written_moved_and_forgotten(etcd: Etcd) -> None:
    async with claimed(etcd, Keys(etcd.prefix).leader, b"", 15) as claim:
        placements = Placements(etcd)
        await placements.write(Assignment(put=(WEB,)), NOBODY, claim)
        (first,) = placements
        assert await ServiceStore(etcd).assigned() == [first]
        await placements.write(Assignment(put=(replace(first, host="h2", epoch=2),)), NOBODY, claim)
        (second,) = placements
        assert (second.host, second.epoch) == ("h2", 2)
        await placements.write(Assignment(forget=(second,)), NOBODY, claim)
        assert [*placements] == await ServiceStore(etcd).assigned() == []
        assert [*placements.dismissed] == [WEB.instance]
        await placements.write(Assignment(put=(WEB,)), NOBODY, claim)
        assert not placements.dismissed


async def test_more_than_etcd_takes_at_once_is_written_all_the_same(etcd: Etcd) -> None:
    many = tuple(replace(WEB, instance=f"web@{number}.service") for number in range(300))
    async with claimed(etcd, Keys(etcd.prefix).leader, b"", 15) as claim:
        await Placements(etcd).write(Assignment(put=many), NOBODY, claim)
    assert len(await ServiceStore(etcd).assigned()) == 300


async def test_one_for_every_host_has_a_key_for_each(etcd: Etcd) -> None:
    each = tuple(Assigned("all.service", "all.service", host, 1, 1) for host in ("h1", "h2"))
    async with claimed(etcd, Keys(etcd.prefix).leader, b"", 15) as claim:
        placements = Placements(etcd)
        await placements.write(Assignment(put=each), frozenset({"all.service"}), claim)
        first, second = placements
        assert (first.host, second.host) == ("h1", "h2")
        # It is for one host only from now on: what is forgotten is what stands there, not what would.
        await placements.write(Assignment(forget=(first,)), NOBODY, claim)
        assert [one.host for one in await ServiceStore(etcd).assigned()] == ["h2"]


async def test_who_leads_no_more_writes_nothing(etcd: Etcd) -> None:
    key = Keys(etcd.prefix).leader
    async with claimed(etcd, key, b"", 15) as claim:
        await etcd.write([Delete(Span(key))])
        await etcd.write([Put(key, b"another")])
        with pytest.raises(Conflict):
            await Placements(etcd).write(Assignment(put=(WEB,)), NOBODY, claim)
    assert await ServiceStore(etcd).assigned() == []


async def test_a_record_that_somebody_has_changed_is_not_written_over(etcd: Etcd) -> None:
    async with claimed(etcd, Keys(etcd.prefix).leader, b"", 15) as claim:
        placements = Placements(etcd)
        await placements.write(Assignment(put=(WEB,)), NOBODY, claim)
        (first,) = placements
        await etcd.write(
            [Put(f"{Keys(etcd.prefix).under('instances').key}web@.service/web@1.service", b"{}")]
        )
        with pytest.raises(Conflict):
            await placements.write(Assignment(put=(replace(first, host="h2"),)), NOBODY, claim)


async def test_what_a_watch_says_late_does_not_undo_what_was_written_since(etcd: Etcd) -> None:
    entries: dict[str, Entry] = {}
    async with (
        claimed(etcd, Keys(etcd.prefix).leader, b"", 15) as claim,
        aclosing(mirror(etcd, Keys(etcd.prefix).under("instances"), entries)) as changing,
    ):
        await anext(changing)
        placements = Placements(etcd)
        await placements.write(Assignment(put=(WEB,)), NOBODY, claim)
        (first,) = placements
        await placements.write(Assignment(put=(replace(first, host="h2", epoch=2),)), NOBODY, claim)
        placements.take(await anext(changing))
        assert [one.host for one in placements] == ["h2"]


async def test_a_brake_stays_on_until_it_is_let_go_and_the_same_cause_pulls_it_only_once(etcd: Etcd) -> None:
    key = Keys(etcd.prefix).brake
    async with claimed(etcd, Keys(etcd.prefix).leader, b"", 15) as claim:
        brake = Brake(etcd, claim)
        assert not brake.judge({})
        assert brake.judge({"loss": "2 of 3 hosts"})
        assert not brake.judge({"loss": "2 of 3 hosts"})
        assert not brake.judge({})
        assert brake.pulled is not None, "that the cause is gone does not let it go"
        await brake.keep()
        next_engine = Brake(etcd, claim)
        next_engine.take(await etcd.get(key))
        assert next_engine.pulled == brake.pulled
        brake.judge({"loss": "2 of 3 hosts"})
        brake.take(None)
        assert not brake.judge({"loss": "3 of 3 hosts"})
        assert brake.judge({"loss": "3 of 3 hosts", "registry": "empty"})
        brake.take(None)
        brake.judge({})
        assert brake.judge({"loss": "again"})


async def test_a_report_is_read_as_it_was_written_and_only_changes_are(etcd: Etcd) -> None:
    keys = Keys(etcd.prefix)
    conditions = (Condition("web@.service", "web@1.service", "h1", Phase.FAILING, "systemd restarts it"),)
    pending = (Pending("web@.service", "web@2.service", None, (("apart", 3),)),)
    report = Report(
        {"h1": Standing.LIVE, "h2": Standing.LOST}, conditions, pending, {"h2": "its disk is full"}
    )
    async with claimed(etcd, keys.leader, b"", 15) as claim:
        reporter = Reporter(etcd, claim)
        await reporter.begin()
        await reporter.report(report)
        observed = (await etcd.list(keys.under("observed"))).entries
        pending_entry = await etcd.get(keys.pending)
        assert pending_entry is not None
        assert read_report(keys, [*observed, pending_entry]) == (
            conditions,
            {"web@2.service": "apart on 3"},
        )
        assert [read_standing(entry) for entry in observed] == [("live", ""), ("lost", "its disk is full")]
        before = (await etcd.list(keys.all)).revision
        again = Reporter(etcd, claim)
        await again.begin()
        await again.report(report)
        assert (await etcd.list(keys.all)).revision == before
        await again.report(Report({"h1": Standing.LIVE}, (), ()))
        assert [keys.name(entry.key) for entry in (await etcd.list(keys.under("observed"))).entries] == ["h1"]

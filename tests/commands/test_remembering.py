"""A running fleet follows its memory: on a real etcd, without a screen."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.actions.audit import Audit, Who
from console.actions.audit_etcd import read_records
from console.actions.audit_file import FileSink
from console.commands import remembering
from console.commands.recall import FOLDER
from console.fleet.overlay import HostOverlay
from console.model.memory import Acting
from console.model.state import State
from console.store.values import Put
from tests.commands.remembered import Console, another, core_in, running
from tests.store.cluster import Cluster, Options, needs_etcd, running_cluster
from tests.store.embedding import etcds

pytestmark = needs_etcd

SINCE = datetime(2026, 11, 27, 3, 12, tzinfo=UTC)


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    (tmp_path / "etcd").mkdir()
    async with running_cluster(tmp_path / "etcd") as cluster:
        yield cluster


def urls(cluster: Cluster) -> tuple[str, ...]:
    return tuple(member.url for member in cluster.members)


def is_live(console: Console) -> bool:
    status = console.remembering.status
    return status is not None and status.state is State.LIVE


def acting(host: str) -> Acting:
    return Acting(host, "a-1", "alice", "laptop", "unit restart web", SINCE)


async def test_labels_and_cordons_that_others_say_and_take_back_reach_the_model(
    cluster: Cluster, tmp_path: Path
) -> None:
    async with (
        running(core_in(tmp_path / "a", urls(cluster))) as console,
        another(cluster, tmp_path / "b") as other,
    ):
        model = console.fleet.model
        await other.change_host("web1", lambda said: HostOverlay({"role": "web"}, SINCE))
        await console.until(lambda: model.host("web1").cordoned == SINCE)
        assert model.host("web1").labels == {"role": "web"}
        await other.change_host("web1", lambda said: HostOverlay())
        await console.until(lambda: model.host("web1").cordoned is None)
        assert model.host("web1").labels == {}
        assert console.names() == ["web1", "web2"], "the file has it: etcd cannot take it away"


async def test_a_host_that_others_add_comes_changes_its_address_and_goes(
    cluster: Cluster, tmp_path: Path
) -> None:
    async with (
        running(core_in(tmp_path / "a", urls(cluster))) as console,
        another(cluster, tmp_path / "b") as other,
    ):
        await other.change_host("db1", lambda said: HostOverlay({"role": "db"}, address="198.51.100.9"))
        await console.until(lambda: "db1" in console.names())
        assert console.fleet.model.host("db1").labels == {"role": "db"}
        await other.change_host("db1", lambda said: replace(said, address="198.51.100.10"))
        await console.until(lambda: console.fleet.sessions["db1"].config.address == "198.51.100.10")
        await other.change_host("db1", lambda said: HostOverlay())
        await console.until(lambda: "db1" not in console.names())
        await console.until(lambda: len(console.notes) == 3)
        assert console.notes[0] == "of the fleet by what etcd says: db1"
        assert console.notes[-1] == "no longer of the fleet, by what etcd says: db1"


async def test_a_host_that_was_removed_while_no_console_ran_is_gone_after_the_start(
    cluster: Cluster, tmp_path: Path
) -> None:
    core = core_in(tmp_path / "a", urls(cluster))
    async with another(cluster, tmp_path / "b") as other:
        await other.change_host("db1", lambda said: HostOverlay(address="198.51.100.9"))
        async with running(core) as console:
            await console.until(lambda: "db1" in console.names())
        await other.change_host("db1", lambda said: HostOverlay())
        assert "db1" in [host.name for host in core.config.hosts], "as it was known last"
        async with running(core) as console:
            await console.until(lambda: "db1" not in console.names())


async def test_an_address_that_etcd_says_otherwise_is_a_conflict_and_the_file_counts(
    cluster: Cluster, tmp_path: Path
) -> None:
    async with (
        running(core_in(tmp_path / "a", urls(cluster))) as console,
        another(cluster, tmp_path / "b") as other,
    ):
        await other.change_host("web1", lambda said: HostOverlay(address="198.51.100.77"))
        await console.until(lambda: console.fleet.model.host("web1").conflict is not None)
        assert "198.51.100.77" in (console.fleet.model.host("web1").conflict or "")
        assert console.fleet.sessions["web1"].config.address == "198.51.100.1"


async def test_who_acts_on_a_host_is_seen_while_they_do(cluster: Cluster, tmp_path: Path) -> None:
    async with (
        running(core_in(tmp_path / "a", urls(cluster))) as console,
        another(cluster, tmp_path / "b") as other,
    ):
        model = console.fleet.model
        async with other.acting_on([acting("web1")], console.notes.append):
            await console.until(lambda: bool(model.host("web1").acting))
            assert model.host("web1").acting[0].words == "alice: unit restart web"
            assert model.host("web2").acting == ()
        await console.until(lambda: not model.host("web1").acting)


async def test_nobody_is_said_to_act_once_etcd_has_been_silent_for_long(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembering, "_ACTING_HOLDS", timedelta(seconds=1))
    async with running(core_in(tmp_path / "a", urls(cluster))) as console:
        model = console.fleet.model
        await console.until(lambda: console.remembering.status is not None)
        memory = console.remembering.memory
        assert memory is not None
        key = Put(memory.keys.acting("web1", "a-1"), b'{"actor": "alice", "from": "laptop", "line": "x", '
                  b'"since": "2026-11-27T03:12:00Z"}')  # fmt: skip
        await memory.etcd.write([key])
        await console.until(lambda: bool(model.host("web1").acting))
        await cluster.members[0].kill()
        await console.until(lambda: not model.host("web1").acting)
        await cluster.members[0].start()
        await console.until(lambda: bool(model.host("web1").acting))


async def test_a_key_that_cannot_be_read_is_told_once_and_the_others_count(
    cluster: Cluster, tmp_path: Path
) -> None:
    async with (
        running(core_in(tmp_path / "a", urls(cluster))) as console,
        another(cluster, tmp_path / "b") as other,
    ):
        await other.etcd.write([Put(other.keys.host("web1"), b"{" + b"[" * 100_000)])
        await other.change_host("web2", lambda said: HostOverlay({"role": "web"}))
        await console.until(lambda: console.fleet.model.host("web2").labels == {"role": "web"})
        await other.change_host("web2", lambda said: HostOverlay({"role": "db"}))
        await console.until(lambda: console.fleet.model.host("web2").labels == {"role": "db"})
        assert len([note for note in console.notes if "hosts/web1" in note]) == 1


async def test_an_etcd_that_is_not_there_at_the_start_holds_nobody_up_and_is_taken_up_when_it_comes(
    cluster: Cluster, tmp_path: Path
) -> None:
    await cluster.members[0].kill()
    async with running(core_in(tmp_path / "a", urls(cluster))) as console:
        await console.until(lambda: bool(console.remembering.troubles()))
        status = console.remembering.status
        assert status is not None
        assert status.state is State.CONNECTING
        assert [trouble.how.text for trouble in console.remembering.troubles()][:1] == ["✖ unreachable"]
        await cluster.members[0].start()
        await console.until(lambda: not console.remembering.troubles())
        async with another(cluster, tmp_path / "b") as other:
            await other.change_host("web1", lambda said: HostOverlay({"role": "web"}))
            await console.until(lambda: console.fleet.model.host("web1").labels == {"role": "web"})


async def test_what_is_recorded_here_is_in_etcd_soon_and_after_it_was_away(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembering, "SHIP_EVERY_S", 0.05)
    core = core_in(tmp_path / "a", urls(cluster))
    audit = Audit((FileSink(core.state_folder),), Who("ann", "here"), lambda: SINCE, core.fleet_mark)
    async with running(core) as console, another(cluster, tmp_path / "b") as other:

        async def shipped(line: str) -> None:
            async with asyncio.timeout(20):
                while True:
                    found, _ = await read_records(other.etcd, None)
                    if line in [record.line for record in found]:
                        return
                    await asyncio.sleep(0.05)

        audit.refused("host reboot web1", "no")
        await shipped("host reboot web1")
        await cluster.members[0].kill()
        audit.refused("host reboot web2", "no")
        await console.until(lambda: any("not in etcd yet" in note for note in console.notes))
        await cluster.members[0].start()
        await shipped("host reboot web2")
        assert len([note for note in console.notes if "not in etcd yet" in note]) == 1


async def test_a_read_only_console_follows_and_writes_nothing(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembering, "SHIP_EVERY_S", 0.05)
    core = core_in(tmp_path / "a", urls(cluster), read_only=True)
    Audit((FileSink(core.state_folder),), Who("ann", "here"), lambda: SINCE, core.fleet_mark).refused(
        "x", "no"
    )
    async with running(core) as console, another(cluster, tmp_path / "b") as other:
        await other.change_host("web1", lambda said: HostOverlay({"role": "web"}))
        await console.until(lambda: console.fleet.model.host("web1").labels == {"role": "web"})
        assert (await read_records(other.etcd, None))[0] == []


async def test_without_an_etcd_its_own_is_started_brought_back_when_it_dies_and_ended_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembering, "ALIVE_EVERY_S", 0.05)
    core = core_in(tmp_path / "a", None)
    folder = tmp_path / "a/quarterdeck" / FOLDER
    async with running(core) as console:
        await console.until(lambda: is_live(console))
        assert console.remembering.status is not None
        assert console.remembering.status.embedded
        (pid,) = etcds(folder)
        os.kill(pid, signal.SIGKILL)
        await console.until(lambda: any("started anew" in note for note in console.notes))
        await console.until(lambda: is_live(console))
        assert etcds(folder) not in ([], [pid])
    assert etcds(folder) == []


async def test_without_a_quorum_each_member_is_asked_who_is_missing(tmp_path: Path) -> None:
    (tmp_path / "etcd").mkdir()
    async with (
        running_cluster(tmp_path / "etcd", Options(members=3)) as cluster,
        running(core_in(tmp_path / "a", urls(cluster))) as console,
    ):
        await console.until(lambda: console.remembering.cluster is not None)
        watch = console.remembering.cluster
        assert watch is not None
        await console.until(lambda: watch.last is not None and watch.last.revision is not None)
        with watch.watched():
            for member in cluster.members[1:]:
                await member.kill()
            await console.until(lambda: watch.last is not None and watch.last.problem is not None, 30)
        last = watch.last
        assert last is not None
        assert [one.name for one in last.members if one.version is None] == ["m1", "m2"]
        told = {trouble.what: trouble.how.text for trouble in console.remembering.troubles()}
        assert told["etcd"] == "✖ no quorum"
        assert told["etcd m1"] == told["etcd m2"] == "▲ down"
        for member in cluster.members[1:]:
            await member.start()
        await console.until(lambda: not console.remembering.troubles(), 40)

"""The reboot locks and the denied versions from the command line, on a real etcd."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from console.commands import clock
from console.store.client import open_etcd
from console.store.values import Put
from tests.cli.services_fleet import Console
from tests.store.cluster import Cluster, needs_etcd

pytestmark = needs_etcd

NOW = datetime(2026, 11, 27, 3, 12, tzinfo=UTC)
MACHINE = "58362" + "7a932274834a8ebd99f4ed41c0d"  # what Zincati calls a machine


@pytest.fixture
def console(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Console:
    """Of a fleet whose hosts nobody reaches."""
    monkeypatch.setattr(clock, "now", going_on(NOW))
    hosts = "".join(
        f'[[host]]\nname = "{name}"\naddress = "127.0.0.1"\nport = 9\n' for name in ("web1", "web2")
    )
    etcd = f"[etcd]\nendpoints = {json.dumps(list(cluster.config().endpoints))}\n"
    folder = tmp_path / "alice"
    folder.mkdir()
    (folder / "fleet.toml").write_text(f'[fleet]\nname = "prod"\n{etcd}{hosts}')
    return Console(folder)


def going_on(start: datetime) -> Callable[[], datetime]:
    """A clock by which no two things happen at the same time: the audit goes by it."""
    ticks = itertools.count()
    return lambda: start + timedelta(milliseconds=next(ticks))


async def locks(console: Console) -> dict[str, Any]:
    return {row["group"]: row for row in await console.json("lock", "status")}


async def last_record(console: Console) -> Any:
    return (await console.json("audit", "list"))[-1]


async def test_a_slot_is_acquired_shown_and_given_back_by_its_undo(console: Console) -> None:
    plan = await console.json("lock", "acquire", "default", "web1", "--plan")
    (step,) = plan["steps"]
    assert (step["host"], step["object"], step["verb"]) == ("lock", "default", "acquire")
    assert (step["now"], step["then"], step["undo"]) == (
        "0 of 1 held",
        "web1 holds a slot",
        "lock release default web1",
    )
    assert (await locks(console))["default"]["holders"] == [], "a plan writes nothing"

    await console.run("lock", "acquire", "default", "web1", "--why", "new disk", "--yes")
    lock = (await locks(console))["default"]
    (holder,) = lock.pop("holders")
    assert lock == {
        "group": "default",
        "max": 1,
        "frozen": False,
        "frozen_by": None,
        "kept_by": "quarterdeck",
    }
    assert holder.pop("why").startswith("new disk (")
    assert holder.pop("since").startswith("2026-11-27T03:12:0")
    assert holder == {
        "id": "web1",
        "host": "web1",
        "stale": False,
        "stale_why": None,
    }
    done = await console.run("lock", "acquire", "default", "web1", "--yes")
    assert done.stderr == "nothing to do\n"

    # Given back, and that taken back: it is held as before.
    await console.run("lock", "release", "default", "web1", "--yes")
    await console.run("audit", "undo", (await last_record(console))["id"], "--yes")
    (again,) = (await locks(console))["default"]["holders"]
    assert again["why"].startswith("new disk (")
    assert again["why"].count("(") == 1
    await console.run("lock", "release", "default", "web1", "--yes")
    await console.run("lock", "acquire", "default", "web1", "--yes")

    await console.run("audit", "undo", (await last_record(console))["id"], "--yes")
    assert (await locks(console))["default"]["holders"] == []
    done = await console.run("lock", "release", "default", "web1", "--yes")
    assert done.stderr == "nothing to do\n"


async def test_a_full_lock_is_refused_with_its_holders_and_that_is_recorded(console: Console) -> None:
    await console.run("lock", "acquire", "default", "web1", "--yes")
    done = await console.run("lock", "acquire", "default", "web2", "--yes", code=3)
    assert "1 of 1 slots held: web1" in done.stderr
    record = await last_record(console)
    assert (record["line"], record["outcome"]) == ("lock acquire default web2", "refused")
    await console.run("lock", "set-max", "default", "2", "--yes")
    await console.run("lock", "acquire", "default", "web2", "--yes")
    assert [holder["id"] for holder in (await locks(console))["default"]["holders"]] == ["web1", "web2"]


async def test_locks_are_frozen_and_thawed_all_at_once_or_by_name(console: Console) -> None:
    await console.run("lock", "set-max", "db", "3", "--yes")
    await console.run("lock", "freeze", "--why", "storm", "--yes")
    found = await locks(console)
    assert {group: row["frozen"] for group, row in found.items()} == {"db": True, "default": True}
    assert found["db"]["frozen_by"]["why"] == "storm"
    done = await console.run("lock", "acquire", "db", "web1", "--yes", code=3)
    assert "frozen by" in done.stderr
    await console.run("lock", "thaw", "db", "--yes")
    await console.run("lock", "acquire", "db", "web1", "--yes")
    await console.run("lock", "freeze", "wbe", "--yes", code=5)


async def test_a_slot_is_taken_from_a_stale_holder_and_from_no_other(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    await console.run("lock", "acquire", "default", "web1", "--yes")
    done = await console.run("lock", "take", "default", "web1", "web2", "--yes", code=3)
    assert "is not stale" in done.stderr
    monkeypatch.setattr(clock, "now", going_on(NOW + timedelta(hours=2)))
    (holder,) = (await locks(console))["default"]["holders"]
    assert (holder["stale"], holder["stale_why"]) == (True, "held for longer than 1 h")
    assert "✖ stale: held for longer than 1 h" in (await console.run("lock", "status")).stdout
    done = await console.run("lock", "status", "--stale-after", "3h")
    assert "stale" not in done.stdout
    await console.run("lock", "take", "default", "web1", "web2", "--yes")
    assert [holder["id"] for holder in (await locks(console))["default"]["holders"]] == ["web2"]


async def test_a_holder_of_a_host_that_is_not_the_fleets_is_stale(console: Console) -> None:
    await console.run("lock", "acquire", "default", "web9", "--yes")
    (holder,) = (await locks(console))["default"]["holders"]
    assert (holder["host"], holder["stale"]) == (None, True)
    await console.run("lock", "acquire", "default", "x", "--host", "web9", "--yes", code=5)


@pytest.mark.parametrize(
    "words",
    [
        ["lock", "set-max", "default", "0"],
        ["lock", "set-max", "default", "many"],
        ["lock", "set-max", "a/b", "1"],
        ["lock", "acquire", "default", " "],
        ["denied", "add", "hots", "1.2"],
        ["denied", "add", "host", " "],
    ],
)
async def test_what_cannot_be_is_a_fault_of_the_line(console: Console, words: list[str]) -> None:
    await console.run(*words, "--yes", code=2)


async def test_a_lock_that_changed_since_the_plan_is_left_as_it_is(
    console: Console, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    from console.rollouts.reboot_lock import RebootLock
    from console.store.schema import Keys

    find = RebootLock.find
    others: list[str] = []

    async def found(lock: RebootLock, group: str) -> Any:
        state = await find(lock, group)
        if not others:
            others.append(group)
            async with open_etcd(cluster.config()) as etcd:
                await RebootLock(etcd, Keys(etcd.prefix)).set_max(group, 5)
        return state

    monkeypatch.setattr(RebootLock, "find", found)
    done = await console.run("lock", "set-max", "default", "2", "--yes", code=4)
    assert "its slots have been changed since the plan" in done.stdout
    assert (await locks(console))["default"]["max"] == 5


async def test_what_airlock_keeps_is_shown_beside_and_never_written(
    console: Console, cluster: Cluster
) -> None:
    key = "com.coreos.airlock/groups/workers/v1/semaphore"
    value = json.dumps({"total_slots": 2, "holders": [MACHINE]}).encode()
    async with open_etcd(cluster.config()) as etcd:
        await etcd.write([Put(key, value)])
        (row,) = [
            row
            for row in await console.json("lock", "status", "--timeout", "2s")
            if row["kept_by"] == "airlock"
        ]
        assert (row["group"], row["max"]) == ("workers", 2)
        assert [(one["id"], one["since"]) for one in row["holders"]] == [(MACHINE, None)]
        await console.run("lock", "release", "workers", MACHINE, "--yes")
        found = await etcd.get(key)
        assert found is not None
        assert found.value == value
        await etcd.write([Put(key, b'{"total_slots": "two"}')])
    done = await console.run("lock", "status")
    assert "what airlock keeps is not shown: com.coreos.airlock/groups/workers" in done.stderr
    assert "default" in done.stdout


async def test_a_read_only_console_shows_locks_and_changes_none(console: Console) -> None:
    await console.run("lock", "acquire", "default", "web1", "--yes")
    assert "web1" in (await console.run("--read-only", "lock", "status")).stdout
    for words in (
        ("lock", "acquire", "default", "web2"),
        ("lock", "release", "default", "web1"),
        ("lock", "set-max", "default", "2"),
        ("lock", "freeze"),
        ("lock", "thaw"),
        ("lock", "take", "default", "web1", "web2"),
        ("denied", "add", "host", "1.2"),
        ("denied", "remove", "host", "1.2"),
    ):
        done = await console.run("--read-only", *words, "--yes", code=3)
        assert "read-only" in done.stderr


async def test_versions_are_denied_listed_and_allowed_again(console: Console) -> None:
    await console.run("denied", "add", "host", "1.2", "fedora/43", "--why", "api fails", "--yes")
    rows = await console.json("denied", "list")
    assert [(row["kind"], row["version"], row["why"]) for row in rows] == [
        ("host", "1.2", "api fails"),
        ("host", "fedora/43", "api fails"),
    ]
    assert all(row["by"] and row["since"] for row in rows)
    done = await console.run("denied", "add", "host", "1.2", "--yes")
    assert done.stderr == "nothing to do\n"
    await console.run("denied", "remove", "host", "1.2", "--yes")
    await console.run("denied", "remove", "host", "1.2", "--yes", code=5)
    assert [row["version"] for row in await console.json("denied", "list")] == ["fedora/43"]
    await console.run("audit", "undo", (await last_record(console))["id"], "--yes")
    assert [row["version"] for row in await console.json("denied", "list")] == ["1.2", "fedora/43"]


async def test_an_engine_that_is_told_where_serves_fleetlock(console: Console) -> None:
    async with console.begun("engine", "run", "--fleetlock", "127.0.0.1:0") as engine:
        assert engine.stderr is not None
        served = None
        while served is None:
            line = (await engine.stderr.readline()).decode()
            assert line, "the engine has ended"
            served = re.search(r"FleetLock is served at (\S+) port (\d+)", line)
        body = json.dumps({"client_params": {"id": MACHINE, "group": "default"}}).encode()
        asked = urllib.request.Request(
            f"http://{served[1]}:{served[2]}/v1/pre-reboot", body, {"fleet-lock-protocol": "true"}
        )
        with await asyncio.to_thread(urllib.request.urlopen, asked, timeout=20) as answer:
            assert answer.status == 200
        (holder,) = (await console.json("lock", "status", "--timeout", "1s"))[0]["holders"]
        assert holder["id"] == MACHINE
        engine.terminate()
        await engine.communicate()
    (holder,) = (await console.json("lock", "status", "--timeout", "1s"))[0]["holders"]
    assert holder["id"] == MACHINE, "an engine that ends gives no slot back"

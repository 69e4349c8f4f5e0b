"""The driver on a real etcd: pace, halting, pausing, aborting, and another that takes over anywhere."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from console.errors import Conflict, NothingSelected, Refused
from console.rollouts import driving, kinds, records
from console.rollouts.course import End
from console.rollouts.driving import carry_out, follow
from console.rollouts.ledger import KEPT, Ledger
from console.rollouts.pacing import Position
from console.rollouts.rollout import Account, State
from console.rollouts.window import parse_windows
from console.store.client import Etcd, open_etcd
from console.store.guarded import in_pages
from console.store.schema import Keys
from console.store.values import Put
from tests.rollouts.acting import World, registered, rollout, site
from tests.store.cluster import Options, needs_etcd, running_cluster

pytestmark = needs_etcd

WITHIN_S = 30.0
NOW = datetime(2026, 11, 27, 3, 12, tzinfo=UTC)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World({f"t{n}": "old" for n in range(12)})
    monkeypatch.setattr(kinds, "KINDS", registered(made))
    monkeypatch.setattr(driving, "_LOOK_EVERY_S", 0.05)
    return made


@pytest.fixture
def ledger(etcd: Etcd, keys: Keys) -> Ledger:
    return Ledger(etcd, keys)


async def until(ledger: Ledger, identity: str, reached: Callable[[Account], bool]) -> Account:
    async with asyncio.timeout(WITHIN_S):
        async for account in follow(ledger, identity):
            if reached(account):
                return account
    raise AssertionError("following does not end")


async def driven(etcd: Etcd, keys: Keys, identity: str, reached: Callable[[Account], bool]) -> Account:
    """Drive a rollout until it is so."""
    task = asyncio.create_task(carry_out(site(etcd, keys), identity, "a test"))
    try:
        return await until(Ledger(etcd, keys), identity, reached)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def over(account: Account) -> bool:
    return account.rollout.state.over


async def test_all_targets_are_done_and_no_more_at_a_time_than_allowed(
    etcd: Etcd, keys: Keys, ledger: Ledger, world: World
) -> None:
    await ledger.create(rollout("r-0001", 8, max_unavailable=2))
    account = await driven(etcd, keys, "r-0001", over)
    assert account.rollout.state is State.DONE
    assert set(account.positions.values()) == {Position.GOOD}
    assert world.most_out == 2
    assert world.changed.total() == 8


async def test_the_kinds_own_measure_holds_it_back_too(
    etcd: Etcd, keys: Keys, ledger: Ledger, world: World
) -> None:
    world.slots = 1
    await ledger.create(rollout("r-0001", 4, max_unavailable=3))
    await driven(etcd, keys, "r-0001", over)
    assert world.most_out == 1


async def test_a_canary_that_fails_goes_back_halts_the_rest_and_is_denied(
    etcd: Etcd, keys: Keys, ledger: Ledger, world: World
) -> None:
    world.bad = {"t0"}
    await ledger.create(rollout("r-0001", 4, waves=(1, 4)))
    account = await driven(etcd, keys, "r-0001", lambda now: now.stands)
    assert account.rollout.state is State.HALTED
    assert account.rollout.why == "t0: it is not well; new is denied"
    assert account.progress["t0"].end is End.ROLLED_BACK
    assert list(account.progress) == ["t0"], "the others were never begun"
    assert set(world.version.values()) == {"old"}
    assert set(world.denied) == {"new"}


async def test_of_a_thousand_targets_one_in_a_hundred_fails_and_it_ends_right(
    etcd: Etcd, keys: Keys, ledger: Ledger, world: World
) -> None:
    world.version = {f"t{n}": "old" for n in range(1000)}
    world.bad = {f"t{n}" for n in range(99, 1000, 100)}
    await ledger.create(rollout("r-0001", 1000, waves=(1, 10, 1000), max_unavailable=50))
    account = await driven(etcd, keys, "r-0001", lambda now: now.stands)
    assert account.rollout.state is State.HALTED
    assert world.most_out == 50
    ends = {name: one.end for name, one in account.progress.items()}
    assert {name for name, end in ends.items() if end is End.ROLLED_BACK} == set(ends) & world.bad
    assert "t99" in ends
    assert {name for name, end in ends.items() if end is End.DONE} == set(ends) - world.bad
    assert len(ends) < 250, "what was not under way has not begun"
    new = {name for name, version in world.version.items() if version == "new"}
    assert new == set(ends) - world.bad


async def test_paused_it_begins_nothing_and_what_is_under_way_ends(
    etcd: Etcd, keys: Keys, ledger: Ledger, world: World
) -> None:
    held = True
    world.waits = lambda target, stage: held and stage == "change"
    await ledger.create(rollout("r-0001", 3, max_unavailable=1))
    driver = asyncio.create_task(carry_out(site(etcd, keys), "r-0001", "a test"))
    try:
        await until(
            ledger, "r-0001", lambda now: now.under_way == ("t0",) and bool(now.progress["t0"].waiting)
        )
        await ledger.turn("r-0001", State.PAUSED, why="", by="alice", now=NOW)
        held = False
        paused = await until(ledger, "r-0001", lambda now: now.stands)
        assert paused.rollout.state is State.PAUSED
        assert paused.rollout.changed_by == "alice"
        assert {name: one.end for name, one in paused.progress.items()} == {"t0": End.DONE}
        await ledger.turn("r-0001", State.RUNNING, why="", by="alice", now=NOW)
        assert (await until(ledger, "r-0001", over)).rollout.state is State.DONE
        async with asyncio.timeout(WITHIN_S):
            await driver
    finally:
        driver.cancel()


async def test_aborted_it_lets_go_what_was_not_changed_and_carries_the_rest_to_its_end(
    etcd: Etcd, keys: Keys, ledger: Ledger, world: World
) -> None:
    held = {("t0", "prove"), ("t1", "ready")}
    world.waits = lambda target, stage: (target, stage) in held
    await ledger.create(rollout("r-0001", 4, max_unavailable=2))
    driver = asyncio.create_task(carry_out(site(etcd, keys), "r-0001", "a test"))
    try:
        await until(
            ledger, "r-0001", lambda now: sum(bool(one.waiting) for one in now.progress.values()) == 2
        )
        await ledger.turn("r-0001", State.ABORTING, why="enough", by="alice", now=NOW)
        held.discard(("t0", "prove"))
        account = await until(ledger, "r-0001", over)
        assert account.rollout.state is State.ABORTED
        assert {name: one.end for name, one in account.progress.items()} == {
            "t0": End.DONE,
            "t1": End.ABORTED,
        }
        assert world.version["t1"] == "old"
    finally:
        driver.cancel()


async def test_another_goes_on_from_every_boundary_at_which_one_was_killed(
    etcd: Etcd, keys: Keys, ledger: Ledger, world: World
) -> None:
    """Each of the drivers gets one stage further, and is killed before it does the next."""
    killed: set[tuple[str, str]] = set()
    dying: asyncio.Future[None]

    def seen(target: str, stage: str) -> None:
        if (target, stage) not in killed:
            killed.add((target, stage))
            dying.set_result(None)
            raise asyncio.CancelledError

    world.seen, world.bad = seen, {"t2"}
    await ledger.create(rollout("r-0001", 3, max_unavailable=1))
    async with asyncio.timeout(WITHIN_S):
        while True:
            dying = asyncio.get_running_loop().create_future()
            driver = asyncio.create_task(carry_out(site(etcd, keys), "r-0001", "one of many"))
            standing = asyncio.create_task(until(ledger, "r-0001", lambda now: now.stands))
            await asyncio.wait((dying, standing), return_when=asyncio.FIRST_COMPLETED)
            driver.cancel()
            await asyncio.gather(driver, return_exceptions=True)
            if standing.done():
                account = standing.result()
                break
            standing.cancel()
            await asyncio.gather(standing, return_exceptions=True)
    assert killed == {
        *((name, stage) for name in ("t0", "t1", "t2") for stage in ("ready", "change", "prove")),
        ("t2", "back"),
    }
    assert {name: one.end for name, one in account.progress.items()} == {
        "t0": End.DONE,
        "t1": End.DONE,
        "t2": End.ROLLED_BACK,
    }
    assert world.changed == {"t0": 1, "t1": 1, "t2": 1}, "nothing was done twice"
    assert account.rollout.state is State.HALTED


async def test_of_two_that_drive_one_does_and_the_other_stands_by(
    etcd: Etcd, keys: Keys, ledger: Ledger, world: World
) -> None:
    held = True
    world.waits = lambda target, stage: held
    await ledger.create(rollout("r-0001", 2))
    waiting: asyncio.Queue[str] = asyncio.Queue()
    first = asyncio.create_task(carry_out(site(etcd, keys), "r-0001", "first"))
    second: asyncio.Task[None] | None = None
    try:
        await until(ledger, "r-0001", lambda now: now.driver == "first")
        second = asyncio.create_task(carry_out(site(etcd, keys), "r-0001", "second", waiting.put_nowait))
        async with asyncio.timeout(WITHIN_S):
            assert await waiting.get() == "first"
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        held = False
        account = await until(ledger, "r-0001", over)
        assert account.rollout.state is State.DONE
        assert world.changed.total() == 2
    finally:
        await _ended(first, second)


async def _ended(*tasks: asyncio.Task[None] | None) -> None:
    for task in tasks:
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_outside_its_windows_nothing_begins(
    etcd: Etcd, keys: Keys, ledger: Ledger, world: World
) -> None:
    shut = {"mon": "wed", "tue": "thu", "wed": "fri", "thu": "sat", "fri": "sun", "sat": "mon", "sun": "tue"}
    day = shut[f"{datetime.now(UTC):%a}".lower()]
    text = f"{day} 10:00-11:00"
    told: asyncio.Queue[str] = asyncio.Queue()
    await ledger.create(rollout("r-0001", 2, windows=parse_windows(text), window_text=text))
    task = asyncio.create_task(carry_out(site(etcd, keys, told.put_nowait), "r-0001", "a test"))
    try:
        async with asyncio.timeout(WITHIN_S):
            assert "the window opens at" in await told.get()
        assert (await ledger.account("r-0001")).progress == {}
    finally:
        await _ended(task)


# -- what is kept ---------------------------------------------------------------------------


async def test_a_rollout_reads_as_it_was_written(ledger: Ledger) -> None:
    made = rollout(
        "r-0001", 3, waves=(1, 3), max_unavailable=2, settings={"gate": "60"}, undoes="r-0000", why="x"
    )
    await ledger.create(made)
    assert (await ledger.account("r-0001")).rollout == made
    with pytest.raises(Conflict):
        await ledger.create(made)


async def test_of_two_on_the_same_hosts_the_second_is_refused_and_leaves_nothing(ledger: Ledger) -> None:
    await ledger.create(rollout("r-0001", 4))
    with pytest.raises(Refused, match="r-0001 is at work on h0, h1"):
        await ledger.create(rollout("r-0002", 2))
    found, _ = await ledger.accounts()
    assert [account.rollout.id for account in found] == ["r-0001"]


async def test_of_many_that_begin_at_once_on_the_same_hosts_one_does(ledger: Ledger) -> None:
    made = [rollout(f"r-{n:04x}", 2) for n in range(6)]
    ends = await asyncio.gather(*map(ledger.create, made), return_exceptions=True)
    found, _ = await ledger.accounts()
    assert len(found) == ends.count(None) == 1
    assert all(end is None or isinstance(end, Refused) for end in ends)


async def test_what_is_over_is_turned_by_nobody(ledger: Ledger) -> None:
    await ledger.create(rollout("r-0001", state=State.DONE))
    with pytest.raises(Refused, match="r-0001 is over: done"):
        await ledger.turn("r-0001", State.PAUSED, why="", by="alice", now=NOW)
    with pytest.raises(NothingSelected, match="no rollout r-0002"):
        await ledger.turn("r-0002", State.PAUSED, why="", by="alice", now=NOW)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("targets", []),
        ("waves", [3, 1]),
        ("waves", [1]),
        ("state", "fine"),
        ("window", "funday"),
        ("line", 5),
    ],
)
async def test_one_that_cannot_be_read_is_named_and_the_others_are_there(
    etcd: Etcd, keys: Keys, ledger: Ledger, field: str, value: Any
) -> None:
    await ledger.create(rollout("r-0001", state=State.DONE))
    await ledger.create(rollout("r-0002"))
    entry = await etcd.get(keys.rollout("r-0001"))
    assert entry is not None
    wrong = {**json.loads(entry.value), field: value}
    await etcd.write([Put(entry.key, json.dumps(wrong).encode())])
    found, problems = await ledger.accounts()
    assert [account.rollout.id for account in found] == ["r-0002"]
    assert list(problems) == [keys.rollout("r-0001")]


async def test_rollouts_that_are_over_are_kept_and_not_for_ever(ledger: Ledger, keys: Keys) -> None:
    made = rollout("r-0000", 1, state=State.DONE)
    old = [
        replace(made, id=f"r-{n:04x}", created=NOW.replace(second=n % 60, minute=n // 60))
        for n in range(KEPT + 5)
    ]
    await in_pages(ledger.etcd, [Put(keys.rollout(one.id), records.rollout_bytes(one)) for one in old])
    await ledger.create(rollout("r-ffff"))
    found, _ = await ledger.accounts()
    assert len(found) == KEPT + 1
    assert found[0].rollout.id == "r-0005"


# -- etcd -----------------------------------------------------------------------------------


async def test_an_etcd_that_loses_its_leader_in_the_middle_loses_no_step(
    tmp_path: Path, world: World
) -> None:
    (tmp_path / "three").mkdir()
    async with (
        running_cluster(tmp_path / "three", Options(members=3)) as cluster,
        open_etcd(cluster.config()) as etcd,
    ):
        keys = Keys(etcd.prefix)
        ledger = Ledger(etcd, keys)
        await ledger.create(rollout("r-0001", 12, max_unavailable=2))
        leader = await cluster.leader()
        driver = asyncio.create_task(carry_out(site(etcd, keys), "r-0001", "a test"))
        try:
            await until(ledger, "r-0001", lambda now: len(now.progress) >= 4)
            await leader.kill()
            account = await until(ledger, "r-0001", over)
        finally:
            await _ended(driver)
    assert account.rollout.state is State.DONE
    assert world.changed == {f"t{n}": 1 for n in range(12)}, "none left out, none done twice"
    assert world.most_out <= 2

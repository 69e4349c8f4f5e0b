"""Rollouts of services over a real etcd: which instance is which revision meanwhile, and what it comes to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from console.engine.services import Desired
from console.errors import Conflict, Refused
from console.rollouts import service_update
from console.rollouts.course import End, Outcome
from console.rollouts.denied import find_denied
from console.rollouts.kind import At
from console.rollouts.rollout import Account, State
from console.rollouts.unit_look import UnitLook
from console.store.client import Etcd
from tests.engine.rolling_world import Fares, World, rolling_world, unit, well
from tests.store.cluster import needs_etcd

pytestmark = needs_etcd

WEB = "web@.service"
ID = "r-0001"


@pytest.fixture
async def world(etcd: Etcd, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    made = rolling_world(etcd, monkeypatch)
    async with made.working():
        yield made


def stands(account: Account) -> bool:
    return account.stands


def ends(account: Account) -> dict[str, End | None]:
    return {name: one.end for name, one in account.progress.items()}


async def six(world: World) -> None:
    """Six replicas run in their first revision; there is a second."""
    await world.submit(WEB, unit(1, "Replicas=6"))
    await world.runs(WEB)
    assert await world.keep(WEB, unit(2, "Replicas=6")) == 2
    assert (await world.store.service(WEB)).revision == 1, "that a revision is kept changes nothing"


async def test_six_replicas_change_one_by_one_and_none_is_missed(world: World) -> None:
    await six(world)
    await world.rollout(ID, WEB, 2, spare=True)
    account = await world.driven(ID, stands)
    assert account.rollout.state is State.DONE
    assert set(ends(account).values()) == {End.DONE}
    await world.runs(WEB)
    service = await world.store.service(WEB)
    assert (service.revision, service.spare, service.given) == (2, 0, {})
    assert len(service.spec.instances()) == 6, "the spare is gone"
    assert world.least == 6, "with a spare there were never fewer than six"


async def test_without_a_spare_no_more_than_allowed_are_down_at_a_time(world: World) -> None:
    await six(world)
    await world.rollout(ID, WEB, 2, max_unavailable=2)
    assert (await world.driven(ID, stands)).rollout.state is State.DONE
    assert world.least == 4


def fails_in(revision: int, *instances: str) -> Fares:
    def fares(instance: str, at: int) -> UnitLook:
        look = well(instance, at)
        # It is up, and then it crashed and was started again, within its window.
        bad = at == revision and (not instances or instance in instances)
        return replace(look, restarts=1) if bad else look

    return fares


async def test_a_canary_that_fails_goes_back_by_itself_and_the_others_never_changed(world: World) -> None:
    await six(world)
    world.fares = fails_in(2)
    await world.rollout(ID, WEB, 2, waves=(1, 6))
    account = await world.driven(ID, stands)
    assert account.rollout.state is State.HALTED
    assert ends(account) == {"web@1.service": End.ROLLED_BACK}
    assert "systemd starts it again" in account.rollout.why
    await world.runs(WEB)
    assert set(world.revisions().values()) == {1}
    assert {name for name, given in world.given.items() if 2 in given} == {"web@1.service@h1"}
    denied = await find_denied(world.etcd, world.store.keys, "service", f"{WEB} 2")
    assert denied is not None
    assert denied.by == ID


async def test_a_spare_that_fails_is_taken_away_and_nothing_was_ever_stopped(world: World) -> None:
    await six(world)
    world.fares = fails_in(2)
    await world.rollout(ID, WEB, 2, spare=True)
    account = await world.driven(ID, stands)
    assert ends(account) == {"web@7.service": End.ROLLED_BACK}
    service = await world.store.service(WEB)
    assert (service.revision, service.spare, service.given) == (1, 0, {})
    assert world.least == 6
    assert {name for name, given in world.given.items() if 2 in given} == {"web@7.service@h1"}


async def test_one_that_fails_later_leaves_those_before_it_changed_until_they_are_taken_back(
    world: World,
) -> None:
    await six(world)
    world.fares = fails_in(2, "web@3.service")
    await world.rollout(ID, WEB, 2)
    account = await world.driven(ID, stands)
    assert account.rollout.state is State.HALTED
    assert ends(account)["web@3.service"] is End.ROLLED_BACK
    await world.runs(WEB)
    now = {name: revision for name, revision in world.revisions().items() if revision == 2}
    assert set(now) == {"web@1.service@h1", "web@2.service@h2"}
    assert (await world.store.service(WEB)).revision == 1
    # A rollout back: to what the service is as a whole.
    await world.rollout("r-0002", WEB, 1)
    assert (await world.driven("r-0002", stands)).rollout.state is State.DONE
    await world.runs(WEB)
    assert set(world.revisions().values()) == {1}
    assert (await world.store.service(WEB)).given == {}


async def test_any_revision_can_be_gone_back_to(world: World) -> None:
    await six(world)
    for number, (identity, to) in enumerate((("r-0001", 2), ("r-0002", 3), ("r-0003", 1), ("r-0004", 3))):
        if to == 3:
            await world.keep(WEB, unit(3, "Replicas=6"))
        await world.rollout(identity, WEB, to, spare=number % 2 == 0)
        assert (await world.driven(identity, stands)).rollout.state is State.DONE
        await world.runs(WEB)
        assert set(world.revisions().values()) == {to}


async def test_one_on_every_host_changes_host_by_host(world: World) -> None:
    await world.submit("every.service", unit(1, "Global=yes"))
    await world.runs("every.service")
    await world.keep("every.service", unit(2, "Global=yes"))
    await world.rollout(ID, "every.service", 2)
    assert (await world.driven(ID, stands)).rollout.state is State.DONE
    await world.runs("every.service")
    assert world.revisions() == {f"every.service@{name}": 2 for name in ("h1", "h2", "h3")}
    assert world.least == 2
    service = await world.store.service("every.service")
    assert (service.revision, service.given) == (2, {})


async def test_another_driver_goes_on_from_every_stage_in_which_one_was_killed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.submit(WEB, unit(1, "Replicas=2"))
    await world.runs(WEB)
    await world.keep(WEB, unit(2, "Replicas=2"))
    world.fares = fails_in(2, "web@2.service")
    await world.rollout(ID, WEB, 2, spare=True)
    killed: set[tuple[str, str]] = set()
    dying: asyncio.Future[None] | None = None
    perform = service_update.ServiceUpdate.perform

    async def dies(kind: service_update.ServiceUpdate, at: At) -> Outcome:
        outcome = await perform(kind, at)  # what it did is done, and nobody hears of it
        if (at.target.id, at.progress.stage) not in killed:
            killed.add((at.target.id, at.progress.stage))
            assert dying is not None
            dying.set_result(None)
            raise asyncio.CancelledError
        return outcome

    monkeypatch.setattr(service_update.ServiceUpdate, "perform", dies)
    account = None
    async with asyncio.timeout(60):
        while account is None:
            dying = asyncio.get_running_loop().create_future()
            driver = asyncio.create_task(world.driven(ID, stands))
            await asyncio.wait((dying, driver), return_when=asyncio.FIRST_COMPLETED)
            driver.cancel()
            found = await asyncio.gather(driver, return_exceptions=True)
            if isinstance(found[0], Account):
                account = found[0]
    assert killed >= {("web@3.service", "gate"), ("web@1.service", "change"), ("web@2.service", "back")}
    assert ends(account) == {
        "web@3.service": End.DONE,
        "web@1.service": End.DONE,
        "web@2.service": End.ROLLED_BACK,
    }
    await world.runs(WEB)
    assert world.least >= 2


async def test_what_somebody_makes_of_the_service_meanwhile_is_left_as_it_is(world: World) -> None:
    await six(world)
    await world.rollout(ID, WEB, 2, settings={"gate": "30", "gate_timeout": "60", "within": "5"})
    driver = asyncio.create_task(world.driven(ID, stands))
    await world.until(ID, lambda now: any(one.stage == "gate" for one in now.progress.values()))
    await world.submit(WEB, unit(9, "Replicas=6"))
    account = await driver
    assert account.rollout.state is State.HALTED
    assert "revision 3 meanwhile" in account.rollout.why
    await world.runs(WEB)
    assert set(world.revisions().values()) == {3}


async def test_one_that_is_scaled_away_meanwhile_is_no_failure(world: World) -> None:
    await six(world)
    await world.rollout(ID, WEB, 2, settings={"gate": "1", "gate_timeout": "60", "within": "5"})
    driver = asyncio.create_task(world.driven(ID, stands))
    await world.until(ID, lambda now: any(one.stage == "gate" for one in now.progress.values()))
    while True:
        try:
            await world.store.change(await world.store.service(WEB), replicas=2)
            break
        except Conflict:
            continue
    account = await driver
    assert account.rollout.state is State.DONE
    await world.runs(WEB)
    service = await world.store.service(WEB)
    assert (service.revision, service.replicas, len(service.spec.instances())) == (2, 2, 2)


async def test_aborted_it_leaves_no_spare_and_what_is_changed_stays(world: World) -> None:
    await six(world)
    await world.rollout(ID, WEB, 2, spare=True)
    driver = asyncio.create_task(world.driven(ID, lambda now: now.rollout.state.over))
    await world.until(ID, lambda now: now.position("web@1.service").value == "good")
    await world.ledger.turn(ID, State.ABORTING, why="enough", by="me", now=datetime.now(UTC))
    account = await driver
    assert account.rollout.state is State.ABORTED
    await world.runs(WEB)
    service = await world.store.service(WEB)
    assert (service.revision, service.spare, len(service.spec.instances())) == (1, 0, 6)
    changed = {name for name, end in ends(account).items() if end is End.DONE} - {"web@7.service"}
    assert {name for name, given in service.given.items() if given.revision == 2} >= changed


async def test_with_no_engine_it_waits_however_long_and_goes_on_with_the_next(world: World) -> None:
    await six(world)
    world.engine = False
    await world.rollout(ID, WEB, 2, settings={"gate": "0.05", "gate_timeout": "30", "within": "2"})
    driver = asyncio.create_task(world.driven(ID, stands))
    waiting = await world.until(
        ID, lambda now: any("no engine is elected" in one.waiting for one in now.progress.values())
    )
    (since,) = (one.since for one in waiting.progress.values())
    # Longer than it may take, where there is an engine.
    await asyncio.sleep(max(0.0, 2.5 - (datetime.now(UTC) - since).total_seconds()))
    world.engine = True
    account = await driver
    assert account.rollout.state is State.DONE


async def test_of_one_service_one_rollout_at_a_time(world: World) -> None:
    await six(world)
    await world.submit("db.service", unit(1))
    await world.runs("db.service")
    await world.keep("db.service", unit(2))
    await world.rollout(ID, WEB, 2)
    with pytest.raises(Refused, match=r"r-0001 is at work on service web@\.service"):
        await world.rollout("r-0002", WEB, 1)
    await world.rollout("r-0003", "db.service", 2)
    assert (await world.driven("r-0003", stands)).rollout.state is State.DONE


async def test_one_that_was_started_again_between_two_looks_has_not_proved_itself(world: World) -> None:
    await six(world)
    await world.rollout(ID, WEB, 2, settings={"gate": "30", "gate_timeout": "60", "within": "5"})
    driver = asyncio.create_task(world.driven(ID, stands))
    await world.until(ID, lambda now: any("it is well" in one.waiting for one in now.progress.values()))
    world.looks["h1", "web@1.service"] = replace(well("web@1.service", 2), life="the engine's doing")
    account = await driver
    assert "it was started again" in account.rollout.why
    assert ends(account) == {"web@1.service": End.ROLLED_BACK}


async def test_a_service_that_is_stopped_meanwhile_denies_nothing(world: World) -> None:
    await six(world)
    await world.rollout(ID, WEB, 2, settings={"gate": "30", "gate_timeout": "60", "within": "5"})
    driver = asyncio.create_task(world.driven(ID, stands))
    await world.until(ID, lambda now: any("it is well" in one.waiting for one in now.progress.values()))
    await world.store.change(await world.store.service(WEB), desired=Desired.LOADED)
    account = await driver
    assert "not to run any more" in account.rollout.why
    assert ends(account) == {"web@1.service": End.ROLLED_BACK}
    assert await find_denied(world.etcd, world.store.keys, "service", f"{WEB} 2") is None


async def test_a_spare_that_became_one_of_the_service_is_none_to_take_away(world: World) -> None:
    await six(world)
    await world.rollout(ID, WEB, 2, spare=True, settings={"gate": "30", "gate_timeout": "60", "within": "5"})
    driver = asyncio.create_task(world.driven(ID, stands))
    await world.until(ID, lambda now: any("it is well" in one.waiting for one in now.progress.values()))
    await world.store.change(await world.store.service(WEB), replicas=8)
    world.looks["h1", "web@7.service"] = UnitLook(2, "failed", "failed", "exit-code")
    account = await driver
    assert ends(account) == {"web@7.service": End.ROLLED_BACK}
    await world.runs(WEB)
    service = await world.store.service(WEB)
    assert (service.spare, len(service.spec.instances()), set(world.revisions().values())) == (0, 8, {1})

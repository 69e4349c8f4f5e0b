"""Rollouts from the command line: plans, refusals, what a person says of one; simulated hosts, real etcd."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from console.rollouts.course import End, Progress
from console.rollouts.denied import HOST, deny
from console.rollouts.ledger import Ledger
from console.rollouts.records import progress_bytes
from console.rollouts.rollout import Rollout, State, Target
from console.store.schema import Keys
from console.store.values import Put
from tests.cli.services_fleet import Fleet
from tests.store.cluster import needs_etcd

pytestmark = needs_etcd

#: The only one of the simulated hosts that is updated as a whole.
UPDATED = "sim-0002"

NOW = datetime(2026, 11, 27, 3, 12, tzinfo=UTC)


@pytest.fixture
def ledger(fleet: Fleet) -> Ledger:
    return Ledger(fleet.etcd, Keys(fleet.etcd.prefix))


def rollout(fleet: Fleet, identity: str = "r-0001", state: State = State.RUNNING) -> Rollout:
    targets = tuple(Target(host, host, {"to": "9.9"}) for host in fleet.hosts)
    return Rollout(
        *(identity, "host update", "host update --to=9.9 '--on=*'", "alice", "desk1", NOW, targets, (1, 3)),
        settings={"within": "5"},
        state=state,
        since=NOW,
    )


async def put_progress(ledger: Ledger, target: str, progress: Progress) -> None:
    key = ledger.keys.rollout_target("r-0001", target)
    await ledger.etcd.write([Put(key, progress_bytes(progress))])


async def test_a_plan_says_which_host_goes_where_in_which_wave_and_writes_nothing(
    fleet: Fleet, ledger: Ledger
) -> None:
    plan = await fleet.console.json(
        *("host", "update", "--to=9.9", "--on=*", "--wave=1,100%", "--max-unavailable=2"),
        *("--window=sat 10:00-16:00", "--plan"),
    )
    assert [(step["host"], step["verb"], step["then"]) for step in plan["steps"]] == [
        ("sim-0002", "update", "9.9, in wave 1 of 1"),
    ]
    assert [(one["host"], one["why"]) for one in plan["refused"]] == [
        ("sim-0001", "nothing that is known here updates it as a whole"),
        ("sim-0003", "nothing that is known here updates it as a whole"),
    ]
    assert plan["notes"] == [
        "1 at a time at most: the reboot lock default has 1",
        "hosts begin sat 10:00-16:00 (UTC)",
    ]
    assert (await ledger.accounts())[0] == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "say which hosts"),
        (("--on=*", "--max-unavailable=0"), "none can be rebooted"),
        (("--on=*", "--window=funday 1:00-2:00"), "not a window"),
        (("--on=*", "--gate=20m"), "can be well for longer"),
        (("--on=*", "--check=sh -c 'x"), "not a command"),
        (("--on=*", "--reboot-group=a/b"), "not a group"),
    ],
)
async def test_what_cannot_be_kept_to_is_told_before_anything_else(
    fleet: Fleet, words: tuple[str, ...], says: str
) -> None:
    done = await fleet.console.run("host", "update", "--to=9.9", "--yes", *words, code=2)
    assert says in done.stderr


async def test_a_denied_version_is_refused_unless_it_is_allowed(fleet: Fleet, ledger: Ledger) -> None:
    await deny(fleet.etcd, ledger.keys, HOST, "9.9", by="r-2f9c", why="sim-0001: api.service failed")
    words = ("host", "update", "--to=9.9", "--on=*", "--yes")
    done = await fleet.console.run(*words, code=3)
    assert "9.9 is denied by r-2f9c: sim-0001: api.service failed" in done.stderr
    assert (await ledger.accounts())[0] == []
    (record,) = await fleet.console.json("audit", "show")
    assert (record["outcome"], record["line"]) == ("refused", "host update '--on=*' --to=9.9")
    assert (await fleet.console.json(*words[:-1], "--allow-denied", "--plan"))["steps"]


async def test_a_read_only_console_writes_no_rollout(fleet: Fleet, ledger: Ledger) -> None:
    for words in (("host", "update", "--to=9.9", "--on=*"), ("rollout", "pause", "r-0001")):
        await fleet.console.run("--read-only", *words, "--yes", code=3)
    assert (await ledger.accounts())[0] == []


async def test_its_id_is_the_first_line_and_it_is_written_whole_for_an_engine(
    fleet: Fleet, ledger: Ledger
) -> None:
    words = ("host", "update", "--to=9.9", "--on=*", "--wave=1,100%", "--yes", "--no-wait")
    identity = (await fleet.console.run_apart(*words)).splitlines()[0]
    (account,) = (await ledger.accounts())[0]
    found = account.rollout
    assert (found.id, found.kind, found.state) == (identity, "host update", State.RUNNING)
    assert (found.order, found.waves) == ((UPDATED,), (1,))
    assert found.settings == {"gate": "60", "gate_timeout": "600", "within": "300", "guard": "600"}
    assert account.progress == {}
    assert identity[:2] == "r-"
    assert len(identity) == 6

    done = await fleet.console.run("host", "update", "--to=9.8", "--on=sim-0002", "--yes", code=3)
    assert f"{identity} is at work on sim-0002" in done.stderr


async def test_scripts_get_the_fields_that_are_promised(fleet: Fleet, ledger: Ledger) -> None:
    await ledger.create(rollout(fleet))
    await put_progress(
        ledger,
        "sim-0001",
        Progress("release", NOW, End.DONE, facts={"from_version": "9.8", "to_version": "9.9"}),
    )
    await put_progress(ledger, "sim-0002", Progress("gate", NOW, waiting="api.service failed"))
    (row,) = await fleet.console.json("rollout", "list")
    assert {"id", "kind", "line", "state", "wave", "waves", "targets"} <= row.keys()
    assert (row["id"], row["state"], row["wave"], row["waves"]) == ("r-0001", "running", 2, [1, 3])
    assert [(one["host"], one["stage"], one["result"]) for one in row["targets"]] == [
        ("sim-0001", "release", "done"),
        ("sim-0002", "gate", None),
        ("sim-0003", "pending", None),
    ]
    assert row["targets"][0]["since"] == "2026-11-27T03:12:00.000000Z"
    assert await fleet.console.json("rollout", "list", "--state=done,halted") == []
    (shown,) = await fleet.console.json("rollout", "show", "r-0001")
    assert shown == row
    text = (await fleet.console.run("rollout", "show")).stdout
    assert "api.service failed" in text
    assert "9.8 → 9.9" in text
    await fleet.console.run("rollout", "show", "r-9999", code=5)


async def test_a_pause_and_what_it_is_taken_back_by_are_kept_and_told(fleet: Fleet, ledger: Ledger) -> None:
    await ledger.create(rollout(fleet))
    done = await fleet.console.run("rollout", "pause", "r-0001", "--yes")
    assert "to undo it: quarterdeck rollout resume r-0001" in done.stderr
    assert (await ledger.account("r-0001")).rollout.state is State.PAUSED
    await fleet.console.run("rollout", "resume", "r-0001", "--yes", "--no-wait")
    assert (await ledger.account("r-0001")).rollout.state is State.RUNNING
    told = [one["what"] for one in await fleet.console.json("rollout", "history", "r-0001")]
    assert told[0].startswith("asked for by alice: host update")
    assert told[-1].startswith("running by ")


async def test_an_abort_without_a_driver_is_carried_to_its_end_from_here(
    fleet: Fleet, ledger: Ledger
) -> None:
    await ledger.create(rollout(fleet))
    await fleet.console.run("rollout", "abort", "r-0001", "--yes")
    account = await ledger.account("r-0001")
    assert (account.rollout.state, account.progress) == (State.ABORTED, {})
    done = await fleet.console.run("rollout", "resume", "r-0001", "--yes", code=3)
    assert "r-0001 is over: aborted" in done.stderr


async def test_to_go_on_with_what_is_done_is_nothing_to_do(fleet: Fleet, ledger: Ledger) -> None:
    await ledger.create(rollout(fleet, state=State.DONE))
    done = await fleet.console.run("rollout", "resume", "r-0001", "--yes")
    assert "nothing to do" in done.stderr


async def test_a_halted_one_whose_version_is_denied_is_resumed_only_if_that_is_said(
    fleet: Fleet, ledger: Ledger
) -> None:
    await ledger.create(rollout(fleet))
    await put_progress(
        ledger, "sim-0001", Progress("restore", NOW, End.ROLLED_BACK, "no", True, facts={"to_version": "9.9"})
    )
    await ledger.turn("r-0001", State.HALTED, why="sim-0001: no", by="", now=NOW)
    await deny(fleet.etcd, ledger.keys, HOST, "9.9", by="r-0001", why="no")
    await fleet.console.run("rollout", "resume", "r-0001", "--yes", "--no-wait", code=3)
    assert (await ledger.account("r-0001")).rollout.state is State.HALTED
    await fleet.console.run("rollout", "resume", "r-0001", "--yes", "--no-wait", "--allow-denied")
    account = await ledger.account("r-0001")
    assert (account.rollout.state, account.progress) == (State.RUNNING, {}), "what failed begins anew"


async def test_an_undo_takes_back_what_was_changed_and_runs_that_still(fleet: Fleet, ledger: Ledger) -> None:
    (row,) = [one for one in await fleet.console.json("host", "updates") if one["host"] == UPDATED]
    runs = row["booted"]["version"]
    await ledger.create(replace(rollout(fleet), state=State.DONE))
    await fleet.console.run("rollout", "undo", "r-0001", "--yes", code=5)
    changed = {"from_version": "0.1", "to_version": runs}
    await put_progress(ledger, UPDATED, Progress("release", NOW, End.DONE, facts=changed))
    plan = await fleet.console.json("rollout", "undo", "r-0001", "--plan")
    assert [(step["host"], step["now"], step["then"]) for step in plan["steps"]] == [
        (UPDATED, runs, "0.1, in wave 1 of 1")
    ]
    other = {"from_version": "0.1", "to_version": "0.2"}
    await put_progress(ledger, UPDATED, Progress("release", NOW, End.DONE, facts=other))
    plan = await fleet.console.json("rollout", "undo", "r-0001", "--plan")
    assert [one["why"] for one in plan["refused"]] == [f"it runs {runs} by now, and not 0.2"]

"""Rollouts that wait for a person are troubles, with what can be done; those that go on are none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.commands import clock
from console.commands.rollout_troubles import Standing, rollout_troubles, rollouts_watched
from console.rollouts.course import Progress
from console.rollouts.ledger import Ledger, driver_bytes
from console.rollouts.records import progress_bytes
from console.rollouts.rollout import Rollout, State, Target
from console.store.values import Delete, Put, Span
from tests.commands.remembered import another, core_in, running
from tests.store.cluster import needs_etcd, running_cluster

NOW = datetime(2026, 11, 27, 3, 12, tzinfo=UTC)
LINE = "host update --to=1.2 '--on=*'"


@pytest.fixture(autouse=True)
def _stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def rollout(
    state: State, since: datetime = NOW, why: str = "", by: str = "", identity: str = "r-2f9c"
) -> Rollout:
    made = Rollout(
        identity, "host update", LINE, "alice", "desk1", ago(hours=9), (Target("web1", "web1"),), (1,)
    )
    return replace(made, state=state, since=since, why=why, changed_by=by)


def told(*standing: Standing) -> list[tuple[str, str, str]]:
    return [(one.what, one.how.text, one.why) for one in rollout_troubles(standing, NOW)]


def test_a_halted_one_says_why_and_what_can_be_done() -> None:
    halted = rollout(State.HALTED, ago(minutes=5), "web1: api.service failed; 1.2 is denied")
    (trouble,) = rollout_troubles([Standing(halted, None)], NOW)
    assert (trouble.place, trouble.what, trouble.how.text) == ("fleet", "rollout r-2f9c", "✖ halted")
    assert (trouble.since, trouble.rollout) == (ago(minutes=5), "r-2f9c")
    assert trouble.why == (
        f"web1: api.service failed; 1.2 is denied; `rollout resume r-2f9c`, abort or undo ({LINE})"
    )


def test_a_pause_is_one_only_once_it_may_be_forgotten() -> None:
    assert told(Standing(rollout(State.PAUSED, ago(minutes=59)), ago(minutes=59))) == []
    ((_, how, why),) = told(Standing(rollout(State.PAUSED, ago(hours=2), by="alice"), ago(hours=2)))
    assert how == "▲ paused"
    assert why.startswith("by alice, for longer than 1 h; `rollout resume r-2f9c`, or abort")


@pytest.mark.parametrize(
    ("state", "verb"), [(State.RUNNING, "resume"), (State.ABORTING, "abort"), (State.WRITTEN, "abort")]
)
def test_one_that_nobody_carries_on_is_one_after_a_while(state: State, verb: str) -> None:
    assert told(Standing(rollout(state, ago(hours=3)), ago(seconds=30))) == [], "another is about to"
    assert told(Standing(rollout(state, ago(hours=3)), None)) == []
    ((_, how, why),) = told(Standing(rollout(state, ago(hours=3)), ago(minutes=2)))
    assert how == "▲ not driven"
    assert f"`rollout {verb} r-2f9c` does from here" in why


@pytest.mark.parametrize("state", [State.DONE, State.ABORTED])
def test_one_that_is_over_is_none(state: State) -> None:
    assert told(Standing(rollout(state, ago(days=3)), ago(days=3))) == []


def test_what_an_operator_typed_and_a_host_said_cannot_move_the_terminal() -> None:
    halted = replace(rollout(State.HALTED, why="web1: \x1b[2J\nnot well"), line="host update \x1b]0;x\x07")
    ((_, _, why),) = told(Standing(halted, None))
    assert not any(ord(character) < 32 for character in why)


@needs_etcd
async def test_it_reaches_a_running_console_and_who_looks_once(tmp_path: Path) -> None:
    (tmp_path / "etcd").mkdir()
    async with running_cluster(tmp_path / "etcd") as cluster:
        endpoints = tuple(member.url for member in cluster.members)
        async with (
            another(cluster, tmp_path / "b") as other,
            running(core_in(tmp_path / "a", endpoints)) as console,
        ):
            keys, etcd = other.keys, other.etcd
            ledger = Ledger(etcd, keys)

            async def at_once() -> list[str]:
                async with rollouts_watched(etcd, keys, console.notes.append, follow=False) as troubles:
                    return [one.how.text for one in troubles()]

            def seen() -> list[str]:
                return [one.how.text for one in console.remembering.troubles()]

            await ledger.create(rollout(State.RUNNING, ago(minutes=5)))
            await etcd.write([Put(keys.rollout_driver("r-2f9c"), driver_bytes("desk1"))])
            progress = Progress("gate", NOW, waiting="web1 is not well")
            await etcd.write([Put(keys.rollout_target("r-2f9c", "web1"), progress_bytes(progress))])
            assert await at_once() == []
            await etcd.write([Delete(Span(keys.rollout_driver("r-2f9c")))])
            assert await at_once() == ["▲ not driven"]
            await ledger.turn("r-2f9c", State.HALTED, why="web1: not well", by="", now=NOW)
            await console.until(lambda: seen() == ["✖ halted"])
            assert await at_once() == ["✖ halted"]
            await ledger.turn("r-2f9c", State.ABORTING, why="", by="alice", now=NOW)
            await console.until(lambda: seen() == [])
            await etcd.write([Delete(keys.rollout_span("r-2f9c"))])
            assert await at_once() == []

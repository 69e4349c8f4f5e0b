"""A rollout as a person looks at it: its book, kept by what changes in etcd, and its lines."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from console.commands import clock
from console.commands.rollout_book import RolloutBook
from console.commands.rollout_picture import head_lines, legend, sign, target_lines
from console.rollouts import host_course as at
from console.rollouts.course import End, Progress
from console.rollouts.ledger import driver_bytes
from console.rollouts.proving import WELL
from console.rollouts.records import progress_bytes, rollout_bytes
from console.rollouts.rollout import Account, State
from console.store.schema import Keys
from console.store.values import Entry, Event
from tests.tui.rollouts import ID, PROGRESS, ago, ended, in_stage, rollout
from tests.tui.small_fleet import NOW

KEYS = Keys("/quarterdeck/")


def event(key: str, value: bytes | None, revision: int = 1) -> Event:
    entry = None if value is None else Entry(key, value, revision, revision, 1)
    return Event(key, revision, entry)


def book_of(*events: Event) -> RolloutBook:
    book = RolloutBook(cast(Any, SimpleNamespace(etcd=None, keys=KEYS)))
    book.take(events)
    return book


def written(progress: Progress, target: str = "web1") -> Event:
    return event(KEYS.rollout_target(ID, target), progress_bytes(progress))


WHOLE = event(KEYS.rollout(ID), rollout_bytes(rollout()))


def told(account: Account, well: datetime | None = None) -> str:
    lines = head_lines(account, NOW, lambda name: well, 120)
    return "\n".join(" ".join(cell.text for cell in line) for line in lines)


def account(
    progress: Mapping[str, Progress], state: State = State.RUNNING, driver: str | None = "e"
) -> Account:
    return Account(rollout(state=state), progress, driver)


class TestBook:
    def test_a_rollout_is_put_together_from_its_keys_in_any_order(self) -> None:
        book = book_of(
            written(in_stage(at.GATE, NOW)),
            event(KEYS.rollout_driver(ID), driver_bytes("engine1/812")),
            WHOLE,
        )
        found = book.look_up(ID)
        assert found is not None
        assert (found.driver, found.under_way, book.ids) == ("engine1/812", ("web1",), (ID,))
        book.take([event(KEYS.rollout_driver(ID), None), event(KEYS.rollout_target(ID, "web1"), None)])
        found = book.look_up(ID)
        assert found is not None
        assert (found.driver, found.under_way) == (None, ())
        book.take([event(KEYS.rollout(ID), None)])
        assert book.look_up(ID) is None

    def test_an_account_that_somebody_holds_does_not_change(self) -> None:
        book = book_of(WHOLE, written(in_stage(at.GATE, NOW)))
        before = book.look_up(ID)
        book.take([written(ended(End.DONE, NOW))])
        after = book.look_up(ID)
        assert before is not None
        assert after is not None
        assert (before.progress["web1"].end, after.progress["web1"].end) == (None, End.DONE)

    async def test_a_batch_names_what_has_changed_once(self) -> None:
        book = book_of(WHOLE, written(in_stage(at.GATE, NOW)), written(in_stage(at.DRAIN, NOW), "web2"))
        assert await book.batch(0) == ({ID}, {"web1", "web2"})
        book.take([written(in_stage(at.BOOT, NOW))])
        book.take([written(in_stage(at.RETURN, NOW))])
        assert await book.batch(0) == ({ID}, {"web1"})

    def test_what_cannot_be_read_is_told_until_it_can(self) -> None:
        key = KEYS.rollout_target(ID, "web1")
        book = book_of(WHOLE, event(key, b"{}"))
        assert book.problems == {key: "trail is not a list"}
        book.take([written(in_stage(at.GATE, NOW))])
        assert book.problems == {}

    def test_since_when_it_waits_is_known_only_of_what_was_seen_to_begin(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(clock, "now", lambda: NOW)
        book = book_of(WHOLE, written(in_stage(at.GATE, ago(seconds=50), "api is activating")))
        assert book.waiting_since(ID, "web1") is None
        book.take([written(in_stage(at.GATE, ago(seconds=50), WELL))])
        assert book.waiting_since(ID, "web1") == NOW
        monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(seconds=9))
        book.take([written(in_stage(at.GATE, ago(seconds=50), WELL))])
        assert book.waiting_since(ID, "web1") == NOW, "the same was written again"


class TestLines:
    def test_each_stage_and_each_end_has_a_sign_of_one_character(self) -> None:
        for stage in at.COURSE.stages:
            assert len(sign(in_stage(stage.name, NOW)).text) == 1
        ends = {sign(ended(end, NOW)).text for end in End}
        assert ends == {"●", "✖", "-", "!"}
        assert sign(None).text == "○"
        assert sign(in_stage("unheard-of", NOW)).text == "u", "of a newer program"

    def test_the_legend_counts_every_target_once(self) -> None:
        counts = [int(cell.text.split()[1]) for cell in legend(account(PROGRESS))]
        assert sum(counts) == 40

    def test_a_gate_says_when_it_opens_and_when_it_has_failed(self) -> None:
        waits = account({"web1": in_stage(at.GATE, ago(seconds=100), "api.service is activating")})
        assert "fails in 8m20s api.service is activating" in told(waits)
        assert "opens" not in told(waits)
        well = account({"web1": in_stage(at.GATE, ago(seconds=100), f"{WELL}, and has to be for 60 s")})
        assert "opens in 42s, fails in 8m20s" in told(well, ago(seconds=18))
        assert "opens" not in told(well), "since when it is well, nobody here has seen"

    def test_a_rollout_that_nobody_drives_says_so_and_one_that_is_over_does_not(self) -> None:
        assert "nobody carries it out" in told(account({}, driver=None))
        assert "nobody carries it out" not in told(account({}, State.DONE, driver=None))

    def test_what_holds_up_the_next_wave_is_told_first_and_not_everything_is(self) -> None:
        many = {f"web{n}": in_stage(at.STAGE, ago(seconds=100 - n)) for n in range(1, 12)}
        many["web12"] = in_stage(at.GATE, ago(seconds=5))
        text = told(account(many))
        assert text.index("web12") < text.index("web1 ")
        assert "and 6 more" in text

    def test_a_target_tells_its_way_and_why_it_failed(self) -> None:
        failed = account({"web1": ended(End.ROLLED_BACK, NOW, "api.service failed")})
        lines = ["".join(cell.text for cell in line) for line in target_lines(failed, "web1")]
        assert lines[0] == "✖web1rolled-back"
        assert any("api.service failed" in line for line in lines)
        assert any("43.20261108.3.0 → 43.20261122.3.0" in line for line in lines)
        assert target_lines(failed, "web2")[0][2].text == "has not begun"

    def test_what_hosts_and_people_said_acts_on_no_terminal(self) -> None:
        evil = in_stage(at.GATE, NOW, "\x1b[2J\x1b]0;x\x07gone")
        assert "\x1b" not in told(account({"web1": evil}))
        lines = target_lines(account({"web1": evil}), "web1")
        assert not any("\x1b" in cell.text for line in lines for cell in line)

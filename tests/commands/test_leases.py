"""A lease as people and scripts see it: how old it is, from when on others may have it, that it is late."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from console.commands import clock
from console.commands.lease_troubles import bearing, lease_troubles
from console.commands.picture import Trouble
from console.commands.rows.base import Cell, Tone
from console.commands.rows.lease import lease_cell, lease_fields
from console.commands.rows.service import INSTANCE, ServiceRow, about_service, instance_lines
from console.commands.troubles import TroubleBoard
from console.engine.lease_record import LeaseRecord
from console.engine.manifest import Manifest
from console.engine.service_states import Instance, InstanceState
from console.fleet.model import FleetModel
from console.model.config import HostConfig
from console.placement.lease import Kept
from console.tui.acting.offers import Target, targets_of
from tests.engine.desired import assigned

NOW = datetime(2026, 11, 27, 3, 12, tzinfo=UTC)
AT_H1 = tuple(replace(one, leased=True) for one in assigned("db.service=h1", "mail.service=h1"))


def lease(ago: float, why: str | None = None) -> LeaseRecord:
    """One of a minute that was wound so many seconds ago."""
    wound = NOW - timedelta(seconds=ago)
    return LeaseRecord(Kept(60, "b1", "m1"), wound + timedelta(seconds=60), wound, 10, why)


@pytest.fixture(autouse=True)
def _stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def troubles(one: LeaseRecord, *, engine: bool = True) -> list[tuple[str, str, str, str]]:
    what = Manifest({}, AT_H1, engine=engine, leases={"h1": one, "h2": lease(500)})
    found = lease_troubles(what, bearing(what))
    return [(trouble.host, trouble.what, trouble.how.text, trouble.why) for trouble in found]


def test_a_lease_tells_its_age_and_the_earliest_takeover() -> None:
    assert lease_cell(lease(4)).text == "lease 4 s old, elsewhere not before 03:13:08Z"
    found = lease_fields(lease(4))
    assert found is not None
    assert (found["age_s"], found["late"]) == (4.0, False)
    assert found["takeover"] == "2026-11-27T03:13:08.000000Z"


def test_an_instance_shows_its_lease_wherever_it_is_shown() -> None:
    one = Instance("db.service", "db.service", "h1", InstanceState.RUNNING, 1, lease=lease(4))
    for lines in (instance_lines(one), about_service(ServiceRow("db.service", 1, "launched", 1, (one,)))):
        assert any("elsewhere not before 03:13:08Z" in cell.text for line in lines for cell in line)
    reason = next(column for column in INSTANCE.columns if column.title == "REASON")
    told = [reason.cell(each) for each in (one, replace(one, reason="exit-code"))]
    assert told == [
        Cell("lease 4 s old, elsewhere not before 03:13:08Z", Tone.FAINT),
        Cell("exit-code", Tone.FAINT),
    ]


def test_a_lease_that_is_wound_in_time_is_no_trouble() -> None:
    assert troubles(lease(29)) == []


def test_a_late_lease_is_a_trouble_of_its_host_and_says_what_comes_of_it_and_what_mends_it() -> None:
    what = "the 2 exclusive instances there"
    assert troubles(lease(40, "no route to host")) == [
        (
            "h1",
            "lease",
            "✖ late",
            f"no route to host: `engine status`; {what} stop at 03:12:20Z, and may be elsewhere from "
            "03:12:32Z on",
        )
    ]
    ((*_, stopped),) = troubles(lease(65), engine=False)
    assert stopped == (
        f"no engine leads: `engine run`; {what} have stopped, and may be elsewhere from 03:12:07Z on"
    )
    ((*_, over),) = troubles(lease(80))
    assert over == f"the engine does not wind it: `engine status`; {what} may be elsewhere by now"


def test_a_late_lease_is_found_in_watch_under_its_host_and_offers_what_can_be_done_there() -> None:
    model = FleetModel([HostConfig("h1")])
    what = Manifest({}, AT_H1, engine=True, leases={"h1": lease(40)})
    late = list(lease_troubles(what, bearing(what)))
    board = TroubleBoard(model, lambda: late)
    board.update(())
    found = board.look_up(("h1", "lease"))
    assert isinstance(found, Trouble)
    assert found.since == NOW - timedelta(seconds=40)
    assert targets_of([found]) == [Target("host", "h1", "h1", "h1/lease")]
    late.clear()
    assert board.update(()) == {("h1", "lease")}
    assert board.look_up(("h1", "lease")) is None

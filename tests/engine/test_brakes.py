"""What looks like a fault and not like a wish; who is given up, and when; what is tried again, and when."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from console.engine.assigning import Registry
from console.engine.brakes import Silence, loss_brake, registry_brake
from console.engine.contacts import DEAD_AFTER_S, KEEPALIVE, Contacts
from console.engine.retrying import FIRST_S, MOST_S, Retrying
from console.engine.services import Assigned
from console.model.host import Host
from console.model.state import Source, State, Status
from console.placement.candidate import Standing
from console.placement.mark import Mark
from console.placement.reconcile import Condition, Phase

HOSTS = ("h1", "h2", "h3", "h4")
NOBODY: frozenset[str] = frozenset()


def marks(*names: str) -> dict[str, dict[str, Mark]]:
    return {"h1": {name: Mark("f-1", name, 1, 1, True, "/run") for name in names}}


def placed(*names: str) -> tuple[Assigned, ...]:
    return tuple(Assigned(name, name, "h1", 1, 1) for name in names)


def test_an_empty_registry_is_a_fault_where_hosts_run_what_it_had() -> None:
    assert registry_brake(Registry({}, ()), marks("a.service")) is not None
    assert registry_brake(Registry({}, ()), {}) is None


def test_a_service_that_was_destroyed_is_a_wish_as_long_as_its_placements_are_there() -> None:
    assert (
        registry_brake(Registry({}, placed("a.service", "b.service")), marks("a.service", "b.service"))
        is None
    )


def test_a_registry_that_knows_nothing_of_half_of_what_runs_is_a_fault() -> None:
    known = Registry({}, placed("a.service", "b.service"))
    assert registry_brake(known, marks("a.service", "b.service", "c.service")) is None
    why = registry_brake(known, marks("a.service", "b.service", "c.service", "d.service"))
    assert why is not None
    assert "2 of the 4" in why


def test_what_was_taken_away_on_purpose_is_no_fault_where_a_host_still_has_it_or_is_back_with_it() -> None:
    emptied = Registry({}, (), dismissed={"a.service", "b.service"})
    assert registry_brake(emptied, marks("a.service", "b.service")) is None
    assert registry_brake(emptied, marks("a.service", "b.service", "c.service")) is not None


@pytest.mark.parametrize(
    ("silences", "waits", "stops"),
    [
        ([], False, False),
        ([Silence("h1", 0, lost=True)], False, False),
        ([Silence("h1", 0, lost=True), Silence("h2", 2, lost=False)], True, False),
        ([Silence("h1", 0, lost=True), Silence("h2", 2, lost=True)], True, True),
        ([Silence("h1", 0, lost=True), Silence("h2", 31, lost=True)], False, False),
    ],
)
def test_half_of_the_hosts_within_half_a_minute(silences: list[Silence], waits: bool, stops: bool) -> None:
    wait, stop = loss_brake(silences, HOSTS)
    assert (wait is not None, stop is not None) == (waits, stops)


def host(state: State, units: State = State.LIVE) -> Host:
    now = datetime.now(UTC)
    return Host("h1", "h1", {}, Status(state, now), {Source.UNITS: Status(units, now)})


def test_a_host_is_given_up_after_its_time_and_only_once_it_is_whole_again_acted_on() -> None:
    contacts = Contacts()
    assert contacts.look(host(State.LIVE), 0, read=True) is Standing.LIVE
    assert contacts.look(host(State.UNREACHABLE), 1, read=True) is Standing.SILENT
    assert contacts.look(host(State.UNREACHABLE), 1 + DEAD_AFTER_S, read=True) is Standing.LOST
    assert contacts.look(host(State.CONNECTING), 90, read=True) is Standing.LOST
    assert contacts.look(host(State.LIVE), 91, read=False) is Standing.SILENT
    assert contacts.look(host(State.LIVE, State.CONNECTING), 91, read=True) is Standing.SILENT
    assert contacts.look(host(State.LIVE), 92, read=True) is Standing.LIVE


def test_a_host_that_waits_for_its_turn_to_be_connected_to_is_not_given_up_for_that() -> None:
    contacts = Contacts()
    contacts.look(host(State.UNREACHABLE), 0, read=True)
    for at in (10, 20, 30):
        assert contacts.look(host(State.UNREACHABLE), at, read=True, waiting=True) is Standing.SILENT
    assert contacts.look(host(State.UNREACHABLE), 31, read=True) is Standing.SILENT
    assert contacts.look(host(State.UNREACHABLE), 30 + DEAD_AFTER_S, read=True) is Standing.LOST
    assert contacts.silent == {"h1": 0}


def test_a_host_that_was_never_reached_is_given_up_once_a_connection_to_it_has_come_to_nothing() -> None:
    contacts = Contacts()
    contacts.look(host(State.CONNECTING), 0, read=False)
    assert contacts.look(host(State.CONNECTING), 2 * DEAD_AFTER_S, read=False) is Standing.SILENT
    assert contacts.look(host(State.UNREACHABLE), 2 * DEAD_AFTER_S, read=False) is Standing.LOST


def test_the_silence_that_it_takes_to_be_noticed_is_part_of_the_time_after_which_a_host_is_given_up() -> None:
    contacts = Contacts()
    noticed = KEEPALIVE.noticed_s
    assert 0 < noticed < DEAD_AFTER_S
    contacts.look(host(State.LIVE), 0, read=True)
    assert contacts.look(host(State.UNREACHABLE), noticed, read=True) is Standing.SILENT
    assert contacts.look(host(State.UNREACHABLE), DEAD_AFTER_S - 0.1, read=True) is Standing.SILENT
    assert contacts.look(host(State.UNREACHABLE), DEAD_AFTER_S, read=True) is Standing.LOST


@pytest.mark.parametrize("state", [State.REFUSED, State.FAILED])
def test_a_host_that_says_no_is_not_lost(state: State) -> None:
    contacts = Contacts()
    contacts.look(host(state), 0, read=True)
    assert contacts.look(host(state), 1000, read=True) is Standing.SILENT


def test_a_host_that_is_lost_again_and_again_comes_and_goes() -> None:
    contacts = Contacts()
    for at in range(0, 300, 100):
        assert not contacts.flapping("h1", at)
        contacts.look(host(State.UNREACHABLE), at, read=True)
        contacts.look(host(State.UNREACHABLE), at + DEAD_AFTER_S, read=True)
        contacts.look(host(State.LIVE), at + 50, read=True)
    assert contacts.flapping("h1", 300)
    assert not contacts.flapping("h1", 10_000)


def condition(phase: Phase, where: str = "h1") -> Condition:
    return Condition("a.service", "a.service", where, phase)


def test_what_fails_is_tried_again_after_longer_and_longer_waits() -> None:
    retrying = Retrying()
    now, waits = 0.0, []
    assert retrying.look([condition(Phase.FAILED)], NOBODY, now) == []
    last = now
    for _ in range(8):
        while not retrying.look([condition(Phase.FAILED)], NOBODY, now):
            now += 1
        retrying.tried(condition(Phase.FAILED), NOBODY, now)
        waits.append(now - last)
        last = now
    assert waits == [FIRST_S, 10, 20, 40, 80, 160, MOST_S, MOST_S]


def test_a_series_of_failures_ends_with_a_good_minute() -> None:
    retrying = Retrying()
    retrying.look([condition(Phase.FAILED)], NOBODY, 0)
    assert retrying.tried(condition(Phase.FAILED), NOBODY, 1) == {"h1"}
    retrying.look([condition(Phase.RUNNING, "h2")], NOBODY, 2)
    retrying.look([condition(Phase.FAILED, "h2")], NOBODY, 30)
    assert retrying.tried(condition(Phase.FAILED, "h2"), NOBODY, 31) == {"h1", "h2"}
    retrying.look([condition(Phase.RUNNING, "h3")], NOBODY, 100)
    retrying.look([condition(Phase.RUNNING, "h3")], NOBODY, 160)
    assert not retrying

"""The table of a host's units: signals and answers in, events and questions out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from dbus_fast import Variant
from hypothesis import given
from hypothesis import strategies as st

from console.errors import HostFailure
from console.hosts.unit_health import HOLD
from console.hosts.unit_table import UnitTable
from console.hosts.unit_wire import SERVICE, UnitRow
from console.model.events import UnitsChanged, UnitsListed
from console.model.unit import Health, Unit

UNIT, SERVICE_INTERFACE = f"{SERVICE}.Unit", f"{SERVICE}.Service"
AT = 1_700_000_000_000_000
SINCE = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def row(name: str, active: str = "active", sub: str = "running", load: str = "loaded") -> UnitRow:
    return UnitRow(name, load, active, sub, f"the {name}")


def listed(*rows: UnitRow, details: bool = False, answers: Mapping[str, Any] | None = None) -> UnitTable:
    """A table after its first list was asked for, completed and published."""
    table = UnitTable("web1", details=details)
    table.listed(rows)
    answer(table, answers or {})
    assert isinstance(table.publish(0.0), UnitsListed)
    return table


def answer(table: UnitTable, answers: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Answer what the table asks; return what that was."""
    questions = table.take_questions()
    for name, _, member in questions:
        table.answered(name, member, answers.get(member))
    table.settled({name for name, _, _ in questions})
    return [(name, member) for name, _, member in questions]


def state(table: UnitTable, name: str, active: str, sub: str, at: int = AT) -> None:
    values = {
        "ActiveState": Variant("s", active),
        "SubState": Variant("s", sub),
        "StateChangeTimestamp": Variant("t", at),
    }
    table.changed(name, UNIT, values, [])


def service(table: UnitTable, name: str, result: str, restarts: int) -> None:
    values = {"Result": Variant("s", result), "NRestarts": Variant("u", restarts)}
    table.changed(name, SERVICE_INTERFACE, values, [])


def published(table: UnitTable, now: float = 1.0) -> dict[str, Unit]:
    event = table.publish(now)
    assert isinstance(event, UnitsChanged)
    return {unit.name: unit for unit in event.changed}


def test_the_first_event_is_the_whole_list() -> None:
    table = UnitTable("web1")
    assert table.publish(0.0) is None
    table.listed([row("a.service"), row("b.mount", "active", "mounted")])
    assert table.take_questions() == []
    assert table.publish(0.0) == UnitsListed(
        "web1",
        (
            Unit("web1", "a.service", "loaded", "active", "running", "the a.service"),
            Unit("web1", "b.mount", "loaded", "active", "mounted", "the b.mount"),
        ),
    )
    assert not table.wants_list
    assert table.publish(0.1) is None


def test_a_host_without_units_is_told_too() -> None:
    table = UnitTable("web1")
    table.listed([])
    table.take_questions()
    assert table.publish(0.0) == UnitsListed("web1", ())


def test_units_not_at_rest_are_asked_about_before_the_first_event() -> None:
    table = UnitTable("web1")
    table.listed([row("a.service"), row("b.service", "failed", "failed"), row("c.mount", "failed", "failed")])
    questions = table.take_questions()
    assert {(name, member) for name, _, member in questions} == {
        ("b.service", "StateChangeTimestamp"),
        ("b.service", "Result"),
        ("b.service", "NRestarts"),
        ("b.service", "Restart"),
        ("b.service", "StartLimitBurst"),
        ("b.service", "StartLimitIntervalUSec"),
        ("c.mount", "StateChangeTimestamp"),
        ("c.mount", "Result"),
    }
    assert table.publish(0.0) is None
    answers = {
        "StateChangeTimestamp": AT,
        "Result": "exit-code",
        "NRestarts": 5,
        "Restart": "always",
        "StartLimitBurst": 5,
        "StartLimitIntervalUSec": 10_000_000,
    }
    for name, _, member in questions:
        table.answered(name, member, answers[member])
    table.settled({"b.service", "c.mount"})
    event = table.publish(0.0)
    assert isinstance(event, UnitsListed)
    units = {unit.name: unit for unit in event.units}
    b = units["b.service"]
    assert (b.result, b.restarts, b.since, b.health) == ("exit-code", 5, SINCE, Health.GAVE_UP)
    c = units["c.mount"]
    assert (c.result, c.restarts, c.since, c.health) == ("exit-code", None, SINCE, Health.FAILED)


def test_details_are_asked_of_every_unit_when_wanted() -> None:
    table = UnitTable("web1", details=True)
    table.listed([row("a.service"), row("b.target", "active", "active")])
    assert {(name, member) for name, _, member in table.take_questions()} == {
        ("a.service", "StateChangeTimestamp"),
        ("a.service", "Result"),
        ("a.service", "NRestarts"),
        ("b.target", "StateChangeTimestamp"),
    }


def test_a_property_the_host_does_not_have_is_not_asked_for_again() -> None:
    table = listed(row("a.service", "activating", "start"), answers={"StateChangeTimestamp": AT})
    assert table.take_questions() == []
    assert table.publish(2.0) is None


def test_many_signals_about_a_unit_are_one_change() -> None:
    table = listed(row("a.service"), row("b.service"))
    for active, sub in (("deactivating", "stop-sigterm"), ("inactive", "dead"), ("activating", "start")):
        service(table, "a.service", "success", 0)
        state(table, "a.service", active, sub)
    service(table, "a.service", "success", 0)
    state(table, "a.service", "active", "running")
    assert table.take_questions() == []
    assert published(table) == {
        "a.service": Unit(
            "web1", "a.service", "loaded", "active", "running", "the a.service", "success", 0, SINCE
        )
    }


def test_the_two_signals_of_a_service_are_one_change() -> None:
    """`Result` and `NRestarts` come just before the state that they belong to."""
    table = listed(row("a.service"))
    service(table, "a.service", "success", 3)
    assert table.publish(1.0) is None
    state(table, "a.service", "active", "exited")
    unit = published(table)["a.service"]
    assert (unit.sub, unit.restarts) == ("exited", 3)


def test_a_signal_that_changes_nothing_is_no_event() -> None:
    table = listed(row("a.service"))
    service(table, "a.service", "success", 0)
    state(table, "a.service", "active", "running")
    published(table)
    service(table, "a.service", "success", 0)
    state(table, "a.service", "active", "running")
    assert table.take_questions() == []
    assert table.publish(1.0) is None


def test_a_crash_waits_for_its_restart_policy() -> None:
    table = listed(row("a.service"))
    service(table, "a.service", "exit-code", 0)
    state(table, "a.service", "failed", "failed")
    asked = answer(table, {"Restart": "on-failure", "StartLimitBurst": 5, "StartLimitIntervalUSec": 10**7})
    assert asked == [
        ("a.service", "Restart"),
        ("a.service", "StartLimitBurst"),
        ("a.service", "StartLimitIntervalUSec"),
    ]
    assert published(table, 1.0)["a.service"].health is Health.RECOVERING
    assert table.due == 1.0 + HOLD
    assert table.publish(1.5) is None
    assert published(table, 1.0 + HOLD)["a.service"].health is Health.FAILED
    assert table.due is None


def test_a_crash_is_not_published_while_its_policy_is_on_the_way() -> None:
    table = listed(row("a.service"), row("b.service"))
    service(table, "a.service", "exit-code", 0)
    state(table, "a.service", "failed", "failed")
    state(table, "b.service", "active", "reloaded")
    assert len(table.take_questions()) == 3
    assert published(table).keys() == {"b.service"}
    state(table, "a.service", "activating", "auto-restart")
    table.settled(["a.service"])
    assert published(table)["a.service"].health is Health.RECOVERING


def test_a_failure_heard_just_after_other_answers_still_asks_for_its_policy() -> None:
    table = listed(row("a.service"))
    table.found(["a.service"], [row("a.service", "activating", "start")])
    assert {member for _, member in answer(table, {"StateChangeTimestamp": AT})} == {
        "StateChangeTimestamp",
        "Result",
        "NRestarts",
    }
    state(table, "a.service", "failed", "failed")
    assert "Restart" in {member for _, member in answer(table, {})}


def test_a_unit_that_is_new_is_looked_up() -> None:
    table = listed(row("a.service"))
    table.appeared("b.service")
    assert table.publish(1.0) is None
    assert table.take_unknown() == ["b.service"]
    table.found(["b.service"], [row("b.service")])
    assert published(table).keys() == {"b.service"}


def test_a_unit_that_was_never_there_is_not_told() -> None:
    table = listed(row("a.service"))
    table.appeared("b.service")
    table.disappeared("b.service")
    assert table.take_unknown() == []
    table.appeared("c.service")
    table.take_unknown()
    table.found(["c.service"], [])
    assert table.publish(1.0) is None


def test_many_new_units_are_listed_instead() -> None:
    table = listed(row("a.service"))
    for number in range(1000):
        table.appeared(f"b{number}.service")
    assert table.wants_list
    assert table.take_unknown() == []


def test_a_change_of_an_unknown_unit_is_looked_up() -> None:
    table = listed(row("a.service"))
    state(table, "b.service", "active", "running")
    assert table.take_unknown() == ["b.service"]


def test_a_unit_that_vanishes_is_removed() -> None:
    table = listed(row("a.service"), row("b.service"))
    state(table, "a.service", "inactive", "dead")
    table.disappeared("a.service")
    assert table.publish(1.0) == UnitsChanged("web1", (), ("a.service",))
    assert table.publish(2.0) is None


def test_a_removal_heard_after_an_answer_wins_over_it() -> None:
    table = listed(row("a.service"))
    table.appeared("b.service")
    names = table.take_unknown()
    table.found(names, [row("b.service")])
    table.disappeared("b.service")
    assert table.publish(1.0) is None


def test_a_unit_that_is_gone_and_back_has_a_new_life() -> None:
    table = listed(row("a.service", "failed", "failed"), answers={"Result": "signal", "NRestarts": 3})
    table.disappeared("a.service")
    table.appeared("a.service")
    table.found(table.take_unknown(), [row("a.service", "failed", "failed")])
    assert {member for _, member in answer(table, {"Result": "timeout", "NRestarts": 0})} >= {
        "Result",
        "NRestarts",
    }
    unit = published(table)["a.service"]
    assert (unit.result, unit.restarts) == ("timeout", 0)


def test_a_state_that_was_not_sent_is_asked_for() -> None:
    table = listed(row("a.service"))
    table.changed("a.service", UNIT, {}, ["ActiveState"])
    assert table.take_unknown() == ["a.service"]


def test_a_unit_that_was_not_found_and_now_runs_is_looked_up() -> None:
    """Its load state is never sent."""
    table = listed(row("a.service", "inactive", "dead", load="not-found"))
    state(table, "a.service", "active", "running")
    assert table.take_unknown() == ["a.service"]
    table.found(["a.service"], [row("a.service")])
    assert published(table)["a.service"].load == "loaded"


def test_a_reload_is_one_new_list_and_not_a_storm() -> None:
    table = listed(row("a.service"), row("b.service"))
    table.reload(True)
    for name in ("a.service", "b.service", "c.service"):
        table.disappeared(name)
    for name in ("a.service", "c.service"):
        table.appeared(name)
    assert table.take_unknown() == []
    assert table.publish(1.0) is None
    table.reload(False)
    assert table.wants_list
    table.listed([row("a.service"), row("c.service")])
    table.take_questions()
    event = table.publish(2.0)
    assert isinstance(event, UnitsListed)
    assert [unit.name for unit in event.units] == ["a.service", "c.service"]


def test_changes_within_a_reload_are_kept() -> None:
    table = listed(row("a.service"))
    table.reload(True)
    service(table, "a.service", "success", 2)
    state(table, "a.service", "active", "running")
    table.reload(False)
    table.listed([row("a.service")])
    assert table.take_questions() == []
    event = table.publish(1.0)
    assert isinstance(event, UnitsListed)
    assert event.units[0].restarts == 2


def test_a_list_is_newer_than_what_was_heard_before_it() -> None:
    table = listed(row("a.service"))
    table.reload(False)
    state(table, "a.service", "activating", "start")
    table.listed([row("a.service", "active", "exited")])
    table.take_questions()
    event = table.publish(1.0)
    assert isinstance(event, UnitsListed)
    assert event.units[0].sub == "exited"


def test_after_a_reload_a_restart_policy_is_read_anew() -> None:
    table = listed(row("a.service"))
    for now, expected in ((1.0, "on-failure"), (10.0, "no")):
        service(table, "a.service", "exit-code", 0)
        state(table, "a.service", "failed", "failed")
        asked = answer(table, {"Restart": expected, "StartLimitBurst": 5, "StartLimitIntervalUSec": 10**7})
        assert ("a.service", "Restart") in asked
        published(table, now)
        service(table, "a.service", "success", 0)
        state(table, "a.service", "active", "running")
        table.take_questions()
        assert published(table, now + 5)["a.service"].health is Health.OK
        table.listed([row("a.service")])
        table.take_questions()
        table.publish(now + 6)


def test_after_systemd_was_started_anew_details_are_asked_again() -> None:
    table = listed(row("a.service"), row("b.service"))
    service(table, "a.service", "success", 1)
    state(table, "a.service", "active", "running")
    table.take_questions()
    published(table)
    table.restarted()
    assert table.wants_list
    table.listed([row("a.service"), row("b.service")])
    assert sorted(
        answer(table, {"StateChangeTimestamp": AT + 10**6, "Result": "success", "NRestarts": 4})
    ) == [
        ("a.service", "NRestarts"),
        ("a.service", "Result"),
        ("a.service", "StateChangeTimestamp"),
    ]
    event = table.publish(2.0)
    assert isinstance(event, UnitsListed)
    assert event.units[0].restarts == 4


def test_a_host_cannot_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.hosts.unit_table.MAX_UNITS", 50)
    table = listed(row("a.service"))
    with pytest.raises(HostFailure, match="more than 50 units"):
        table.found([], [row(f"b{number}.service") for number in range(200)])


# -- whatever the order, the table ends where the host is -------------------------------------

names = st.sampled_from(["a.service", "b.service", "c.mount"])
states = st.sampled_from(
    [("active", "running"), ("inactive", "dead"), ("failed", "failed"), ("activating", "auto-restart")]
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("state"), names, states),
        st.tuples(st.just("remove"), names, st.none()),
        st.tuples(st.just("reload"), st.none(), st.none()),
        st.tuples(st.just("pause"), st.none(), st.none()),
        st.tuples(st.just("work"), st.none(), st.none()),
    ),
    max_size=40,
)


@given(steps, st.booleans())
def test_after_any_story_the_model_has_what_the_host_has(
    story: list[tuple[str, Any, Any]], details: bool
) -> None:
    host: dict[str, tuple[str, str]] = {"a.service": ("active", "running")}
    model: dict[str, Unit] = {}
    table = UnitTable("web1", details=details)
    now = 0.0

    def rows(only: list[str] | None = None) -> list[UnitRow]:
        return [row(name, *state) for name, state in host.items() if only is None or name in only]

    def work() -> None:
        """What the source does on its own: ask, publish."""
        if table.wants_list:
            table.listed(rows())
        if unknown := table.take_unknown():
            table.found(unknown, rows(unknown))
        answer(
            table, {"StateChangeTimestamp": AT, "Result": "exit-code", "NRestarts": 1, "Restart": "always"}
        )

    def publish() -> None:
        match table.publish(now):
            case UnitsListed(units=units):
                model.clear()
                model.update((unit.name, unit) for unit in units)
            case UnitsChanged(changed=changed, removed=removed):
                for name in removed:
                    del model[name]  # a removal of what was never told is a fault
                model.update((unit.name, unit) for unit in changed)

    work()
    publish()
    for kind, name, state_now in story:
        match kind:
            case "state":
                if name not in host:
                    table.appeared(name)
                host[name] = state_now
                state(table, name, *state_now)
            case "remove" if name in host:
                del host[name]
                table.disappeared(name)
            case "reload":
                table.reload(True)
                for other in host:
                    table.disappeared(other)
                for other in host:
                    table.appeared(other)
                table.reload(False)
            case "pause":
                now += HOLD * 2
                publish()
            case "work":
                work()
                publish()
    for _ in range(3):
        work()
        now += HOLD * 2
        publish()
    assert {name: (unit.active, unit.sub) for name, unit in model.items()} == host
    for unit in model.values():
        if unit.active == "failed":
            assert unit.health in {Health.FAILED, Health.GAVE_UP}


def test_a_unit_that_ran_before_it_was_looked_up_is_asked_since_when() -> None:
    """Its own signals came before it was known; a list of what is at rest asks no such thing."""
    table = listed(row("a.service"))
    table.appeared("b.service")
    table.appeared("loaded.service")
    table.found(table.take_unknown(), [row("b.service"), row("loaded.service", "inactive", "dead")])
    asked = answer(table, {"StateChangeTimestamp": AT})
    assert ("b.service", "StateChangeTimestamp") in asked
    assert {name for name, _ in asked} == {"b.service"}
    event = table.publish(1.0)
    assert isinstance(event, UnitsChanged)
    assert {unit.name: unit.since for unit in event.changed} == {"b.service": SINCE, "loaded.service": None}


def test_a_unit_that_comes_back_as_it_was_is_the_same_object_and_one_that_changed_is_not() -> None:
    before = listed(row("a.service"), row("b.service")).units
    table = UnitTable("web1", before=before)
    table.listed((row("a.service"), row("b.service", sub="reloading")))
    answer(table, {})
    table.publish(0.0)
    assert table.units["a.service"] is before["a.service"]
    assert table.units["b.service"].sub == "reloading"

"""What a job on a unit touches, by systemd's own rules."""

from __future__ import annotations

from typing import Any

import pytest

from console.model.unit import UnitDependencies
from console.model.unit_facts import Touch, UnitFacts, active_class, touched_by


def unit(name: str, active: str = "active", /, **relations: Any) -> UnitFacts:
    return UnitFacts(UnitDependencies("h", name, **relations), active=active, sub="running")


def touched(verb: str, name: str, *units: UnitFacts) -> tuple[Touch, ...]:
    return touched_by(verb, name, {one.name: one for one in units}.get)


@pytest.mark.parametrize(
    "relation", ["required_by", "requisite_of", "bound_by", "consists_of", "propagates_stop_to"]
)
def test_a_stop_is_passed_on_along_each_relation_that_carries_it(relation: str) -> None:
    found = touched("stop", "db", unit("db", **{relation: ("api",)}), unit("api"))
    assert found == (Touch("api", "stops"),)


@pytest.mark.parametrize("relation", ["wanted_by", "before", "after", "triggered_by", "upheld_by"])
def test_a_stop_is_not_passed_on_along_others(relation: str) -> None:
    assert touched("stop", "db", unit("db", **{relation: ("api",)}), unit("api")) == ()


def test_a_stop_goes_on_from_unit_to_unit_and_over_those_that_do_not_run() -> None:
    found = touched(
        "stop",
        "db",
        unit("db", required_by=("api",)),
        unit("api", "inactive", bound_by=("worker",)),
        unit("worker", consists_of=("db",)),
    )
    assert found == (Touch("worker", "stops"),)


def test_a_restart_restarts_what_runs_and_does_not_follow_propagated_stops() -> None:
    db = unit("db", required_by=("api", "idle"), propagates_stop_to=("extra",))
    found = touched("restart", "db", db, unit("api"), unit("idle", "inactive"), unit("extra"))
    assert found == (Touch("api", "restarts"),)


def test_a_start_pulls_in_what_does_not_run_and_stops_what_conflicts_with_any_of_it() -> None:
    found = touched(
        "start",
        "api",
        unit("api", "inactive", requires=("db", "net"), wants=("gone",)),
        unit("db", "failed", conflicts=("olddb",)),
        unit("net"),
        UnitFacts(UnitDependencies("h", "gone"), load="not-found"),
        unit("olddb", required_by=("report",)),
        unit("report"),
    )
    assert found == (Touch("db", "starts"), Touch("olddb", "stops"), Touch("report", "stops"))


def test_what_is_not_known_is_not_named() -> None:
    assert touched("stop", "db", unit("db", required_by=("api",))) == ()
    assert touched("stop", "db") == ()
    assert touched("kill", "db", unit("db", required_by=("api",)), unit("api")) == ()


def test_classes_of_active_states() -> None:
    words = ("active", "reloading", "activating", "deactivating", "failed", "inactive")
    assert [active_class(word) for word in words] == [
        "active", "active", "changing", "changing", "failed", "inactive",
    ]  # fmt: skip

"""What an instance is, by its placement, its host and its unit; and when that is what was desired."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.engine.service_states import reached
from console.model.state import Source, State, Status
from console.model.unit import Health, Unit
from tests.engine.desired import SINCE, assigned, failed, found, host, hosts, manifest, service, states, unit

DB = "db.service"


@pytest.mark.parametrize(
    ("there", "state", "reason"),
    [
        (None, "placed", ""),
        (unit("h1", DB), "running", ""),
        (unit("h1", DB, "reloading", "reload"), "running", ""),
        (unit("h1", DB, "activating", "start-pre", health=Health.CHANGING), "starting", "start-pre"),
        (
            unit("h1", DB, "activating", "auto-restart", health=Health.RECOVERING, restarts=3),
            "failing",
            "systemd is recovering it: 3",
        ),
        (unit("h1", DB, health=Health.FLAPPING, restarts=9), "failing", "systemd is recovering it: 9"),
        (failed("h1", DB), "failed", "exit-code"),
        (unit("h1", DB, "inactive", "dead"), "stopped", "dead"),
        (unit("h1", DB, "inactive", "dead", load="bad-setting"), "failed", "systemd: bad-setting"),
    ],
)
def test_an_instance_is_what_its_unit_is_where_it_is_placed(
    there: Unit | None, state: str, reason: str
) -> None:
    what = manifest(service("db"), at=assigned("db.service=h1"))
    assert states(what, hosts(2), *([there] if there else [])) == {DB: ("h1", state, reason)}


def test_what_is_placed_nowhere_is_pending_and_says_where_it_will_be_or_why_it_cannot() -> None:
    what = manifest(service("db"), service("big", "Memory=64G"), service("near", "Near=nothing"))
    assert states(what, hosts(2)) == {
        DB: (None, "pending", "to be placed on h1"),
        "big.service": (None, "pending", "memory on 2"),
        "near.service": (None, "pending", "near on 2"),
    }
    assert [one.name for one in found(what, hosts(2)) if one.blocked] == ["big.service", "near.service"]


def test_where_the_host_does_not_answer_nobody_knows_and_the_reason_is_the_hosts() -> None:
    what = manifest(service("db"), at=assigned("db.service=h1"))
    silent = host("h1", State.UNREACHABLE)
    stale = unit("h1", DB)
    assert states(what, [silent, host("h2")], stale) == {DB: ("h1", "lost", "unreachable: no route to host")}
    live = host("h1")
    no_units = {**live.sources, Source.UNITS: Status(State.FAILED, SINCE, "dbus is gone")}
    assert states(what, [replace(live, sources=no_units)], stale)[DB] == ("h1", "lost", "dbus is gone")
    assert states(what, [host("h2")])[DB][2] == "its host is not of the fleet any more"


def test_an_instance_that_is_to_be_elsewhere_or_still_runs_elsewhere_is_moving() -> None:
    pinned = manifest(service("db", pins={DB: "h2"}), at=assigned("db.service=h1"))
    assert states(pinned, hosts(2), unit("h1", DB))[DB] == ("h1", "moving", "to h2")
    placed = manifest(service("db"), at=assigned("db.service=h2"))
    assert states(placed, hosts(2), unit("h1", DB))[DB] == ("h2", "moving", "still on h1")
    assert states(placed, hosts(2), unit("h1", DB), unit("h2", DB))[DB] == ("h2", "running", "")


def test_a_global_service_has_one_on_each_host_and_says_of_each_host_that_will_not_have_it() -> None:
    what = manifest(
        service("agent", "Global=yes", "Memory=7G"),
        service("db", "Memory=4G", "Host=h2"),
        at=assigned("db.service=h2", "agent.service=h1"),
    )
    seen = [(one.name, one.host, one.state.value, one.blocked) for one in found(what, hosts(2))]
    assert ("agent.service", "h1", "placed", False) in seen
    assert ("agent.service", "h2", "pending", True) in seen


def test_an_instance_that_nobody_wants_any_more_is_to_be_stopped_and_is_never_what_is_desired() -> None:
    scaled = service("web@", "Replicas=1")
    what = manifest(scaled, at=assigned("web@1.service=h1", "web@2.service=h2"))
    units = [unit("h1", "web@1.service"), unit("h2", "web@2.service")]
    assert states(what, hosts(2), *units)["web@2.service"] == ("h2", "running", "to be stopped")
    assert [reached(scaled, one) for one in found(what, hosts(2), *units)] == [True, False]


def test_launched_is_reached_by_running_in_the_right_revision() -> None:
    next_one = service("db", revision=2)
    old = manifest(next_one, at=assigned("db.service=h1"))
    (one,) = found(old, hosts(1), unit("h1", DB))
    assert (one.state.value, one.reason) == ("running", "revision 2 is to take its place")
    assert not reached(next_one, one)
    new = manifest(next_one, at=assigned("db.service=h1", revision=2))
    (one,) = found(new, hosts(1), unit("h1", DB))
    assert reached(next_one, one)
    (one,) = found(new, hosts(1), failed("h1", DB))
    assert not reached(next_one, one)


def test_loaded_is_reached_by_being_placed_and_not_running() -> None:
    loaded = service("db", desired="loaded")
    what = manifest(loaded, at=assigned("db.service=h1"))
    for there, is_so in ((None, True), (unit("h1", DB, "inactive", "dead"), True), (unit("h1", DB), False)):
        (one,) = found(what, hosts(1), *([there] if there else []))
        assert reached(loaded, one) is is_so
    (one,) = found(manifest(loaded), hosts(1))
    assert not reached(loaded, one)


def test_an_inactive_service_has_only_what_is_left_of_it() -> None:
    inactive = service("db", desired="inactive")
    assert states(manifest(inactive), hosts(1)) == {}
    left = manifest(inactive, at=assigned("db.service=h1"))
    assert states(left, hosts(1), unit("h1", DB)) == {DB: ("h1", "running", "to be stopped")}

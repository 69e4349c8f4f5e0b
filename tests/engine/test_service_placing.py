"""Where services would be placed: moves by hand, hosts that do not answer, and what that changes."""

from __future__ import annotations

from console.engine.service_placing import blocked, candidates, differences, planned
from console.model.state import State
from console.placement.candidate import Standing
from tests.engine.desired import assigned, host, hosts, manifest, service
from tests.placement.build import where


def test_a_host_that_does_not_answer_is_silent_and_never_given_up_by_a_console() -> None:
    fleet = [host("h1"), host("h2", State.UNREACHABLE), host("h3", State.STALE), host("h4", State.FOREIGN)]
    assert [one.standing for one in candidates(fleet)] == [
        Standing.LIVE,
        Standing.SILENT,
        Standing.SILENT,
        Standing.FOREIGN,
    ]
    what = manifest(service("db"), at=assigned("db.service=h2"))
    assert where(planned(what, candidates(fleet))) == {"db.service": ["h2"]}


def test_what_is_inactive_is_placed_nowhere() -> None:
    what = manifest(service("db", desired="inactive"), service("web", desired="loaded"))
    assert where(planned(what, candidates(hosts(2)))) == {"web.service": ["h1"]}


def test_a_move_by_hand_is_kept_to_and_the_rest_stays() -> None:
    fleet = candidates(hosts(3))
    at = assigned("web@1.service=h1", "web@2.service=h2")
    what = manifest(service("web@", "Replicas=2", pins={"web@1.service": "h3"}), at=at)
    assert where(planned(what, fleet)) == {"web@1.service": ["h3"], "web@2.service": ["h2"]}
    (moved,) = differences(what, planned(what, fleet))
    assert (moved.instance, moved.before, moved.after, moved.rule) == ("web@1.service", "h1", "h3", "moved")


def test_a_pin_to_a_host_that_is_away_or_may_not_have_it_changes_nothing() -> None:
    at = assigned("web@1.service=h1", "web@2.service=h2")
    away = [host("h1"), host("h2"), host("h3", State.UNREACHABLE)]
    what = manifest(service("web@", "Replicas=2", pins={"web@1.service": "h3"}), at=at)
    assert differences(what, planned(what, candidates(away))) == ()
    may_not = manifest(service("web@", "Replicas=2", "Require=name!=h3", pins={"web@1.service": "h3"}), at=at)
    assert differences(may_not, planned(may_not, candidates(hosts(3)))) == ()


def test_a_pin_places_what_was_placed_nowhere() -> None:
    what = manifest(service("db", pins={"db.service": "h2"}))
    assert where(planned(what, candidates(hosts(3)))) == {"db.service": ["h2"]}


def test_differences_are_what_comes_goes_and_moves_and_of_a_global_service_host_by_host() -> None:
    what = manifest(
        service("agent", "Global=yes"),
        service("db", desired="inactive"),
        service("web"),
        at=assigned("agent.service=h1", "db.service=h2"),
    )
    found = differences(what, planned(what, candidates(hosts(2))))
    assert {(one.instance, one.before, one.after) for one in found} == {
        ("agent.service", None, "h2"),
        ("db.service", "h2", None),
        ("web.service", None, "h1"),
    }


def test_blocked_are_the_instances_of_those_services_alone() -> None:
    what = manifest(service("big", "Memory=64G"), service("huge", "Memory=99G"))
    placement = planned(what, candidates(hosts(2)))
    (one,) = blocked(placement, ["big.service"])
    assert (one.instance, one.reason) == ("big.service", "memory on 2")

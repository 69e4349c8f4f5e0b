"""Who is displaced for whom, and what is left alone."""

from __future__ import annotations

import pytest

from console.placement.scheduler import schedule
from tests.placement.build import at, changes, host, hosts, pending, spec, where

LOW = ("QoS=best-effort", "Priority=10")
HIGH = ("QoS=guaranteed", "Priority=90")


def test_a_lower_class_of_lower_priority_makes_room() -> None:
    specs = [spec("batch", "CPU=3", *LOW), spec("db", "CPU=2", "Memory=1G", *HIGH)]
    placement = schedule(specs, hosts(1), at("batch=h1"))
    assert where(placement) == {"db.service": ["h1"]}
    assert changes(placement)["batch.service"] == ("h1", None, "preempted")
    assert pending(placement) == {"batch.service": "cpu on 1"}


def test_the_displaced_one_moves_where_there_is_room() -> None:
    specs = [spec("batch", "CPU=3", *LOW), spec("db", "CPU=2", "Memory=1G", "Host=h1", *HIGH)]
    assert changes(schedule(specs, hosts(2), at("batch=h1")))["batch.service"] == ("h1", "h2", "preempted")


@pytest.mark.parametrize(
    ("theirs", "mine"),
    [
        (("QoS=burstable", "Priority=10"), ("QoS=burstable", "Priority=90")),  # of the same class
        (("QoS=best-effort", "Priority=50"), ("QoS=burstable", "Priority=50")),  # of the same priority
        (("QoS=best-effort", "Priority=90"), ("QoS=burstable", "Priority=10")),  # of a higher priority
        (("QoS=burstable", "Priority=10"), ("QoS=best-effort", "Priority=90")),  # of a higher class
    ],
)
def test_one_that_is_not_below_in_both_stays(theirs: tuple[str, ...], mine: tuple[str, ...]) -> None:
    specs = [spec("there", "CPU=3", *theirs), spec("comes", "CPU=2", *mine)]
    placement = schedule(specs, hosts(1), at("there=h1"))
    assert where(placement) == {"there.service": ["h1"]}
    assert pending(placement) == {"comes.service": "cpu on 1"}


def test_nobody_is_displaced_where_there_is_room_elsewhere() -> None:
    specs = [spec("batch", "CPU=3", *LOW), spec("db", "CPU=2", "Memory=1G", *HIGH)]
    assert changes(schedule(specs, hosts(2), at("batch=h1"))) == {"db.service": (None, "h2", "new")}


def test_nobody_is_displaced_if_that_would_not_make_it_fit() -> None:
    specs = [
        spec("batch", "CPU=1", *LOW),
        spec("keep", "CPU=2", "Priority=95"),
        spec("db", "CPU=3", "Memory=1G", *HIGH),
    ]
    placement = schedule(specs, hosts(1), at("batch=h1", "keep=h1"))
    assert set(where(placement)) == {"batch.service", "keep.service"}


def test_nobody_is_displaced_for_what_room_does_not_help() -> None:
    specs = [spec("batch", "CPU=3", *LOW), spec("db", "CPU=2", "Memory=1G", "Apart=batch", *HIGH)]
    assert set(where(schedule(specs, hosts(1), at("batch=h1")))) == {"batch.service"}


def test_no_more_go_than_must_and_the_lowest_first() -> None:
    specs = [
        spec("small", "CPU=1", "QoS=best-effort", "Priority=10"),
        spec("large", "CPU=3", "QoS=best-effort", "Priority=20"),
        spec("db", "CPU=3", "Memory=1G", *HIGH),
    ]
    # The small one comes first, and is not enough; the large one is, by itself. There would be room for the
    # small one elsewhere.
    placement = schedule(specs, [host("h1"), host("h2", cpu=1000)], at("small=h1", "large=h1"))
    assert where(placement) == {"db.service": ["h1"], "small.service": ["h1"]}


def test_room_that_is_left_over_goes_to_who_waited_for_it() -> None:
    specs = [
        spec("waits", "CPU=1", "Memory=1G", "QoS=guaranteed", "Priority=10"),
        spec("wins", "CPU=2", "Priority=90"),
        spec("big", "CPU=4", "QoS=best-effort", "Priority=20"),
    ]
    # It may not displace the big one, whose priority is higher; what does leaves it room.
    assert set(where(schedule(specs, hosts(1), at("big=h1")))) == {"waits.service", "wins.service"}


def test_the_host_where_the_lowest_go_is_taken() -> None:
    specs = [
        spec("first", "CPU=3", "QoS=best-effort", "Priority=40"),
        spec("second", "CPU=3", "QoS=best-effort", "Priority=10"),
        spec("db", "CPU=2", "Memory=1G", *HIGH),
    ]
    placement = schedule(specs, hosts(2), at("first=h1", "second=h2"))
    assert where(placement)["db.service"] == ["h2"]


def test_one_that_others_are_near_to_stays_for_them() -> None:
    specs = [
        spec("peer", "CPU=3", *LOW),
        spec("follower", "Near=peer", "Priority=95"),
        spec("db", "CPU=2", "Memory=1G", *HIGH),
    ]
    assert set(where(schedule(specs, hosts(1), at("peer=h1", "follower=h1")))) == {
        "peer.service",
        "follower.service",
    }


def test_its_own_peer_stays_too() -> None:
    specs = [spec("peer", "CPU=3", *LOW), spec("db", "CPU=2", "Memory=1G", "Near=peer", *HIGH)]
    assert set(where(schedule(specs, hosts(1), at("peer=h1")))) == {"peer.service"}


def test_one_on_every_host_makes_room_on_each() -> None:
    specs = [
        spec("batch@", "Replicas=2", "CPU=3", *LOW),
        spec("agent", "Global=yes", "CPU=2", "Memory=1G", *HIGH),
    ]
    placement = schedule(specs, [host("h1"), host("h2", cpu=8000)], at("batch@1=h1", "batch@2=h2"))
    assert where(placement) == {
        "agent.service": ["h1", "h2"],
        "batch@1.service": ["h2"],
        "batch@2.service": ["h2"],
    }

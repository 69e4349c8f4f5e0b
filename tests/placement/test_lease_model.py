"""Leases, tried in a world where everything may be late, twice, lost or frozen: never two copies.

The same stories are told to protocols with one rule left out; each of them is caught.
"""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from console.placement.lease import Clock, Kept, Leases, Terms
from tests.placement.lease_world import Doubled, Rules, World

WEB = "web.service"


def clock(at: float, uptime: int, boot: str = "b1", machine: str = "m1") -> Clock:
    return Clock(at, uptime, boot, machine)


def told(stories: int, rules: Rules) -> tuple[int, int]:
    """How often it moved, and was started, in so many stories."""
    moves = starts = 0
    for seed in range(stories):
        world = World(seed, rules)
        world.run()
        moves, starts = moves + world.moves, starts + world.starts
    return moves, starts


@pytest.mark.parametrize("stories", [1000, pytest.param(20_000, marks=pytest.mark.full)])
def test_it_has_never_two_copies_whatever_befalls_hosts_engines_etcd_and_the_network(stories: int) -> None:
    moves, starts = told(stories, Rules())
    assert moves > stories
    assert starts > stories


@pytest.mark.parametrize("rule", [field.name for field in fields(Rules)])
def test_a_protocol_without_one_of_its_rules_is_caught(rule: str) -> None:
    rules = replace(Rules(), **{rule: False})
    with pytest.raises(Doubled):
        told(4000, rules)


def test_a_deadline_is_what_the_hosts_clock_says_when_the_lease_is_over_and_a_little_less() -> None:
    leases = Leases(Terms(ttl=60, wind=10, drift=0.001))
    leases.clock("h1", clock(100.0, 5_000))
    wind = leases.wind("h1", {WEB}, (), 110.0)
    assert wind is not None
    assert (wind.until, wind.boot) == (170.0, "b1")
    assert wind.deadline == 5_000 + int(70 * 0.999 * 100)


def test_a_host_whose_clock_is_not_known_is_not_wound() -> None:
    leases = Leases(Terms())
    assert leases.wind("h1", {WEB}, (), 0.0) is None
    leases.clock("h1", clock(0.0, 100))
    leases.silent("h1")
    assert leases.wind("h1", {WEB}, (), 0.0) is None


def test_elsewhere_only_after_the_lease_the_stop_and_the_margin() -> None:
    leases = Leases(Terms(ttl=60, margin=3))
    leases.clock("h1", clock(0.0, 100))
    assert leases.free_at("h1", WEB, 10.0) is None, "it never had a lease"
    leases.wind("h1", {WEB}, (), 5.0)
    assert leases.free_at("h1", WEB, 10.0) == 5 + 60 + 10 + 3, "whether the wind came there or not"


def test_what_a_leader_before_recorded_counts_from_when_this_one_read_it() -> None:
    leases = Leases(Terms(ttl=6, margin=3, drift=0.0))
    leases.known("h1", Kept(60, "b1", "m1"), 1000.0)
    assert leases.free_at("h1", WEB, 10.0) == 1000 + 60 + 10 + 3


def test_another_boot_of_the_same_machine_has_nothing_of_before_but_another_machine_says_nothing() -> None:
    leases = Leases(Terms())
    leases.known("h1", Kept(60, "b1", "m1"), 0.0)
    leases.clock("h1", clock(1.0, 100, "b2", "m2"))
    assert leases.free_at("h1", WEB, 10.0) is not None
    assert leases.wind("h1", {WEB}, (), 1.0) is None, "and it gets none before the first one's is over"
    assert leases.wind("h1", {WEB}, (), 100.0) is not None
    leases.known("h1", Kept(60, "b1", "m1"), 0.0)
    leases.clock("h1", clock(1.0, 100, "b2", "m1"))
    assert leases.free_at("h1", WEB, 10.0) is None


def test_what_is_down_after_a_wind_that_does_not_name_it_is_free_until_one_does() -> None:
    leases = Leases(Terms())
    leases.clock("h1", clock(0.0, 100))
    named = leases.wind("h1", {WEB}, (), 1.0)
    dropped = leases.wind("h1", (), {WEB}, 2.0)
    assert named is not None
    assert dropped is not None
    leases.wound("h1", named, clock(2.5, 350), {WEB})
    assert leases.free_at("h1", WEB, 10.0) is not None, "that was said before it was dropped"
    leases.wound("h1", dropped, clock(3.0, 400), {WEB})
    assert leases.free_at("h1", WEB, 10.0) is None
    leases.wind("h1", {WEB}, (), 4.0)
    assert leases.free_at("h1", WEB, 10.0) is not None


def test_it_is_started_under_a_lease_that_names_it_and_is_good_for_a_while() -> None:
    leases = Leases(Terms(ttl=60))
    leases.clock("h1", clock(0.0, 100))
    wind = leases.wind("h1", {WEB}, (), 0.0)
    assert wind is not None
    assert not leases.holds("h1", WEB, 0.0), "not before the host has said so"
    leases.wound("h1", wind, clock(1.0, 200), ())
    assert leases.holds("h1", WEB, 1.0)
    assert not leases.holds("h1", "other.service", 1.0)
    assert not leases.holds("h1", WEB, 50.0)
    leases.silent("h1")
    assert not leases.holds("h1", WEB, 1.0)

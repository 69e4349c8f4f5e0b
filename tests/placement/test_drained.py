"""What becomes of instances on a host that is drained."""

from __future__ import annotations

from console.placement.scheduler import schedule
from tests.placement.build import at, changes, host, pending, spec, where

DRAINED = host("h1", drained="alice")


def test_what_is_there_moves_and_the_rest_stays() -> None:
    now = at("web@1=h1", "web@2=h2")
    found = schedule([spec("web@", "Replicas=2")], [DRAINED, host("h2"), host("h3")], now)
    assert changes(found) == {"web@1.service": ("h1", "h3", "drained")}


def test_what_no_other_host_will_have_stays_and_says_why() -> None:
    fleet = [DRAINED, host("h2"), host("h3", cordoned=True)]
    found = schedule([spec("big", "Memory=6G"), spec("other", "Memory=6G")], fleet, at("big=h1", "other=h2"))
    assert where(found) == {"big.service": ["h1"], "other.service": ["h2"]}
    assert (found.changes, found.pending) == ((), ())
    ((name, reason),) = [(one.instance, one.reason) for one in found.staying]
    assert (name, reason) == ("big.service", "cordoned on 1, drained on 1, memory on 1")


def test_what_belongs_to_its_host_stays_and_nothing_new_of_it_comes() -> None:
    specs = [spec("agent", "Global=yes"), spec("disk", "Host=h1"), spec("new", "Host=h1")]
    found = schedule(specs, [DRAINED, host("h2")], at("agent=h1", "agent=h2", "disk=h1"))
    assert where(found) == {"agent.service": ["h1", "h2"], "disk.service": ["h1"]}
    assert (found.changes, found.staying) == ((), ())
    assert pending(found) == {"new.service": "drained on 1, host on 1"}
    fresh = schedule([spec("agent", "Global=yes")], [DRAINED, host("h2")])
    assert where(fresh) == {"agent.service": ["h2"]}


def test_peers_go_together_and_stay_together() -> None:
    specs = [spec("db"), spec("web", "Near=db")]
    now = at("db=h1", "web=h1")
    assert where(schedule(specs, [DRAINED, host("h2")], now)) == {"db.service": ["h2"], "web.service": ["h2"]}
    alone = schedule(specs, [DRAINED], now)
    assert where(alone) == {"db.service": ["h1"], "web.service": ["h1"]}
    assert {one.instance for one in alone.staying} == {"db.service", "web.service"}


def test_a_host_that_is_no_longer_drained_gets_nothing_back_by_itself() -> None:
    moved = schedule([spec("web")], [DRAINED, host("h2")], at("web=h1"))
    assert schedule([spec("web")], [host("h1"), host("h2")], moved.placed).changes == ()


def test_what_stays_on_a_drained_host_counts_for_why_its_peers_are_nowhere() -> None:
    specs = [spec("d@.service", "Replicas=2", "Near=self"), spec("e.service", "Replaces=d@*.service")]
    fleet = [host("h1"), host("h2", drained="me")]
    placement = schedule(specs, fleet, at("d@1=h2"))
    assert pending(placement) == {"d@2.service": "drained on 1, near on 1"}
    assert where(placement) == {"d@1.service": ["h2"], "e.service": ["h1"]}

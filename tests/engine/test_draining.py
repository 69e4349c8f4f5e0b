"""What drained hosts have still to let go of."""

from __future__ import annotations

from dataclasses import replace

from console.engine.draining import leaving
from console.engine.manifest import Manifest
from console.engine.service_placing import candidates, planned
from console.model.host import Host
from tests.engine.desired import SINCE, assigned, found, hosts, manifest, service, unit


def drained(count: int) -> list[Host]:
    first, *others = hosts(count)
    return [replace(first, drained={"alice": SINCE}), *others]


def left(what: Manifest, fleet: list[Host]) -> list[tuple[str, str | None, str | None]]:
    placement = planned(what, candidates(fleet))
    return [(one.instance, one.to, one.stuck) for one in leaving(what, placement, {"h1"})]


def test_what_can_run_elsewhere_is_to_go_and_what_belongs_to_the_host_is_not() -> None:
    what = manifest(
        service("agent", "Global=yes"),
        service("disk", "Host=h1"),
        service("web"),
        service("big", "Memory=6G", "Require=name=h1"),
        service("old", desired="inactive"),
        at=assigned(
            "agent.service=h1", "disk.service=h1", "web.service=h1", "big.service=h1", "old.service=h1"
        ),
    )
    assert left(what, drained(2)) == [
        ("web.service", "h2", None),
        ("big.service", None, "drained on 1, require on 1"),
        ("old.service", None, None),
    ]


def test_what_has_to_stay_says_so_while_it_runs() -> None:
    what = manifest(service("web"), at=assigned("web.service=h1"))
    (one,) = found(what, drained(1), unit("h1", "web.service"))
    assert (one.state, one.reason) == (
        "running",
        "to leave its host, and no other will have it: drained on 1",
    )


def test_a_pin_to_a_drained_host_counts_for_nothing_and_counts_again_afterwards() -> None:
    pinned = service("web", pins={"web.service": "h1"})
    what = manifest(pinned, at=assigned("web.service=h1"))
    assert left(what, drained(2)) == [("web.service", "h2", None)]
    moved = manifest(pinned, at=assigned("web.service=h2"))
    fleet = candidates(drained(2))
    assert [one.host for one in planned(moved, fleet).placed] == ["h2"]
    assert [one.host for one in planned(moved, candidates(hosts(2))).placed] == ["h1"]

"""What the plan of a wish says: the service, and everything that becomes of instances by it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from console.actions.plan import Plan
from console.commands.service_desk import Desk, Wish, drawn, wished
from console.engine.following import Seen
from console.engine.manifest import Manifest
from console.engine.services import Desired, Service
from console.errors import UsageError
from console.model.host import Host
from tests.engine.desired import assigned, hosts, manifest, service


def desk(what: Manifest, fleet: list[Host]) -> Desk:
    model = type("Model", (), {"hosts": lambda: fleet})
    view = type("View", (), {"fleet": type("Fleet", (), {"model": model})})
    return Desk(cast("Any", None), Seen(what), cast("Any", view))


def plan(what: Manifest, before: Service | None, after: Service, count: int = 2) -> Plan:
    async def write() -> None:
        raise AssertionError("a plan writes nothing")

    return drawn("line", desk(what, hosts(count)), [Wish(before, after, "start", write)])


def effects(found: Plan) -> list[tuple[str, str, str | None]]:
    return [(one.what, one.object, one.host) for step in found.steps for one in step.touches or ()]


def test_a_start_says_where_each_instance_starts_and_which_no_host_will_have() -> None:
    found = plan(manifest(), None, service("web@", "Replicas=3", "Apart=self"))
    assert effects(found) == [("starts", "web@1.service", "h1"), ("starts", "web@2.service", "h2")]
    assert [(one.target, one.why) for one in found.refused] == [
        ("web@3.service", "no host will have it: apart on 2")
    ]


def test_a_plan_says_how_many_instances_each_host_has_and_would_have() -> None:
    before = service("web@", "Replicas=1")
    what = manifest(before, at=assigned("web@1.service=h1"))
    assert plan(what, before, service("web@", "Replicas=4")).notes == (
        "instances by host: h2 0 → 2, h1 1 → 2",
    )
    assert plan(what, before, replace(before, desired=Desired.LOADED)).notes == ()


def test_what_it_displaces_is_part_of_it_and_what_would_happen_anyway_is_not() -> None:
    low = service("low", "Memory=6G", "QoS=best-effort", "Priority=10", "Host=h1")
    waiting = service("waiting")
    what = manifest(low, waiting, at=assigned("low.service=h1"))
    found = plan(what, None, service("high", "Memory=6G", "Priority=90", "Host=h1"))
    assert effects(found) == [("starts", "high.service", "h1"), ("stops", "low.service", "h1")]


def test_instances_that_stay_where_they_are_start_stop_or_change_there() -> None:
    before = service("db", desired="loaded")
    what = manifest(before, at=assigned("db.service=h1"))
    assert effects(plan(what, before, replace(before, desired=Desired.LAUNCHED))) == [
        ("starts", "db.service", "h1")
    ]
    running = replace(before, desired=Desired.LAUNCHED)
    what = manifest(running, at=assigned("db.service=h1"))
    assert effects(plan(what, running, before)) == [("stops", "db.service", "h1")]
    assert effects(plan(what, running, replace(running, revision=2))) == [
        ("changes to revision 2", "db.service", "h1")
    ]
    assert effects(plan(what, running, replace(running, desired=Desired.INACTIVE))) == [
        ("stops", "db.service", "h1")
    ]


def test_a_new_policy_moves_only_what_breaks_it() -> None:
    before = service("web@", "Replicas=2")
    what = manifest(before, at=assigned("web@1.service=h1", "web@2.service=h2"))
    after = replace(service("web@", "Replicas=2", "Require=name!=h2"), revision=2)
    assert effects(plan(what, before, after, count=3)) == [
        ("moves from h2", "web@2.service", "h3"),
        ("changes to revision 2", "web@1.service", "h1"),
    ]


def test_what_was_scaled_stays_scaled_in_the_next_revision() -> None:
    before = replace(service("web@", "Replicas=2"), replicas=5)
    after = wished(before, service("web@", "Replicas=3").spec, 2, Desired.LAUNCHED)
    assert len(after.spec.instances()) == 5


def test_two_services_never_have_an_instance_of_one_name() -> None:
    own = service("web@1")
    with pytest.raises(UsageError, match=r"would have an instance web@1\.service"):
        plan(manifest(own), None, service("web@", "Replicas=2"))
    with pytest.raises(UsageError, match=r"web@1\.service is an instance of web@\.service"):
        plan(manifest(service("web@", "Replicas=2")), None, own)

"""States of instances in an engine's own word, and in ours where it has none."""

from __future__ import annotations

from dataclasses import replace

from console.engine.following import Observed
from console.engine.manifest import Manifest
from console.engine.service_placing import candidates, planned
from console.engine.service_states import By, Instance, instances, remembered, told
from console.model.host import Host
from console.model.state import State
from console.model.unit import Unit
from console.placement.reconcile import Condition, Phase
from tests.engine.desired import assigned, host, hosts, manifest, service, unit

WEB = "web@1.service"
AT = assigned("web@1.service=h1")


def says(phase: Phase, reason: str = "", at: str = "h1", of: str = "web@.service") -> Observed:
    return Observed({(at, WEB): Condition(of, WEB, at, phase, reason)})


def states(
    what: Manifest, observed: Observed, fleet: list[Host], *units: Unit
) -> list[tuple[str, str, str, By]]:
    there = {one.key: one for one in units}
    found = told(what, observed, {one.name: one for one in fleet}, lambda *key: there.get(key))
    return [(one.name, one.state.value, one.reason, one.by) for one in found]


def test_the_engines_word_counts_also_against_what_it_looks_like_from_here() -> None:
    what = manifest(service("web@", "Replicas=1"), at=AT)
    away = [host("h1", State.UNREACHABLE), host("h2")]
    assert states(what, says(Phase.RUNNING), away) == [(WEB, "running", "", By.ENGINE)]
    refused = says(Phase.FAILED, "there is a file of that name")
    assert states(what, refused, hosts(2), unit("h1", WEB)) == [
        (WEB, "failed", "there is a file of that name", By.ENGINE)
    ]


def test_what_it_has_not_spoken_of_is_as_its_host_says() -> None:
    what = manifest(service("web@", "Replicas=1"), at=AT)
    assert states(what, Observed(), hosts(2), unit("h1", WEB)) == [(WEB, "running", "", By.CONSOLE)]
    elsewhere = says(Phase.RUNNING, at="h2")
    assert states(what, elsewhere, hosts(2)) == [(WEB, "placed", "", By.CONSOLE)]


def test_what_is_to_go_or_to_change_is_not_as_the_engine_last_saw_it() -> None:
    there = unit("h1", WEB)
    gone = manifest(service("web@", "Replicas=0"), at=AT)
    assert states(gone, says(Phase.RUNNING), hosts(1), there) == [
        (WEB, "running", "to be stopped", By.CONSOLE)
    ]
    newer = manifest(service("web@", "Replicas=1", revision=2), at=AT)
    assert states(newer, says(Phase.RUNNING), hosts(1), there) == [
        (WEB, "running", "revision 2 is to take its place", By.CONSOLE)
    ]


def test_what_has_no_host_has_the_engines_reason_or_is_about_to_be_placed() -> None:
    what = manifest(service("web@", "Replicas=2"), service("old", desired="inactive"))
    observed = Observed(pending={WEB: "memory on 2"})
    assert states(what, observed, hosts(2)) == [
        (WEB, "pending", "memory on 2", By.ENGINE),
        ("web@2.service", "pending", "not placed yet", By.CONSOLE),
    ]


def test_with_no_engine_its_last_word_stands_only_for_hosts_not_heard_from_yet() -> None:
    what = manifest(service("web@", "Replicas=1"), at=AT)

    def seen(fleet: list[Host], *units: Unit) -> Instance:
        there = {one.key: one for one in units}
        by_name = {one.name: one for one in fleet}
        placement = planned(what, candidates(fleet))
        found = instances(what, placement, by_name, lambda *key: there.get(key))
        (one,) = remembered(found, says(Phase.FAILING, "systemd restarts it"), by_name)
        return one

    cold = seen([replace(host("h1"), status=host("h1", State.CONNECTING).status)])
    assert (cold.state, cold.reason, cold.by) == ("failing", "systemd restarts it", By.LAST)
    live = seen(hosts(1), unit("h1", WEB))
    assert (live.state, live.by) == ("running", By.CONSOLE)
    lost = seen([host("h1", State.UNREACHABLE)])
    assert (lost.state, lost.by) == ("lost", By.CONSOLE)

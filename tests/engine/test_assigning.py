"""What is written of placements: where instances go, stay, and are forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from console.engine.assigning import NEEDS_ENGINE, Assignment, Registry, assign, leases, spared, wants
from console.engine.services import Assigned, Desired, Given, Service
from console.placement.candidate import Candidate, Standing
from console.placement.mark import Mark
from console.placement.spec import parse_spec
from console.placement.unit_change import Way

WEB = "web@1.service"


def service(
    *lines: str, name: str = "web@.service", revision: int = 1, desired: Desired = Desired.LAUNCHED
) -> Service:
    text = "\n".join(["[Service]", "ExecStart=/bin/true", "[X-Quarterdeck]", *lines, ""])
    return Service(name, revision, desired, parse_spec(text, Path(name)))


def registry(*services: Service, assigned: tuple[Assigned, ...] = ()) -> Registry:
    return Registry({one.name: one for one in services}, assigned)


def at(
    host: str, *, epoch: int = 1, revision: int = 1, instance: str = WEB, service: str = "web@.service"
) -> Assigned:
    return Assigned(service, instance, host, epoch, revision, modified=5)


def fleet(**standing: Standing) -> list[Candidate]:
    return [Candidate(name, standing=standing.get(name, Standing.LIVE)) for name in ("h1", "h2", "h3")]


def marked(host: str, *, epoch: int = 1, revision: int = 1) -> Mapping[str, Mapping[str, Mark]]:
    nothing: dict[str, dict[str, Mark]] = {name: {} for name in ("h1", "h2", "h3")}
    return {**nothing, host: {WEB: Mark("f-1", "web@.service", revision, epoch, True, "/run")}}


NOTHING: Mapping[str, Mapping[str, Mark]] = {"h1": {}, "h2": {}, "h3": {}}


def put(found: Assignment) -> list[tuple[str, str, int, int]]:
    return [(one.instance, one.host, one.epoch, one.revision) for one in found.put]


def test_what_is_new_gets_a_host_and_its_first_epoch() -> None:
    ((name, _, epoch, revision),) = put(assign(registry(service("Replicas=1")), fleet(), NOTHING))
    assert (name, epoch, revision) == (WEB, 1, 1)


def test_what_is_placed_stays_and_nothing_is_written() -> None:
    now = registry(service("Replicas=1"), assigned=(at("h2"),))
    assert assign(now, fleet(), marked("h2")) == Assignment()


def test_what_runs_somewhere_without_a_record_is_taken_over_as_it_is() -> None:
    found = assign(registry(service("Replicas=1")), fleet(), marked("h3", epoch=7))
    assert put(found) == [(WEB, "h3", 7, 1)]


def test_a_lost_hosts_instance_goes_elsewhere_with_a_higher_epoch() -> None:
    now = registry(service("Replicas=1"), assigned=(at("h1", epoch=4),))
    ((_, host, epoch, _),) = put(assign(now, fleet(h1=Standing.LOST), NOTHING))
    assert host != "h1"
    assert epoch == 5


def test_an_epoch_is_higher_than_that_of_any_copy() -> None:
    now = registry(service("Replicas=1"), assigned=(at("h1", epoch=4),))
    ((_, _, epoch, _),) = put(assign(now, fleet(h1=Standing.LOST), marked("h2", epoch=9)))
    assert epoch == 10


def test_a_lost_hosts_instance_that_no_other_will_have_keeps_its_record() -> None:
    now = registry(service("Replicas=1", "Require=name=h1"), assigned=(at("h1"),))
    found = assign(now, fleet(h1=Standing.LOST), NOTHING)
    assert (found.put, found.forget) == ((), ())
    assert [one.instance for one in found.pending] == [WEB]


def test_with_the_brakes_on_what_has_a_host_keeps_it_and_what_has_none_gets_one() -> None:
    lost = fleet(h1=Standing.LOST)
    now = registry(service("Replicas=2"), assigned=(at("h1"),))
    found = assign(now, lost, NOTHING, held="two hosts are lost")
    assert [one.instance for one in found.put] == ["web@2.service"]
    gone = registry(assigned=(at("h2"),))
    assert assign(gone, fleet(), NOTHING, held="why").forget == ()


def test_a_placement_is_forgotten_once_its_host_has_nothing_of_it() -> None:
    now = registry(assigned=(at("h1"),))
    assert assign(now, fleet(), marked("h1")).forget == ()
    assert assign(now, fleet(), NOTHING).forget == (at("h1"),)
    assert assign(now, fleet(h1=Standing.LOST), {}).forget == (at("h1"),)
    assert assign(now, fleet(h1=Standing.SILENT), {}).forget == ()


def test_a_placement_is_not_forgotten_while_its_host_may_just_be_getting_it() -> None:
    now = registry(assigned=(at("h1"),))
    assert assign(now, fleet(), NOTHING, busy={"h1"}).forget == ()
    assert assign(now, fleet(), NOTHING, busy={"h2"}).forget == (at("h1"),)


def test_what_is_not_wanted_any_more_is_no_want() -> None:
    placed = (at("h1"),)
    assert len(wants(registry(service("Replicas=1"), assigned=placed))) == 1
    assert wants(registry(service("Replicas=0"), assigned=placed)) == []
    assert wants(registry(service("Replicas=1", desired=Desired.INACTIVE), assigned=placed)) == []


def test_another_revision_is_written_where_the_instance_is() -> None:
    now = registry(service("Replicas=1", revision=2), assigned=(at("h2", epoch=3),))
    assert put(assign(now, fleet(), marked("h2", epoch=3))) == [(WEB, "h2", 3, 2)]
    assert spared(now, {}) == {("h2", WEB)}


def test_a_move_by_hand_and_a_pin_name_the_host() -> None:
    now = registry(service("Replicas=1"), assigned=(at("h1"),))
    assert put(assign(now, fleet(), NOTHING, moves={WEB: "h3"})) == [(WEB, "h3", 2, 1)]
    pinned = replace(service("Replicas=1"), pins={WEB: "h2"})
    assert put(assign(registry(pinned, assigned=(at("h1"),)), fleet(), NOTHING)) == [(WEB, "h2", 2, 1)]
    assert put(assign(registry(pinned), fleet(), NOTHING)) == [(WEB, "h2", 1, 1)]


def test_a_pin_to_a_host_that_is_lost_does_not_hold_the_instance_there() -> None:
    pinned = replace(service("Replicas=1"), pins={WEB: "h2"})
    ((_, host, _, _),) = put(assign(registry(pinned, assigned=(at("h2"),)), fleet(h2=Standing.LOST), NOTHING))
    settled = registry(pinned, assigned=(at(host, epoch=2),))
    assert put(assign(settled, fleet(h2=Standing.LOST), NOTHING)) == []


def test_one_for_every_host_has_a_record_for_each() -> None:
    every = service("Global=yes", name="every.service")
    found = assign(registry(every), fleet(h3=Standing.FOREIGN), NOTHING)
    assert [(one.instance, one.host) for one in found.put] == [
        ("every.service", "h1"),
        ("every.service", "h2"),
    ]


def exclusive(host: str, *, leased: bool = True) -> Assigned:
    return replace(at(host, epoch=4), leased=leased)


ONE = service("Replicas=1", "Exclusive=yes")


def test_an_exclusive_service_is_placed_on_a_lease() -> None:
    (one,) = assign(registry(ONE), fleet(), NOTHING).put
    assert one.leased


def test_an_engine_that_ends_with_a_console_places_no_exclusive_service_and_keeps_what_is_placed() -> None:
    found = assign(registry(ONE), fleet(), NOTHING, embedded=True)
    assert found.put == ()
    assert [(one.instance, one.reason) for one in found.pending] == [(WEB, f"{NEEDS_ENGINE} on 3")]
    there = registry(ONE, assigned=(exclusive("h1"),))
    assert assign(there, fleet(), NOTHING, embedded=True) == Assignment()


def test_what_may_run_on_a_lost_host_is_placed_elsewhere_only_once_it_cannot() -> None:
    now = registry(ONE, assigned=(exclusive("h1"),))
    lost = fleet(h1=Standing.LOST)
    found = assign(now, lost, NOTHING, firm={(WEB, "h1")})
    assert not found.put
    assert found.leaving == {WEB}
    (moved,) = assign(now, lost, NOTHING).put
    assert (moved.host != "h1", moved.epoch, moved.leased) == (True, 5, True)


def test_one_that_is_to_be_elsewhere_is_gone_from_where_it_is_first() -> None:
    now = registry(replace(ONE, pins={WEB: "h2"}), assigned=(exclusive("h1"),))
    found = assign(now, fleet(), marked("h1"), firm={(WEB, "h1")})
    assert not found.put
    assert found.leaving == {WEB}
    (want,) = wants(now, found.leaving)
    assert want.leaving
    assert leases(now, found.leaving, held=False) == ({}, {"h1": {WEB}})
    assert leases(now, (), held=False) == ({"h1": {WEB}}, {})


def test_one_that_is_wanted_no_more_is_not_forgotten_while_it_may_run() -> None:
    now = registry(assigned=(exclusive("h1"),))
    gone = fleet(h1=Standing.LOST)
    assert assign(now, gone, NOTHING, firm={(WEB, "h1")}).forget == ()
    assert assign(now, gone, NOTHING).forget == now.assigned
    assert leases(now, (), held=False) == ({}, {"h1": {WEB}})
    assert leases(now, (), held=True) == ({"h1": {WEB}}, {}), "a brake holds, and nothing is taken away"


def test_one_that_is_to_be_gone_is_what_its_service_is_now_so_that_it_is_stopped() -> None:
    newer = replace(ONE, revision=2)
    now = registry(newer, assigned=(exclusive("h1", leased=False),))
    found = assign(now, fleet(), marked("h1"), firm={(WEB, "h1")})
    assert put(found) == [(WEB, "h1", 4, 2)]
    renewed = registry(newer, assigned=found.put)
    assert not spared(renewed, marked("h1"))
    assert [want.leaving for want in wants(renewed, found.leaving)] == [True]


def test_one_that_ran_without_a_lease_is_stopped_before_it_is_placed_on_one() -> None:
    now = registry(ONE, assigned=(exclusive("h1", leased=False),))
    assert assign(now, fleet(), marked("h1"), firm={(WEB, "h1")}).leaving == {WEB}
    (one,) = assign(now, fleet(), NOTHING).put
    assert (one.host, one.epoch, one.leased) == ("h1", 5, True)


def test_what_runs_of_a_service_that_cannot_be_read_is_left_alone() -> None:
    now = Registry({}, (at("h1"),), unreadable=frozenset({"web@.service"}))
    assert assign(now, fleet(), NOTHING).forget == ()
    assert spared(now, marked("h1")) == {("h1", WEB)}


def mixed(**given: int) -> Service:
    """A service of revision 1 with two instances, of which a rollout has made some revision 2."""
    old, new = service("Replicas=2"), service("Replicas=2", "Require=name=h3")
    names = {f"web@{name[1:]}.service": Given(revision, 1) for name, revision in given.items()}
    spec = replace(
        old.spec, others=tuple((name, new.spec.policy) for name, one in names.items() if one.revision == 2)
    )
    ways = {(1, 2): Way.RELOAD, (2, 1): Way.WRITE}
    return replace(old, spec=spec, given=names, specs={2: new.spec}, ways=ways)


def test_what_a_rollout_has_given_an_instance_is_written_and_of_the_others_nothing() -> None:
    there = (at("h3"), at("h2", instance="web@2.service"))
    found = assign(registry(mixed(i1=2), assigned=there), fleet(), NOTHING)
    assert put(found) == [(WEB, "h3", 1, 2)]


def test_an_instance_goes_where_its_own_revision_lets_it_and_the_others_stay() -> None:
    there = (at("h1"), at("h2", instance="web@2.service"))
    found = assign(registry(mixed(i1=2), assigned=there), fleet(), NOTHING)
    assert put(found) == [(WEB, "h3", 2, 2)]


def test_a_want_says_from_which_revision_it_can_be_had_without_a_stop() -> None:
    there = (at("h3", revision=2), at("h2", instance="web@2.service"))
    first, second = wants(registry(mixed(i1=2, i2=1), assigned=there))
    assert (first.revision, set(first.eased), set(first.told)) == (2, {1}, {1})
    assert (second.revision, set(second.eased), set(second.told)) == (1, {2}, set())


def test_one_whose_revision_is_not_written_yet_is_left_alone_and_the_others_are_not() -> None:
    there = (at("h3"), at("h2", instance="web@2.service"))
    now = registry(mixed(i1=2), assigned=there)
    assert [want.instance for want in wants(now)] == ["web@2.service"]
    assert spared(now, {}) == {("h3", WEB)}


def test_a_spare_that_is_taken_away_is_not_left_alone_for_being_of_another_revision() -> None:
    spare = at("h1", revision=2, instance="web@3.service")
    now = registry(mixed(), assigned=(at("h3"), at("h2", instance="web@2.service"), spare))
    assert spared(now, {}) == set()
    assert assign(now, fleet(), NOTHING).forget == (spare,), "once its host has nothing of it"

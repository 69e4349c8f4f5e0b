"""Each rule in its smallest picture: where things go, and the word for why they do not."""

from __future__ import annotations

from typing import Any

import pytest

from console.placement.candidate import Candidate, Standing
from console.placement.outcome import Placement
from console.placement.scheduler import schedule
from console.placement.spec import Spec
from tests.placement.build import GIB, at, changes, host, hosts, pending, spec, where


def fleet(name: str, *lines: str) -> Spec:
    return spec(name, *lines, section="X-Fleet")


def instances(placement: Placement) -> dict[str, str]:
    """The host of each instance, without the suffix of services."""
    return {name.removesuffix(".service"): there[0] for name, there in where(placement).items()}


# Where they go


def test_instances_go_to_the_hosts_with_the_fewest() -> None:
    placement = schedule([spec("a"), spec("b"), spec("c")], hosts(3))
    assert instances(placement) == {"a": "h1", "b": "h2", "c": "h3"}


def test_reservations_weigh_more_than_numbers() -> None:
    specs = [spec("a", "CPU=3"), spec("b"), spec("c"), spec("d")]
    assert instances(schedule(specs, hosts(2))) == {"a": "h1", "b": "h2", "c": "h2", "d": "h2"}


def test_the_instances_of_a_service_go_to_different_hosts_while_there_are_any() -> None:
    busy = [spec(f"busy{n}", "Host=h1") for n in range(3)]
    assert instances(schedule([*busy, spec("web@", "Replicas=2")], hosts(2)))["web@2"] == "h1"


def test_a_label_is_required() -> None:
    fleet_of = [host("h1", {"zone": "a"}), host("h2", {"zone": "b"}), host("h3")]
    placement = schedule(
        [spec("a", "Require=zone=b"), spec("b", "Require=zone!=*"), spec("c", "Require=zone=c")], fleet_of
    )
    assert instances(placement) == {"a": "h2", "b": "h3"}
    assert pending(placement) == {"c.service": "require on 3"}


def test_a_label_is_preferred_until_others_weigh_more() -> None:
    fleet_of = [host("h1"), host("h2", {"disk": "ssd"})]
    specs = [spec("web@", "Replicas=4", "Prefer=50 disk=ssd")]
    # 500 for the disk; 200 and 10 for each of its own there.
    assert instances(schedule(specs, fleet_of)) == {
        "web@1": "h2",
        "web@2": "h2",
        "web@3": "h2",
        "web@4": "h1",
    }


def test_an_avoided_host_comes_last() -> None:
    fleet_of = [host("h1", {"disk": "old"}), host("h2")]
    assert instances(schedule([spec("a", "Prefer=-10 disk=old"), spec("b")], fleet_of)) == {
        "a": "h2",
        "b": "h1",
    }


def test_instances_are_spread_evenly_over_a_labels_values() -> None:
    fleet_of = [host(f"h{n}", {"zone": "a" if n < 5 else "b"}) for n in range(6)]
    placement = schedule([spec("web@", "Replicas=4", "Spread=zone")], fleet_of)
    zones = sorted("b" if name == "h5" else "a" for name in instances(placement).values())
    assert zones == ["a", "a", "b", "b"]


def test_near_goes_where_its_peer_is_and_waits_for_it() -> None:
    specs = [spec("pong", "Near=ping"), spec("ping", "Host=h2")]
    assert instances(schedule(specs, hosts(3))) == {"ping": "h2", "pong": "h2"}
    assert pending(schedule(specs[:1], hosts(3))) == {"pong.service": "near on 3"}


def test_each_word_of_near_must_have_its_peer_there() -> None:
    peers = [spec("a", "Host=h1"), spec("b", "Host=h2")]
    assert "c.service" in pending(schedule([*peers, spec("c", "Near=a b")], hosts(2)))
    together = [spec("a", "Host=h2"), spec("b", "Host=h2"), spec("c", "Near=a b")]
    assert instances(schedule(together, hosts(2)))["c"] == "h2"


def test_a_chain_of_peers_is_placed_from_its_end() -> None:
    specs = [spec("a", "Near=b"), spec("b", "Near=c"), spec("c", "Host=h2")]
    assert set(instances(schedule(specs, hosts(3))).values()) == {"h2"}


def test_a_circle_of_peers_waits_and_says_so() -> None:
    placement = schedule([spec("a", "Near=b"), spec("b", "Near=a")], hosts(2))
    assert pending(placement) == {"a.service": "near on 2", "b.service": "near on 2"}


def test_near_itself_keeps_a_service_together() -> None:
    placement = schedule([spec("web@", "Replicas=5", "Near=self", "CPU=1")], hosts(2))
    assert set(instances(placement).values()) == {"h1"}
    assert pending(placement) == {"web@5.service": "cpu on 1, near on 1"}


def test_apart_holds_both_ways_though_one_declares_it() -> None:
    specs = [spec("a", "Apart=b"), spec("b")]
    assert pending(schedule(specs, hosts(1), at("a=h1"))) == {"b.service": "apart on 1"}
    assert pending(schedule(specs, hosts(1), at("b=h1"))) == {"a.service": "apart on 1"}


def test_there_are_no_more_of_a_service_on_a_host_than_it_may_have() -> None:
    placement = schedule([spec("web@", "Replicas=5", "MaxPerHost=2")], hosts(2))
    assert len(instances(placement)) == 4
    assert pending(placement) == {"web@5.service": "max-per-host on 2"}


def test_a_unit_on_every_host_is_on_each_that_will_have_it() -> None:
    fleet_of = [
        host("h1", {"role": "web"}),
        host("h2", {"role": "web"}),
        host("h3"),
        host("h4", {"role": "web"}, cpu=100),
    ]
    placement = schedule([spec("agent", "Global=yes", "Require=role=web", "CPU=200m")], fleet_of)
    assert where(placement) == {"agent.service": ["h1", "h2"]}
    (left_out,) = placement.pending
    assert (left_out.host, left_out.reason) == ("h4", "cpu on 1")


def test_a_pin_is_a_name_or_a_machine_id_as_fleet_took_it() -> None:
    fleet_of = [host("h1"), host("h2", machine_id="148a18ff6e95484898a7bae844445555")]
    for pin in ("h2", "148a18ff6e95484898a7bae844445555", "148a18ff"):
        assert instances(schedule([spec("a", f"Host={pin}")], fleet_of)) == {"a": "h2"}
    assert pending(schedule([spec("a", "Host=148a18f")], fleet_of)) == {"a.service": "host on 2"}


@pytest.mark.parametrize(
    ("rule", "state"),
    [
        ("lost", {"standing": Standing.LOST}),
        ("foreign", {"standing": Standing.FOREIGN}),
        ("silent", {"standing": Standing.SILENT}),
        ("cordoned", {"cordoned": True}),
        ("drained", {"drained": "alice"}),
        ("pressure", {"pressure": "memory 40 %"}),
    ],
)
def test_a_host_that_takes_nothing_says_why(rule: str, state: dict[str, Any]) -> None:
    assert pending(schedule([spec("a")], [host("h1", **state)])) == {"a.service": f"{rule} on 1"}


def test_what_reserves_goes_only_where_the_capacity_is_known_and_free() -> None:
    fleet_of = [host("h1", cpu=None), host("h2", cpu=1000, reserved_cpu=100), host("h3", cpu=1000)]
    assert instances(schedule([spec("a", "CPU=1"), spec("b")], fleet_of)) == {"a": "h3", "b": "h1"}
    full = schedule([spec("a", "Memory=6G"), spec("b", "Memory=6G"), spec("c", "Memory=6G")], hosts(2))
    assert pending(full) == {"c.service": "memory on 2"}


def test_without_hosts_everything_waits() -> None:
    assert pending(schedule([spec("a")], [])) == {"a.service": "there are no hosts"}


# What stays, and what moves


@pytest.mark.parametrize(
    "state", [{"cordoned": True}, {"pressure": "memory 40 %"}, {"standing": Standing.SILENT}]
)
def test_what_runs_on_a_host_that_takes_nothing_new_stays(state: dict[str, Any]) -> None:
    assert schedule([spec("a")], [host("h1", **state), host("h2")], at("a=h1")).changes == ()


@pytest.mark.parametrize(
    ("rule", "fleet_of"),
    [
        ("lost", [host("h1", standing=Standing.LOST), host("h2")]),
        ("foreign", [host("h1", standing=Standing.FOREIGN), host("h2")]),
        ("gone", [host("h2")]),
    ],
)
def test_what_was_on_a_host_that_is_no_more_runs_elsewhere(rule: str, fleet_of: list[Candidate]) -> None:
    assert changes(schedule([spec("a")], fleet_of, at("a=h1"))) == {"a.service": ("h1", "h2", rule)}


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        ("require", "Require=zone=b"),
        ("host", "Host=h2"),
        ("near", "Near=peer"),
        ("apart", "Apart=other"),
        ("memory", "Memory=9G"),
    ],
)
def test_a_policy_that_a_host_no_longer_meets_moves_the_instance(rule: str, line: str) -> None:
    fleet_of = [host("h1", {"zone": "a"}), host("h2", {"zone": "b"}, memory=16 * GIB)]
    specs = [spec("a", line), spec("peer", "Host=h2"), spec("other", "Host=h1", "Priority=90")]
    placement = schedule(specs, fleet_of, at("a=h1", "peer=h2", "other=h1"))
    assert changes(placement) == {"a.service": ("h1", "h2", rule)}


def test_peers_move_together_when_their_host_is_lost() -> None:
    specs = [spec("ping"), spec("pong", "Near=ping")]
    placement = schedule(
        specs, [host("h1", standing=Standing.LOST), host("h2"), host("h3")], at("ping=h1", "pong=h1")
    )
    assert instances(placement) == {"ping": "h2", "pong": "h2"}


def test_an_overfull_host_keeps_the_higher_ones() -> None:
    specs = [spec("a", "Memory=5G"), spec("b", "Memory=5G", "Priority=90")]
    placement = schedule(specs, hosts(2), at("a=h1", "b=h1"))
    assert changes(placement) == {"a.service": ("h1", "h2", "memory")}


def test_what_no_spec_asks_for_is_told_and_counts_nowhere() -> None:
    placement = schedule(
        [spec("web@", "Replicas=1", "CPU=4")], hosts(1), at("web@1=h1", "web@2=h1", "old=h1")
    )
    assert changes(placement) == {
        "web@2.service": ("h1", None, "unwanted"),
        "old.service": ("h1", None, "unwanted"),
    }


def test_of_an_instance_that_is_twice_one_stays() -> None:
    fleet_of = [host("h1", standing=Standing.LOST), host("h2"), host("h3")]
    assert changes(schedule([spec("a")], fleet_of, at("a=h1", "a=h3"))) == {
        "a.service": ("h1", None, "duplicate")
    }
    assert changes(schedule([spec("a")], hosts(2), at("a=h2", "a=h1"))) == {
        "a.service": ("h2", None, "duplicate")
    }
    assert schedule([spec("a")], hosts(2), at("a=h2", "a=h2")).changes == ()


def test_a_unit_on_every_host_leaves_the_hosts_that_no_longer_meet_it_and_joins_new_ones() -> None:
    agent = spec("agent", "Global=yes", "Require=role=web")
    fleet_of = [host("h1"), host("h2", {"role": "web"}), host("h3", {"role": "web"})]
    placement = schedule([agent], fleet_of, at("agent=h1", "agent=h2"))
    assert where(placement) == {"agent.service": ["h2", "h3"]}
    assert {(change.before, change.after, change.rule) for change in placement.changes} == {
        ("h1", None, "require"),
        (None, "h3", "new"),
    }
    assert placement.pending == ()


# Replaces


def test_one_that_replaces_another_takes_its_host_and_the_other_moves() -> None:
    specs = [spec("kick", "Replaces=old"), spec("old")]
    placement = schedule(specs, hosts(2), at("old=h1"))
    assert instances(placement) == {"kick": "h1", "old": "h2"}
    assert changes(placement)["old.service"] == ("h1", "h2", "replaced")
    assert schedule(specs, hosts(2), placement.placed).changes == ()


def test_one_that_is_replaced_and_has_no_other_host_waits() -> None:
    placement = schedule([spec("kick", "Replaces=old"), spec("old")], hosts(1), at("old=h1"))
    assert instances(placement) == {"kick": "h1"}
    assert pending(placement) == {"old.service": "replaces on 1"}


def test_one_that_replaces_nothing_that_runs_is_placed_like_any_other() -> None:
    assert instances(schedule([spec("kick", "Replaces=old")], hosts(2))) == {"kick": "h1"}


def test_what_is_near_a_replaced_one_goes_with_it() -> None:
    specs = [spec("kick", "Replaces=old"), spec("old"), spec("side", "Near=old")]
    placement = schedule(specs, hosts(2), at("old=h1", "side=h1"))
    assert instances(placement) == {"kick": "h1", "old": "h2", "side": "h2"}


def test_what_goes_with_another_that_is_replaced_is_replaced_only_once() -> None:
    specs = [spec("kick", "Replaces=old", "Replaces=side"), spec("old"), spec("side", "Near=old")]
    placement = schedule(specs, hosts(2), at("old=h1", "side=h1"))
    assert instances(placement) == {"kick": "h1", "old": "h2", "side": "h2"}


def test_nothing_is_replaced_for_one_that_then_could_not_be_there_itself() -> None:
    specs = [spec("old"), spec("side", "Near=old"), spec("kick", "Replaces=old", "Near=side")]
    placement = schedule(specs, hosts(2), at("old=h1", "side=h1"))
    assert changes(placement) == {}
    assert pending(placement) == {"kick.service": "near on 1, replaces on 1"}


# fleet's own scenarios, in miniature (functional/*_test.go)


def test_fleet_3_only_the_lost_ones_move_and_to_the_free_host() -> None:
    specs = [fleet(f"conflict.{n}", "Conflicts=conflict.*.service") for n in range(3)]
    first = schedule(specs, hosts(4))
    after = schedule(specs, [host("h1", standing=Standing.LOST), *hosts(4)[1:]], first.placed)
    assert changes(after) == {"conflict.0.service": ("h1", "h4", "lost")}


def test_fleet_15_templates_with_specifiers_in_metadata() -> None:
    smoke = [host(f"smoke{n}", {"hostname": f"smoke{n}"}) for n in range(3)]
    specs = [fleet(f"metadata@smoke{n}", "MachineMetadata=hostname=%i") for n in (2, 1, 0)]
    specs.append(fleet("metadata@invalid", "MachineMetadata=hostname=%i"))
    placement = schedule(specs, smoke)
    assert instances(placement) == {f"metadata@smoke{n}": f"smoke{n}" for n in range(3)}
    assert pending(placement) == {"metadata@invalid.service": "require on 3"}


def test_fleet_18_pairs_stay_together() -> None:
    specs = [fleet(f"ping.{n}") for n in range(3)] + [
        fleet(f"pong.{n}", f"MachineOf=ping.{n}.service") for n in range(3)
    ]
    found = instances(schedule(specs, hosts(3)))
    assert all(found[f"ping.{n}"] == found[f"pong.{n}"] for n in range(3))


def test_fleet_19_five_conflicting_units_are_three_on_three_hosts() -> None:
    placement = schedule([fleet(f"conflict.{n}", "Conflicts=conflict.*.service") for n in range(5)], hosts(3))
    assert sorted(instances(placement).values()) == ["h1", "h2", "h3"]
    assert set(pending(placement).values()) == {"apart on 3"}


def test_fleet_20_a_one_way_conflict_holds_until_the_other_is_destroyed() -> None:
    specs = [fleet("conflicts-with-hello", "Conflicts=hello.service"), fleet("hello")]
    first = schedule(specs, hosts(1), at("conflicts-with-hello=h1"))
    assert pending(first) == {"hello.service": "apart on 1"}
    assert instances(schedule(specs[1:], hosts(1), first.placed)) == {"hello": "h1"}


def test_fleet_21_several_conflicts_on_one_line_and_on_several() -> None:
    specs = [
        fleet("a", "Conflicts=b.service c.service"),
        fleet("b", "Conflicts=a.service", "Conflicts=c.service"),
        fleet("c"),
    ]
    assert sorted(instances(schedule(specs, hosts(3))).values()) == ["h1", "h2", "h3"]


def test_fleet_22_replace_takes_the_old_ones_host() -> None:
    specs = [
        fleet("replace.0"),
        fleet("replace.1"),
        fleet("replace.2", "MachineOf=replace.1.service"),
        fleet("kick0", "Replaces=replace.0.service"),
    ]
    placement = schedule(specs, hosts(2), at("replace.0=h1", "replace.1=h2", "replace.2=h2"))
    assert instances(placement) == {"kick0": "h1", "replace.0": "h2", "replace.1": "h2", "replace.2": "h2"}


@pytest.mark.parametrize("count", [1, 2])
def test_fleet_23_of_two_that_replace_each_other_one_runs(count: int) -> None:
    specs = [fleet("a", "Replaces=b.service"), fleet("b", "Replaces=a.service")]
    placement = schedule(specs, hosts(count), at("b=h1"))
    assert instances(placement) == {"b": "h1"}
    assert pending(placement) == {"a.service": f"replaces on {count}"}


def test_fleet_24_each_machine_id_has_its_unit() -> None:
    machines = [host(f"h{n}", machine_id=f"{n}" * 32) for n in (1, 2, 3)]
    specs = [fleet(f"unit{n}", f"MachineID={str(n) * 32}") for n in (3, 2, 1)]
    assert instances(schedule(specs, machines)) == {f"unit{n}": f"h{n}" for n in (1, 2, 3)}


def test_fleet_25_a_global_unit_is_on_each_beside_the_others() -> None:
    placement = schedule([fleet("hello"), fleet("goodbye"), fleet("global", "Global=true")], hosts(3))
    assert len(placement.placed) == 5
    assert where(placement)["global.service"] == ["h1", "h2", "h3"]


def test_fleet_26_a_second_global_that_conflicts_with_the_first_runs_nowhere() -> None:
    specs = [fleet("global", "Global=true"), fleet("zglobal", "Global=true", "Conflicts=global.service")]
    placement = schedule(specs, hosts(2), at("global=h1", "global=h2"))
    assert set(where(placement)) == {"global.service"}
    assert [(each.host, each.reason) for each in placement.pending] == [
        ("h1", "apart on 1"),
        ("h2", "apart on 1"),
    ]

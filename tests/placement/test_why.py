"""Why an instance is where it is: each rule's word and words, host by host."""

from __future__ import annotations

from typing import Any

import pytest

from console.errors import NothingSelected
from console.placement.candidate import Candidate, Standing
from console.placement.outcome import Verdict
from console.placement.records import why_to_json
from console.placement.spec import Spec
from console.placement.why import why
from tests.placement.build import at, host, hosts, spec


def first(
    specs: list[Spec], fleet_of: list[Candidate], placed: tuple[str, ...] = (), name: str = "a"
) -> Verdict:
    return why(specs, fleet_of, at(*placed), f"{name}.service")[0]


@pytest.mark.parametrize(
    ("lines", "state", "placed", "rule", "detail"),
    [
        (("Host=h9",), {}, (), "host", "Host=h9"),
        ((), {"standing": Standing.FOREIGN}, (), "foreign", "claimed by another fleet"),
        ((), {"standing": Standing.LOST}, (), "lost", "lost"),
        ((), {"standing": Standing.SILENT}, (), "silent", "no contact: takes nothing new"),
        ((), {"cordoned": True}, (), "cordoned", "cordoned: takes nothing new"),
        ((), {"drained": "alice, r-2f9c"}, (), "drained", "drained by alice, r-2f9c"),
        ((), {"pressure": "memory 40 %"}, (), "pressure", "memory 40 % stalled: takes nothing new"),
        (("Require=zone=a", "Require=disk=ssd"), {"labels": {"zone": "a"}}, (), "require", "needs disk=ssd"),
        (("Require=web1,web2",), {}, (), "require", "needs web1 or web2"),
        (("Near=b",), {}, ("b=h2",), "near", "near b.service or b@*.service, which is not there"),
        (("Near=b",), {}, (), "near", "near b.service or b@*.service, which is placed nowhere"),
        (("Near=x.service",), {}, (), "near", "near x.service, which no service is"),
        (("Apart=b",), {}, ("b=h1",), "apart", "apart from b.service"),
        (("Replaces=b",), {}, ("b=h1",), "replaces", "replaces b.service, which is placed there"),
        (("CPU=5",), {}, (), "cpu", "4 CPU free, 5 asked"),
        (("CPU=1",), {"cpu": None}, (), "cpu", "how many CPUs it has is not known"),
        (("Memory=9G",), {}, (), "memory", "8192 MiB free, 9216 MiB asked"),
        (("Memory=1G",), {"memory": None}, (), "memory", "how much memory it has is not known"),
    ],
)
def test_a_host_that_is_excluded_says_by_which_rule(
    lines: tuple[str, ...], state: dict[str, Any], placed: tuple[str, ...], rule: str, detail: str
) -> None:
    specs = [spec("a", *lines), spec("b")]
    found = first(specs, [host("h1", **state), host("h2")], placed)
    assert found == Verdict("h1", "excluded", rule, detail)


def test_rules_that_others_declare_or_share_are_told_too() -> None:
    specs = [spec("a"), spec("b", "Apart=a")]
    assert first(specs, hosts(1), ("b=h1",)).detail == "apart from b.service"
    assert (
        first([spec("a"), spec("b", "Replaces=a")], hosts(1), ("b=h1",)).detail
        == "b.service has replaced it there"
    )
    both = [spec("a", "Replaces=b"), spec("b", "Replaces=a")]
    assert (
        first(both, hosts(1), ("b=h1",)).detail == "b.service and it replace each other: one of the two runs"
    )
    web = [spec("web@", "Replicas=3", "MaxPerHost=2")]
    assert (
        first(web, hosts(1), ("web@1=h1", "web@2=h1"), "web@3").detail
        == "2 of web@.service there, MaxPerHost=2"
    )
    together = [spec("web@", "Replicas=2", "Near=self")]
    assert (
        first(together, hosts(2), ("web@1=h2",), "web@2").detail == "the others of web@.service are not there"
    )


def test_a_host_that_fits_has_its_score_and_the_best_is_where_it_goes() -> None:
    fleet_of = [host("h1", {"zone": "a"}), host("h2", {"zone": "b"}), host("h3", {"zone": "a"})]
    specs = [spec("web@", "Replicas=2", "Spread=zone", "Prefer=10 zone=a"), spec("db", "CPU=1")]
    verdicts = why(specs, fleet_of, at("web@1=h1", "db=h2"), "web@2.service")
    # 200 for its like on the host and 1000 in the zone, 10 for each there, 250 for a quarter of its CPUs.
    assert [(each.verdict, each.score) for each in verdicts] == [
        ("fits", -1110),
        ("fits", -260),
        ("fits", -900),
    ]


def test_where_it_is_placed_it_is_not_counted_against_itself() -> None:
    specs = [spec("a", "CPU=4", "Apart=self", "Memory=8G")]
    assert why(specs, hosts(2), at("a=h1"), "a.service") == (
        Verdict("h1", "placed", None, "", 0),
        Verdict("h2", "fits", None, "", 0),
    )


def test_where_it_is_placed_and_should_not_be_the_broken_rule_is_told() -> None:
    assert first([spec("a", "Host=h2")], hosts(2), ("a=h1",)) == Verdict("h1", "placed", "host", "Host=h2")
    # It takes nothing new, and keeps what it has.
    assert first([spec("a")], [host("h1", cordoned=True)], ("a=h1",)).rule is None


def test_of_a_unit_on_every_host_each_host_is_judged_for_its_own() -> None:
    specs = [spec("agent", "Global=yes", "Require=role=web")]
    fleet_of = [host("h1", {"role": "web"}), host("h2", {"role": "web"}), host("h3")]
    verdicts = why(specs, fleet_of, at("agent=h1"), "agent.service")
    assert [(each.verdict, each.rule) for each in verdicts] == [
        ("placed", None),
        ("fits", None),
        ("excluded", "require"),
    ]


def test_an_instance_that_no_service_has_is_told() -> None:
    with pytest.raises(NothingSelected, match=r"no service has an instance web@9\.service"):
        why([spec("web@", "Replicas=3")], hosts(1), (), "web@9.service")


def test_scripts_have_it_as_an_object() -> None:
    verdicts = why([spec("a", "Host=h2")], hosts(2), (), "a.service")
    assert why_to_json("a.service", verdicts) == {
        "instance": "a.service",
        "hosts": [
            {"host": "h1", "verdict": "excluded", "rule": "host", "detail": "Host=h2", "score": None},
            {"host": "h2", "verdict": "fits", "rule": None, "detail": "", "score": 0},
        ],
    }

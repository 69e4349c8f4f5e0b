"""`[X-Quarterdeck]`: what each key takes, and what is told of what it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.errors import ConfigError, Problem
from console.model.selector import KeyTerm, NameTerm
from console.placement.policy import Policy, Preference, QoS
from console.placement.quarterdeck_keys import KEYS
from console.placement.spec import parse_spec
from console.placement.unit_file import Option
from tests.placement.build import spec

TEMPLATE = "web@.service"


def problems(name: str, *lines: str) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        spec(name, *lines)
    return caught.value.problems


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((), Policy()),
        (("Replicas=3",), Policy(replicas=3)),
        (("Replicas=0",), Policy(replicas=0)),
        (("Replicas=3", "Replicas=4"), Policy(replicas=4)),
        (("Replicas=3", "Replicas="), Policy()),
        (
            ("Require=role=web,zone!=b",),
            Policy(require=((KeyTerm("role", "web"),), (KeyTerm("zone", "b", negated=True),))),
        ),
        (
            ("Require=web1,web*,zone=a", "Require=disk=ssd"),
            Policy(
                require=(
                    (NameTerm("web1"), NameTerm("web*")),
                    (KeyTerm("zone", "a"),),
                    (KeyTerm("disk", "ssd"),),
                )
            ),
        ),
        (("Require=zone=a", "Require=", "Require=zone=b"), Policy(require=((KeyTerm("zone", "b"),),))),
        (("Prefer=zone=a",), Policy(prefer=(Preference(50, ((KeyTerm("zone", "a"),),)),))),
        (("Prefer=-20 zone=a",), Policy(prefer=(Preference(-20, ((KeyTerm("zone", "a"),),)),))),
        (
            ("Prefer=100 zone=a", "Prefer=7 web1"),
            Policy(
                prefer=(
                    Preference(100, ((KeyTerm("zone", "a"),),)),
                    Preference(7, ((NameTerm("web1"),),)),
                )
            ),
        ),
        (("Near=db",), Policy(near=(("db.service", "db@*.service"),))),
        (("Near=db.socket cache@.service",), Policy(near=(("db.socket",), ("cache@*.service",)))),
        (("Near=self",), Policy(together=True)),
        (("Apart=self",), Policy(apart=("web@*.service",))),
        (("Apart=api db@1 x*",), Policy(apart=("api.service", "api@*.service", "db@1.service", "x*"))),
        (("Apart=mail@",), Policy(apart=("mail@*.service",))),
        (("Apart=db-%i.service",), Policy(apart=("db-%i.service",))),
        (("Spread=zone rack", "Spread=room"), Policy(spread=("zone", "rack", "room"))),
        (("MaxPerHost=2",), Policy(max_per_host=2)),
        (("Replaces=old",), Policy(replaces=("old.service", "old@*.service"))),
        (("QoS=best-effort",), Policy(qos=QoS.BEST_EFFORT)),
        (("CPU=2",), Policy(cpu=2000)),
        (("CPU=0.25",), Policy(cpu=250)),
        (("CPU=250m",), Policy(cpu=250)),
        (("Memory=512M",), Policy(memory=512 * 1024**2)),
        (("Memory=1g",), Policy(memory=1024**3)),
        (("Memory=4096",), Policy(memory=4096)),
        (("Priority=0",), Policy(priority=0)),
        (("Exclusive=yes",), Policy(exclusive=True)),
        (("Boot=on",), Policy(boot=True)),
        (("Boot=f",), Policy(boot=False)),
        (("Host=web-%i",), Policy(host="web-%i")),
        (
            ("UnitService.MemoryHigh=1G", "UnitUnit.After=a.service", 'UnitService.Environment="A=b c"'),
            Policy(
                settings=(
                    Option("Service", "MemoryHigh", "1G"),
                    Option("Unit", "After", "a.service"),
                    Option("Service", "Environment", '"A=b c"'),
                )
            ),
        ),
        (("UnitService.ExecStartPost=",), Policy(settings=(Option("Service", "ExecStartPost", ""),))),
    ],
)
def test_what_a_key_says_is_in_the_policy(lines: tuple[str, ...], expected: Policy) -> None:
    assert spec(TEMPLATE, *lines).policy == expected


def test_a_unit_on_every_host() -> None:
    assert spec("agent", "Global=yes", "Require=role=web", "Apart=other").policy == Policy(
        everywhere=True, require=((KeyTerm("role", "web"),),), apart=("other.service", "other@*.service")
    )


@pytest.mark.parametrize(
    ("name", "line", "told"),
    [
        # keys that are not known
        (
            "web@",
            "Replcas=3",
            "unknown key 'Replcas' in [X-Quarterdeck] (did you mean Replicas?); accepted: Replicas, ",
        ),
        ("web@", "qos=guaranteed", "unknown key 'qos' in [X-Quarterdeck] (did you mean QoS?)"),
        ("web@", "MachineOf=db", "unknown key 'MachineOf' in [X-Quarterdeck]"),
        ("web@", "UnitMemoryHigh=1G", "(did you mean UnitSECTION.Setting?)"),
        ("web@", "Requires=zone=a", "(did you mean Require?)"),
        # values
        (
            "web@",
            "Replicas=x",
            "Replicas: 'x' is not a whole number; accepted: a whole number from 0 to 10000",
        ),
        ("web@", "Replicas=10001", "Replicas: 10001 is out of range"),
        ("web@", "MaxPerHost=0", "MaxPerHost: 0 is out of range; accepted: a whole number from 1"),
        ("web@", "Priority=101", "Priority: 101 is out of range; accepted: a whole number from 0 to 100"),
        ("web@", "Priority=-1", "Priority: -1 is out of range"),
        ("agent", "Global=maybe", "Global: 'maybe' is neither yes nor no; accepted: yes or no"),
        ("web@", "QoS=best", "QoS: 'best' is not a class; accepted: guaranteed, burstable, best-effort"),
        ("web@", "CPU=two", "CPU: 'two' is not a number of cores; accepted: cores such as 2 or 0.5, or 250m"),
        ("web@", "CPU=50%", "CPU: '50%' is not a number of cores"),
        ("web@", "Memory=1.5G", "Memory: '1.5G' is not a size; accepted: bytes, or 512M, 2G"),
        ("web@", "Require=role==web", "Require: 'role==web' has one = too many"),
        ("web@", "Require=state=live", "Require: 'state=live' asks for a state, which comes and goes"),
        ("web@", "Require=zone=%H", "Require: '%H' cannot stand here: the host is not known before"),
        ("web@", "Prefer=0 zone=a", "Prefer: 0 is no weight; accepted: -100 to 100 and not 0"),
        ("web@", "Prefer=101 zone=a", "Prefer: 101 is no weight"),
        ("web@", "Near=a/b", "Near: 'a/b' cannot name a service"),
        ("web@", "Apart=ärger", "Apart: 'ärger' cannot name a service"),
        ("web@", "Apart=%q", "Apart: '%q' cannot stand here: unknown; accepted: %n, %N, %p and %i"),
        ("web@", "Spread=zone,rack", "Spread: 'zone,rack' cannot be a label's name"),
        ("web@", "Replaces=self", "Replaces: a service cannot replace itself"),
        ("web@", "Host=web*", "Host: 'web*' cannot be a host; accepted: the name of one host"),
        # settings for the drop-in
        (
            "web@",
            "UnitSocket.Backlog=1",
            "no [Socket] in a service; accepted: UnitUnit.Backlog or UnitService.Backlog",
        ),
        (
            "web@",
            "UnitInstall.WantedBy=x",
            "no [Install] in a service (Boot, Host and Global say what is enabled)",
        ),
        ("a.target", "UnitService.Nice=1", "no [Service] in a target; accepted: UnitUnit.Nice"),
        # what does not go with the unit
        ("web", "Replicas=2", "Replicas: more than one of 'web.service' needs a template to be instances of"),
        ("web@1", "Replicas=2", "accepted: 0 or 1, or a file named web@.service"),
        ("web@", "Global=yes", "Global: a template cannot be on every host by itself"),
        ("a.timer", "CPU=1", "CPU: a timer has no processes to hold to it"),
        ("a.path", "Memory=1M", "Memory: a path has no processes to hold to it"),
        ("a.target", "QoS=burstable", "QoS: a target has no processes to hold to it"),
        ("web", "QoS=guaranteed", "QoS: guaranteed needs CPU= and Memory="),
    ],
)
def test_a_line_that_is_wrong_is_told(name: str, line: str, told: str) -> None:
    (problem,) = problems(name, line)
    assert problem.line == 4
    assert told in problem.text


@pytest.mark.parametrize(
    ("name", "lines", "line", "told"),
    [
        ("agent", ("Global=yes", "Replicas=1"), 5, "Replicas: has no meaning with Global=yes"),
        ("agent", ("Global=yes", "MaxPerHost=1"), 5, "MaxPerHost: has no meaning with Global=yes"),
        ("agent", ("Global=yes", "Spread=zone"), 5, "Spread: has no meaning with Global=yes"),
        ("agent", ("Global=yes", "Prefer=zone=a"), 5, "Prefer: has no meaning with Global=yes"),
        ("agent", ("Global=yes", "Near=db"), 5, "Near: has no meaning with Global=yes"),
        ("agent", ("Global=yes", "Replaces=db"), 5, "Replaces: has no meaning with Global=yes"),
        ("agent", ("Global=yes", "Host=web1"), 5, "Host: has no meaning with Global=yes"),
        ("agent", ("Global=yes", "Exclusive=yes"), 5, "Exclusive: Global=yes is many at a time"),
        ("db", ("Exclusive=yes", "Boot=yes"), 5, "Boot: an exclusive instance starts by a lease only"),
        ("web@", ("Near=self", "Apart=self"), 4, "Near: near itself and apart from itself cannot both be"),
        ("web@", ("Near=db.service", "Apart=db"), 4, "Near: 'db.service' stands in Apart too"),
        ("web@", ("Apart=db", "Replaces=db"), 5, "Replaces: what it replaces is apart from it already"),
        ("web", ("QoS=guaranteed", "CPU=1"), 4, "QoS: guaranteed needs CPU= and Memory="),
    ],
)
def test_lines_that_do_not_go_together_are_told(
    name: str, lines: tuple[str, ...], line: int, told: str
) -> None:
    (problem,) = problems(name, *lines)
    assert problem.line == line
    assert told in problem.text


def test_every_problem_of_a_file_is_told_at_once_in_the_order_of_its_lines() -> None:
    text = "[Service]\nExecStart\n[X-Quarterdeck]\nReplicas=x\nQoS=y\nFoo=1\nCPU=z\n"
    with pytest.raises(ConfigError) as caught:
        parse_spec(text, Path("/units/web@.service"))
    assert [problem.line for problem in caught.value.problems] == [2, 4, 5, 6, 7]
    assert str(caught.value).splitlines()[1].startswith("/units/web@.service:4: Replicas: 'x' is not")


@pytest.mark.parametrize("value", ["\x1b[31mx", "%H", "ä" * 200, "=,", "a/b *", "\u202e"])
@pytest.mark.parametrize("key", [key for key in KEYS if key not in {"Require", "Prefer"}])
def test_whatever_stands_behind_a_key_is_told_in_printable_words(key: str, value: str) -> None:
    for problem in problems(TEMPLATE, f"{key}={value}"):
        assert problem.line == 4
        assert problem.text.isprintable()
        assert len(problem.text) < 300

"""`[X-Fleet]`: the tables of fleet's job_test.go, units_test.go and state_test.go, and its words."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.errors import ConfigError
from console.model.selector import KeyTerm, glob_matches
from console.placement.fleet_keys import go_glob, split
from console.placement.policy import Policy
from console.placement.spec import Spec, parse_spec
from tests.placement.build import spec


def fleet(*lines: str, name: str = "echo.service") -> Spec:
    return spec(name, *lines, section="X-Fleet")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((), Policy()),
        # MachineID, and its legacy spellings
        (("MachineID=123",), Policy(host="123")),
        (("X-ConditionMachineID=123",), Policy(host="123")),
        (('X-ConditionMachineID="123" "456"',), Policy(host="123")),
        (("X-ConditionMachineBootID=123",), Policy(host="123")),
        (("X-ConditionMachineBootID=123", "X-ConditionMachineID=456"), Policy(host="456")),
        (("X-ConditionMachineID=456", "MachineID=789"), Policy(host="789")),
        # MachineOf
        (("MachineOf=foo.service",), Policy(near=(("foo.service",),))),
        (
            ('X-ConditionMachineOf="foo.service" "bar.service"',),
            Policy(near=(("foo.service",), ("bar.service",))),
        ),
        (
            ("MachineOf=new.service", "X-ConditionMachineOf=old.service"),
            Policy(near=(("old.service",), ("new.service",))),
        ),
        (("MachineOf=%p.socket",), Policy(near=(("%p.socket",),))),
        # MachineMetadata: one key is OR, different keys are AND
        (("MachineMetadata=region=us-east-1",), Policy(require=((KeyTerm("region", "us-east-1"),),))),
        (
            ('MachineMetadata="region=us-east-1" "diskType=SSD"',),
            Policy(require=((KeyTerm("diskType", "SSD"),), (KeyTerm("region", "us-east-1"),))),
        ),
        (
            ("X-ConditionMachineMetadata=region=b", "MachineMetadata=region=a"),
            Policy(require=((KeyTerm("region", "a"), KeyTerm("region", "b")),)),
        ),
        (("MachineMetadata=os=linux",), Policy(require=((KeyTerm("label.os", "linux"),),))),
        (("MachineMetadata=a=*",), Policy(require=((KeyTerm("a", "[*]"),),))),
        # Conflicts and Replaces
        (("X-Conflicts=*bar*",), Policy(apart=("*bar*",))),
        (
            ("Conflicts=a.service b*.service", "Conflicts=c.service"),
            Policy(apart=("a.service", "b*.service", "c.service")),
        ),
        (("Conflicts=foo[^a].service",), Policy(apart=("foo[!a].service",))),
        (("Replaces=a.service b.service",), Policy(replaces=("a.service", "b.service"))),
        # Global: the last one wins
        (("Global=true",), Policy(everywhere=True)),
        (("Global=YES",), Policy(everywhere=True)),
        (("Global=t",), Policy(everywhere=True)),
        (("Global=true", "Global=false"), Policy()),
        (("Global=maybe",), Policy()),
        (
            ("Global=true", "MachineMetadata=a=b", "Conflicts=c"),
            Policy(everywhere=True, require=((KeyTerm("a", "b"),),), apart=("c",)),
        ),
    ],
)
def test_fleets_keys_say_what_they_said(lines: tuple[str, ...], expected: Policy) -> None:
    found = fleet(*lines)
    assert found.policy == expected
    assert found.warnings == ()


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (("MachineID=a", "MachineOf=b.service"), "MachineID cannot be used with Peers"),
        (("MachineID=a", "Conflicts=b.service"), "MachineID cannot be used with Conflicts"),
        (("MachineID=a", "Replaces=b.service"), "MachineID cannot be used with Replaces"),
        (("MachineID=a", "Global=true"), "MachineID cannot be used with Global"),
        (("X-ConditionMachineBootID=a", "X-Conflicts=b"), "MachineID cannot be used with Conflicts"),
        (("Global=true", "MachineOf=b.service"), "Global cannot be used with Peers"),
        (("Global=true", "Replaces=b.service"), "Global cannot be used with Replaces"),
        (("Conflicts=a.service", "Replaces=b.service"), "Conflicts cannot be used with Replaces"),
        (
            ("MachineOf=foo.service", "Conflicts=f*"),
            'unresolvable requirements: peer "foo.service" matches conflict "f*"',
        ),
        (
            ("MachineOf=foo.service", "Replaces=f*"),
            'unresolvable requirements: peer "foo.service" matches replace "f*"',
        ),
    ],
)
def test_what_fleet_refused_is_refused_in_its_words(lines: tuple[str, ...], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        fleet(*lines)
    assert [problem.text for problem in caught.value.problems] == [told]
    assert caught.value.problems[0].line in {4, 5}


def test_all_that_fleet_would_have_refused_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        fleet("MachineID=a", "MachineOf=b.service", "Conflicts=b.service", "Global=true")
    assert len(caught.value.problems) == 5


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("Foo=bar", 'unrecognized requirement in [X-Fleet] section: "Foo"'),
        ("MachineOff=a", '"MachineOff" (did you mean MachineOf?)'),
        ("Replicas=3", 'unrecognized requirement in [X-Fleet] section: "Replicas"'),
        ("MachineMetadata=foo", '"foo" is not key=value; fleet ignored it'),
        ("MachineMetadata=a=b=c", '"a=b=c" is not key=value'),
        ("Conflicts=[a", '"[a" is not a pattern; fleet matched nothing with it'),
    ],
)
def test_what_fleet_passed_over_is_a_warning(line: str, told: str) -> None:
    found = fleet(line)
    (warning,) = found.warnings
    assert warning.line == 4
    assert told in warning.text
    assert found.policy == Policy()


def test_a_template_of_fleets_runs_nothing_by_itself_and_its_instances_do() -> None:
    assert fleet(name="web@.service").instances() == ()
    found = fleet("MachineMetadata=hostname=%i", name="web@smoke1.service")
    assert found.instances() == ("web@smoke1.service",)
    assert found.policy_of("web@smoke1.service").require == ((KeyTerm("hostname", "smoke1"),),)


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ('"foo=bar" "baz=qux"', ["foo=bar", "baz=qux"]),
        ("foo=bar", ["foo=bar"]),
        ('"a b" "c"', ["a b", "c"]),
        ('"a', ['"a']),
        ('""', [""]),
        ("", [""]),
    ],
)
def test_quoted_values_on_one_line_are_told_apart(line: str, values: list[str]) -> None:
    assert split(line) == values


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        # fleet's TestGlobMatches
        ("*", "foo.service", True),
        ("foo.*", "foo.socket", True),
        ("foo@*.service", "foo@12.service", True),
        ("foo@[abc].service", "foo@a.service", True),
        ("foo@?.service", "foo@1.service", True),
        ("foo.service", "bar.service", False),
        ("foo@[abc].service", "foo@d.service", False),
        # where Go and the shell differ
        ("foo@[^a].service", "foo@b.service", True),
        ("foo@[^a].service", "foo@a.service", False),
        ("foo@[!a].service", "foo@!.service", True),
        ("foo@[!a].service", "foo@b.service", False),
        ("foo@[!].service", "foo@!.service", True),
        ("foo@[a-c].service", "foo@b.service", True),
        ("a\\*.service", "a*.service", True),
        ("a\\*.service", "ab.service", False),
        ("a\\x2db.service", "ax2db.service", True),
        ("a[\\]]b", "a]b", True),
        ("a[\\^]b", "a^b", True),
    ],
)
def test_a_pattern_matches_what_go_matches_with_it(pattern: str, name: str, matches: bool) -> None:
    shell = go_glob(pattern)
    assert shell is not None
    assert glob_matches(shell, name) is matches


@pytest.mark.parametrize("pattern", ["[", "[a", "[]a]", "[^]a]", "a\\", "[^]", "[a\\]"])
def test_a_pattern_that_go_calls_malformed_is_none(pattern: str) -> None:
    assert go_glob(pattern) is None


def test_a_value_that_a_terminal_would_act_on_is_refused() -> None:
    with pytest.raises(ConfigError, match="Conflicts: holds a control character"):
        fleet("Conflicts=\x1b[31m*")


def test_a_file_with_both_sections_is_refused() -> None:
    text = "[Service]\nExecStart=/x\n[X-Fleet]\nGlobal=true\n[X-Quarterdeck]\nReplicas=1\n"
    with pytest.raises(ConfigError, match=r"web\.service:5: \[X-Fleet\] and \[X-Quarterdeck\] both say"):
        parse_spec(text, Path("web.service"))

"""A spec: a unit file and its policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.errors import ConfigError
from console.model.selector import KeyTerm
from console.placement.policy import Policy
from console.placement.spec import parse_spec
from tests.placement.build import spec

PLAIN = "[Service]\nExecStart=/bin/true\n"


def test_a_file_without_a_section_of_ours_runs_once_anywhere() -> None:
    found = parse_spec(PLAIN, Path("/units/db.service"))
    assert (found.name, found.policy, found.text) == ("db.service", Policy(), PLAIN)
    assert found.instances() == ("db.service",)


def test_the_text_is_kept_byte_for_byte() -> None:
    text = "\ufeff; odd\r\n[Service]\r\nExecStart=/bin/a \\\r\n  b\n\n[X-Quarterdeck]\n# none"
    assert parse_spec(text, Path("db.service")).text == text


def test_a_template_has_as_many_instances_as_it_says() -> None:
    assert spec("web@", "Replicas=3").instances() == ("web@1.service", "web@2.service", "web@3.service")
    assert spec("web@", "Replicas=0").instances() == ()
    assert spec("web@").instances() == ("web@1.service",)
    assert parse_spec(PLAIN, Path("web@.service")).instances() == ()
    assert spec("db", "Replicas=0").instances() == ()


def test_a_name_is_an_instances_or_not() -> None:
    web = spec("web@", "Replicas=2")
    wanted = {"web@1.service": True, "web@2.service": True, "web@3.service": False, "web@01.service": False}
    assert {name: web.is_instance(name) for name in wanted} == wanted
    assert spec("db").is_instance("db.service")
    assert not spec("db").is_instance("web.service")
    assert not spec("db", "Replicas=0").is_instance("db.service")
    assert spec("web@blue").is_instance("web@blue.service")


def test_one_instance_may_be_a_spec_by_itself() -> None:
    assert spec("web@blue").instances() == ("web@blue.service",)


def test_specifiers_are_filled_in_for_each_instance() -> None:
    found = spec("web@", "Replicas=2", "Require=slot=%i", "Near=%p-db", "Apart=x-%i.service", "Host=host-%i")
    policy = found.policy_of("web@2.service")
    assert policy.require == ((KeyTerm("slot", "2"),),)
    assert policy.near == (("web-db.service", "web-db@*.service"),)
    assert policy.apart == ("x-2.service",)
    assert policy.host == "host-2"
    assert found.policy.varies
    assert not policy.varies


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("db", 'unit name must contain "."'),
        ("d^b.service", "invalid character '^' in unit name"),
        ("a.b", 'invalid unit type: "b"'),
    ],
)
def test_a_name_that_is_no_units_is_told_first(name: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_spec("[X-Quarterdeck]\nFoo=1\n", Path("/units/x.service"), name)
    (problem,) = caught.value.problems
    assert problem.line == 0
    assert told in problem.text


@pytest.mark.parametrize("text", ["", "\n\n", "[X-Quarterdeck]\nReplicas=1\n", "# nothing\n"])
def test_a_file_with_nothing_of_systemds_in_it_is_no_unit_file(text: str) -> None:
    with pytest.raises(ConfigError, match="no section of systemd's"):
        parse_spec(text, Path("web@.service"))


def test_what_systemd_will_ignore_is_a_warning() -> None:
    found = parse_spec("Description=x\n" + PLAIN, Path("db.service"))
    assert [str(warning) for warning in found.warnings] == [
        "db.service:1: 'Description=x' stands before the first section and is ignored"
    ]


@pytest.mark.parametrize(
    ("lines", "persistent"),
    [
        ((), False),
        (("Boot=yes",), True),
        (("Host=web1",), True),
        (("Global=yes",), True),
        (("Exclusive=yes",), False),
        (("Exclusive=yes", "Host=web1"), False),
    ],
)
def test_what_must_come_back_without_an_engine_is_written_to_etc(
    lines: tuple[str, ...], persistent: bool
) -> None:
    assert spec("db", *lines).policy.persistent is persistent

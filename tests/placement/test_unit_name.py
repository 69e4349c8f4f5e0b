"""Names of units, as fleet's api/units_test.go and job/job_test.go have them."""

from __future__ import annotations

import pytest

from console.placement.unit_name import UnitName, expand, name_fault, unknown_specifier


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("foo.service", ("foo", "foo", None, "service", None)),
        ("foo@.service", ("foo@", "foo", "", "service", "foo@.service")),
        ("foo@bar.waldo", ("foo@bar", "foo", "bar", "waldo", "foo@.waldo")),
        ("foo@a@b.service", ("foo@a@b", "foo", "a@b", "service", "foo@.service")),
        ("foo@1.2.service", ("foo@1.2", "foo", "1.2", "service", "foo@.service")),
    ],
)
def test_a_name_has_parts(name: str, parts: tuple[str, ...]) -> None:
    unit = UnitName(name)
    assert (unit.name, unit.prefix, unit.instance, unit.type, unit.template) == parts


def test_a_template_gives_names_to_its_instances() -> None:
    assert UnitName("foo@.service").is_template
    assert not UnitName("foo@1.service").is_template
    assert UnitName("foo@.service").instantiate("3") == "foo@3.service"


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("", "unit name cannot be empty"),
        (f"{'a' * 249}.service", "unit name exceeds maximum length (256)"),
        ("foo", 'unit name must contain "."'),
        ("foo.", 'unit name cannot end in "."'),
        ("foo.bar", 'invalid unit type: "bar"'),
        ("fo^o.service", "invalid character '^' in unit name"),
        ("fo o.service", "invalid character ' ' in unit name"),
        ("fo/o.service", "invalid character '/' in unit name"),
        ("@foo.service", 'unit name cannot start in "@"'),
        (".service", "unit name cannot be a type alone"),
    ],
)
def test_each_rule_for_names_has_its_words(name: str, fault: str) -> None:
    assert name_fault(name) == fault


@pytest.mark.parametrize(
    "name",
    [
        "foo.service",
        "foo@.socket",
        "a:b-c_d.e\\x2d@1.timer",
        f"{'a' * 248}.service",
        *(
            f"x.{kind}"
            for kind in [
                "busname",
                "target",
                "snapshot",
                "device",
                "mount",
                "automount",
                "swap",
                "path",
                "slice",
                "scope",
            ]
        ),
    ],
)
def test_every_type_that_fleet_took_is_taken(name: str) -> None:
    assert name_fault(name) is None


@pytest.mark.parametrize(
    ("text", "unit", "expanded"),
    [
        ("%n", "foo@bar.waldo", "foo@bar.waldo"),
        ("%N", "foo@bar.waldo", "foo@bar"),
        ("%p", "foo@bar.waldo", "foo"),
        ("%i", "foo@bar.waldo", "bar"),
        ("%i", "test.service", ""),
        ("%p.socket", "foo.service", "foo.socket"),
        ("zone-%i-%p", "foo@b.service", "zone-b-foo"),
        ("%H %m", "foo@b.service", "%H %m"),  # fleet left them alone
        ("plain", "foo@b.service", "plain"),
    ],
)
def test_specifiers_stand_for_parts_of_the_name(text: str, unit: str, expanded: str) -> None:
    assert expand(text, UnitName(unit)) == expanded


@pytest.mark.parametrize(
    ("text", "found"), [("%n%p", None), ("a", None), ("x%H", "%H"), ("%", "%"), ("%%", "%%")]
)
def test_a_specifier_that_stands_for_nothing_is_found(text: str, found: str | None) -> None:
    assert unknown_specifier(text) == found

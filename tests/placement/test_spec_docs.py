"""docs/spec.md: the keys there are, and examples that are right."""

from __future__ import annotations

import re
from pathlib import Path

from console.placement import fleet_keys, quarterdeck_keys, rules
from console.placement.policy import Policy
from console.placement.spec import parse_spec
from tests.placement.build import spec

PAGE = (Path(__file__).parents[2] / "docs" / "spec.md").read_text()


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_every_key_has_a_row_with_an_example_that_is_accepted() -> None:
    rows = re.findall(r"^\| `(\w+)(?:\.\w+)?` \|.*\| (`.*`) \|$", section("Keys"), re.MULTILINE)
    assert [key for key, _ in rows] == [*quarterdeck_keys.KEYS, "UnitSECTION"]
    for key, examples in rows:
        for example in re.findall("`([^`]+)`", examples):
            more = ("CPU=1", "Memory=1M") if key == "QoS" else ()
            found = spec("agent" if key == "Global" else "web@", example, *more)
            assert found.policy != Policy(), example


def test_the_file_on_the_page_is_a_spec() -> None:
    text = PAGE.partition("```ini\n")[2].partition("```")[0]
    assert parse_spec(text, Path("web@.service")).policy.replicas == 4


def test_every_spelling_of_fleets_is_told() -> None:
    assert set(fleet_keys.KEYS) <= set(re.findall("`([^`]+)`", section("fleet's unit files")))


def test_the_rules_are_told_in_the_order_in_which_they_are_looked_at() -> None:
    told = re.findall("`([a-z-]+)`", section("Where an instance goes").partition("which rule it is:")[2])
    said = re.findall(r"^    ([a-z-]+(?:, [a-z-]+)?)  ", rules.__doc__ or "", re.MULTILINE)
    assert ", ".join(said) == ", ".join(told)

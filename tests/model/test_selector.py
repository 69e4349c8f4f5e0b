"""The selector language, as the contract in the docs words it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import UsageError
from console.model.host import Host, OsFacts
from console.model.selector import KeyTerm, NameTerm, Selector
from console.model.state import State, Status

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def host(
    name: str,
    *,
    state: State = State.LIVE,
    os: str | None = None,
    variant: str | None = None,
    version: str | None = None,
    driver: str | None = None,
    labels: Mapping[str, str] | None = None,
    **more: str,
) -> Host:
    return Host(
        name=name,
        address="198.18.7.11",
        labels={**(labels or {}), **more},
        status=Status(state, NOW),
        facts=OsFacts(os=os, variant=variant, version=version),
        driver=driver,
    )


FLEET = (
    host("web1", role="web", zone="a"),
    host("web2", role="web", zone="b", state=State.UNREACHABLE),
    host("web10", role="web"),
    host("db1", role="db", zone="a", os="debian", version="13"),
    host("edge1", os="fedora", variant="coreos", version="41.20250215.3.0", driver="rpm-ostree"),
    host("Web3", role="Web", state=State.FAILED),
    host("odd", os="flatcar", labels={"name": "web1"}),
)


def selected(text: str) -> list[str]:
    selector = Selector.parse(text)
    return [h.name for h in FLEET if selector.matches_host(h)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        # names and globs are OR among themselves
        ("web1", ["web1"]),
        ("web1,db1", ["web1", "db1"]),
        ("web?,db*", ["web1", "web2", "db1"]),
        ("web[1-9]", ["web1", "web2"]),
        ("[!w]*1", ["db1", "edge1"]),
        ("*", [h.name for h in FLEET]),
        # terms are AND
        ("role=web,zone=a", ["web1"]),
        ("role=web,zone!=b", ["web1", "web10"]),
        ("role=web,role=db", []),
        # names, then AND with the terms
        ("web*,zone=a", ["web1"]),
        ("web1,web2,zone=b", ["web2"]),
        ("zone=a,web1,db1", ["web1", "db1"]),
        # a host that lacks the label is unequal to any value
        ("zone!=a", ["web2", "web10", "edge1", "Web3", "odd"]),
        ("zone=*", ["web1", "web2", "db1"]),
        ("zone!=*", ["web10", "edge1", "Web3", "odd"]),
        # globs in values
        ("role=w*", ["web1", "web2", "web10"]),
        ("version=41.*", ["edge1"]),
        # case counts
        ("Web*", ["Web3"]),
        ("role=Web", ["Web3"]),
        ("ROLE=web", []),
        # the console's own keys
        ("name=web1", ["web1"]),
        ("name!=web*,role=*", ["db1", "Web3"]),
        ("os=debian", ["db1"]),
        ("os=fedora", ["edge1"]),
        ("os=fedora-coreos", ["edge1"]),
        ("os=fcos", ["edge1"]),
        ("os!=fcos", ["web1", "web2", "web10", "db1", "Web3", "odd"]),
        ("version=13", ["db1"]),
        ("driver=rpm-ostree", ["edge1"]),
        ("driver!=rpm-ostree", ["web1", "web2", "web10", "db1", "Web3", "odd"]),
        ("state=failed", ["Web3"]),
        ("state=unreachable,web*", ["web2"]),
        ("state=nosuch", []),
        # a label of a built-in key's name
        ("label.name=web1", ["odd"]),
        ("label.role=db", ["db1"]),
        ("label.os=debian", []),
        # a key nobody has
        ("rack=7", []),
        # blanks do not count
        (" role = web , zone = a ", ["web1"]),
        ("role != web,zone=a", ["db1"]),
    ],
)
def test_a_selector_selects_what_it_says(text: str, names: list[str]) -> None:
    assert selected(text) == names


@pytest.mark.parametrize("value", ["a[b", "x*y", "a=b", "\\x2d", "two words", "!x"])
def test_an_exact_value_matches_itself_whatever_it_holds(value: str) -> None:
    assert Selector.parse(f"place={value}").matches_host(host("h", place=value))
    assert not Selector.parse(f"place!={value}").matches_host(host("h", place=value))


@pytest.mark.parametrize(
    ("text", "named", "accepted"),
    [
        ("", "empty", "NAME"),
        ("  ", "empty", "NAME"),
        (",", "','", "key=value"),
        ("web1,,web2", "'web1,,web2'", "key=value"),
        ("web1,", "'web1,'", "key=value"),
        ("=web", "'=web' has no key", "key=value"),
        ("!=web", "'!=web' has no key before the !=", "key=value"),
        ("label.=web", "'label.=web' has no key", "key=value"),
        ("role=", "'role=' has no value", "role=*"),
        ("role!=", "'role!=' has no value", "role!=*"),
        ("role==web", "'role==web'", "write key=value"),
        ("ro*=web", "'ro*' in 'ro*=web' is not a key", "globs go in values"),
        ("my role=web", "'my role'", "name, os, version, state, driver"),
        ("!web1", "'!web1'", "name!=NAME"),
        ("zone!b", "'zone!b'", "key!=value"),
        ("web[1", "'web[1'", "web[1-3]"),
        ("web[1,2]", "'web[1'", "web[1-3]"),
    ],
)
def test_a_wrong_term_is_named_with_what_is_accepted(text: str, named: str, accepted: str) -> None:
    with pytest.raises(UsageError) as caught:
        Selector.parse(text)
    assert named in caught.value.message
    assert accepted in (caught.value.hint or "")


def test_an_error_shows_no_control_character() -> None:
    with pytest.raises(UsageError) as caught:
        Selector.parse("\x1b[31mred\x07=")
    assert str(caught.value).isprintable()


def test_plain_names_that_no_host_bears_are_told() -> None:
    selector = Selector.parse("web1,wbe2,web9*,role=web")
    assert selector.unknown_names(FLEET) == ("wbe2",)


KEYS = st.from_regex(r"(label\.)?[A-Za-z0-9][A-Za-z0-9._/-]{0,8}", fullmatch=True)
VALUES = st.text(
    st.characters(exclude_characters=",", exclude_categories=["Cs"]), min_size=1, max_size=8
).filter(lambda value: value == value.strip() and not value.startswith("="))
NAMES = st.from_regex(r"[A-Za-z0-9*?][A-Za-z0-9._*?-]{0,8}(\[!?[a-z0-9-]{1,3}\])?", fullmatch=True)
TERMS = st.one_of(
    st.builds(NameTerm, NAMES),
    st.builds(KeyTerm, KEYS, VALUES, st.booleans()),
)


@given(st.lists(TERMS, min_size=1, max_size=6))
def test_parsing_what_was_formatted_gives_the_same_selector(terms: list[NameTerm | KeyTerm]) -> None:
    selector = Selector(tuple(terms))
    assert Selector.parse(selector.format()) == selector


@given(st.text(st.sampled_from("aw1*?[]!=,. \\-label")))
def test_any_text_is_a_selector_that_survives_formatting_or_a_usage_error(text: str) -> None:
    try:
        selector = Selector.parse(text)
    except UsageError:
        return
    assert Selector.parse(selector.format()) == selector
    for each in FLEET:
        selector.matches_host(each)


@given(KEYS.filter(lambda key: key not in {"name", "state"}), VALUES)
def test_a_term_and_its_negation_part_the_fleet(key: str, value: str) -> None:
    equal, unequal = Selector.parse(f"{key}={value}"), Selector.parse(f"{key}!={value}")
    assert all(equal.matches_host(each) is not unequal.matches_host(each) for each in FLEET)

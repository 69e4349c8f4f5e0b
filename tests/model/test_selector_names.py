"""Patterns for units and containers, and the words of --state."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import UsageError
from console.model.container import Container
from console.model.host import Host
from console.model.selector import (
    NamePatterns,
    container_in_state,
    host_in_state,
    state_words,
    unit_in_state,
)
from console.model.state import State, Status
from console.model.unit import Health, Unit

ID = "4f2a9c1b7d3e" + "0" * 52


def container(name: str = "api", *, state: str = "running", health: str | None = None) -> Container:
    return Container(
        host="web1",
        name=name,
        id=ID,
        image="api:1",
        image_id="sha256:1",
        state=state,
        health=health,
        names=(name, "also-" + name),
    )


def unit(active: str, sub: str, *, load: str = "loaded", health: Health = Health.OK) -> Unit:
    return Unit(
        host="web1", name="a.service", load=load, active=active, sub=sub, description="", health=health
    )


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("web@*", "web@1.service"),
        ("web.service", "web.service"),
        ("web", "web.service"),
        ("web@1", "web@1.service"),
        ("org.example.web", "org.example.web.service"),
        ("web.*", "web.timer"),
        ("*.timer", "web.timer"),
        ("web[12].service", "web2.service"),
        ("dev-disk-by\\x2duuid.device", "dev-disk-by\\x2duuid.device"),
        ("dev-*\\x2d*", "dev-disk-by\\x2duuid.device"),
        ("odd[1].service", "odd[1].service"),
        ("odd[1]", "odd[1].service"),
        ("odd[.service", "odd[.service"),
    ],
)
def test_a_unit_pattern_matches(pattern: str, name: str) -> None:
    assert NamePatterns.parse([pattern]).matches_unit(name)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("web", "web.timer"),
        ("web", "web1.service"),
        ("web.timer", "web.timer.service"),
        ("Web", "web.service"),
        ("web@?", "web@1.service"),  # systemctl adds no suffix to a glob
        ("dev-disk-by-uuid.device", "dev-disk-by\\x2duuid.device"),
        ("a\\*", "a*"),  # a backslash escapes nothing
    ],
)
def test_a_unit_pattern_does_not_match(pattern: str, name: str) -> None:
    assert not NamePatterns.parse([pattern]).matches_unit(name)


def test_any_of_several_patterns_is_enough_and_none_at_all_match_everything() -> None:
    either = NamePatterns.parse(["web", "*.timer"])
    assert either.matches_unit("web.service")
    assert either.matches_unit("backup.timer")
    assert not either.matches_unit("backup.service")
    assert NamePatterns().matches_unit("backup.service")
    assert NamePatterns().matches_container(container())


@given(st.text(min_size=1))
def test_a_unit_or_container_name_matches_itself(name: str) -> None:
    patterns = NamePatterns.parse([name])
    assert patterns.matches_unit(name)
    assert patterns.matches_container(container(name))


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("api", True),
        ("a*", True),
        ("also-api", True),
        ("api.service", False),
        (ID, True),
        (ID[:12], True),
        (ID[:11], False),
        ("f" * 12, False),
    ],
)
def test_a_container_is_known_by_its_names_and_its_id_as_lists_show_it(pattern: str, matches: bool) -> None:
    assert NamePatterns.parse([pattern]).matches_container(container()) is matches


def test_an_empty_name_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="name is empty"):
        NamePatterns.parse(["web", ""])


def test_state_words_are_split_at_commas() -> None:
    assert state_words("failed, activating") == {"failed", "activating"}
    assert state_words("nosuch") == {"nosuch"}


@pytest.mark.parametrize("text", ["", ",", "failed,", "failed,,dead"])
def test_a_missing_state_word_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="missing"):
        state_words(text)


@pytest.mark.parametrize("word", ["loaded", "activating", "auto-restart", "recovering"])
def test_a_unit_is_in_a_state_by_load_active_sub_or_health(word: str) -> None:
    recovering = unit("activating", "auto-restart", health=Health.RECOVERING)
    assert unit_in_state(recovering, {word, "nosuch"})
    assert not unit_in_state(recovering, {"failed"})
    assert unit_in_state(recovering, ())


def test_a_container_is_in_a_state_by_state_or_health() -> None:
    sick = container(state="running", health="unhealthy")
    assert container_in_state(sick, {"running"})
    assert container_in_state(sick, {"unhealthy"})
    assert not container_in_state(sick, {"exited"})
    assert not container_in_state(container(), {"unhealthy"})
    assert container_in_state(sick, ())


def test_a_host_is_in_a_state_by_its_own() -> None:
    host = Host("web1", "198.18.7.11", {}, Status(State.STALE, datetime(2026, 1, 1, tzinfo=UTC)))
    assert host_in_state(host, {"stale", "live"})
    assert not host_in_state(host, {"live"})
    assert host_in_state(host, ())

"""A host of the fleet's as the scheduler sees it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from console.model.host import Host, OsFacts, Pressure
from console.model.selector import Selector
from console.model.state import State, Status
from console.placement.candidate import (
    MEMORY_PRESSURE,
    RESERVED_CPU,
    RESERVED_MEMORY,
    Candidate,
    Standing,
    candidate,
    holds,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def known(*pressure: Pressure, cordoned: datetime | None = None) -> Host:
    facts = OsFacts(
        os="fedora", variant="coreos", version="41", cpus=4, memory_total=8 * 1024**3, machine_id="ab" * 16,
        pressure=pressure,
    )  # fmt: skip
    labels = {"zone": "a", "os": "mine"}
    return Host("web1", "198.18.7.11", labels, Status(State.LIVE, NOW), facts=facts, cordoned=cordoned)


def test_what_is_known_of_a_host_is_what_there_is_to_place_on() -> None:
    found = candidate(known(), Standing.LIVE)
    assert (found.cpu, found.memory) == (4000, 8 * 1024**3)
    assert (found.reserved_cpu, found.reserved_memory) == (RESERVED_CPU, RESERVED_MEMORY)
    assert (found.cordoned, found.pressure, found.machine_id) == (False, None, "ab" * 16)


def test_a_host_of_which_nothing_is_known_has_no_capacity() -> None:
    found = candidate(Host("web1", "198.18.7.11", {}, Status(State.CONNECTING, NOW)), Standing.SILENT)
    assert (found.cpu, found.memory, found.standing) == (None, None, Standing.SILENT)


@pytest.mark.parametrize(
    ("pressure", "told"),
    [
        (Pressure("memory", "some", MEMORY_PRESSURE, 0.0), "memory 20 %"),
        (Pressure("memory", "some", MEMORY_PRESSURE - 1, 90.0), None),
        (Pressure("memory", "full", 90.0, 90.0), None),
        (Pressure("io", "some", 90.0, 90.0), None),
    ],
)
def test_a_host_is_spared_while_tasks_wait_for_memory(pressure: Pressure, told: str | None) -> None:
    assert candidate(known(pressure), Standing.LIVE).pressure == told


def test_a_cordoned_host_is_cordoned() -> None:
    assert candidate(known(cordoned=NOW), Standing.LIVE).cordoned


def test_a_drained_host_says_who_keeps_it_so() -> None:
    host = replace(known(), drained={"r-2f9c": NOW, "alice": NOW})
    assert candidate(host, Standing.LIVE).drained == "alice, r-2f9c"


@pytest.mark.parametrize(
    "text",
    [
        "zone=a",
        "zone!=b",
        "zone=*",
        "rack!=*",
        "name=web*",
        "os=fcos",
        "label.os=mine",
        "version=4?",
        "web1",
        "driver!=x",
    ],
)
def test_terms_hold_for_it_as_they_do_for_the_host(text: str) -> None:
    host = known()
    (term,) = Selector.parse(text).terms
    assert holds(term, candidate(host, Standing.LIVE))
    assert Selector.parse(text).matches_host(host)


def test_a_pin_means_a_name_or_a_machine_id() -> None:
    found = Candidate("web1", machine_id="ab" * 16)
    assert all(found.is_called(text) for text in ("web1", "ab" * 16, "abababab"))
    assert not any(found.is_called(text) for text in ("web", "ab", "ab" * 15, ""))

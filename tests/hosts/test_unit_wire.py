"""systemd's bus interface as values."""

from __future__ import annotations

import string
from datetime import UTC, datetime

import pytest
from dbus_fast import Variant, is_object_path_valid
from hypothesis import given
from hypothesis import strategies as st

from console.hosts.unit_wire import (
    UnitRow,
    is_unit_name,
    plain,
    timestamp,
    unit_name,
    unit_path,
    unit_rows,
)

legal = string.ascii_letters + string.digits + ":_.\\-@"
names = st.builds(
    lambda stem, kind: f"{stem}.{kind}",
    st.text(legal, min_size=1, max_size=240),
    st.sampled_from(["service", "mount", "slice", "device"]),
)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        # As `busctl tree org.freedesktop.systemd1` has them.
        ("dbus.service", "dbus_2eservice"),
        ("-.mount", "_2d_2emount"),
        ("getty@tty1.service", "getty_40tty1_2eservice"),
        (r"a\x2db@x:y.service", "a_5cx2db_40x_3ay_2eservice"),
        ("9p.mount", "_39p_2emount"),
        ("under_score.service", "under_5fscore_2eservice"),
    ],
)
def test_a_unit_has_the_object_path_that_systemd_gives_it(name: str, label: str) -> None:
    path = f"/org/freedesktop/systemd1/unit/{label}"
    assert unit_path(name) == path
    assert unit_name(path) == name


@given(names)
def test_every_name_survives_its_object_path(name: str) -> None:
    path = unit_path(name)
    assert is_object_path_valid(path)
    assert unit_name(path) == name


@pytest.mark.parametrize(
    "path",
    [
        "/org/freedesktop/systemd1",
        "/org/freedesktop/systemd1/job/1",
        "/org/freedesktop/systemd1/unit/",
        "/org/freedesktop/systemd1/unit/no_type",
        "/org/freedesktop/systemd1/unit/a_1b_5b31m_2eservice",
    ],
)
def test_a_path_that_is_no_units_has_no_name(path: str) -> None:
    assert unit_name(path) is None


@pytest.mark.parametrize(
    ("name", "legal"),
    [
        ("a.service", True),
        ("-leading.service", True),
        (r"a\x2db@x:y.service", True),
        ("a" * 247 + ".service", True),
        ("a" * 248 + ".service", False),
        ("web", False),
        (".service", False),
        ("", False),
        ("a b.service", False),
        ("a\x1b[31m.service", False),
        ("a.service\n", False),
        ("ü.service", False),
        ("a*.service", False),
        ("../etc/passwd.service", False),
    ],
)
def test_legal_unit_names(name: str, legal: bool) -> None:
    assert is_unit_name(name) is legal


def row(name: str = "a.service", description: str = "A") -> list[object]:
    return [name, description, "loaded", "active", "running", "", unit_path("a.service"), 0, "", "/"]


def test_a_listing_becomes_rows() -> None:
    assert unit_rows([row()]) == [UnitRow("a.service", "loaded", "active", "running", "A")]


def test_a_description_is_made_safe() -> None:
    [only] = unit_rows([row(description="\x1b[31mred\x1b[0m\nA\u202e")])
    assert only.description == "red·A·"


def test_an_impossible_name_is_a_fault() -> None:
    with pytest.raises(ValueError, match="a unit named a b·"):
        unit_rows([row(name="a b\x07")])


def test_too_many_units_are_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.hosts.unit_wire.MAX_UNITS", 2)
    assert len(unit_rows([row(), row()])) == 2
    with pytest.raises(ValueError, match="more than 2 units"):
        unit_rows([row(), row(), row()])


@pytest.mark.parametrize(
    ("value", "time"),
    [
        (1_700_000_000_500_000, datetime(2023, 11, 14, 22, 13, 20, 500_000, tzinfo=UTC)),
        (0, None),
        (2**64 - 1, None),
        (2**63, None),
        (-1, None),
        ("soon", None),
        (None, None),
    ],
)
def test_timestamps(value: object, time: datetime | None) -> None:
    assert timestamp(value) == time


def test_values_become_what_json_has() -> None:
    value = {
        "Id": Variant("s", "a.service"),
        "InvocationID": Variant("ay", b"\x00\xff"),
        "ExecStart": Variant("a(sas)", [["/bin/true", ["a"]]]),
        "Timeout": Variant("t", 2**64 - 1),
        "Load": Variant("d", float("nan")),
        "Nested": Variant("a{sv}", {"x": Variant("v", Variant("b", True))}),
    }
    assert plain(value) == {
        "Id": "a.service",
        "InvocationID": "00ff",
        "ExecStart": [["/bin/true", ["a"]]],
        "Timeout": 2**64 - 1,
        "Load": None,
        "Nested": {"x": True},
    }

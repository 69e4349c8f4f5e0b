"""How a unit fares that is to prove itself, by what its host says of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.rollouts.unit_look import Faring, UnitLook, faring, read_look

SAID = """f-1f0c92ab web@.service 4 7 launched

BootID=8f7e-11
Type=notify
NRestarts=2
Result=exit-code
ReloadResult=success
ExecMainStatus=3
ActiveState=activating
SubState=auto-restart
InvocationID=00ff
"""

RUNS = UnitLook(4, "active", "running", life="a", type="notify")


def test_what_a_host_says_is_read() -> None:
    assert read_look(SAID) == UnitLook(
        4, "activating", "auto-restart", "exit-code", 2, "00ff", "success", "notify", 3, "8f7e-11"
    )


def test_a_unit_that_is_not_ours_has_no_revision() -> None:
    found = read_look("\nActiveState=active\nSubState=running\nNRestarts=[not set]\n")
    assert (found.revision, found.active, found.restarts) == (None, "active", 0)


def test_a_unit_that_is_written_and_was_not_started_is_told_from_one_that_was() -> None:
    assert read_look(SAID).launched
    assert not read_look(SAID.replace("launched", "loaded")).launched


@pytest.mark.parametrize(
    ("now", "restarts", "seconds", "fares", "why"),
    [
        (RUNS, 0, 0, Faring.WELL, ""),
        # One that ran on through a reload had been restarted before.
        (replace(RUNS, restarts=2), 2, 5, Faring.WELL, ""),
        (replace(RUNS, restarts=3), 2, 5, Faring.BAD, "systemd starts it again"),
        (replace(RUNS, restarts=1), 0, 5, Faring.BAD, "it has ended (success)"),
        (replace(RUNS, active="reloading"), 0, 5, Faring.WELL, ""),
        (replace(RUNS, reloaded="exit-code"), 0, 5, Faring.BAD, "its reload failed: exit-code"),
        (replace(RUNS, active="activating", sub="start"), 0, 60, Faring.COMING, "it is activating (start)"),
        (read_look(SAID), 0, 0, Faring.BAD, "it has ended (exit-code, status 3)"),
        (
            replace(RUNS, active="failed", sub="failed", result="core-dump"),
            0,
            0,
            Faring.BAD,
            "core-dump",
        ),
        # A start that was asked for just now does not show yet.
        (UnitLook(4), 0, 1, Faring.COMING, "it is inactive (dead)"),
        (UnitLook(4), 0, 10, Faring.BAD, "it has ended: success"),
        (UnitLook(4, type="oneshot"), 0, 10, Faring.WELL, ""),
        (UnitLook(4, type="oneshot", result="exit-code"), 0, 10, Faring.BAD, "it has ended: exit-code"),
    ],
)
def test_how_it_fares(now: UnitLook, restarts: int, seconds: float, fares: Faring, why: str) -> None:
    found, told = faring(now, restarts=restarts, seconds=seconds)
    assert found is fares
    assert why in told


@given(st.text(max_size=400))
def test_whatever_a_host_says_is_read_and_has_no_control_characters(text: str) -> None:
    found = read_look(text)
    assert all(char.isprintable() for char in found.active + found.sub + found.result + found.life)

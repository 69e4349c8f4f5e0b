"""Ids of machines for one application, as systemd makes them."""

from __future__ import annotations

import pytest

from console.model.machine_id import app_specific
from console.rollouts.fleetlock_ids import ZINCATI


@pytest.mark.parametrize(
    ("machine", "app", "made"),
    [
        # What systemd-id128 of 252 printed: `systemd-id128 machine-id -a APP` where /etc/machine-id is so.
        ("00000000000000000000000000000001", ZINCATI, "a2a5385f64d54b22b0eca8f3deb0cd10"),
        ("0123456789abcdef0123456789abcdef", ZINCATI, "583627a932274834a8ebd99f4ed41c0d"),
        ("f1e2d3c4b5a697887766554433221100", ZINCATI, "0ba95090250d445981f463ddb9ef1cde"),
        (
            "f1e2d3c4b5a697887766554433221100",
            "15bd2b93bd0a4d63a37b57bef0b8b8a1",
            "6d5ed220cb3549b88791671c99c20d5f",
        ),
    ],
)
def test_the_id_is_systemds(machine: str, app: str, made: str) -> None:
    assert app_specific(machine, app) == made


@pytest.mark.parametrize("machine", ["", "uninitialized", "0123", "g" * 32])
def test_what_is_no_machines_id_makes_none(machine: str) -> None:
    assert app_specific(machine, ZINCATI) is None

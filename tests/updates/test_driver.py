"""Which updater drives a host."""

from __future__ import annotations

import pytest

from console.updates.driver import BOOTED, Driver, driver_of


@pytest.mark.parametrize(
    ("found", "driver"),
    [
        ({BOOTED, "ostree"}, Driver.OSTREE),
        ({BOOTED, "ostree", "rpm-ostree"}, Driver.RPM_OSTREE),
        ({BOOTED, "ostree", "bootc"}, Driver.BOOTC),
        ({BOOTED, "ostree", "bootc", "rpm-ostree"}, Driver.RPM_OSTREE),
        ({"update_engine_client"}, Driver.UPDATE_ENGINE),
        ({BOOTED, "ostree", "update_engine_client"}, Driver.UPDATE_ENGINE),
        ({"ostree"}, None),  # for its flatpaks
        ({"bootc", "rpm-ostree", "ostree"}, None),  # in a container that builds images
        ({BOOTED}, None),
        (set(), None),
    ],
)
def test_a_host_is_driven_by(found: set[str], driver: Driver | None) -> None:
    assert driver_of(found) is driver

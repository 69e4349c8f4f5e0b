"""The drivers there are: one line for each."""

from __future__ import annotations

from collections.abc import Mapping

from console.updates.bootc import Bootc
from console.updates.driver import Driver, UpdateDriver
from console.updates.ostree import Ostree
from console.updates.rpm_ostree import RpmOstree
from console.updates.update_engine import UpdateEngine

DRIVERS: Mapping[Driver, UpdateDriver] = {
    Driver.RPM_OSTREE: RpmOstree(),
    Driver.BOOTC: Bootc(),
    Driver.OSTREE: Ostree(),
    Driver.UPDATE_ENGINE: UpdateEngine(),
}

"""Which updater drives a host. Pure."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from enum import StrEnum


class Driver(StrEnum):
    """The updaters there are."""

    RPM_OSTREE = "rpm-ostree"
    BOOTC = "bootc"
    OSTREE = "ostree"
    UPDATE_ENGINE = "update_engine"


#: What the probe may find: each program by its name, and that the system was booted from OSTree.
PROGRAMS = ("rpm-ostree", "bootc", "ostree", "update_engine_client")
BOOTED = "ostree-booted"


def driver_of(found: AbstractSet[str]) -> Driver | None:
    """The updater of a host on which the probe found this; None for one without.

    A program alone says little (a workstation has ostree for its flatpaks): the system must have been
    booted from OSTree. rpm-ostree goes before bootc, since it also drives hosts with layered
    packages, which bootc refuses ("incompatible" in its status).
    """
    if BOOTED in found:
        for driver in (Driver.RPM_OSTREE, Driver.BOOTC, Driver.OSTREE):
            if driver in found:
                return driver
        return None
    return Driver.UPDATE_ENGINE if "update_engine_client" in found else None

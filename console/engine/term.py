"""What an engine works with, and what one that leads has for as long as it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from console.engine.tally import Tally

if TYPE_CHECKING:
    from console.actions.audit import Audit
    from console.actions.hands import Permit
    from console.fleet.fleet import Fleet
    from console.fleet.memory import Memory
    from console.model.config import FleetConfig
    from console.store.claim import Claim


@dataclass(frozen=True, slots=True)
class Setting:
    """What any engine is given to work with.

    :param told: takes what an operator should know, a line each.
    :param embedded: whether it runs inside a console, and ends with it.
    :param tally: what it counts of itself.
    """

    memory: Memory
    file: FleetConfig
    permit: Permit
    audit: Audit
    told: Callable[[str], None] = field(repr=False)
    embedded: bool = False
    tally: Tally = field(default_factory=Tally, repr=False)


@dataclass(frozen=True, slots=True)
class Term:
    """One engine's time as the leader.

    :param claim: what every write compares (`claim.guard`), and every change of a host carries
        (`claim.revision`); nothing is done while it does not surely hold (`claim.holds()`).
    :param fleet: the hosts, live, with their connections.
    :param fleet_id: by which hosts are claimed.
    """

    setting: Setting
    claim: Claim
    fleet: Fleet
    fleet_id: str

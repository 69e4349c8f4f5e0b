"""The mark that a unit of ours bears on its host: whose it is and which, in one line.

    FLEET SERVICE REVISION EPOCH DESIRED        f-1f0c92ab web@.service 3 7 launched

By it an engine that comes after another takes over what runs, and leaves alone what is not its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from console.placement.unit_name import name_fault

Root = Literal["/run", "/etc"]


@dataclass(frozen=True, slots=True)
class Mark:
    """One unit of ours on one host.

    :param revision: of the service, whose text the unit's file is.
    :param epoch: of the placement that brought it there.
    :param launched: whether it was meant to run, and not only to be there.
    :param root: below which of the two it is written.
    """

    fleet: str
    service: str
    revision: int
    epoch: int
    launched: bool
    root: Root

    @property
    def line(self) -> str:
        desired = "launched" if self.launched else "loaded"
        return f"{self.fleet} {self.service} {self.revision} {self.epoch} {desired}"


def read_mark(line: str, root: Root) -> Mark | None:
    """A mark as a host has it; None for what is none."""
    match line.split():
        case [fleet, service, revision, epoch, "launched" | "loaded" as desired] if (
            _is_number(revision) and _is_number(epoch) and name_fault(service) is None
        ):
            return Mark(fleet, service, int(revision), int(epoch), desired == "launched", root)
    return None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19

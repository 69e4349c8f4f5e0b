"""Hosts by what they boot, and which of them are out of line with those that are of their kind.

Hosts are of a kind that have the same system, the same updater and the same channel. What more than half of
them run is what the others are measured by. Kept up to date by what changed: a thousand hosts of which one
reboots cost the look at one, and those of its kind only where the measure itself changes by it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from console.commands import clock
from console.model.host import Host

if TYPE_CHECKING:
    from console.fleet.model import FleetModel

#: A version that waits for a reboot for longer than this is out of line.
WAITS_LONG = timedelta(hours=24)

#: Of one kind there are so many at least before most of them are a measure.
_SOME = 3

Group = tuple[str | None, str | None, str | None]


@dataclass(frozen=True, slots=True)
class UpdateRow:
    """A host, and the version that most of its kind run; None where there is no such version."""

    host: Host
    usual: str | None = None

    @property
    def differs(self) -> bool:
        """Whether it runs another version than most of its kind."""
        return self.usual is not None and version_of(self.host) != self.usual

    @property
    def waits_long(self) -> bool:
        """Whether a version has waited for its reboot for long."""
        since = self.host.pending_since
        return since is not None and clock.now() - since > WAITS_LONG

    @property
    def out_of_line(self) -> tuple[str, ...]:
        """What a person should look at, the worst first."""
        host, found = self.host, []
        for one in host.denied:
            found.append(f"{one.version} is denied by {one.by}{f': {one.why}' if one.why else ''}")
        if host.updates_problem is not None:
            found.append(host.updates_problem)
        if host.updates.error is not None:
            found.append(host.updates.error)
        if self.differs:
            found.append(f"most of its kind run {self.usual}")
        if self.waits_long:
            found.append(f"waits for its reboot since {host.pending_since:%Y-%m-%d %H:%M}Z")
        return tuple(found)


class UpdateBoard:
    """The rows of every host, worked out anew for those that changed."""

    def __init__(self, model: FleetModel) -> None:
        self._model = model
        self._groups: dict[str, tuple[Group, str]] = {}
        self._versions: dict[Group, Counter[str]] = {}

    def look_up(self, name: str) -> UpdateRow | None:
        host = self._model.find(name)
        if host is None:
            return None
        known = self._groups.get(name)
        return UpdateRow(host, self._usual(known[0]) if known is not None else None)

    def update(self, names: Iterable[str]) -> set[str]:
        """Look at hosts again; those whose rows may have changed by it."""
        names = set(names)
        touched: dict[Group, str | None] = {}
        for name in names:
            host = self._model.find(name)
            version = None if host is None else version_of(host)
            after = None if host is None or version is None else (group_of(host), version)
            before = self._groups.get(name)
            if before == after:
                continue
            for known in (before, after):
                if known is not None:
                    touched.setdefault(known[0], self._usual(known[0]))
            self._move(name, before, after)
        moved = {group for group, usual in touched.items() if self._usual(group) != usual}
        return names | {name for name, (group, _) in self._groups.items() if moved and group in moved}

    def _move(self, name: str, before: tuple[Group, str] | None, after: tuple[Group, str] | None) -> None:
        if before is not None:
            group, version = before
            self._versions[group][version] -= 1
            self._versions[group] += Counter()  # those that nobody runs any more go
            del self._groups[name]
        if after is not None:
            group, version = after
            self._versions.setdefault(group, Counter())[version] += 1
            self._groups[name] = after

    def _usual(self, group: Group) -> str | None:
        versions = self._versions.get(group)
        if not versions:
            return None
        (version, count), *_ = versions.most_common(1)
        total = versions.total()
        return version if total >= _SOME and count * 2 > total else None


def version_of(host: Host) -> str | None:
    """What it has booted, as its updater calls it."""
    booted = host.updates.booted
    return None if booted is None else booted.version or booted.checksum or booted.id


def group_of(host: Host) -> Group:
    """What hosts of a kind have in common."""
    return host.facts.os, host.driver, host.updates.channel

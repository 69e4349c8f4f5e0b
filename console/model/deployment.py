"""Deployments, the bootable versions of a host's operating system, and what its updater says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Deployment:
    """One entry of a host's boot order.

    :param id: what its updater calls it; tells a host's deployments apart.
    :param checksum: of its commit or its image's content.
    :param origin: where its updates come from, as the updater writes it: a branch, an image.
    :param booted: it runs now.
    :param next: the next boot takes it, if nothing changes; the booted one where nothing waits.
    :param staged: it is put in place when the host shuts down; a power cut loses it.
    :param rollback: what a rollback would boot.
    :param pinned: no clean-up removes it.
    :param unlocked: how its files may be written ("development", "hotfix"); None where they may not.
    :param locked: it is staged, and a reboot does not take it before somebody says so.
    :param digest: of the image that it was made from.
    :param timestamp: when it was made, by its maker.
    :param extra: what else the updater says of it, by the updater's names; each a short text.
    """

    id: str
    checksum: str | None = None
    version: str | None = None
    origin: str | None = None
    booted: bool = False
    next: bool = False
    staged: bool = False
    rollback: bool = False
    pinned: bool = False
    unlocked: str | None = None
    locked: bool = False
    digest: str | None = None
    timestamp: datetime | None = None
    extra: Mapping[str, str] = field(default_factory=dict)

    def is_version(self, version: str) -> bool:
        """Whether `version` names it: by its version, or by its checksum."""
        return version in (self.version, self.checksum)


@dataclass(frozen=True, slots=True)
class Available:
    """A version that the host could have, and does not."""

    version: str | None = None
    checksum: str | None = None
    timestamp: datetime | None = None


@dataclass(frozen=True, slots=True)
class Working:
    """What the updater, or a command of ours on the host, is doing just now.

    :param what: in its own word: `upgrade`, `downloading`.
    :param percent: how far it is, 0 to 100, where it says so.
    :param by: who asked for it, where that is known.
    """

    what: str
    percent: float | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Agent:
    """Somebody else on the host who updates or reboots it.

    :param unit: its systemd unit.
    :param active: whether it is at work.
    :param drives: whether it takes updates by itself, so that others must not; else it only reboots.
    :param says: its own words about what it waits for.
    """

    name: str
    unit: str
    active: bool
    drives: bool = True
    says: str | None = None


@dataclass(frozen=True, slots=True)
class UpdateStatus:
    """All that a host's updater says.

    :param deployments: in boot order.
    :param channel: what it follows: a branch, an image, a group.
    :param available: the newest that it knows of and that is not on the host; None also where nobody looked.
    :param error: why the last work on it failed.
    :param agents: who else updates or reboots the host.
    :param extra: what else the updater says, by its own names; each a short text.
    """

    deployments: tuple[Deployment, ...] = ()
    channel: str | None = None
    available: Available | None = None
    working: Working | None = None
    error: str | None = None
    agents: tuple[Agent, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def booted(self) -> Deployment | None:
        return next((one for one in self.deployments if one.booted), None)

    @property
    def next(self) -> Deployment | None:
        return next((one for one in self.deployments if one.next), None)

    @property
    def staged(self) -> Deployment | None:
        return next((one for one in self.deployments if one.staged), None)

    @property
    def rollback(self) -> Deployment | None:
        return next((one for one in self.deployments if one.rollback), None)

    @property
    def pending(self) -> Deployment | None:
        """What a reboot would change to, or could once it is unlocked; None where the host stays as it is."""
        if self.next is not None and not self.next.booted:
            return self.next
        return self.staged

    @property
    def words(self) -> tuple[str, ...]:
        """What is out of the ordinary, worst first; nothing where the host runs what it would boot."""
        found = []
        if self.error:
            found.append("failed")
        if self.working:
            found.append("working")
        if self.staged is not None and self.staged.locked:
            found.append("locked")
        elif self.pending is not None:
            found.append("reboot")
        if self.available is not None:
            found.append("behind")
        if self.booted is not None and self.booted.unlocked:
            found.append("unlocked")
        if any(agent.active for agent in self.agents):
            found.append("driven")
        return tuple(found)


#: Of a host whose updater has not been heard, or that has none.
NOTHING_SAID = UpdateStatus()

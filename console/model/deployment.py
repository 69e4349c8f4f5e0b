"""A deployment: one bootable version of a host's operating system."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deployment:
    """One entry of a host's boot order.

    :param id: what its updater calls it; tells a host's deployments apart.
    :param origin: where its updates come from, as the updater writes it: a branch, an image.
    :param booted: it runs now.
    :param next: the next boot takes it, if nothing changes; the booted one where nothing waits.
    :param staged: it is put in place when the host shuts down; a power cut loses it.
    :param rollback: what a rollback would boot.
    :param pinned: no clean-up removes it.
    :param unlocked: how its files may be written ("development", "hotfix"); None where they may not.
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

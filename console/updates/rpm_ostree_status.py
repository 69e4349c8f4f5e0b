"""`rpm-ostree status --json`. Pure.

Source of the format: rpm-ostree's rpmostree-builtin-status.cxx (the four keys), rust/src/daemon.rs and
rpmostreed-deployment-utils.cxx (a deployment), org.projectatomic.rpmostree1.xml (a cached update). What is
missing in older versions is false or absent: `staged`, `update-driver`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from console.model.deployment import Agent, Available, Deployment, UpdateStatus, Working
from console.model.text import clean
from console.updates.driver import with_next
from console.updates.values import TEXT, extra, flag_in, load_object, objects, seconds, text_in

_TOP = frozenset({"deployments", "transaction", "cached-update", "update-driver"})
#: Long, or of no use to a reader: the manifest of the image, signatures, package lists.
_DEPLOYMENT = frozenset(
    [
        "id",
        "osname",
        "checksum",
        "serial",
        "booted",
        "staged",
        "finalization-locked",
        "pinned",
        "unlocked",
        "version",
        "timestamp",
        "origin",
        "container-image-reference",
        "container-image-reference-digest",
        "base-commit-meta",
        "layered-commit-meta",
        "base-local-replacements",
        "base-remote-replacements",
        "signatures",
        "packages",
    ]
)


def parse_rpm_ostree(text: str) -> UpdateStatus:
    """What the updater says; its driver, if it names one, as an agent that is not known to be at work.

    :raises ValueError: this is not its status.
    """
    value = load_object(text, "rpm-ostree")
    if not isinstance(value.get("deployments"), list):
        raise ValueError("rpm-ostree's status has no deployments")
    found = _with_rollback(with_next(_deployment(one) for one in objects(value["deployments"])))
    return UpdateStatus(
        deployments=found,
        channel=next((one.origin for one in found if one.booted), None),
        available=_available(value.get("cached-update"), found),
        working=_working(value.get("transaction")),
        agents=_agents(value.get("update-driver")),
        extra=extra(value, _TOP),
    )


def _deployment(one: Mapping[str, Any]) -> Deployment:
    identity = text_in(one, "id")
    if identity is None:
        raise ValueError("rpm-ostree's status has a deployment without an id")
    unlocked = text_in(one, "unlocked")
    return Deployment(
        id=identity,
        checksum=text_in(one, "checksum"),
        version=text_in(one, "version"),
        origin=text_in(one, "container-image-reference") or text_in(one, "origin"),
        booted=flag_in(one, "booted"),
        staged=flag_in(one, "staged"),
        pinned=flag_in(one, "pinned"),
        unlocked=None if unlocked == "none" else unlocked,
        locked=flag_in(one, "finalization-locked"),
        digest=text_in(one, "container-image-reference-digest"),
        timestamp=seconds(one.get("timestamp")),
        extra=extra(one, _DEPLOYMENT),
    )


def _with_rollback(deployments: tuple[Deployment, ...]) -> tuple[Deployment, ...]:
    """Mark what a rollback boots: the first after the booted one.

    Where there is none, `rpm-ostree rollback` would put the booted one back on top of a pending one.
    """
    booted = next((index for index, one in enumerate(deployments) if one.booted), len(deployments))
    back = booted + 1
    return tuple(replace(one, rollback=index == back) for index, one in enumerate(deployments))


def _available(value: object, deployments: tuple[Deployment, ...]) -> Available | None:
    checksum = text_in(value, "checksum")
    if not isinstance(value, dict) or checksum is None:
        return None
    if any(checksum in (one.checksum, one.extra.get("base-checksum")) for one in deployments):
        return None
    return Available(text_in(value, "version"), checksum, seconds(value.get("timestamp")))


def _working(value: object) -> Working | None:
    """The transaction: method, who called it, object path."""
    if not isinstance(value, list) or not value:
        return None
    words = [clean(word, TEXT) if isinstance(word, str) else "" for word in value[:2]]
    return Working(words[0] or "transaction", by=words[1] or None if len(words) > 1 else None)


def _agents(value: object) -> tuple[Agent, ...]:
    name, unit = text_in(value, "driver-name"), text_in(value, "driver-sd-unit")
    return (Agent(name or unit or "", unit or "", active=False),) if name or unit else ()

"""`bootc status --json`, of v1alpha1 and v1. Pure.

Source of the format: bootc's crates/lib/src/spec.rs. A host that bootc does not drive has a status too, in
which all is null.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from console.model.deployment import Available, Deployment, UpdateStatus
from console.updates.driver import with_next
from console.updates.values import extra, flag_in, inside, iso_time, load_object, objects, text_in

_STATUS = frozenset(
    {"staged", "booted", "rollback", "otherDeployments", "rollbackQueued", "type", "isContainer"}
)
_ENTRY = frozenset({"image", "cachedUpdate", "pinned", "downloadOnly", "ostree", "composefs", "store"})


def parse_bootc(text: str) -> UpdateStatus:
    """What the updater says.

    :raises ValueError: this is not its status, or the host is none of its own.
    """
    value = load_object(text, "bootc")
    status = value.get("status")
    if not isinstance(status, dict):
        raise ValueError("bootc's status says nothing")
    booted, staged, back = (_entry(status.get(name)) for name in ("booted", "staged", "rollback"))
    if booted is None and staged is None and back is None:
        raise ValueError("bootc says that this host boots no image of its own")
    order: list[Deployment] = []
    if staged is not None:
        order.append(replace(staged, staged=True))
    if booted is not None:
        order.append(replace(booted, booted=True))
    if back is not None:
        # One that is queued boots next, and what a rollback would then boot is the booted one.
        queued = flag_in(status, "rollbackQueued") and staged is None
        order.insert(0 if queued else len(order), replace(back, rollback=not queued))
    order += filter(None, map(_entry, objects(status.get("otherDeployments"))))
    return UpdateStatus(
        deployments=with_next(order),
        channel=booted.origin if booted else _image(inside(value, "spec", "image")),
        available=_available(status.get("booted"), order),
        extra=extra(status, _STATUS),
    )


def _entry(one: object) -> Deployment | None:
    if not isinstance(one, dict):
        return None
    checksum = text_in(one.get("ostree"), "checksum") or text_in(one.get("composefs"), "verity")
    digest = text_in(one.get("image"), "imageDigest")
    return Deployment(
        id=_id(one, checksum) or digest or "?",
        checksum=checksum,
        version=text_in(one.get("image"), "version"),
        origin=_image(inside(one, "image", "image")),
        pinned=flag_in(one, "pinned"),
        locked=flag_in(one, "downloadOnly"),
        digest=digest,
        timestamp=iso_time(inside(one, "image", "timestamp")),
        extra=extra(one, _ENTRY),
    )


def _id(one: Mapping[str, Any], checksum: str | None) -> str | None:
    """As OSTree names it, where it is one of OSTree's."""
    serial, root = inside(one, "ostree", "deploySerial"), text_in(one.get("ostree"), "stateroot")
    if not isinstance(serial, int):
        return checksum
    return f"{root or 'default'}-{checksum}.{serial}"


def _image(value: object) -> str | None:
    """An image's name; with its transport, where that is not a registry."""
    name, transport = text_in(value, "image"), text_in(value, "transport")
    return name if name is None or transport in (None, "registry") else f"{transport}:{name}"


def _available(booted: object, order: list[Deployment]) -> Available | None:
    """The update that bootc has seen, if it is not on the host yet."""
    seen = inside(booted, "cachedUpdate")
    digest = text_in(seen, "imageDigest")
    if digest is None or any(digest == one.digest for one in order):
        return None
    return Available(text_in(seen, "version"), digest, iso_time(inside(seen, "timestamp")))

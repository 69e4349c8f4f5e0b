"""`ostree admin status`: as text, which every version has, and as JSON, which came with 2025.3. Pure.

Source of the format: ostree's ot-admin-builtin-status.c, versions 2022.7 to 2025.2. For each deployment,
in boot order, a line `* NAME CHECKSUM.SERIAL (mark)`, the star for the booted one, then lines about it:

    Version: 1.1
    Unlocked: hotfix                (only if it is)
    Pinned: yes                     (only if it is)
    origin refspec: lab:lab/os      (or `origin: none`, `origin: <unknown origin type>`)
    `- title of the source, GPG: lines of signatures

As JSON: an object with an array `deployments`, whose objects have the same under names of their own.
"""

from __future__ import annotations

import re
from dataclasses import replace

from console.model.deployment import Deployment
from console.model.text import clean
from console.updates.driver import with_next
from console.updates.values import MOST, TEXT, extra, flag_in, load_object, objects, text_in

_HEADING = re.compile(r"([* ]) (\S{1,200}) ([0-9a-f]{64})\.([0-9]{1,9})((?: \([a-z -]{1,40}\))*)\Z")
_CHECKSUM = re.compile(r"[0-9a-f]{64}\Z")
#: Stands instead of `(staged)`, where what is staged is locked.
_LOCKED = "(finalization locked)"
_NOTHING = "No deployments."
_JSON = frozenset(
    [
        "checksum",
        "stateroot",
        "refspec",
        "serial",
        "index",
        "booted",
        "pending",
        "rollback",
        "finalization-locked",
        "staged",
        "pinned",
        "unlocked",
        "version",
        "source-title",
    ]
)


def parse_status(text: str) -> tuple[Deployment, ...]:
    """The host's deployments in boot order.

    :raises ValueError: this is not what `ostree admin status` prints.
    """
    return with_next(_from_json(text) if text.lstrip().startswith("{") else _from_text(text))


def _from_json(text: str) -> list[Deployment]:
    value = load_object(text, "ostree")
    if not isinstance(value.get("deployments"), list):
        raise ValueError("ostree's status has no deployments")
    found = []
    for one in objects(value["deployments"]):
        checksum, serial = text_in(one, "checksum"), one.get("serial")
        if checksum is None or not _CHECKSUM.match(checksum) or not isinstance(serial, int):
            raise ValueError("ostree's status has a deployment without a checksum")
        unlocked = text_in(one, "unlocked")
        found.append(
            Deployment(
                id=clean(f"{text_in(one, 'stateroot')}-{checksum}.{serial}", 2 * TEXT),
                checksum=checksum,
                version=text_in(one, "version"),
                origin=text_in(one, "refspec"),
                booted=flag_in(one, "booted"),
                staged=flag_in(one, "staged"),
                rollback=flag_in(one, "rollback"),
                pinned=flag_in(one, "pinned"),
                unlocked=None if unlocked == "none" else unlocked,
                locked=flag_in(one, "finalization-locked"),
                extra=extra(one, _JSON),
            )
        )
    return found


def _from_text(text: str) -> list[Deployment]:
    found: list[Deployment] = []
    for raw in text.splitlines():
        line = clean(raw, 2 * TEXT).rstrip()
        if heading := _HEADING.match(line):
            if len(found) == MOST:
                break
            star, name, checksum, serial, marks = heading.groups()
            found.append(
                Deployment(
                    id=f"{name}-{checksum}.{serial}",
                    checksum=checksum,
                    booted=star == "*",
                    staged="(staged)" in marks or _LOCKED in marks,
                    locked=_LOCKED in marks,
                    rollback="(rollback)" in marks,
                )
            )
        elif found and line.startswith("    "):
            found[-1] = _with(found[-1], line.strip())
        elif line and line != _NOTHING:
            raise ValueError(f"ostree's status has a line that says nothing known: {clean(line, 80)}")
    if not found and _NOTHING not in text:
        raise ValueError("ostree's status says nothing")
    return found


def _with(deployment: Deployment, line: str) -> Deployment:
    """The deployment with what one of its lines says; a line that is not about it changes nothing."""
    name, colon, value = line.partition(":")
    value = clean(value.strip(), TEXT)
    match name if colon and value else "":
        case "Version":
            return replace(deployment, version=value)
        case "origin refspec":
            return replace(deployment, origin=value)
        case "Pinned":
            return replace(deployment, pinned=value == "yes")
        case "Unlocked":
            return replace(deployment, unlocked=value)
        case _:
            return deployment

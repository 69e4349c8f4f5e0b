"""`ostree admin status` as text, which every version has (JSON only came with 2025.3). Pure.

Source of the format: ostree's ot-admin-builtin-status.c, versions 2022.7 to 2025.2. For each deployment,
in boot order, a line `* NAME CHECKSUM.SERIAL (mark)`, the star for the booted one, then lines about it:

    Version: 1.1
    Unlocked: hotfix                (only if it is)
    Pinned: yes                     (only if it is)
    origin refspec: lab:lab/os      (or `origin: none`, `origin: <unknown origin type>`)
    `- title of the source, GPG: lines of signatures
"""

from __future__ import annotations

import re
from dataclasses import replace

from console.model.deployment import Deployment
from console.model.text import clean

_HEADING = re.compile(r"([* ]) (\S{1,200}) ([0-9a-f]{64})\.([0-9]{1,9})((?: \([a-z -]{1,40}\))*)\Z")
_NOTHING = "No deployments."
_TEXT = 200
_MOST = 64


def parse_status(text: str) -> tuple[Deployment, ...]:
    """The host's deployments in boot order.

    :raises ValueError: this is not what `ostree admin status` prints.
    """
    found: list[Deployment] = []
    for raw in text.splitlines():
        line = clean(raw, 2 * _TEXT).rstrip()
        if heading := _HEADING.match(line):
            if len(found) == _MOST:
                break
            star, name, checksum, serial, marks = heading.groups()
            found.append(
                Deployment(
                    id=f"{name}-{checksum}.{serial}",
                    checksum=checksum,
                    booted=star == "*",
                    next=not found,
                    staged="(staged)" in marks,
                    rollback="(rollback)" in marks,
                )
            )
        elif found and line.startswith("    "):
            found[-1] = _with(found[-1], line.strip())
        elif line and line != _NOTHING:
            raise ValueError(f"ostree's status has a line that says nothing known: {clean(line, 80)}")
    if not found and _NOTHING not in text:
        raise ValueError("ostree's status says nothing")
    return tuple(found)


def _with(deployment: Deployment, line: str) -> Deployment:
    """The deployment with what one of its lines says; a line that is not about it changes nothing."""
    name, colon, value = line.partition(":")
    value = clean(value.strip(), _TEXT)
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

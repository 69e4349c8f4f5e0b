"""A file of root's on a host: read, put in place whole, taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.errors import AccessRefused, HostFailure
from console.hosts.become import refused_by_sudo
from console.model.text import clean

if TYPE_CHECKING:
    from console.actions.hands import Hands

_LIMIT = 256 * 1024
#: $1: the path, which has none of our making beside it. What was there goes to stdout, after a line that says
#: whether anything was.
_PLACE = """
umask 022
if [ -L "${1%/*}" ]; then echo "its folder is a symlink: edit it where that leads" >&2; exit 1; fi
if [ -e "$1" ]; then echo was; cat -- "$1" || exit 1; else echo none; fi
mkdir -p -- "${1%/*}" && cat >"$1.new" && sync -- "$1.new" && mv -f -- "$1.new" "$1"
"""
_REMOVE = 'rm -f -- "$1" && { rmdir --ignore-fail-on-non-empty -- "${1%/*}" || true; }'


async def place_file(hands: Hands, path: str, content: bytes) -> bytes | None:
    """Have `path` hold `content`, whole or not at all; what it held before, None: it was not there.

    :raises HostFailure: it cannot be written, or lies in a folder that is another one's.
    """
    word, _, before = (await _root(hands, _PLACE, path, content)).partition(b"\n")
    return before if word == b"was" else None


async def remove_file(hands: Hands, path: str) -> None:
    """Take a file away, and its folder if that is empty then. :raises HostFailure: it stays."""
    await _root(hands, _REMOVE, path, b"")


async def _root(hands: Hands, script: str, path: str, stdin: bytes) -> bytes:
    ended = await hands.transport.run(
        ("sh", "-c", script, "sh", path), stdin=stdin, privileged=True, limit=_LIMIT
    )
    if reason := refused_by_sudo(ended):
        raise AccessRefused(reason, host=hands.host)
    if ended.code != 0:
        raise HostFailure(f"{path}: {clean(ended.complaint, 200)}", host=hands.host)
    return ended.stdout

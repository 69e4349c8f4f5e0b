"""What this process may open: many hosts take many files."""

from __future__ import annotations

import resource

#: A host takes eleven: its connection, and a pair for each socket that is forwarded (measured).
_FILES_A_HOST = 12
_FILES_BESIDE = 256


def make_room(hosts: int) -> None:
    """Raise the soft limit of open files to what so many hosts need, as far as the hard limit lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hosts * _FILES_A_HOST + _FILES_BESIDE
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

"""What many hosts may take of this process: files, and work while nothing happens."""

from __future__ import annotations

import resource

from console.hosts.source import FACTS_EVERY_S

#: A host takes eleven: its connection, and a pair for each socket that is forwarded (measured).
_FILES_A_HOST = 12
_FILES_BESIDE = 256

#: Readings of facts in a second over the whole fleet, at most: one is a command on its host and takes some
#: two milliseconds here, the largest share of the work that a fleet at rest makes.
_READINGS_A_SECOND = 10.0


def facts_every(hosts: int) -> float:
    """Seconds between two readings of one host's facts, in a fleet of so many."""
    return max(FACTS_EVERY_S, hosts / _READINGS_A_SECOND)


def make_room(hosts: int) -> None:
    """Raise the soft limit of open files to what so many hosts need, as far as the hard limit lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hosts * _FILES_A_HOST + _FILES_BESIDE
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

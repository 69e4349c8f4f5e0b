"""A query in libsystemd's own terms, as journalctl would put it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from console.hosts.attribution import COREDUMP_MESSAGE_ID
from console.hosts.journal_argv import REPORTS, exact
from console.hosts.journal_pick import full_name
from console.model.log import LogQuery

#: All groups must hold; a group holds if one of its terms does; a term if all its matches do, where
#: matches of the same field are alternatives (sd_journal_add_match(3)).
Groups = list[list[list[str]]]

_BOOT = re.compile(r"([0-9a-f]{32})?([+-]?[0-9]+)?\Z")


def match_groups(query: LogQuery, boot_id: str | None = None, *, reports: bool = False) -> Groups:
    """The matches for `query`'s filters; names are left out where one of them is a glob.

    :param boot_id: what `query.boot` stands for.
    :param reports: let journald's reports of suppressed messages through as well, as a follower needs them.
    """
    groups: Groups = []
    if units := exact(query.units):
        groups.append([term for unit in units for term in _unit_terms(full_name(unit))])
    boot = [f"_BOOT_ID={boot_id}"] if boot_id else []
    priorities = () if query.priority is None else range(query.priority + 1)
    plain = [
        *(f"CONTAINER_NAME={name}" for name in exact(query.containers)),
        *(f"IMAGE_NAME={name}" for name in exact(query.images)),
        *(f"SYSLOG_IDENTIFIER={name}" for name in query.identifiers),
        *(f"PRIORITY={level}" for level in priorities),
    ]
    alternatives = [[*plain, *boot]] if plain or boot else []
    if plain and reports:
        alternatives.append([REPORTS, *boot])
    return [*groups, alternatives] if alternatives else groups


def _unit_terms(unit: str) -> list[list[str]]:
    """What `journalctl -u` matches (systemd's logs-show.c, add_matches_for_unit)."""
    terms = [
        [f"_SYSTEMD_UNIT={unit}"],
        [f"MESSAGE_ID={COREDUMP_MESSAGE_ID.decode()}", "_UID=0", f"COREDUMP_UNIT={unit}"],
        ["_PID=1", f"UNIT={unit}"],
        ["_UID=0", f"OBJECT_SYSTEMD_UNIT={unit}"],
    ]
    return [*terms, [f"_SYSTEMD_SLICE={unit}"]] if unit.endswith(".slice") else terms


def boot_at(boots: Sequence[str], wanted: str) -> str | None:
    """The boot that `wanted` names, as journalctl counts: 0 is the newest, -1 the one before it,
    1 the oldest; after an id the offset counts from there.

    :param boots: the boots the journal has, oldest first.
    :param wanted: an id, an offset, or an id with an offset.
    """
    found = _BOOT.match(wanted)
    if found is None:
        return None
    identity, offset = found.group(1), int(found.group(2) or 0)
    if identity is not None:
        if identity not in boots:
            return None
        index = boots.index(identity) + offset
    else:
        index = offset - 1 if offset > 0 else len(boots) - 1 + offset
    return boots[index] if 0 <= index < len(boots) else None

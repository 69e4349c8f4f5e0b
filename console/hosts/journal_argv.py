"""journalctl's arguments for a query. Pure.

What decides their form (measured on systemd 252 and 257, read in journalctl.c and sd-journal.c):

- Text: `-o export`, which costs the host a quarter of what JSON costs, keeps every byte, and
  `--output-fields=`, which halves the bytes. `--no-pager -q` keep notices out of stdout.
- A unit goes by `--unit=`, so that what systemd, coredumps and journald say about it is found as
  journalctl finds it. A glob there is expanded over the units that *have* logged when journalctl
  starts: right for a look back, wrong for a follower, which would never show a unit that logs for
  the first time later. `Follow` therefore leaves globs to the client.
- Identifiers, containers, boots and machines go by matches (`FIELD=value`): the same field twice
  means either, different fields mean both, all of it AND the options. `-t` is not used, because
  from 256 on it takes an identifier that holds `[` or `*` for a glob.
- Values are always glued to their option (`--unit=-.mount`), so none is taken for an option.
- `-n N` means the newest N only without a range: with `--since` 252 takes the first N, with
  `--until` the newest N of the whole journal cut at the end. `-r -n N` is right in every version,
  so a count with a range is read backwards, and turned round by the client.
- A follower needs `-m`: `-f` alone implies the present boot (250 and later), and the last words
  before a reboot would be lost. `-m` lets in other machines' journals, so `_MACHINE_ID=` keeps
  them out; that match costs nothing measurable. `-m` and `--boot` exclude each other: a follower
  matches `_BOOT_ID=`.
- A follower needs `--no-tail` and an inclusive `--cursor=`: `-n 0` or `-n 1` with a match that has
  no earlier entry loses the beginning, `--after-cursor` (252, 253) loses an entry whenever the
  cursor's own is vacuumed or does not match.
- A follower also gets journald's reports of suppressed messages (`+ MESSAGE_ID=…`), which no filter by
  container, identifier or priority lets through; priorities are matches for it, as options exclude.
- `--grep` makes the host read every message, which takes it longer than to print the newest few, and a
  build may be without it or end at a damaged message: it is for a search that goes far back (see
  `journal_search`), with a text that means the same there (`journal_text`) and case always said, as
  journalctl would judge it by the text that it is given.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from console.errors import UsageError
from console.hosts.journal_losses import DROPPED_MESSAGE_ID
from console.hosts.journal_record import FIELDS
from console.hosts.journal_text import HostText
from console.model.log import LogQuery

#: The match for journald's reports of what its rate limit suppressed; they are told by journald's unit too,
#: under which a unit's own log has them.
REPORTS = f"MESSAGE_ID={DROPPED_MESSAGE_ID.decode()}"

_COMMON = ("journalctl", "-q", "--no-pager", "-o", "export")
_GLOB = frozenset("*?[")
_BOOT = re.compile(r"(?=.)([0-9a-f]{32})?([+-]?[0-9]{1,6})?\Z")


def is_glob(name: str) -> bool:
    return not _GLOB.isdisjoint(name)


def exact(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names that a host can be asked to filter by for good: none of them if one is a glob."""
    return () if any(map(is_glob, names)) else names


def look_back(
    query: LogQuery,
    fields: Sequence[str] | None = FIELDS,
    *,
    backwards: bool = False,
    cursor: str | None = None,
    text: HostText | None = None,
) -> tuple[str, ...]:
    """Arguments that print what there is and end.

    :param fields: None for all that entries have.
    :param backwards: newest first; for a query with a count and a range (see the module), and for
        a client that looks for the newest lines that please it.
    :param cursor: begin with the entry there, or with the next one that the query wants.
    :param text: only what holds this; the client looks at the rest of the query's text.
    :raises UsageError: `query.boot` is none.
    """
    argv = [*_COMMON] if fields is None else [*_COMMON, _wanted(fields)]
    if backwards:
        argv.append("-r")
    if cursor is not None:
        argv.append(f"--cursor={cursor}")
    if text is not None:
        argv += [f"--grep={text.pattern}", f"--case-sensitive={'no' if text.caseless else 'yes'}"]
    if query.lines is not None:
        argv.append(f"--lines={query.lines}")
    if query.since is not None:
        argv.append(f"--since={moment(query.since)}")
    if query.until is not None:
        argv.append(f"--until={moment(query.until)}")
    if query.boot is not None:
        argv.append(f"--boot={check_boot(query.boot)}")
    argv += _units(query.units)
    if query.priority is not None:
        argv.append(f"--priority={query.priority}")
    return (*argv, *_matches(query))


def follow(
    query: LogQuery,
    *,
    machine_id: str | None,
    cursor: str | None,
    since: datetime | None = None,
    boot_id: str | None = None,
    fields: Sequence[str] = FIELDS,
) -> tuple[str, ...]:
    """Arguments that print every entry from `cursor` on, itself included, and then each new one.

    :param cursor: None to begin at the journal's first entry, or at `since`.
    :param boot_id: what `query.boot` stands for.

    The query's range and count are not for a follower and are not looked at; neither are unit
    names where one is a glob, nor containers where one is, which the client then has to filter.
    """
    argv = [*_COMMON, _wanted(fields), "-m", "-f", "--no-tail"]
    if cursor is not None:
        argv.append(f"--cursor={cursor}")
    elif since is not None:
        argv.append(f"--since={moment(since)}")
    here = [f"_MACHINE_ID={machine_id}"] if machine_id else []
    here += [f"_BOOT_ID={boot_id}"] if boot_id else []
    wanted = [*_priorities(query), *_matches(query)]
    # Whatever is asked for, journald's word that it suppressed some of it must come with it.
    reports = ["+", *here, REPORTS] if wanted else []
    return (*argv, *_units(exact(query.units)), *here, *wanted, *reports)


def file_headers() -> tuple[str, ...]:
    """Arguments that print the header of each file."""
    return ("journalctl", "-q", "--no-pager", "--header")


def newest(count: int = 1) -> tuple[str, ...]:
    """Arguments that print the newest entries' places."""
    return (*_COMMON, _wanted(()), f"--lines={count}")


def onwards(cursor: str, count: int) -> tuple[str, ...]:
    """Arguments that print the places of the first `count` entries from `cursor` on, itself included."""
    return (*_COMMON, _wanted(()), f"--cursor={cursor}", f"--lines={count}")


def boot_of(boot: str) -> tuple[str, ...]:
    """Arguments that print one entry of a boot given by offset or id.

    :raises UsageError: it is neither.
    """
    return (*_COMMON, _wanted(()), f"--boot={check_boot(boot)}", "--lines=1")


def values_of(field: str) -> tuple[str, ...]:
    """Arguments that print each value that a field takes anywhere in the journal, one a line."""
    return ("journalctl", "-q", "--no-pager", f"--field={field}")


def moment(when: float | datetime) -> str:
    """A time as journalctl takes it: seconds before the host's own now, or absolute."""
    if isinstance(when, datetime):
        return f"@{when.timestamp():.6f}"
    return f"{-when:+.6f}s"


def check_boot(boot: str) -> str:
    """`boot` if it is an id, an offset, or an id with an offset.

    :raises UsageError: it is none of these.
    """
    if not _BOOT.match(boot):
        raise UsageError(f"no boot: {boot!r}", hint="give a boot id, or 0 for this one, -1 for the last")
    return boot


def _wanted(fields: Sequence[str]) -> str:
    # journalctl prints all fields for an empty list; one that no entry has leaves the `__` ones.
    return "--output-fields=" + (",".join(fields) or "_BOOT_ID")


def _units(names: tuple[str, ...]) -> list[str]:
    return [f"--unit={unit}" for unit in names]


def _priorities(query: LogQuery) -> list[str]:
    """What `--priority=` stands for, as matches, so that it can be an alternative."""
    return [] if query.priority is None else [f"PRIORITY={level}" for level in range(query.priority + 1)]


def _matches(query: LogQuery) -> list[str]:
    return [
        *(f"CONTAINER_NAME={name}" for name in exact(query.containers)),
        *(f"IMAGE_NAME={name}" for name in exact(query.images)),
        *(f"SYSLOG_IDENTIFIER={name}" for name in query.identifiers),
    ]

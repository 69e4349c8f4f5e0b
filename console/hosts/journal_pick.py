"""The part of a query that is decided here and not on the host. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase

from console.errors import UsageError
from console.hosts.attribution import found_under
from console.hosts.export_format import Entry
from console.hosts.journal_argv import is_glob
from console.hosts.journal_losses import is_report
from console.hosts.journal_text import expression_flags
from console.model.log import LogQuery, LogRecord

_UNIT_TYPES = (
    ".automount",
    ".device",
    ".mount",
    ".path",
    ".scope",
    ".service",
    ".slice",
    ".socket",
    ".swap",
    ".target",
    ".timer",
)


def full_name(unit: str) -> str:
    """A unit's name as journalctl understands it: a service where no type is given, and no glob is in it."""
    return unit if unit.endswith(_UNIT_TYPES) or is_glob(unit) else f"{unit}.service"


def message_filter(grep: str | None) -> Callable[[Entry], bool] | None:
    """`text_filter` of an entry of which no record was made yet: most that are searched are not wanted."""
    search = _expression(grep)
    if search is None:
        return None
    found = search

    def wanted(entry: Entry) -> bool:
        return found((entry.first(b"MESSAGE") or b"").decode("utf-8", "replace")) is not None

    return wanted


def text_filter(grep: str | None) -> Callable[[LogRecord], bool] | None:
    """Whether a record's text matches the regular expression `grep`; None if there is none.

    Case counts only if the expression has a capital, as in journalctl. The whole message is
    searched, the part beyond what is shown too.

    :raises UsageError: it is no regular expression.
    """
    search = _expression(grep)
    if search is None:
        return None
    found = search

    def wanted(record: LogRecord) -> bool:
        text = record.message if record.raw is None else record.raw.decode("utf-8", "replace")
        return found(text) is not None

    return wanted


def _expression(grep: str | None) -> Callable[[str], re.Match[str] | None] | None:
    if grep is None:
        return None
    try:
        return re.compile(grep, expression_flags(grep)).search
    except re.error as error:
        raise UsageError(f"no regular expression: {grep!r}: {error}") from None


class Picks:
    """What of a followed journal is wanted, as far as the host was not asked to decide it.

    That is text, and names with globs: journalctl expands a glob once, when it starts, and would
    never show what appears later.
    """

    def __init__(self, query: LogQuery) -> None:
        self._text = text_filter(query.grep)
        self._units = tuple(map(full_name, query.units)) if any(map(is_glob, query.units)) else ()
        self._containers = query.containers if any(map(is_glob, query.containers)) else ()
        self._images = query.images if any(map(is_glob, query.images)) else ()
        self._query = query

    @property
    def fields(self) -> tuple[str, ...]:
        """Fields needed for the decision."""
        return ("_SYSTEMD_SLICE",) if self._units else ()

    def fits(self, entry: Entry, record: LogRecord) -> bool:
        """Whether the record is from where it is wanted from."""
        if is_report(entry) and not self._asked_for(record):
            return False
        if self._containers and not _fits(record.container or "", self._containers):
            return False
        if self._images and not _fits(record.image or "", self._images):
            return False
        if self._units:
            names = (unit.decode("utf-8", "replace") for unit in found_under(entry.fields))
            if not any(_fits(name, self._units) for name in names):
                return False
        return True

    def says(self, record: LogRecord) -> bool:
        """Whether the record's text is what is looked for."""
        return self._text is None or self._text(record)

    def _asked_for(self, record: LogRecord) -> bool:
        """Whether a report of journald passes what the host lets such a report past."""
        asked = self._query
        if (
            asked.containers
            or asked.images
            or (asked.identifiers and record.identifier not in asked.identifiers)
        ):
            return False
        return asked.priority is None or (record.priority is not None and record.priority <= asked.priority)


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)

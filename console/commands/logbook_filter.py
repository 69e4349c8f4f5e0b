"""What of a log is shown, and what is highlighted in it: the text of `/`, read and applied. Pure.

    timeout            lines that hold it; a capital in it makes case count
    !timeout           lines that do not
    /time(d )?out/     lines that a regular expression matches; `!/…/` those that it does not
    -p err             this priority and the more urgent ones
    -h web1,db*        lines of these hosts
    -p err -h web* !retry     all of it together
    \\!timeout          the text `!timeout` itself; the same for `\\-p`, `\\-h` and `\\/`

A line's text is what is seen of it without its time: host (where there is more than one), origin
and message, each by itself, so that what is found can be highlighted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from functools import cache

from console.commands.rows.log import gap_message, origin
from console.commands.values import PRIORITY
from console.errors import UsageError
from console.model.log import Gap, LogItem, LogRecord

#: What an entry without a priority counts as: info, as in journalctl.
_NO_PRIORITY = 6

#: What a backslash at the beginning makes literal.
_LITERAL = ("\\!", "\\/", "\\-p", "\\-h", "\\\\")


@dataclass(frozen=True, slots=True)
class Mark:
    """A line that stands between records.

    :param text: what it says; none where the reader drew it, to find the place again.
    """

    time: datetime
    text: str = ""


#: All that a log shows; only records can be filtered out.
Line = LogItem | Mark


@dataclass(frozen=True)
class Pattern:
    """A text to look for: a substring, or a regular expression between slashes."""

    text: str
    spans: Callable[[str], list[tuple[int, int]]]
    found_in: Callable[[str], bool]

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """Read `word` or `/regex/`. Without a capital in it, case does not count.

        A backslash before something that would mean more than itself takes that meaning from it.

        :raises UsageError: it is empty, or no regular expression.
        """
        if not text:
            raise UsageError("nothing to look for")
        if text.startswith(_LITERAL):
            return cls._substring(text[1:])
        if len(text) > 2 and text.startswith("/") and text.endswith("/"):
            return cls._regex(text)
        return cls._substring(text)

    @classmethod
    def _regex(cls, text: str) -> Pattern:
        inner = text[1:-1]
        # \S and \W are no capitals.
        matters = any(map(str.isupper, re.sub(r"\\.", "", inner)))
        # A small expression on small letters is several times faster than re.IGNORECASE, and says
        # the same unless it has characters by their numbers, which may be those of capitals.
        numbers = re.search(r"\\[xuUN0-9]", inner) is not None
        folded: Callable[[str], str] = str if matters or numbers else _folded
        try:
            compiled = re.compile(inner, re.IGNORECASE if numbers and not matters else 0)
        except re.error as error:
            raise UsageError(
                f"no regular expression: {inner!r}: {error}", hint="without the slashes it is plain text"
            ) from None

        def spans(where: str) -> list[tuple[int, int]]:
            found = compiled.finditer(folded(where))
            return [match.span() for match in found if match.end() > match.start()]

        return cls(text, spans, lambda where: compiled.search(folded(where)) is not None)

    @classmethod
    def _substring(cls, text: str) -> Pattern:
        matters = any(map(str.isupper, text))
        folded: Callable[[str], str] = str if matters else _folded
        wanted = folded(text)

        def spans(where: str) -> list[tuple[int, int]]:
            where = folded(where)
            found, start = [], where.find(wanted)
            while start >= 0:
                found.append((start, start + len(wanted)))
                start = where.find(wanted, start + len(wanted))
            return found

        return cls(text, spans, lambda where: wanted in folded(where))


def _folded(text: str) -> str:
    """Lower case, character by character, so that places in it are places in `text`."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(char.lower()[0] for char in text)


@dataclass(frozen=True)
class LogFilter:
    """Which records are shown. Gaps and marks always are."""

    pattern: Pattern | None = None
    inverse: bool = False
    priority: int | None = None
    hosts: tuple[str, ...] = ()
    text: str = ""

    @classmethod
    def parse(cls, text: str) -> LogFilter | None:
        """Read what is typed after `/`; see the module. None where nothing is filtered.

        :raises UsageError: with what is accepted.
        """
        rest = text.strip()
        priority: int | None = None
        hosts: tuple[str, ...] = ()
        while match := re.match(r"-([ph])(?:\s+(\S+)\s*|$)", rest):
            rest = rest[match.end() :]
            if match[2] is None:
                raise UsageError(f"-{match[1]} of what?", hint="-p PRIORITY, -h HOST,…")
            if match[1] == "p":
                priority = PRIORITY.parse(match[2])
            else:
                hosts = tuple(name for name in match[2].split(",") if name)
        inverse = rest.startswith("!")
        word = rest[1:] if inverse else rest
        pattern = Pattern.parse(word) if word else None
        if pattern is None and priority is None and not hosts:
            return None
        return cls(pattern, inverse, priority, hosts, text.strip())

    def predicate(self, *, with_host: bool) -> Callable[[LogRecord], bool]:
        """Whether a record is wanted.

        :param with_host: whether the host is shown, and so is a part of the line's text.
        """
        most, hosts, inverse = self.priority, self.hosts, self.inverse
        found_in = self.pattern.found_in if self.pattern else None

        @cache
        def of_host(host: str) -> bool:
            return any(fnmatchcase(host, name) for name in hosts)

        def wanted(record: LogRecord) -> bool:
            if most is not None and (_NO_PRIORITY if record.priority is None else record.priority) > most:
                return False
            if hosts and not of_host(record.host):
                return False
            if found_in is None:
                return True
            found = found_in(record.message) or found_in(origin(record))
            if not found and with_host:
                found = found_in(record.host)
            return found is not inverse

        return wanted


def is_error(line: Line) -> bool:
    """Whether something is wrong: err and worse, or lines that are missing."""
    if isinstance(line, LogRecord):
        return line.priority is not None and line.priority <= 3
    return isinstance(line, Gap)


def found_on(line: Line, pattern: Pattern, *, with_host: bool) -> bool:
    """Whether a search stops at a line: something of what is seen of it is highlighted."""
    found_in = pattern.found_in
    match line:
        case LogRecord():
            found = found_in(line.message) or found_in(origin(line))
        case Gap():
            found = found_in(gap_message(line))
        case _:
            return False
    return found or (with_host and found_in(line.host))

"""The operator's own check: a command on a host in its gate that says by exit code 0 it is well."""

from __future__ import annotations

import shlex
from datetime import datetime

from console.errors import HostError, UsageError
from console.model.text import clean
from console.rollouts import hand
from console.rollouts.kind import At, Site

#: How often a host is asked, and how long that may take. Seconds.
_EVERY_S, _WITHIN_S = 5.0, 30.0


class OwnChecks:
    """The checks of the targets of one rollout, each asked now and then."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._checked: dict[str, tuple[datetime, str | None]] = {}  # when, and what was wrong

    async def look(self, at: At, host: str) -> list[str]:
        """What the check last said against a host; nothing where it is well, or none was asked for."""
        argv = tuple(shlex.split(at.setting("check")))
        if not argv:
            return []
        now = self._site.now()
        last = self._checked.get(at.target.id)
        if last is None or (now - last[0]).total_seconds() >= _EVERY_S:
            try:
                end = await hand.reach(self._site, host).run(argv, timeout=_WITHIN_S)
                wrong = None if end.code == 0 else f"{argv[0]}: {clean(end.complaint, 200)}"
            except HostError as error:
                wrong = f"{argv[0]}: {error.message}"
            last = self._checked[at.target.id] = (now, wrong)
        return [last[1]] if last[1] else []


def checked_argv(text: str) -> tuple[str, ...]:
    """The operator's own check, as words. :raises UsageError: it is none."""
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise UsageError(f"not a command: {clean(text, 80)!r}: {error}") from None
    if not words:
        raise UsageError("a check is a command")
    return words

"""Which troubles are news: failures that have lasted a moment, and that were not told of just now. Pure.

A console that begins knows a fleet's troubles within seconds; what it finds then is no news, and is shown.
"""

from __future__ import annotations

from collections.abc import Iterable

from console.commands.picture import Trouble
from console.commands.rows.base import Tone

#: Seconds for which a trouble has to last, for which it is not told again, and in which nothing is news.
LASTS_S, QUIET_S, SETTLES_S = 2.0, 300.0, 15.0


class Alerts:
    """Remembers what was told.

    :param began: when the console began, by a clock that never goes back, in seconds; as all times here.
    """

    def __init__(self, began: float) -> None:
        self._began = began
        self._since: dict[tuple[str, str], float] = {}
        self._told: dict[tuple[str, str], float] = {}

    def look(self, troubles: Iterable[Trouble], now: float) -> list[Trouble]:
        """Those of `troubles` that are news now.

        :param troubles: all there are; one that somebody looks after is never news.
        """
        bad = {(one.host, one.what): one for one in troubles if one.how.tone is Tone.BAD and one.ack is None}
        self._since = {key: self._since.get(key, now) for key in bad}
        self._told = {key: at for key, at in self._told.items() if now - at < QUIET_S}
        if now - self._began < SETTLES_S:
            self._told |= dict.fromkeys(bad, now)
            return []
        news = [
            one for key, one in bad.items() if key not in self._told and now - self._since[key] >= LASTS_S
        ]
        self._told |= {(one.host, one.what): now for one in news}
        # What lasts is told once, however long it lasts.
        self._told |= {key: now for key in bad if key in self._told}
        return news


def in_words(news: list[Trouble]) -> str:
    """One line for all of them."""
    first = news[0]
    more = f", and {len(news) - 1} more" if len(news) > 1 else ""
    return f"{first.place} {first.what}: {first.how.text}{more}"

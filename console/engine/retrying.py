"""What failed and what systemd will not start again: another host, with longer and longer waits. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from console.errors import NothingSelected
from console.placement.candidate import Candidate
from console.placement.outcome import Placed
from console.placement.reconcile import Condition, Phase
from console.placement.spec import Spec
from console.placement.why import why

#: Before the first, and between two tries at most; each wait is twice the one before. Seconds.
FIRST_S, MOST_S = 1.0, 300.0
_SECOND_S = 10.0

#: What ran for so long starts anew with its next failure. Seconds.
_GOOD_S = 60.0


@dataclass(slots=True)
class _Series:
    """An instance's failures in a row."""

    due: float
    tries: int = 0
    tried: set[str] = field(default_factory=set)
    good: float | None = None  # since when it runs


class Retrying:
    """The instances that have failed of late."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, str], _Series] = {}

    def look(
        self, conditions: Iterable[Condition], everywhere: frozenset[str], now: float
    ) -> list[Condition]:
        """Which of the failed are to be tried again now.

        :param everywhere: services of which each host has its own: they are tried where they are.
        """
        due: list[Condition] = []
        known: set[tuple[str, str]] = set()
        for one in conditions:
            key = (one.instance, one.host if one.service in everywhere else "")
            known.add(key)
            series = self._series.get(key)
            if one.phase is Phase.FAILED:
                if series is None:
                    series = self._series[key] = _Series(now + FIRST_S)
                series.good = None
                if now >= series.due:
                    due.append(one)
            elif series is not None and one.phase is Phase.RUNNING:
                series.good = now if series.good is None else series.good
                if now - series.good >= _GOOD_S:
                    del self._series[key]
        for gone in self._series.keys() - known:
            del self._series[gone]
        return due

    def tried(self, one: Condition, everywhere: frozenset[str], now: float) -> frozenset[str]:
        """It is tried now. :return: the hosts on which it failed, this one too."""
        series = self._series[one.instance, one.host if one.service in everywhere else ""]
        series.due = now + min(MOST_S, _SECOND_S * 2**series.tries)
        series.tries += 1
        series.tried.add(one.host)
        return frozenset(series.tried)

    def anew(self, instance: str) -> None:
        """It failed everywhere: the next round begins."""
        if (series := self._series.get((instance, ""))) is not None:
            series.tried.clear()

    def __bool__(self) -> bool:
        return bool(self._series)


def another_host(
    instance: str,
    specs: Iterable[Spec],
    hosts: Iterable[Candidate],
    current: Iterable[Placed],
    tried: Collection[str],
) -> str | None:
    """The best host on which it was not tried yet; None if there is none."""
    try:
        verdicts = why(specs, hosts, current, instance)
    except NothingSelected:
        return None  # it was destroyed meanwhile
    fitting = [each for each in verdicts if each.verdict == "fits" and each.host not in tried]
    return max(fitting, key=lambda each: (each.score or 0, each.host)).host if fitting else None

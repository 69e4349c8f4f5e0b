"""`log stats`: who writes how much."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from console.commands import clock
from console.commands.asking import ask_each
from console.commands.command import Command, option
from console.commands.log_reading import LookingBack, reading
from console.commands.rows.log_rates import BUCKETS, LOG_RATE, NO_PRIORITY, PRIORITY_COUNT, LogRate
from console.commands.values import choice
from console.model.log import LogRecord

if TYPE_CHECKING:
    from console.commands.core import Core
    from console.commands.output import Output

#: How far back, in seconds, where nothing was said.
_SINCE_S = 600.0


class Counter:
    """Counts the lines of one host by who wrote them. Pure.

    :param by: `host`, or also `unit` or `container`.
    :param begin, end: the span that is counted, by the host's clock.
    """

    def __init__(self, host: str, by: str, begin: datetime, end: datetime) -> None:
        self._host = host
        self._by = by
        self._begin = begin
        self._span = max((end - begin).total_seconds(), 1e-6)
        self._counts: dict[tuple[str | None, str | None], tuple[list[int], list[int]]] = {}

    def add(self, record: LogRecord) -> None:
        unit = record.unit if self._by == "unit" else None
        container = record.container if self._by == "container" else None
        found = self._counts.get((unit, container))
        if found is None:
            found = self._counts[unit, container] = ([0] * PRIORITY_COUNT, [0] * BUCKETS)
        priorities, buckets = found
        priorities[NO_PRIORITY if record.priority is None else record.priority] += 1
        share = (record.time - self._begin).total_seconds() / self._span
        buckets[min(max(int(share * BUCKETS), 0), BUCKETS - 1)] += 1

    def rates(self) -> list[LogRate]:
        """What was counted."""
        return [
            LogRate(self._host, unit, container, sum(buckets), self._span, tuple(priorities), tuple(buckets))
            for (unit, container), (priorities, buckets) in self._counts.items()
        ]


@dataclass(frozen=True)
class LogStats(LookingBack):
    """Count what each host, unit or container has written, how fast and how urgent it was.

    Of the last 10 minutes, or `--since` and `--until`. The most talkative first, with how it went over
    the time.
    """

    words = ("log", "stats")
    by: str = option(choice("unit", "container", "host"), "count what by (unit)", default="unit")

    async def run(self, core: Core, out: Output) -> None:
        from console.hosts.journalctl import Journalctl

        now = clock.now()
        since = _SINCE_S if self.since is None else self.since

        def moment(when: float | datetime | None) -> datetime:
            return when if isinstance(when, datetime) else now - timedelta(seconds=when or 0.0)

        begin, end = moment(since), moment(self.until)
        async with reading(core, self, out) as (view, hosts):

            async def ask(host: str) -> list[LogRate]:
                journal = await Journalctl.open(view.fleet.transport(host))
                offset = timedelta(seconds=journal.clock_offset_s)
                counter = Counter(host, self.by, begin + offset, end + offset)
                query = replace(self.query(), since=begin + offset, until=end + offset)
                async with aclosing(journal.look_back(query)) as found:
                    async for record in found:
                        counter.add(record)
                return counter.rates()

            answers = await ask_each(hosts, ask, out.failed)
        out.rows(LOG_RATE, [rate for rates in answers for rate in rates])


COMMANDS: tuple[type[Command], ...] = (LogStats,)

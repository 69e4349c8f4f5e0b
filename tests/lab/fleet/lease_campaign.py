"""A campaign: one fault after another on a fleet that runs what is exclusive, each chosen by a seed.

After each round everything is mended, what is wanted runs, and no instance was on two hosts for a moment.
"""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.lab.fleet.placing import EngineProcess, Placing
from tests.lab.fleet.witness import doubled

#: Everything is to be as wanted again so many seconds after a round was mended.
_SETTLED_S = 120.0


@dataclass
class Campaign:
    """Two engines and three hosts, and what befalls them.

    :param names: of the exclusive services, as their units write them down (`witness.py`).
    :param lasts: how long a fault may last, in seconds.
    """

    placing: Placing
    seed: int
    names: Sequence[str]
    lasts: tuple[float, float]
    story: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)

    def run(self, rounds: int) -> None:
        """The test fails in the round in which something is not as it is to be; it tells the story so far."""
        faults: tuple[Callable[[], None], ...] = (
            *(self.kills_the_leader, self.freezes_the_leader, self.cuts_a_host),
            *(self.cuts_power, self.delays_a_host),
        )
        for number in range(1, rounds + 1):
            fault = self._dice.choice(faults)
            self._tell(f"round {number}: {fault.__name__.replace('_', ' ')}")
            fault()
            self.settle()
            assert doubled(self.placing, self.names) == {}, self.told

    @property
    def told(self) -> str:
        return "\n".join([f"seed {self.seed}", *self.story])

    def settle(self) -> None:
        """Wait until each instance runs where it is placed, and nowhere else."""
        wanted = {f"{name}.service" for name in self.names}

        def settled() -> bool:
            placed = self.placing.placed()
            there = {one: hosts for one in wanted for hosts in self.placing.active(one).values()}
            return placed.keys() >= wanted and there == {one: (placed[one],) for one in wanted}

        self.placing.until(settled, f"all is as it is to be\n{self.told}", _SETTLED_S)

    # -- faults -----------------------------------------------------------------------------

    def kills_the_leader(self) -> None:
        leader = self._leader()
        leader.kill()
        self.placing.engines.remove(leader)
        self.placing.engine()

    def freezes_the_leader(self) -> None:
        leader = self._leader()
        leader.process.send_signal(signal.SIGSTOP)
        try:
            self._lasts()
        finally:
            leader.process.send_signal(signal.SIGCONT)

    def cuts_a_host(self) -> None:
        host = self._host()
        asyncio.run(self.placing.lab.cut(host))
        try:
            self._lasts()
        finally:
            asyncio.run(self.placing.lab.heal(host))

    def cuts_power(self) -> None:
        host = self._host()
        asyncio.run(self.placing.lab.kill(host))
        self._lasts()
        asyncio.run(self.placing.lab.start(host))

    def delays_a_host(self) -> None:
        host = self._host()
        asyncio.run(self.placing.lab.slow(host, delay=self._dice.choice((0.5, 3.0))))
        try:
            self._lasts()
        finally:
            asyncio.run(self.placing.lab.heal(host))

    def _leader(self) -> EngineProcess:
        """The one that was elected last, as they tell themselves."""
        found = [one for one in self.placing.engines if _elected(one)]
        self.placing.until(lambda: any(map(_elected, self.placing.engines)), "one leads", 60)
        return max(found or self.placing.engines, key=_elected)

    def _host(self) -> str:
        """Mostly one that has something to lose."""
        bearing = sorted(set(self.placing.placed().values()))
        return self._dice.choice([*bearing, *bearing, *self.placing.hosts])

    def _lasts(self) -> None:
        seconds = self._dice.uniform(*self.lasts)
        self._tell(f"for {seconds:.1f} s")
        time.sleep(seconds)  # how long a fault lasts is the fault

    def _tell(self, text: str) -> None:
        self.story.append(text)


def _elected(engine: EngineProcess) -> int:
    """At which revision an engine was elected last; 0: never."""
    said = [line for line in engine.said.splitlines() if "elected at " in line]
    return int(said[-1].rpartition("elected at ")[2]) if said else 0

"""What happens by itself on a fleet that lives: restarts, crashes, probes that fail, chatter. Pure.

Each host has dice of its own, so that its history depends on the seed and its name alone.
"""

from __future__ import annotations

from collections.abc import Callable

from console.lab.sim import catalog, seeds
from console.lab.sim.machine import Machine

_CHATTER = (
    "GET /health 200 3ms",
    "request done in 48 ms",
    "cache miss for key 7f3a",
    "connection from 10.4.0.17 accepted",
    "slow query: 812 ms",
    "retrying upstream, attempt 2",
)
_UNHEALTHY_FOR = 20.0


class Churn:
    """Changes on one host, `rate` of them a second on the mean, from now on."""

    def __init__(
        self, machine: Machine, rate: float, after: Callable[[float, Callable[[], None]], None]
    ) -> None:
        self._machine = machine
        self._rate = rate
        self._after = after
        self._dice = seeds.dice(machine.seed, machine.name, "churn")
        self._wait()

    def _wait(self) -> None:
        self._after(self._dice.expovariate(self._rate), self._happen)

    def _happen(self) -> None:
        # The dice fall in the same order whatever state the host is in.
        course = self._dice.choices(_COURSES, _WEIGHTS)[0]
        place = self._dice.random()
        if not self._machine.line.down:
            course(self._machine, place)
        self._wait()


def _unit(machine: Machine, place: float) -> str:
    own = catalog.own_services(machine.units.kinds)
    return own[int(place * len(own))].name


def _restart(machine: Machine, place: float) -> None:
    machine.units.restart(_unit(machine, place))


def _crash(machine: Machine, place: float) -> None:
    machine.units.crash(_unit(machine, place))


def _crash_loop(machine: Machine, place: float) -> None:
    machine.units.crash_loop(_unit(machine, place))


def _container(machine: Machine, place: float, what: str) -> None:
    engine = machine.engine
    if engine is None or not engine.containers:
        return
    container = list(engine.containers.values())[int(place * len(engine.containers))]
    if what == "restart":
        engine.restart(container)
    elif what == "crash":
        engine.crash(container, 1)
    else:
        engine.probe(container, "unhealthy")
        machine.later(_UNHEALTHY_FOR, lambda: engine.probe(container, "healthy"))


def _chatter(machine: Machine, place: float) -> None:
    unit = _unit(machine, place)
    for number in range(1 + int(place * 5)):
        machine.say(unit, _CHATTER[(number + int(place * 100)) % len(_CHATTER)])


_COURSES = (
    _restart,
    _crash,
    _crash_loop,
    lambda machine, place: _container(machine, place, "restart"),
    lambda machine, place: _container(machine, place, "crash"),
    lambda machine, place: _container(machine, place, "probe"),
    _chatter,
)
_WEIGHTS = (30, 12, 1, 15, 7, 10, 25)

"""What befalls a whole fleet at once passes: all are live again, none was stormed, nothing is left over."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from console.fleet.config import load_config
from console.fleet.fleet import Fleet, open_fleet
from console.hosts.links import Links
from console.hosts.session import Link
from console.hosts.unit_table import UnitTable
from console.lab.sim.fleet import Running, SimFleet
from console.lab.sim.plan import SimPlan
from console.lab.sim.script import parse
from console.model.config import HostConfig
from console.model.events import Event, UnitsListed
from console.model.host import Host
from console.model.state import State
from console.model.unit import Unit
from console.model.wants import Wants

pytestmark = pytest.mark.full

HOSTS, UNITS = 60, 80


@pytest.fixture(autouse=True)
def _collecting_again() -> Iterator[None]:
    yield
    gc.enable()


class CountedLinks(Links):
    """Counts how often each host is connected to."""

    def __init__(self) -> None:
        super().__init__(ssh_config=False)
        self.tried: Counter[str] = Counter()

    async def connect(self, config: HostConfig) -> Link:
        self.tried[config.name] += 1
        return await super().connect(config)


@dataclass
class World:
    """A simulated fleet and a console on it."""

    running: Running
    fleet: Fleet
    links: CountedLinks
    tasks: Counter[str] = field(default_factory=Counter)

    def befall(self, text: str) -> None:
        (fault,) = parse(f"[[fault]]\n{text}")
        self.running.befall(fault)

    def hosts(self, state: State) -> set[str]:
        return {host.name for host in self.fleet.model.hosts() if host.state is state}

    def whole(self) -> bool:
        return all(map(_whole, self.fleet.model.hosts()))

    def units(self) -> dict[tuple[str, str], tuple[str, str]]:
        return {unit.key: _what(unit) for unit in self.fleet.model.units()}

    async def until(self, true: Callable[[], bool], seconds: float = 60) -> None:
        async with asyncio.timeout(seconds):
            while not true():  # noqa: ASYNC110 - a model has many feeds and no event for this
                await asyncio.sleep(0.02)


def _what(unit: Unit) -> tuple[str, str]:
    return unit.active, unit.sub


def _whole(host: Host) -> bool:
    return all(status.state in (State.LIVE, State.ABSENT) for status in (host.status, *host.sources.values()))


def _tasks() -> Counter[str]:
    """The tasks that run, by name; those of asyncio and of libraries are `Task-…`."""
    names = (task.get_name() for task in asyncio.all_tasks())
    return Counter("unnamed" if name.startswith("Task-") else name for name in names)


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    plan = SimPlan(HOSTS, UNITS, 5, seed=7, churn=0.0)
    links = CountedLinks()
    async with SimFleet(folder / "sim", plan, lambda line: None).running() as running:
        before = asyncio.all_tasks()
        async with open_fleet(load_config(running.config).hosts, Wants(), links) as fleet:
            it = World(running, fleet, links)
            await it.until(it.whole)
            it.tasks = _tasks()
            links.tried.clear()
            yield it
        assert asyncio.all_tasks() == before


async def test_hosts_that_are_lost_together_come_back_and_are_not_stormed(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        units = it.units()
        it.befall('do = "die"\ncount = 24\nfor = 6')
        await it.until(lambda: len(it.hosts(State.UNREACHABLE)) == 24)
        lost = it.hosts(State.UNREACHABLE)
        await it.until(it.whole)
        # The waits are half to all of 1, 2, 4, 8 and 16 s: a fifth try comes after 15 s at the earliest.
        assert it.links.tried.keys() == lost
        assert max(it.links.tried.values()) <= 5
        assert it.units().keys() == units.keys()
        await it.until(lambda: _tasks() == it.tasks)


async def test_a_daemon_reload_on_every_host_ends_with_the_same_units_on_the_same_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(tmp_path) as it:
        units = it.units()
        listed: Counter[str] = Counter()
        apply = it.fleet.model.apply

        def counted(event: Event) -> None:
            listed[event.host] += isinstance(event, UnitsListed)
            apply(event)

        monkeypatch.setattr(it.fleet.model, "apply", counted)
        for _ in range(3):
            it.befall('do = "daemon-reload"')
        await it.until(lambda: all(listed[name] for name in it.fleet.sessions))
        await it.until(it.whole)
        assert max(listed.values()) <= 3
        assert it.units() == units
        assert not it.links.tried
        await it.until(lambda: _tasks() == it.tasks)


async def test_hosts_that_all_drop_their_connections_are_connected_to_once_each(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        units = it.units()
        gc.collect()
        gc.disable()  # what is left over must not need it
        it.befall('do = "drop"')
        await it.until(lambda: len(it.links.tried) == HOSTS)
        await it.until(it.whole)
        assert it.links.tried == Counter(dict.fromkeys(it.links.tried, 1))
        assert it.units() == units
        await it.until(lambda: _tasks() == it.tasks)
        assert sum(type(each) is UnitTable for each in gc.get_objects()) == HOSTS

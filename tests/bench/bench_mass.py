"""A fleet at size on the real screen: cold, held under churn, and when many hosts are lost or told at once.

One console against `lab sim` on the same machine, so that the simulator takes a good part of its two cores.
Each part is a process of its own, as a console is. A key comes from a thread, as a terminal's do, at its
time however busy the loop is, and counts from there to the first write to the terminal after its action was
carried out. Beside it stands the same by a clock that leaves out what the machine kept from us (`own_clock`).

The fleet is held for $QUARTERDECK_BENCH_HOLD seconds, 60 by default; `make bench-hold` holds it for 600.

python -m tests.bench mass
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from textual import events

from console.fleet.loop import fair_loop
from console.hosts.connect import Connector
from console.hosts.ssh import SshTransport
from console.lab.sim.fleet import Running, SimFleet
from console.lab.sim.plan import SimPlan
from console.lab.sim.script import parse
from console.model.config import HostConfig
from console.model.host import Host
from console.model.state import State
from console.tui.views import Kind, View
from console.tui.widgets.fleet_table import FleetTable
from tests.bench.screens import Sink, own_clock
from tests.lab.on_screen import OnScreen, on_screen

_HOSTS, _UNITS, _CONTAINERS, _SEED = 500, 200, 20, 7
_HELD_HOSTS = 1000
#: Changes a second on one host while the fleet changes.
_CHURN_A_HOST = 0.04
_SETTLES_WITHIN = 300.0
_KEY_EVERY_S = 0.11
_IDLE_S = 20.0
_TICK_S = 0.01
#: What befalls many hosts at once.
_EVENTS = {
    "200 hosts lost for 10 s": 'do = "die"\ncount = 200\nfor = 10',
    "a daemon-reload on all": 'do = "daemon-reload"',
    "every connection drops": 'do = "drop"',
}
#: The console is watched for so long at least, from when it befalls.
_EVENT_S = 15.0
#: After which every host must have been tried by its backoff; a host at its second try waits 2 s at most.
_REST_S = 70.0

_KEY_LIMIT_MS, _STALL_LIMIT_MS = 100.0, 100.0
_COLD_LIMIT_S, _FIRST_LIMIT_S, _CPU_LIMIT_MS = 30.0, 2.0, 30.0
_IDLE_LIMIT, _MEMORY_LIMIT_MB = 10.0, 600.0


class Keys:
    """When keys were pressed, carried out, and seen, by two clocks."""

    def __init__(self) -> None:
        self.clock: Callable[[], float] = time.perf_counter
        self.taken: list[float] = []
        self.ours: list[float] = []
        self.acted = False
        self.seen = threading.Event()
        self._pressed: tuple[float, float] | None = None

    def clear(self) -> None:
        self.taken.clear()
        self.ours.clear()

    def press(self) -> None:
        self.acted = False
        self.seen.clear()
        self._pressed = time.perf_counter(), self.clock()

    def written(self) -> None:
        if self.acted and self._pressed is not None:
            self.acted = False
            self.taken.append(time.perf_counter() - self._pressed[0])
            self.ours.append(self.clock() - self._pressed[1])
            self._pressed = None
            self.seen.set()

    def figures(self) -> dict[str, float]:
        found: dict[str, float] = {"keys": len(self.taken)}
        for what, taken in (("ms", self.taken), ("ms, our work and waiting", self.ours)):
            found[f"key -> paint p50, {what}"] = 1000 * statistics.median(taken)
            found[f"key -> paint p95, {what}"] = 1000 * statistics.quantiles(taken, n=20)[18]
        return found


KEYS = Keys()


class KeySink(Sink):
    """Notes the first write after a key's action."""

    def write(self, data: str) -> None:
        super().write(data)
        KEYS.written()


@contextmanager
def noting_actions() -> Iterator[None]:
    """Have `KEYS` told when a key has moved the cursor."""
    down, up = FleetTable.action_cursor_down, FleetTable.action_cursor_up

    def noted(action: Callable[[FleetTable[object, object]], None]) -> Callable[..., None]:
        def act(table: FleetTable[object, object]) -> None:
            action(table)
            KEYS.acted = True

        return act

    FleetTable.action_cursor_down = noted(down)  # type: ignore[method-assign]
    FleetTable.action_cursor_up = noted(up)  # type: ignore[method-assign]
    try:
        yield
    finally:
        FleetTable.action_cursor_down, FleetTable.action_cursor_up = down, up  # type: ignore[method-assign]


class Typist(threading.Thread):
    """Presses j and k by turns, as a terminal's thread hands keys over."""

    def __init__(self, screen: OnScreen) -> None:
        super().__init__(name="typist", daemon=True)
        self._driver = screen.app._driver
        self._over = threading.Event()

    def run(self) -> None:
        pressed = 0
        while not self._over.wait(_KEY_EVERY_S):
            key = "jk"[pressed % 2]
            pressed += 1
            KEYS.press()
            assert self._driver is not None
            self._driver.process_message(events.Key(key, key))
            while not (KEYS.seen.wait(0.1) or self._over.is_set()):
                pass

    def stop(self) -> None:
        self._over.set()


@asynccontextmanager
async def typing(screen: OnScreen) -> AsyncIterator[None]:
    typist = Typist(screen)
    typist.start()
    try:
        yield
    finally:
        typist.stop()
        await asyncio.to_thread(typist.join)


@contextmanager
def counting() -> Iterator[list[int]]:
    """How many connections were tried, in the one item of the list."""
    connect, tried = Connector.connect, [0]

    async def counted(self: Connector, config: HostConfig) -> SshTransport:
        tried[0] += 1
        return await connect(self, config)

    Connector.connect = counted  # type: ignore[method-assign]
    try:
        yield tried
    finally:
        Connector.connect = connect  # type: ignore[method-assign]


class Lateness:
    """How late the loop's own timer is, again and again, by two clocks."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.wall: list[float] = []
        self.ours: list[float] = []

    async def watch(self) -> None:
        while True:
            began, ours = time.perf_counter(), self._clock()
            await asyncio.sleep(_TICK_S)
            self.wall.append(time.perf_counter() - began - _TICK_S)
            self.ours.append(self._clock() - ours - _TICK_S)

    def figures(self) -> dict[str, float]:
        found = {}
        for what, late in (("ms", self.wall), ("ms, our work", self.ours)):
            found[f"loop late p99, {what}"] = 1000 * statistics.quantiles(late, n=100)[98]
            found[f"loop late at worst, {what}"] = 1000 * max(late)
        return found


@asynccontextmanager
async def lateness(clock: Callable[[], float]) -> AsyncIterator[Lateness]:
    late = Lateness(clock)
    task = asyncio.create_task(late.watch(), name="lateness")
    try:
        yield late
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def memory() -> float:
    """Of this process, resident, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def whole(host: Host) -> bool:
    """Whether all of a host is known."""
    return all(status.state in (State.LIVE, State.ABSENT) for status in (host.status, *host.sources.values()))


def _all_whole(screen: OnScreen) -> bool:
    return all(map(whole, screen.app.model.hosts()))


def _rows(screen: OnScreen) -> int:
    tables = screen.app.main.query(FleetTable)
    return len(tables.first().list) if tables else 0


async def _show(screen: OnScreen, kind: Kind) -> None:
    screen.app.main.show(View(kind))

    def there() -> bool:
        shown = screen.app.main.shown
        return shown is not None and shown.view.kind is kind and _rows(screen) > 1

    await screen.until(there, 60)


@asynccontextmanager
async def _simulated(hosts: int, churn: float) -> AsyncIterator[Running]:
    with tempfile.TemporaryDirectory() as folder:
        plan = SimPlan(hosts, _UNITS, _CONTAINERS, _SEED, churn * hosts)
        async with SimFleet(Path(folder) / "sim", plan, lambda line: None).running() as running:
            yield running


@asynccontextmanager
async def _console(running: Running) -> AsyncIterator[OnScreen]:
    """The app on the fleet, with no folder of the user's."""
    with tempfile.TemporaryDirectory() as home:
        environ = {**os.environ, "HOME": home, "XDG_STATE_HOME": f"{home}/state"}
        async with on_screen(running.config, size=(160, 50), driver=KeySink, environ=environ) as screen:
            yield screen


# -- the parts ------------------------------------------------------------------------------


async def cold(clock: Callable[[], float]) -> dict[str, float]:
    """From the start of the app until all units of all hosts are on its list; then at rest."""
    async with _simulated(1, 0.0) as running, _console(running) as screen:
        await screen.until(lambda: _all_whole(screen))  # what only the first time costs is not measured
    async with _simulated(_HOSTS, 0.0) as running:
        cpu, began = time.process_time(), time.perf_counter()
        async with _console(running) as screen, lateness(clock) as late:
            screen.app.main.show(View(Kind.UNITS))
            await screen.until(lambda: _rows(screen) >= 10 * _UNITS // 2, _SETTLES_WITHIN)
            first = time.perf_counter() - began
            await screen.until(lambda: _all_whole(screen), _SETTLES_WITHIN)
            units = sum(1 for _ in screen.app.model.units())
            await screen.until(lambda: _rows(screen) == units, _SETTLES_WITHIN)
            wall, used = time.perf_counter() - began, time.process_time() - cpu
            figures = late.figures()
        return {
            "first hosts on the screen, s": first,
            "all of it on the screen, s": wall,
            "client CPU a host, ms": 1000 * used / _HOSTS,
            **figures,
        }


async def rest(clock: Callable[[], float]) -> dict[str, float]:
    """All known, and nothing happens."""
    async with _simulated(_HOSTS, 0.0) as running, _console(running) as screen:
        await screen.until(lambda: _all_whole(screen), _SETTLES_WITHIN)
        await asyncio.sleep(_IDLE_S / 2)  # the first readings of the OS come together, and then spread
        cpu, began = time.process_time(), time.perf_counter()
        await asyncio.sleep(_IDLE_S)
        used = (time.process_time() - cpu) / (time.perf_counter() - began)
        async with lateness(clock) as late:  # which is itself a hundredth of a core
            await asyncio.sleep(_IDLE_S)
        return {"CPU, % of a core": 100 * used, "memory, MB": memory(), **late.figures()}


async def hold(clock: Callable[[], float]) -> dict[str, float]:
    """A thousand hosts that change, for a long while."""
    seconds = float(os.environ.get("QUARTERDECK_BENCH_HOLD", "60"))
    async with _simulated(_HELD_HOSTS, _CHURN_A_HOST) as running, _console(running) as screen:
        await screen.until(lambda: _all_whole(screen), _SETTLES_WITHIN)
        await asyncio.sleep(_IDLE_S / 2)
        before, cpu, began = memory(), time.process_time(), time.perf_counter()
        async with lateness(clock) as late:
            await asyncio.sleep(seconds)
        used = (time.process_time() - cpu) / (time.perf_counter() - began)
        return {
            "held, s": seconds,
            "hosts live at the end": sum(map(whole, screen.app.model.hosts())),
            "CPU, % of a core": 100 * used,
            "memory at its beginning, MB": before,
            "memory at its end, MB": memory(),
            **late.figures(),
        }


async def events_at_once(clock: Callable[[], float]) -> dict[str, float]:
    """What befalls many hosts at once, with somebody typing."""
    found: dict[str, float] = {}
    async with _simulated(_HOSTS, _CHURN_A_HOST) as running, _console(running) as screen:
        await screen.until(lambda: _all_whole(screen), _SETTLES_WITHIN)
        await asyncio.sleep(_IDLE_S / 2)
        found["memory before, MB"] = memory()
        for kind in (Kind.HOSTS, Kind.UNITS):
            await _show(screen, kind)
            for name, text in _EVENTS.items():
                figures = await _befallen(screen, running, text, clock)
                found |= {f"{kind}: {name}: {key}": value for key, value in figures.items()}
        await asyncio.sleep(_REST_S)  # nobody types: what is left over is collected
        found["memory after all of it, at rest, MB"] = memory()
    return found


async def _befallen(
    screen: OnScreen, running: Running, text: str, clock: Callable[[], float]
) -> dict[str, float]:
    (fault,) = parse(f"[[fault]]\n{text}")
    KEYS.clear()
    with counting() as tried:
        async with typing(screen), lateness(clock) as late:
            cpu, began = time.process_time(), time.perf_counter()
            running.befall(fault)
            await asyncio.sleep(_EVENT_S)
            await screen.until(lambda: _all_whole(screen), _SETTLES_WITHIN)
            taken, used = time.perf_counter() - began, time.process_time() - cpu
    return {
        "all whole again, s": taken,
        "client CPU, s": used,
        "connections tried": tried[0],
        **KEYS.figures(),
        **late.figures(),
    }


PARTS = {"cold": cold, "rest": rest, "hold": hold, "at once": events_at_once}


def _limits(found: dict[str, object]) -> dict[str, object]:
    """The figures that a limit was set for."""
    wanted = {
        "cold: first hosts on the screen, s": _FIRST_LIMIT_S,
        "cold: all of it on the screen, s": _COLD_LIMIT_S,
        "cold: client CPU a host, ms": _CPU_LIMIT_MS,
        "rest: CPU, % of a core": _IDLE_LIMIT,
        "rest: memory, MB": _MEMORY_LIMIT_MB,
        "hold: loop late at worst, ms": _STALL_LIMIT_MS,
        **{
            name: _KEY_LIMIT_MS
            for name in found
            if name.endswith(("key -> paint p95, ms", "key -> paint p95, ms, our work and waiting"))
        },
    }
    return {
        f"{name}: at most {limit:g}": "yes" if float(str(found[name])) <= limit else "NO"
        for name, limit in wanted.items()
    }


def run() -> dict[str, object]:
    """Each part once, in a process of its own."""
    found: dict[str, object] = {}
    for name in PARTS:
        told = subprocess.run(
            [sys.executable, "-m", "tests.bench.bench_mass", name], stdout=subprocess.PIPE, check=True
        )
        found |= {f"{name}: {key}": value for key, value in json.loads(told.stdout).items()}
    return found | _limits(found)


def part(name: str) -> dict[str, float]:
    """One part, in this process."""
    with noting_actions(), own_clock() as clock:
        KEYS.clock = clock
        with asyncio.Runner(loop_factory=fair_loop) as runner:
            return runner.run(PARTS[name](clock))


if __name__ == "__main__":
    print(json.dumps(part(sys.argv[1])))

"""Scripted faults: what befalls which hosts, and when. Read from TOML; pure.

    [[fault]]
    at = 30                     # seconds after the fleet is up
    do = "die"                  # see FAULTS
    hosts = ["sim-00*"]         # names or globs; all hosts if left out
    count = 20                  # so many of them, chosen by the seed; or share = 0.2
    for = 60                    # seconds until it is over; for ever if left out

Further keys that a fault takes are its parameters, with the defaults given in FAULTS:

    die            power cut; boots again after `for`
    reboot         shuts down in order, and boots after `for` or its own time
    hang           everything stands still, connections too; they go on afterwards
    half-open      the host forgets its connections; new ones work
    drop           every connection ends
    slow           `delay` seconds each way, `rate` bytes a second
    garbage        what its programs say is noise
    host-key       another host key from now on
    clock-skew     its clock is off by `offset` seconds
    pressure       `resource` (cpu, memory, io) is short `value` percent of the time
    disk-full      /var has no room
    unit-crash     `unit` exits; unit-crash-loop: again and again; unit-restart: restarted
    daemon-reload  systemd reads its files anew
    container-crash, container-crash-loop, container-restart, unhealthy, oom    of `container`
    log-burst      `lines` lines from `unit` at once
    stage          the updater fetches `version`, to be booted next; release: its branch has it from now on
    version-fails  once `version` is booted, `unit` has failed; version-mute: its sshd does not start;
                   version-hangs: it does not get as far as systemd; version-mended: nothing is wrong with it
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from console.lab.sim import catalog, seeds
from console.lab.sim.containers import ContainerState, Engine, NoSuchContainer
from console.lab.sim.flaws import Flaw
from console.lab.sim.machine import Machine
from console.lab.sim.unit_state import NoSuchUnit

_COMMON = {"at", "do", "hosts", "count", "share", "for"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One entry of a script. `values` has the fault's own parameters, defaults filled in."""

    at: float
    do: str
    hosts: tuple[str, ...] = ()
    count: int | None = None
    share: float | None = None
    lasts: float | None = None
    values: dict[str, Any] = field(default_factory=dict)

    def chosen(self, names: Sequence[str], seed: int, number: int) -> set[str]:
        """The hosts it befalls.

        :param number: the fault's place in its script, so that two with the same words differ.
        """
        fitting = [
            name for name in names
            if not self.hosts or any(fnmatchcase(name, pattern) for pattern in self.hosts)
        ]  # fmt: skip
        count = self.count
        if self.share is not None:
            count = round(self.share * len(fitting))
        if count is None or count >= len(fitting):
            return set(fitting)
        return set(seeds.dice(seed, "script", number).sample(fitting, count))


def parse(text: str) -> list[Fault]:
    """The faults of a script, by their time.

    :raises ValueError: it is no script; the words are for a person.
    """
    raw = tomllib.loads(text)
    if set(raw) - {"fault"}:
        raise ValueError(f"unknown: {', '.join(sorted(set(raw) - {'fault'}))}; a script has [[fault]] only")
    faults = [_fault(entry, place) for place, entry in enumerate(raw.get("fault", []), 1)]
    return sorted(faults, key=lambda fault: fault.at)


def _fault(entry: dict[str, Any], place: int) -> Fault:
    word = entry.get("do")
    if word not in FAULTS:
        raise ValueError(f"fault {place}: no fault is called {word!r}; there are {', '.join(sorted(FAULTS))}")
    defaults = FAULTS[word].defaults
    if unknown := set(entry) - _COMMON - set(defaults):
        raise ValueError(f"fault {place} ({word}) does not know {', '.join(sorted(unknown))}")
    hosts = entry.get("hosts", [])
    hosts = [hosts] if isinstance(hosts, str) else hosts
    numbers: dict[str, Any] = {key: entry[key] for key in ("at", "count", "share", "for") if key in entry}
    for key, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise ValueError(f"fault {place} ({word}): {key} is a number from 0 on")
    values = defaults | {key: entry[key] for key in defaults if key in entry}
    for key, default in defaults.items():
        if default is not None and not isinstance(values[key], type(default) | int):
            raise ValueError(f"fault {place} ({word}): {key} cannot be {values[key]!r}")
    count = int(numbers["count"]) if "count" in numbers else None
    return Fault(
        float(numbers.get("at", 0)),
        word,
        tuple(hosts),
        count,
        numbers.get("share"),
        numbers.get("for"),
        values,
    )


def befall(machine: Machine, fault: Fault, after: Callable[[float, Callable[[], None]], None]) -> None:
    """Have it happen now, and end after its time.

    :param after: does something that many seconds from now, whatever becomes of the host.
    """
    how = FAULTS[fault.do]
    over = how.begin(machine, fault)
    if over is not None and fault.lasts is not None:
        after(fault.lasts, over)


@dataclass(frozen=True, slots=True)
class _How:
    """`begin` does it and returns what ends it, where something does."""

    begin: Callable[[Machine, Fault], Callable[[], None] | None]
    defaults: dict[str, Any] = field(default_factory=dict)


def _reboot(machine: Machine, fault: Fault) -> None:
    machine.reboot(fault.lasts)


def _die(machine: Machine, fault: Fault) -> None:
    machine.power_cut(fault.lasts)


def _line(**values: Any) -> Callable[[Machine, Fault], Callable[[], None]]:
    """A fault of the line; a value that is None is taken from the script."""

    def begin(machine: Machine, fault: Fault) -> Callable[[], None]:
        before = {name: getattr(machine.line, name) for name in values}
        machine.change_line(**{
            name: fault.values[name] if value is None else value for name, value in values.items()
        })  # fmt: skip
        return lambda: machine.change_line(**before)

    return begin


def _health(name: str, value: str | float) -> Callable[[Machine, Fault], Callable[[], None]]:
    """A fact that is another for a while; a word stands for the script's value of that name."""

    def begin(machine: Machine, fault: Fault) -> Callable[[], None]:
        before = getattr(machine.health, name)
        setattr(machine.health, name, fault.values[value] if isinstance(value, str) else value)
        return lambda: setattr(machine.health, name, before)

    return begin


def _pressure(machine: Machine, fault: Fault) -> Callable[[], None]:
    resource = str(fault.values["resource"])
    machine.health.pressure[resource] = float(fault.values["value"])
    if resource == "memory":
        used, machine.health.memory_used = machine.health.memory_used, 0.97

    def over() -> None:
        machine.health.pressure.pop(resource, None)
        if resource == "memory":
            machine.health.memory_used = used

    return over


def _on_unit(act: Callable[[Machine, str], object]) -> Callable[[Machine, Fault], None]:
    def begin(machine: Machine, fault: Fault) -> None:
        own = catalog.own_services(machine.units.kinds)
        name = fault.values["unit"] or own[0].name
        try:
            act(machine, name)
        except NoSuchUnit:
            return  # a host without it is not befallen

    return begin


def _on_container(act: Callable[[Engine, ContainerState], object]) -> Callable[[Machine, Fault], None]:
    def begin(machine: Machine, fault: Fault) -> None:
        engine = machine.engine
        if engine is None or not engine.containers:
            return
        name = fault.values["container"] or next(iter(engine.containers.values())).name
        try:
            act(engine, engine.find(name))
        except NoSuchContainer:
            return  # a host without it is not befallen

    return begin


def _burst(machine: Machine, fault: Fault) -> None:
    unit = fault.values["unit"] or catalog.own_services(machine.units.kinds)[0].name
    for number in range(int(fault.values["lines"])):
        machine.say(unit, f"burst line {number}")


def _stage(machine: Machine, fault: Fault) -> None:
    if machine.deployments is not None:
        machine.deployments.stage(str(fault.values["version"]), machine.later)


def _release(machine: Machine, fault: Fault) -> None:
    if machine.deployments is not None:
        machine.deployments.release(str(fault.values["version"]))


def _flawed(machine: Machine, fault: Fault) -> Callable[[], None]:
    """What is wrong with a version on a host; for `unit` one is taken that has not failed before."""
    version, fails = str(fault.values["version"]), fault.do == "version-fails"
    unit = ""
    if fails:
        well = (
            kind.name
            for kind in catalog.own_services(machine.units.kinds)
            if machine.units.peek(kind.name).active != "failed"
        )
        unit = fault.values["unit"] or next(well, "")
    machine.flaws[version] = Flaw(unit, answers=fails, boots=fault.do != "version-hangs")
    return lambda: _mended(machine, fault)


def _mended(machine: Machine, fault: Fault) -> None:
    machine.flaws.pop(str(fault.values["version"]), None)


def _no_end(act: Callable[[Machine], None]) -> _How:
    def begin(machine: Machine, fault: Fault) -> None:
        act(machine)

    return _How(begin)


def _unit_fault(act: Callable[[Machine, str], object]) -> _How:
    return _How(_on_unit(act), {"unit": ""})


def _container_fault(act: Callable[[Engine, ContainerState], object]) -> _How:
    return _How(_on_container(act), {"container": ""})


FAULTS: dict[str, _How] = {
    "die": _How(_die),
    "reboot": _How(_reboot),
    "hang": _How(_line(frozen=True)),
    "half-open": _no_end(Machine.forget_connections),
    "drop": _no_end(Machine.drop),
    "slow": _How(_line(delay=None, rate=None), {"delay": 0.2, "rate": None}),
    "garbage": _How(_line(garbage=True)),
    "host-key": _no_end(Machine.new_host_key),
    "clock-skew": _How(_health("clock_offset", "offset"), {"offset": 300.0}),
    "pressure": _How(_pressure, {"resource": "memory", "value": 40.0}),
    "disk-full": _How(_health("disk_used", 1.0)),
    "unit-crash": _unit_fault(lambda machine, name: machine.units.crash(name)),
    "unit-crash-loop": _unit_fault(lambda machine, name: machine.units.crash_loop(name)),
    "unit-restart": _unit_fault(lambda machine, name: machine.units.restart(name)),
    "daemon-reload": _no_end(lambda machine: machine.units.daemon_reload()),
    "container-crash": _container_fault(lambda engine, container: engine.crash(container)),
    "container-crash-loop": _container_fault(lambda engine, container: engine.crash(container, loop=True)),
    "container-restart": _container_fault(lambda engine, container: engine.restart(container)),
    "unhealthy": _container_fault(lambda engine, container: engine.probe(container, "unhealthy")),
    "oom": _container_fault(lambda engine, container: engine.out_of_memory(container)),
    "log-burst": _How(_burst, {"unit": "", "lines": 1000}),
    "stage": _How(_stage, {"version": "2.0"}),
    "release": _How(_release, {"version": "2.0"}),
    "version-fails": _How(_flawed, {"version": "2.0", "unit": ""}),
    "version-mute": _How(_flawed, {"version": "2.0"}),
    "version-hangs": _How(_flawed, {"version": "2.0"}),
    "version-mended": _How(_mended, {"version": "2.0"}),
}

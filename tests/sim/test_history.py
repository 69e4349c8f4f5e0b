"""The same seed has the same history, of each host by itself."""

from __future__ import annotations

import pytest

from console.cli.lab import LabSim
from console.lab.sim.churn import Churn
from console.lab.sim.journal import export
from console.lab.sim.machine import Machine
from console.lab.sim.script import FAULTS, Fault, befall, parse
from console.lab.sim.worker import Clockwork
from tests.sim.worlds import world

_HOUR = 3600.0


def history(number: int, seed: int, steps: int = 1) -> list[bytes]:
    """An hour of a host that changes every five seconds, as its journal has it."""
    machine, agenda = world(number, name=f"sim-{number:04}", seed=seed)
    Churn(machine, 0.2, agenda.after)
    (reboot,) = parse('[[fault]]\ndo = "reboot"')
    agenda.after(_HOUR / 2, lambda: befall(machine, reboot, agenda.after))
    for step in range(1, steps + 1):
        agenda.run(_HOUR * step / steps)
    return [export(machine.journal.writer, entry) for entry in machine.journal.entries]


def test_the_same_seed_has_the_same_history() -> None:
    assert len(history(0, 7)) > 100
    assert history(0, 7) == history(0, 7)
    assert history(0, 7) != history(0, 8)
    assert history(0, 7) != history(12, 7)


def test_a_busy_machine_has_the_same_history() -> None:
    assert history(3, 7, steps=1) == history(3, 7, steps=977)


def ids(machine: Machine) -> tuple[str, str, list[str]]:
    assert machine.engine
    return machine.machine_id, machine.boot_id, list(machine.engine.containers)


def test_a_host_is_the_same_in_fleets_of_every_size() -> None:
    assert ids(world(0, name="sim-0001")[0]) == ids(world(0, name="sim-0001", units=30)[0])
    assert ids(world(0, name="sim-0001")[0]) != ids(world(0, name="sim-0002")[0])


@pytest.mark.parametrize(("share", "count", "chosen"), [(None, None, 100), (0.25, None, 25), (None, 7, 7)])
def test_a_fault_chooses_the_same_hosts_for_the_same_seed(
    share: float | None, count: int | None, chosen: int
) -> None:
    names = [f"sim-{number:04}" for number in range(150)]
    fault = Fault(0, "die", ("sim-00*",), count, share)
    first = fault.chosen(names, 7, 0)
    assert len(first) == chosen
    assert first == fault.chosen(names, 7, 0)
    assert all(name.startswith("sim-00") for name in first)
    if chosen < 100:
        assert first != fault.chosen(names, 8, 0)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[[fault]]\ndo = "melt"', "no fault is called"),
        ('[[fault]]\ndo = "die"\nhow = 3', "does not know how"),
        ('[[fault]]\ndo = "die"\nat = -1', "at is a number"),
        ('[[fault]]\ndo = "slow"\ndelay = "long"', "delay cannot be"),
        ("[faults]", "unknown: faults"),
        ("[[fault", "Expected"),
    ],
)
def test_a_script_that_cannot_be_read_says_why(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse(text)


async def test_the_clock_of_a_worker_runs_what_is_due() -> None:
    import asyncio
    import time

    clock = Clockwork(time.time())
    done = asyncio.Event()
    clock.agenda.after(0.02, lambda: clock.agenda.after(0.01, done.set))
    async with asyncio.timeout(5):
        await done.wait()
    clock.stop()


def test_the_help_names_every_fault_and_its_keys() -> None:
    told = LabSim.__doc__ or ""
    for word, how in FAULTS.items():
        keys = ", ".join(how.defaults)
        assert (f"{word}({keys})" if keys else f" {word} ") in told.replace("\n", " "), word

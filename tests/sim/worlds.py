"""A simulated host on a clock that a test pushes, and an ear for what its systemd says."""

from __future__ import annotations

from console.lab.sim.agenda import Agenda
from console.lab.sim.machine import Machine
from console.lab.sim.unit_state import UnitState

BEGAN = 1_795_000_000.0


def world(
    number: int = 0, *, name: str = "sim-0001", seed: int = 7, units: int = 120
) -> tuple[Machine, Agenda]:
    """A host of that number; numbers decide the system."""
    agenda = Agenda()
    return Machine(name, number, agenda, seed=seed, began=BEGAN, sizes=(units, 8)), agenda


class Ear:
    """What systemd said, as words with the time."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.heard: list[tuple[float, str]] = []
        machine.units.heard.append(self)

    @property
    def words(self) -> list[str]:
        return [word for _, word in self.heard]

    def _hear(self, word: str) -> None:
        self.heard.append((round(self._machine.now, 6), word))

    def unit_changed(self, unit: UnitState) -> None:
        word = f"{unit.active}/{unit.sub}"
        if not self.heard or self.heard[-1][1] != word:
            self._hear(word)

    def unit_loaded(self, name: str, *, loaded: bool) -> None:
        self._hear(f"{'new' if loaded else 'removed'} {name}")

    def job(self, number: int, name: str, result: str | None) -> None:
        self._hear(f"job {result or 'new'}")

    def reloading(self, active: bool) -> None:
        self._hear(f"reloading {active}")

"""What a session would see of a units source."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from console.model.events import Event, UnitsChanged, UnitsListed
from console.model.unit import Unit


class Listener:
    """The newest picture, and every event."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.units: dict[str, Unit] = {}
        self.lives = 0
        self._changed = asyncio.Event()

    def emit(self, event: Event) -> None:
        self.events.append(event)
        match event:
            case UnitsListed():
                self.units = {unit.name: unit for unit in event.units}
            case UnitsChanged():
                self.units.update((unit.name, unit) for unit in event.changed)
                for name in event.removed:
                    del self.units[name]
        self.wake()

    def live(self) -> None:
        self.lives += 1
        self.wake()

    def wake(self) -> None:
        self._changed.set()

    async def until(self, condition: Callable[[], bool], within: float = 10.0) -> None:
        """Wait for what is shown to be so."""
        async with asyncio.timeout(within):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def story(self, name: str) -> list[Unit]:
        """Everything that was told of one unit."""
        told: list[Unit] = []
        for event in self.events:
            units = event.units if isinstance(event, UnitsListed) else ()
            units = event.changed if isinstance(event, UnitsChanged) else units
            told += [unit for unit in units if unit.name == name]
        return told

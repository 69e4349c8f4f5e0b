"""The services as a watch of them says, each read once for each time that it changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from console.engine.services import Service, read_services
from console.store.schema import Keys
from console.store.values import Entry, Event


class Catalogue:
    """All services by name. To read thousands of unit files anew for each that changes would take seconds."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._base = keys.under("services").key
        self.services: dict[str, Service] = {}
        #: Rises with each change.
        self.version = 0
        #: What is wrong with those that cannot be read, by name.
        self.problems: dict[str, str] = {}

    def take(self, entries: Mapping[str, Entry], events: Iterable[Event]) -> None:
        """What has changed.

        :param entries: all keys as they are now.
        """
        self.version += 1
        names = {event.key.removeprefix(self._base).partition("/")[0] for event in events}
        for name in names:
            self.services.pop(name, None)
            self.problems.pop(name, None)
            key = f"{self._base}{name}"
            if (entry := entries.get(key)) is None:
                continue
            below = tuple(other for at, other in entries.items() if at.startswith(f"{key}/"))
            found, problems = read_services(self._keys, (entry, *below))
            self.services |= found
            if problems:
                self.problems[name] = "; ".join(problems.values())

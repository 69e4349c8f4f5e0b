"""What is wrong now, kept up to date by what changed, as rows for a list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from console.commands.picture import Trouble, acknowledged, troubles_of, worst_first
from console.commands.rows.base import Cell, Column, RowKind, Tone, moment, plain, since_cell

if TYPE_CHECKING:
    from console.fleet.model import FleetModel

TroubleKey = tuple[str, str]

TROUBLE: RowKind[Trouble] = RowKind(
    "trouble",
    lambda trouble: (trouble.host, trouble.what),
    lambda trouble: {
        "host": trouble.host or None,
        "what": trouble.what,
        "how": trouble.how.text,
        "since": moment(trouble.since),
        "why": trouble.why,
        "ack": None if trouble.ack is None else plain(trouble.ack),
    },
    (
        Column(
            "HOW", lambda trouble: trouble.how, 9, width=14, order=lambda trouble: worst_first(trouble)[0]
        ),
        Column("HOST", lambda trouble: trouble.place, 9, width=12),
        Column("WHAT", lambda trouble: trouble.what, 9, shrink=True, width=28, least=14),
        Column(
            "SINCE",
            lambda trouble: since_cell(trouble.since),
            8,
            right=True,
            width=7,
            order=lambda trouble: trouble.since,
            ticks=True,
        ),
        Column("WHY", lambda trouble: Cell(trouble.why, Tone.FAINT), 7, shrink=True, width=40, least=14),
    ),
    worst_first,
)


class TroubleBoard:
    """The troubles of every host, worked out anew for those that changed.

    :param own: what is wrong with the console itself and with what etcd keeps, asked for at each update.
    """

    def __init__(self, model: FleetModel, own: Callable[[], Iterable[Trouble]] = tuple) -> None:
        self._model = model
        self._own = own
        self._by_host: dict[str, dict[TroubleKey, Trouble]] = {}

    def look_up(self, key: TroubleKey) -> Trouble | None:
        found = self._by_host.get(key[0], {}).get(key)
        return self._by_host.get("", {}).get(key) if found is None else found

    def update(self, hosts: Iterable[str]) -> set[TroubleKey]:
        """Look at `hosts` again; the keys of what may have come, changed or gone."""
        changed: set[TroubleKey] = set()
        for name in {*hosts, ""}:
            host = self._model.find(name)
            own = acknowledged(self._own(), self._model) if not name else ()
            troubles = troubles_of(self._model, host) if host else own
            found = {(t.host, t.what): t for t in troubles}
            before = self._by_host.get(name, {})
            changed |= {key for key in found.keys() | before.keys() if found.get(key) != before.get(key)}
            self._by_host[name] = found
        return changed

    def renew(self) -> None:
        """Look at every host again, and at those that are gone."""
        self.update({*self._by_host, *(host.name for host in self._model.hosts())})

    def keys(self) -> set[TroubleKey]:
        """Of every trouble there is."""
        return {key for found in self._by_host.values() for key in found}

    def troubles(self) -> Iterator[Trouble]:
        """Every trouble there is, in no particular order."""
        for found in self._by_host.values():
            yield from found.values()

    def __len__(self) -> int:
        return sum(map(len, self._by_host.values()))

"""Keys in etcd as somebody looks through them: how many of each kind, and how one has changed. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from console.commands.rows.base import Cell, Column, RowKind, Tone
from console.commands.rows.diff import difference_lines
from console.commands.rows.etcd import KeyRow, laid_out
from console.model.text import clean

#: What is kept under each kind of key; see `console/store/schema.py`.
_WHAT: Mapping[str, str] = {
    "schema": "the version of all this",
    "hosts": "addresses, labels and cordons of hosts",
    "services": "specs of services, and their revisions",
    "instances": "which host each instance is placed on",
    "observed": "what the engine saw last",
    "rollouts": "rollouts, and how far they are",
    "denied": "versions that were rolled back",
    "locks": "who may reboot, and who does",
    "engine": "the elected engine",
    "acting": "who changes something on a host just now",
    "acks": "troubles that somebody looks after",
    "audit": "what was done, by whom",
    "audit-leases": "how long audit records are kept",
    "macros": "the fleet's macros",
}

#: Of a value, so many lines are shown and compared.
_LINES = 2000


@dataclass(frozen=True, slots=True)
class KindRow:
    """One kind of key.

    :param keys: how many there are.
    :param revision: at which one of them was changed last.
    """

    kind: str
    keys: int
    revision: int

    @property
    def what(self) -> str:
        return _WHAT.get(self.kind, "not known to this program")


KIND: RowKind[KindRow] = RowKind(
    "kind of key",
    lambda row: (row.kind,),
    lambda row: {"kind": row.kind, "keys": row.keys, "revision": row.revision, "what": row.what},
    (
        Column("KIND", lambda row: row.kind, 9, width=14),
        Column("KEYS", lambda row: str(row.keys), 9, right=True, width=7),
        Column("CHANGED", lambda row: str(row.revision), 6, right=True, width=10),
        Column("WHAT", lambda row: Cell(row.what, Tone.FAINT), 5, shrink=True, width=40),
    ),
    lambda row: row.kind,
)


@dataclass(frozen=True, slots=True)
class KeyHistory:
    """A key and how it came to hold what it holds.

    :param revision: the store's, when this was read.
    :param modified: the key's last change; None: it is gone.
    :param values: what it holds, or held last, then what it held before, back to where `end` says why
        that ends.
    """

    key: str
    revision: int
    modified: int | None
    values: tuple[KeyRow, ...]
    end: str


def history_lines(history: KeyHistory) -> list[tuple[Cell, ...]]:
    """A key for a person: what it holds, and what each change was, the newest first."""
    lines: list[tuple[Cell, ...]] = [(Cell(clean(history.key), Tone.GOOD),)]
    if history.modified is None:
        lines.append((Cell.state(f"gone by revision {history.revision}", Tone.BAD),))
    for row in history.values[:1]:
        lines += key_lines(row)[1:]
    for now, before in zip(history.values, history.values[1:], strict=False):
        lines += [(), (Cell(f"changed from revision {before.modified} to {now.modified}", Tone.GOOD),)]
        lines += _difference(before, now)
    if history.values:
        lines += [(), (Cell(history.end, Tone.FAINT),)]
    return lines


def key_lines(row: KeyRow) -> list[tuple[Cell, ...]]:
    """A key and what it holds, for a person."""
    head = [f"revision {row.modified}", f"made at {row.created}", f"version {row.version}"]
    head += [f"{row.size} bytes", *([f"lease {row.lease:x}"] if row.lease else [])]
    lines: list[tuple[Cell, ...]] = [(Cell(clean(row.key), Tone.GOOD),), (Cell(", ".join(head), Tone.FAINT),)]
    return [*lines, (), *((Cell(line),) for line in _value(row))]


def _difference(before: KeyRow, now: KeyRow) -> Iterator[tuple[Cell, ...]]:
    changed = list(difference_lines(_value(before), _value(now)))
    yield from changed or [(Cell("the same value, written again", Tone.FAINT),)]


def _value(row: KeyRow) -> list[str]:
    """The lines of a value, safe to show and not more than anybody reads."""
    lines = [clean(line) for line in laid_out(row.value).split("\n")]
    if len(lines) > _LINES:
        lines[_LINES:] = [f"… and {len(lines) - _LINES} more lines"]
    return lines

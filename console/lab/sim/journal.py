"""One host's journal: entries with numbers and cursors, the oldest vacuumed, followers told. Pure.

An entry is kept as what it was made of; its fields, cursor and export form are made when asked for.
Formats: systemd.journal-fields(7), systemd's JOURNAL_EXPORT_FORMATS and sd_journal_get_cursor().
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from console.lab.sim import seeds

#: Entries kept on a host; older ones are vacuumed.
KEPT = 400


class Entry(NamedTuple):
    """One message. `time_us` is the host's own wall clock; `extra` are fields beyond the usual ones."""

    number: int
    time_us: int
    monotonic_us: int
    boot_id: str
    message: bytes
    unit: str = ""
    identifier: str = ""
    pid: int = 0
    priority: int = 6
    extra: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Writer:
    """Whose journal it is: ids as 32 hex digits."""

    machine_id: str
    hostname: str
    numbers_id: str


class Journal:
    """The newest `KEPT` entries, and who listens for more."""

    def __init__(self, machine_id: str, hostname: str) -> None:
        self.writer = Writer(machine_id, hostname, seeds.digest("numbers", machine_id)[:32])
        self.entries: deque[Entry] = deque(maxlen=KEPT)
        self.heard: list[Callable[[Entry], None]] = []
        self._number = 0

    def write(
        self,
        time_us: int,
        monotonic_us: int,
        boot_id: str,
        message: str | bytes,
        *,
        unit: str = "",
        identifier: str = "",
        pid: int = 0,
        priority: int = 6,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        """Add an entry, and tell the followers."""
        self._number += 1
        text = message.encode() if isinstance(message, str) else message
        entry = Entry(
            self._number, time_us, monotonic_us, boot_id, text, unit, identifier, pid, priority, extra or {}
        )
        self.entries.append(entry)
        for heard in tuple(self.heard):
            heard(entry)

    def boots(self) -> list[str]:
        """The boots there are entries of, oldest first."""
        return list(dict.fromkeys(entry.boot_id for entry in self.entries))


def cursor(writer: Writer, entry: Entry) -> str:
    """The entry's cursor, in the form it has in every systemd."""
    return (
        f"s={writer.numbers_id};i={entry.number:x};b={entry.boot_id};m={entry.monotonic_us:x};"
        f"t={entry.time_us:x};x={seeds.number(writer.numbers_id, entry.number):x}"
    )


def fields(writer: Writer, entry: Entry) -> Iterator[tuple[str, bytes]]:
    """The entry's fields without the `__` ones, as journald stores them."""
    yield "_BOOT_ID", entry.boot_id.encode()
    yield "_MACHINE_ID", writer.machine_id.encode()
    yield "_HOSTNAME", writer.hostname.encode()
    yield "PRIORITY", b"%d" % entry.priority
    yield "SYSLOG_IDENTIFIER", entry.identifier.encode()
    yield "MESSAGE", entry.message
    if entry.pid:
        yield "_PID", b"%d" % entry.pid
        yield "_UID", b"0"
        yield "_COMM", entry.identifier.encode()[:15]
    if entry.unit:
        # systemd (process 1) writes about other units; everybody else from within their own.
        yield ("UNIT" if entry.pid == 1 else "_SYSTEMD_UNIT"), entry.unit.encode()
    if entry.pid == 1:
        yield "_SYSTEMD_UNIT", b"init.scope"
    for name, value in entry.extra.items():
        yield name, value.encode()


def export(writer: Writer, entry: Entry, wanted: frozenset[str] | None = None) -> bytes:
    """The entry in export format, up to and with its blank line.

    :param wanted: names of fields besides the `__` ones; None for all. `_BOOT_ID` is always there,
        as `--output-fields=` has it.
    """
    lines = [
        f"__CURSOR={cursor(writer, entry)}\n__REALTIME_TIMESTAMP={entry.time_us}\n"
        f"__MONOTONIC_TIMESTAMP={entry.monotonic_us}\n__SEQNUM={entry.number}\n"
        f"__SEQNUM_ID={writer.numbers_id}\n".encode()
    ]
    for name, value in fields(writer, entry):
        if wanted is None or name in wanted or name == "_BOOT_ID":
            lines.append(_field(name.encode(), value))
    lines.append(b"\n")
    return b"".join(lines)


def _field(name: bytes, value: bytes) -> bytes:
    try:
        value.decode()
        plain = all(byte >= 32 or byte == 9 for byte in value)
    except UnicodeDecodeError:
        plain = False
    if plain:
        return name + b"=" + value + b"\n"
    return name + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"

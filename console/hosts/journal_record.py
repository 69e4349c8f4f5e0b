"""From a journal entry to the record the rest of the console knows. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from console.errors import HostFailure
from console.hosts import attribution
from console.hosts.export_format import Entry
from console.hosts.journal_cursor import sequence
from console.model.log import LogRecord
from console.model.text import MAX_TEXT, clean

#: What tells of losses; see `journal_losses`.
_LOSSES = ("MESSAGE_ID", "N_DROPPED", "CONTAINER_ID_FULL", "CONTAINER_LOG_EPOCH", "CONTAINER_LOG_ORDINAL")

#: What a record is made of; the host is asked for these only (journalctl adds the `__` fields).
FIELDS: tuple[str, ...] = tuple(
    dict.fromkeys(("MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "SYSLOG_PID", *attribution.FIELDS, *_LOSSES))
)

_NAME_SHOWN = 256
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BYTES_SHOWN = 4 * MAX_TEXT  # no character takes more


class EntryError(ValueError):
    """An entry without what every entry of journalctl has, or with nonsense in it."""


def record(host: str, entry: Entry, extra: Iterable[str] = ()) -> LogRecord:
    """Make the record of one entry.

    :param extra: names of further fields to carry along, as text made safe to show.
    :raises EntryError: no cursor, no time, or a time that is none.
    """
    first = entry.getter()
    cursor = first(b"__CURSOR")
    if cursor is None:
        raise EntryError("an entry without __CURSOR")
    message, raw = _shown(first(b"MESSAGE") or b"")
    who = attribution.attribute(entry.fields)
    priority = decimal(first(b"PRIORITY"))
    # From systemd 254 on the number is a field; before, only the cursor has it.
    seqnum, seqnum_id = decimal(first(b"__SEQNUM")), first(b"__SEQNUM_ID")
    if (seqnum is None or seqnum_id is None) and (found := sequence(cursor)):
        seqnum_id, seqnum = found
    return LogRecord(
        host=host,
        cursor=_text(cursor),
        time=_time(first(b"__REALTIME_TIMESTAMP")),
        monotonic_us=decimal(first(b"__MONOTONIC_TIMESTAMP")) or 0,
        boot_id=_name(first(b"_BOOT_ID")) or "",
        message=message,
        raw=raw,
        unit=_name(who.unit),
        identifier=_name(first(b"SYSLOG_IDENTIFIER") or first(b"_COMM")),
        pid=decimal(first(b"_PID") or first(b"SYSLOG_PID")),
        container=_name(who.container),
        priority=priority if priority is not None and priority <= 7 else None,
        trusted=who.trusted,
        seqnum=seqnum,
        seqnum_id=_name(seqnum_id),
        fields={name: value for name in extra if (value := _extra(entry, name)) is not None},
        cut=entry.cut,
    )


def made(host: str, entry: Entry, extra: Iterable[str] = ()) -> LogRecord:
    """`record`, with nonsense told as the host's fault.

    :raises HostFailure: the entry cannot be read.
    """
    try:
        return record(host, entry, extra)
    except EntryError as error:
        raise HostFailure(f"the journal's entries cannot be read: {error}", host=host) from error


def _shown(value: bytes) -> tuple[str, bytes | None]:
    """Text to show, and the bytes again where the text does not say the same."""
    try:
        text = (value if len(value) <= _BYTES_SHOWN else value[:_BYTES_SHOWN]).decode()
    except UnicodeDecodeError:
        return clean(value[:_BYTES_SHOWN].decode("utf-8", "replace")), value
    shown = clean(text)
    return shown, None if shown == text and len(value) <= _BYTES_SHOWN else value


def _text(value: bytes) -> str:
    return clean(value[: 4 * _NAME_SHOWN].decode("utf-8", "replace"), _NAME_SHOWN)


@lru_cache(maxsize=4096)
def _name(value: bytes | None) -> str | None:
    """The name made safe to show, None for none. A host says the same few names again and again."""
    return _text(value) if value else None


def _extra(entry: Entry, name: str) -> str | tuple[str, ...] | None:
    value = entry.fields.get(name.encode())
    if value is None:
        return None
    if isinstance(value, list):
        return tuple(_shown(each)[0] for each in value)
    return _shown(value)[0]


def decimal(value: bytes | None) -> int | None:
    """A plain decimal number; None for anything else. 20 digits hold any 64-bit one."""
    return int(value) if value and len(value) <= 20 and value.isdigit() else None


def _time(value: bytes | None) -> datetime:
    microseconds = decimal(value)
    if microseconds is None:
        raise EntryError("an entry without a time")
    try:
        return _EPOCH + timedelta(0, 0, microseconds)
    except OverflowError:
        raise EntryError(f"an entry of the year {microseconds // 31_556_952_000_000 + 1970}") from None

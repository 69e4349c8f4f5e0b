"""From a journal entry to the record the rest of the console knows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from console.errors import HostFailure
from console.hosts import attribution
from console.hosts.export_format import Entry
from console.hosts.journal_cursor import sequence
from console.model.log import LogRecord
from console.model.text import MAX_TEXT, clean, spelled

#: What tells of losses; see `journal_losses`.
_LOSSES = ("MESSAGE_ID", "N_DROPPED", "CONTAINER_ID_FULL", "CONTAINER_LOG_EPOCH", "CONTAINER_LOG_ORDINAL")

#: What is a part of a longer line; see `journal_partials`.
_PARTS = ("CONTAINER_PARTIAL_MESSAGE", "CONTAINER_PARTIAL_ID", "CONTAINER_PARTIAL_ORDINAL")

#: What a record is made of; the host is asked for these only (journalctl adds the `__` fields).
FIELDS: tuple[str, ...] = tuple(
    dict.fromkeys(
        ("MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "SYSLOG_PID", *attribution.FIELDS, *_LOSSES, *_PARTS)
    )
)

_NAME_SHOWN = 256
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BYTES_SHOWN = 4 * MAX_TEXT  # no character takes more


class EntryError(ValueError):
    """An entry without what every entry of journalctl has, or with nonsense in it."""


@dataclass(frozen=True)
class Speaker:
    """Whose journal entries are read.

    :param host: its name in the fleet.
    :param users: names by user id, as the host has them.
    """

    host: str
    machine_id: str | None = None
    users: Mapping[bytes, str] = field(default_factory=dict)

    def user(self, uid: bytes | None) -> str | None:
        """Who a user id is: a name, or the number where the host has told none."""
        if uid is None:
            return None
        return self.users.get(uid) or _name(uid)


def record(speaker: Speaker | str, entry: Entry, extra: Iterable[str] = ()) -> LogRecord:
    """Make the record of one entry.

    :param speaker: the host, or no more than its name.
    :param extra: names of further fields to carry along, as text made safe to show.
    :raises EntryError: no cursor, no time, or a time that is none.
    """
    if isinstance(speaker, str):
        speaker = Speaker(speaker)
    first = entry.getter()
    cursor = first(b"__CURSOR")
    if cursor is None:
        raise EntryError("an entry without __CURSOR")
    message, raw = shown(first(b"MESSAGE") or b"")
    who = attribution.attribute(entry.fields)
    priority = decimal(first(b"PRIORITY"))
    # From systemd 254 on the number is a field; before, only the cursor has it.
    seqnum, seqnum_id = decimal(first(b"__SEQNUM")), first(b"__SEQNUM_ID")
    if (seqnum is None or seqnum_id is None) and (found := sequence(cursor)):
        seqnum_id, seqnum = found
    return LogRecord(
        host=speaker.host,
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
        image=_name(who.image),
        user=speaker.user(first(b"_UID")),
        machine_id=speaker.machine_id,
    )


def made(speaker: Speaker | str, entry: Entry, extra: Iterable[str] = ()) -> LogRecord:
    """`record`, with nonsense told as the host's fault.

    :raises HostFailure: the entry cannot be read.
    """
    try:
        return record(speaker, entry, extra)
    except EntryError as error:
        host = speaker if isinstance(speaker, str) else speaker.host
        raise HostFailure(f"the journal's entries cannot be read: {error}", host=host) from error


def shown(value: bytes) -> tuple[str, bytes | None]:
    """Text to show, and the bytes again where the text does not say the same."""
    try:
        text = (value if len(value) <= _BYTES_SHOWN else value[:_BYTES_SHOWN]).decode()
    except UnicodeDecodeError:
        return spelled(value[:_BYTES_SHOWN].decode("utf-8", "replace")), value
    safe = spelled(text)
    return safe, None if safe == text and len(value) <= _BYTES_SHOWN else value


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
        return tuple(_field(each) for each in value)
    return _field(value)


def _field(value: bytes) -> str:
    return clean(value[:_BYTES_SHOWN].decode("utf-8", "replace"))


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

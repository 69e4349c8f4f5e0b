"""How a journal record is written out."""

from __future__ import annotations

import base64
from datetime import UTC
from typing import Any

from console.commands.rows.base import Cell, RowKind, Tone, moment
from console.model.log import Gap, LogItem, LogRecord, Skipped

#: What a line is marked with that came after newer ones of other hosts.
LATE = "late"


def log_fields(record: LogItem) -> dict[str, Any]:
    """A record; `late` is set on one that came after newer ones of other hosts.

    A gap is one whose `gap` is set and whose message says what is missing; in the same way `skipped` is
    set on what stands for lines that were not shown.
    """
    if isinstance(record, Gap):
        missing = {"count": record.count, "after": record.after, "before": record.before}
        return _no_record(record, record.reason, record.after) | {"gap": missing}
    if isinstance(record, Skipped):
        skipped = {"count": record.count, "until": moment(record.until)}
        return _no_record(record, skipped_message(record), None) | {"skipped": skipped}
    return _record_fields(record) | ({"late": True} if record.late else {})


def _no_record(item: Gap | Skipped, message: str, cursor: str | None) -> dict[str, Any]:
    return {
        "host": item.host,
        "time": moment(item.time),
        "unit": None,
        "container": None,
        "priority": None,
        "message": message,
        "message_b64": None,
        "cursor": cursor,
        "trusted": True,
    }


def _record_fields(record: LogRecord) -> dict[str, Any]:
    return {
        "host": record.host,
        "time": moment(record.time),
        "unit": record.unit,
        "container": record.container,
        "priority": record.priority,
        "message": record.message,
        "message_b64": base64.b64encode(record.raw).decode() if record.raw is not None else None,
        "cursor": record.cursor,
        "trusted": record.trusted,
    }


def _log_key(record: LogItem) -> tuple[str, ...]:
    match record:
        case LogRecord():
            return (record.host, record.cursor)
        case Gap():
            return (record.host, record.after or "")
        case Skipped():
            return (record.host, "")


def origin(record: LogRecord) -> str:
    """Who said it: `api(claimed)[123]`, the container first, and marked where it was only claimed."""
    name = record.container or record.identifier or record.unit or "?"
    if record.container and not record.trusted:
        name += "(claimed)"
    return name if record.pid is None else f"{name}[{record.pid}]"


def urgency(record: LogRecord) -> Tone:
    """How its priority should strike the eye: err and worse bad, warning warn."""
    if record.priority is None or record.priority > 4:
        return Tone.PLAIN
    return Tone.WARN if record.priority == 4 else Tone.BAD


def gap_message(gap: Gap) -> str:
    """What is missing, as a sentence."""
    count = f"{gap.count} lines" if gap.count else "lines"
    return f"{count} missing: {gap.reason}"


def skipped_message(skipped: Skipped) -> str:
    """What is not shown, as a sentence."""
    lines = "1 line" if skipped.count == 1 else f"{skipped.count} lines"
    return f"{lines} of {skipped.host} not shown: they came too fast"


def log_line(record: LogItem) -> tuple[Cell, ...]:
    """Time, host, origin and message, as a person reads them in one line; `late` before a late one's."""
    time = Cell(record.time.astimezone(UTC).strftime("%b %d %H:%M:%S.%f")[:-3], Tone.FAINT)
    host = Cell(record.host)
    if isinstance(record, Gap):
        return time, host, Cell("gap", Tone.BAD), Cell(gap_message(record), Tone.BAD)
    if isinstance(record, Skipped):
        return time, host, Cell("skipped", Tone.BAD), Cell(skipped_message(record), Tone.BAD)
    line = time, host, Cell(origin(record), Tone.FAINT), Cell(record.message, urgency(record))
    return (*line[:2], Cell(LATE, Tone.WARN), *line[2:]) if record.late else line


LOG: RowKind[LogItem] = RowKind(
    "log", _log_key, log_fields, (), lambda record: record.time, lambda record: [log_line(record)]
)

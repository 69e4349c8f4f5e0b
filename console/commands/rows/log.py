"""How a journal record is written out."""

from __future__ import annotations

import base64
from datetime import UTC
from typing import Any

from console.commands.rows.base import Cell, RowKind, Tone, moment
from console.model.log import Gap, LogRecord


def log_fields(record: LogRecord | Gap) -> dict[str, Any]:
    """A record; a gap is one whose `gap` is set and whose message says what is missing."""
    if isinstance(record, Gap):
        return {
            "host": record.host,
            "time": moment(record.time),
            "unit": None,
            "container": None,
            "priority": None,
            "message": record.reason,
            "message_b64": None,
            "cursor": record.after,
            "trusted": True,
            "gap": {"count": record.count, "after": record.after, "before": record.before},
        }
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


def _log_key(record: LogRecord | Gap) -> tuple[str, ...]:
    return (record.host, record.cursor if isinstance(record, LogRecord) else record.after or "")


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


def log_line(record: LogRecord | Gap) -> tuple[Cell, ...]:
    """Time, host, origin and message, as a person reads them in one line."""
    time = Cell(record.time.astimezone(UTC).strftime("%b %d %H:%M:%S.%f")[:-3], Tone.FAINT)
    host = Cell(record.host)
    if isinstance(record, Gap):
        return time, host, Cell("gap", Tone.BAD), Cell(gap_message(record), Tone.BAD)
    return time, host, Cell(origin(record), Tone.FAINT), Cell(record.message, urgency(record))


LOG: RowKind[LogRecord | Gap] = RowKind(
    "log", _log_key, log_fields, (), lambda record: record.time, lambda record: [log_line(record)]
)

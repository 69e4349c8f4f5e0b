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


def log_line(record: LogRecord | Gap) -> tuple[Cell, ...]:
    """Time, host, origin and message, as a person reads them in one line."""
    time = record.time.astimezone(UTC).strftime("%b %d %H:%M:%S.%f")[:-3]
    if isinstance(record, Gap):
        count = f"{record.count} lines" if record.count else "lines"
        return (
            Cell(time, Tone.FAINT),
            Cell(record.host),
            Cell("gap", Tone.BAD),
            Cell(f"{count} missing: {record.reason}", Tone.BAD),
        )
    origin = record.container or record.identifier or record.unit or "?"
    if record.container and not record.trusted:
        origin += "(claimed)"
    if record.pid is not None:
        origin += f"[{record.pid}]"
    urgent = record.priority if record.priority is not None else 6
    tone = Tone.BAD if urgent <= 3 else Tone.WARN if urgent == 4 else Tone.PLAIN
    return Cell(time, Tone.FAINT), Cell(record.host), Cell(origin, Tone.FAINT), Cell(record.message, tone)


LOG: RowKind[LogRecord | Gap] = RowKind(
    "log", _log_key, log_fields, (), lambda record: record.time, lambda record: [log_line(record)]
)

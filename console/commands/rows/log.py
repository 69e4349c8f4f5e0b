"""How a journal record is written out."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC
from functools import partial
from typing import Any

from console.commands.rows.base import Cell, RowKind, Tone, moment
from console.model.log import Gap, LogItem, LogRecord, Skipped
from console.model.text import MAX_TEXT, coloured

#: What a line is marked with that came after newer ones of other hosts.
LATE = "late"
#: And with this, one of which something is missing.
CUT = "(cut)"
#: Lines of a message after its first begin with this.
INDENT = "    "
#: Bytes of a message that are looked through for colours.
_COLOURED = 4 * MAX_TEXT


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
        "claimed": None,
        **dict.fromkeys(("image", "user", "identifier", "pid", "boot", "machine")),
        "cut": False,
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
        "claimed": _claimed(record),
        "image": record.image,
        "user": record.user,
        "identifier": record.identifier,
        "pid": record.pid,
        "boot": record.boot_id,
        "machine": record.machine_id,
        "cut": record.cut,
    }


def _claimed(record: LogRecord) -> dict[str, str | None] | None:
    """What the sender says it is and has no right to; None where all is as it says."""
    if record.trusted:
        return None
    return {"container": record.container, "image": record.image}


def _log_key(record: LogItem) -> tuple[str, ...]:
    match record:
        case LogRecord():
            return (record.host, record.cursor)
        case Gap():
            return (record.host, record.after or "")
        case Skipped():
            return (record.host, "")


def origin(record: LogRecord) -> str:
    """Who said it: `api[123]`, the container first.

    One that was only claimed is marked, `api(claimed)[123]`; one that a user runs, and so vouches for, has
    the user's name before it: `core/api[123]`.
    """
    name = record.container or record.identifier or record.unit or "?"
    if claims(record):
        name += "(claimed)"
    elif record.container and record.unit and record.unit.startswith("user@"):
        name = f"{record.user or '?'}/{name}"
    return name if record.pid is None else f"{name}[{record.pid}]"


def claims(record: LogRecord) -> bool:
    """Whether the record names a container that its sender has no right to speak for."""
    return record.container is not None and not record.trusted


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


def log_lines(record: LogItem, *, in_color: bool = False) -> list[tuple[Cell, ...]]:
    """Time, host, origin and message, as a person reads them; `late` before a late one's.

    A message of several lines keeps them, the later ones indented, so that none looks like a record.

    :param in_color: with the colours that the message's sender gave it.
    """
    time = Cell(record.time.astimezone(UTC).strftime("%b %d %H:%M:%S.%f")[:-3], Tone.FAINT)
    host = Cell(record.host)
    if isinstance(record, Gap):
        return [(time, host, Cell("gap", Tone.BAD), Cell(gap_message(record), Tone.BAD))]
    if isinstance(record, Skipped):
        return [(time, host, Cell("skipped", Tone.BAD), Cell(skipped_message(record), Tone.BAD))]
    who = Cell.state(origin(record), Tone.WARN) if claims(record) else Cell(origin(record), Tone.FAINT)
    first, *others = _message(record, in_color=in_color)
    late = (Cell(LATE, Tone.WARN),) if record.late else ()
    cut = (Cell(CUT, Tone.WARN),) if record.cut else ()
    return [(time, host, *late, who, *cut, first), *((cell,) for cell in others)]


def _message(record: LogRecord, *, in_color: bool) -> list[Cell]:
    """The lines of a message."""
    tone = urgency(record)
    first, *others = record.message.split("\n")
    cells = [Cell(first, tone), *(Cell(INDENT + line, tone) for line in others)]
    if not in_color or record.raw is None or b"\x1b[" not in record.raw[:_COLOURED]:
        return cells
    lines = coloured(record.raw[:_COLOURED].decode("utf-8", "replace")).split("\n")
    return [
        replace(cell, coloured=INDENT + line if at else line)
        for at, (cell, line) in enumerate(zip(cells, lines, strict=False))
    ]


LOG: RowKind[LogItem] = RowKind("log", _log_key, log_fields, (), lambda record: record.time, log_lines)
#: The same, with messages in the colours that their senders gave them.
LOG_IN_COLOR = replace(LOG, text=partial(log_lines, in_color=True))

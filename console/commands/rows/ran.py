"""What a command did on a host, for scripts and for people."""

from __future__ import annotations

from typing import Any

from console.actions.remote import Ran
from console.commands.rows.base import Cell, RowKind, Tone
from console.model.text import clean


def ran_fields(ran: Ran) -> dict[str, Any]:
    """As scripts get it; bytes that are no UTF-8 are replaced."""
    inside = {"container": ran.container} if ran.container is not None else {}
    return {
        "host": ran.host,
        **inside,
        "code": ran.code,
        "stdout": ran.stdout.decode("utf-8", "replace"),
        "stderr": ran.stderr.decode("utf-8", "replace"),
        "truncated": ran.truncated,
        "error": ran.error,
    }


def ran_lines(ran: Ran) -> list[tuple[Cell, ...]]:
    """Each line with its host in front."""
    lines: list[tuple[Cell, ...]] = [
        (Cell(ran.host, Tone.FAINT), Cell("|", Tone.FAINT), Cell(text)) for text in _lines(ran.stdout)
    ]
    if ran.truncated:
        lines.append((Cell(ran.host, Tone.FAINT), Cell("▲", Tone.WARN), Cell("and more", Tone.WARN)))
    lines += [(Cell(ran.host, Tone.FAINT), Cell("!", Tone.WARN), Cell(text)) for text in _lines(ran.stderr)]
    if ran.code != 0:
        ended = clean(ran.error or f"exit code {ran.code}")
        lines.append((Cell(ran.host, Tone.FAINT), Cell("✖", Tone.BAD), Cell(ended)))
    return lines


def _lines(data: bytes) -> list[str]:
    lines = data.decode("utf-8", "replace").split("\n")
    return [clean(line) for line in (lines if lines[-1] else lines[:-1])]


RAN: RowKind[Ran] = RowKind("host", lambda ran: (ran.host,), ran_fields, (), lambda ran: ran.host, ran_lines)

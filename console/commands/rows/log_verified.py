"""What became of a journal file that was verified, as a row."""

from __future__ import annotations

from typing import Any

from console.commands.rows.base import Cell, Column, RowKind, Tone, moment
from console.commands.values import format_duration
from console.hosts.journal_verify import Verdict, Verified

_TONES = {
    Verdict.PASS: Tone.GOOD,
    Verdict.FAIL: Tone.BAD,
    Verdict.UNSEALED: Tone.FAINT,
    Verdict.NO_KEY: Tone.WARN,
}


def _fields(verified: Verified) -> dict[str, Any]:
    return {
        "host": verified.host,
        "file": verified.file.path,
        "bytes": verified.file.size,
        "verdict": verified.verdict.value,
        "detail": verified.detail,
        "offset": verified.offset,
        "sealed_from": moment(verified.sealed_from),
        "sealed_until": moment(verified.sealed_until),
        "unsealed_s": verified.unsealed_s,
    }


def _detail(verified: Verified) -> str:
    parts = [verified.detail] if verified.detail else []
    if verified.offset is not None:
        parts.append(f"at byte {verified.offset}")
    if verified.sealed_until is not None:
        parts.append(f"sealed until {verified.sealed_until:%Y-%m-%d %H:%M:%S} UTC")
    if verified.unsealed_s:
        parts.append(f"the last {format_duration(round(verified.unsealed_s, 3))} not sealed")
    return ", ".join(parts)


VERIFIED: RowKind[Verified] = RowKind(
    "journal file",
    lambda verified: (verified.host, verified.file.path),
    _fields,
    (
        Column("HOST", lambda verified: verified.host, keep=9),
        Column("FILE", lambda verified: verified.file.path.rpartition("/")[2], keep=8, shrink=True),
        Column("BYTES", lambda verified: str(verified.file.size), right=True),
        Column("VERDICT", lambda verified: Cell.state(verified.verdict, _TONES[verified.verdict]), keep=9),
        Column("DETAIL", _detail, keep=7, shrink=True),
    ),
    lambda verified: (verified.host, verified.file.path),
)

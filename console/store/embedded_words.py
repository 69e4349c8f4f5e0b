"""Why the embedded etcd ended, from its log, in words.

etcd writes zap's JSON, one object a line (`level msg error …`); Go's runtime writes plain lines,
`panic: …` or `fatal error: …` with stacks after them; flags it does not know are answered in plain text.
What is named here was seen of etcd 3.4.23 and 3.5.1.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from console.model.text import clean

#: How much of the end of a log is read, in bytes: one panic with all its stacks.
TAIL = 256 * 1024

_QUOTED = 300
_DAMAGED = "restore a backup, or move the folder `data` away to begin anew"
_NEWER = "install that version or a later one"

#: What is looked for in the last words, what it means, and what to do.
_CAUSES = (
    ("no space left on device", "the disk is full", "make room"),
    ("disk quota exceeded", "the disk quota is used up", "make room"),
    ("input/output error", "the disk fails", "look at the kernel's log"),
    ("invalid downgrade", "its data was written by a newer etcd", _NEWER),
    ("cannot be downgraded", "its data was written by a newer etcd", _NEWER),
    ("crc mismatch", "its data is damaged", _DAMAGED),
    ("checksum error", "its data is damaged", _DAMAGED),
    ("invalid database", "its data is damaged", _DAMAGED),
    ("invalid page", "its data is damaged", _DAMAGED),
    ("invalid freelist page", "its data is damaged", _DAMAGED),
    ("address already in use", "its socket is taken", "see whose it is"),
    ("permission denied", "it may not use its folder", "see whose its files are"),
    ("out of memory", "memory ran out", "make room"),
)


@dataclass(frozen=True, slots=True)
class Ending:
    """Why etcd ended.

    :param why: one line, safe to show; what etcd said is quoted in it.
    :param hint: what to do, where that is known.
    """

    why: str
    hint: str | None = None


def ending(log: str) -> Ending:
    """What the log of one run says of its end; says so if it says nothing (it was killed, then)."""
    said = last_words(log)
    if said is None:
        return Ending("it ended without a word")
    quoted = f"etcd says: {clean(said, _QUOTED)}"
    for mark, meaning, hint in _CAUSES:
        if mark in said.lower():
            return Ending(f"{meaning}; {quoted}", hint)
    return Ending(quoted)


def last_words(log: str) -> str | None:
    """The line that tells most of why etcd ended, as `msg: error`; None if there is none."""
    fatal = panic = error = first = None
    structured = False
    for line in log.splitlines():
        if (entry := _entry(line)) is not None:
            structured = True
            if entry.get("level") in ("fatal", "panic", "dpanic"):
                fatal = entry
            elif entry.get("level") == "error":
                error = entry
        elif line.startswith(("panic: ", "fatal error: ", "unexpected fault address")):
            panic = line
        elif first is None and line.strip():
            first = line.strip()
    if fatal is not None:
        return _sentence(fatal)
    if panic is not None:
        return panic
    if error is not None:
        return _sentence(error)
    return None if structured else first


def _entry(line: str) -> dict[str, object] | None:
    if not line.startswith("{"):
        return None
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _sentence(entry: dict[str, object]) -> str:
    parts = (entry.get("msg"), entry.get("error"))
    return ": ".join(str(part) for part in parts if part) or "nothing"

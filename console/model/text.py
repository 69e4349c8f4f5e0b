"""What a host says, made safe to show: bounded and free of control characters."""

from __future__ import annotations

import re

#: C0 without tab, DEL, C1, and the characters that reorder or hide text around them
#: (bidirectional controls, zero-width characters, line and paragraph separators).
_UNSAFE = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
_ANSI = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~])"
)

MAX_TEXT = 4096


def clean(text: str, limit: int = MAX_TEXT) -> str:
    """`text` as one line that no terminal acts on, at most `limit` characters.

    Escape sequences go whole, so that the colour codes of a log line do not leave `[31m`
    behind; other control characters become `·`, tabs a space, and a cut end shows as `…`.
    """
    # Cut before matching: the work stays bounded however long the text is.
    cut = len(text) > limit
    if cut:
        text = text[:limit]
    if not text.isprintable():
        text = _UNSAFE.sub("·", _ANSI.sub("", text).rstrip("\r\n")).replace("\t", " ")
    return text[: limit - 1] + "…" if cut and limit > 0 else text

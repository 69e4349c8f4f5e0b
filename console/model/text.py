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

#: Select Graphic Rendition (ECMA-48): colours and weight, the one sequence that moves and sets nothing.
_SGR = re.compile(r"\x1b\[[0-9;:]*m")

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


def spelled(text: str, limit: int = MAX_TEXT) -> str:
    """`text` with its lines kept and everything else that a terminal would act on spelled out.

    Colours go; any other escape sequence stays to be read, its control characters by their pictures
    (`␛]0;title␇`), those that have none by their numbers (`<U+202E>`). At most `limit` characters of
    `text` are taken; what is cut shows as `…`.
    """
    cut = len(text) > limit
    if cut:
        text = text[:limit]
    if not text.isprintable():
        text = _spelled_part(_SGR.sub("", text).rstrip("\r\n"))
        if len(text) > limit:
            text, cut = text[:limit], True
    return text[: limit - 1] + "…" if cut and limit > 0 else text


def coloured(text: str, limit: int = MAX_TEXT) -> str:
    """`spelled`, with the colours kept and ended."""
    if "\x1b[" not in text:
        return spelled(text, limit)
    text = text[:limit]
    found: list[str] = []
    at = 0
    for colour in _SGR.finditer(text):
        found += (_spelled_part(text[at : colour.start()]), colour.group())
        at = colour.end()
    # No trailing line end, as in `spelled`.
    found.append(_spelled_part(text[at:].rstrip("\r\n")))
    return "".join(found) + "\x1b[0m"


def _spelled_part(text: str) -> str:
    """A piece of a text, spelled out as it stands."""
    return _UNSAFE.sub(_picture, text.replace("\r\n", "\n").replace("\t", " "))


def _picture(found: re.Match[str]) -> str:
    code = ord(found.group())
    if code == 0x0A:
        return "\n"
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"<U+{code:04X}>"

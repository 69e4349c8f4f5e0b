"""What a key is called: by people and in `[keys]`, on the screen, and by Textual.

A key is a character as it is typed (`y`, `?`, `W`) or a name (`enter`, `pgup`, `f5`), either behind
modifiers (`ctrl+r`, `shift+tab`). One key has one name here; what terminals cannot tell apart
(`ctrl+i` and `tab`) has the same one.
"""

from __future__ import annotations

from difflib import get_close_matches

from textual.keys import _character_to_key

ACCEPTED = 'a character ("y", "?"), a name ("enter", "esc", "pgup", "f5"), or one with ctrl+, alt+ or shift+'

#: Names of keys to Textual's.
_NAMES = {
    "enter": "enter",
    "esc": "escape",
    "tab": "tab",
    "space": "space",
    "backspace": "backspace",
    "insert": "insert",
    "delete": "delete",
    "up": "up",
    "down": "down",
    "left": "left",
    "right": "right",
    "home": "home",
    "end": "end",
    "pgup": "pageup",
    "pgdn": "pagedown",
    **{f"f{number}": f"f{number}" for number in range(1, 25)},
}
_ALIASES = {"escape": "esc", "return": "enter", "pageup": "pgup", "pagedown": "pgdn", "del": "delete"}

#: Alphabetical, as Textual has them.
_MODIFIERS = ("alt", "ctrl", "shift")

#: Terminals send the same for both.
_SAME = {"ctrl+i": "tab", "ctrl+m": "enter", "ctrl+[": "esc", "ctrl+h": "backspace"}

#: What can be told from the bare character when ctrl is held: the rest sends what something else sends.
_WITH_CTRL = frozenset("abcdefghijklmnopqrstuvwxyz\\]^_")


class OddKey(ValueError):
    """No key; the message says why, and what is one."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{why}; accepted: {ACCEPTED}")


def key_name(text: str) -> str:
    """The one name of the key that `text` means.

    :raises OddKey: it means none, or one that no terminal sends.
    """
    modifiers, last = _parts(text)
    if len(last) == 1:
        return _character(text, modifiers, last)
    name = last.lower()
    name = _ALIASES.get(name, name)
    if name not in _NAMES:
        near = get_close_matches(name, [*_NAMES, *_ALIASES], 1)
        raise OddKey(f'"{text}" is no key' + (f' (did you mean "{near[0]}"?)' if near else ""))
    if name == "space" and modifiers:
        raise OddKey(f'"{text}" does not reach us from every terminal')
    return "+".join((*modifiers, name))


def textual_key(name: str) -> str:
    """What Textual calls the key that `key_name` has named."""
    modifiers, last = _parts(name)
    known = _NAMES.get(last)
    if known is None:
        if "alt" in modifiers and last.isupper():
            modifiers, last = (*modifiers, "shift"), last.lower()
        known = _character_to_key(last)
    return "+".join((*modifiers, known))


def is_typed(name: str) -> bool:
    """Whether the key `name` writes something where text is typed."""
    return len(name) == 1 or name in ("space", "backspace", "delete")


def _parts(text: str) -> tuple[tuple[str, ...], str]:
    """Modifiers in order, and the key itself, which may be a plus."""
    *before, last = text.split("+") if not text.endswith("+") else (*text[:-1].rstrip("+").split("+"), "+")
    given = [modifier.lower() for modifier in before if modifier]
    for modifier in given:
        if modifier not in _MODIFIERS:
            raise OddKey(f'"{text}" is no key: "{modifier}" is no modifier')
    return tuple(modifier for modifier in _MODIFIERS if modifier in given), last


def _character(text: str, modifiers: tuple[str, ...], char: str) -> str:
    if not char.isprintable() or char.isspace():
        raise OddKey(f"{text!r} is no key")
    if "ctrl" in modifiers:
        char = char.lower()
        if char not in _WITH_CTRL and f"ctrl+{char}" not in _SAME:
            raise OddKey(f'"{text}" does not reach us from every terminal')
    if "shift" in modifiers:
        if "ctrl" in modifiers or not char.isalpha():
            raise OddKey(f'"{text}" does not reach us from every terminal; write the character that it types')
        modifiers, char = tuple(m for m in modifiers if m != "shift"), char.upper()
    if "alt" in modifiers and not (char.isascii() and char.isalnum()):
        raise OddKey(f'"{text}" does not reach us from every terminal')
    name = "+".join((*modifiers, char))
    return _SAME.get(name, name)

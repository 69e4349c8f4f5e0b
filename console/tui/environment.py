"""What the environment says to the terminal, made right before Textual reads it.

Textual 8.2 reads ESCDELAY and its own TEXTUAL_* variables once, when it is imported, and NO_COLOR when
an app is made, where an empty value counts as set (https://no-color.org/ has it the other way round).
So `prepare` comes before the first import of Textual; this module must not import it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import TextIO

from console.errors import UsageError

#: Milliseconds in which what follows ESC makes it a sequence and no key of its own. Textual waits 100,
#: which is felt; over SSH the bytes of one sequence still arrive within this.
ESCDELAY = 25

#: Pictures a second at most. What has changed waits for the next one, and a key with it: at Textual's own
#: 60 that is 17 ms, as much as all that is done for it. The fleet's changes come ten times a second at most.
FPS = 120

_ANIMATION_LEVELS = ("none", "basic", "full")

_DUMB = frozenset({"dumb", "unknown"})


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was decided, and what a child process must not see of it.

    :param no_color: no colour is to be written. The app is made with `ansi_color=True` then, for which
        Textual drops colours; otherwise it would write greys.
    :param before: the variables that are Textual's affair alone, as they were; None: not set.
    """

    no_color: bool
    before: Mapping[str, str | None]

    def for_children(self, environ: Mapping[str, str]) -> dict[str, str]:
        """`environ` as a pager or an ssh started from the terminal should get it."""
        given = {name: value for name, value in environ.items() if name not in self.before}
        return given | {name: value for name, value in self.before.items() if value is not None}


def prepare(
    environ: MutableMapping[str, str], color: str = "auto", streams: Mapping[str, TextIO | None] | None = None
) -> Prepared:
    """Set what Textual reads, in place, and say what there is to know.

    What the user has set for ESCDELAY, TEXTUAL_FPS and TEXTUAL_ANIMATIONS stays, if Textual can read it.

    :param color: `--color`: `always` overrides NO_COLOR, `never` is the same as setting it, for
        children too.
    :param streams: by name, what must be a terminal; by default what the process was started with.
    :raises UsageError: there is no terminal to show a screen on.
    """
    _check_terminal(environ.get("TERM", ""), _standard_streams() if streams is None else streams)
    before: dict[str, str | None] = {}
    if not _is_delay(environ.get("ESCDELAY", "")):
        _set(environ, "ESCDELAY", str(ESCDELAY), before)
    if environ.get("TEXTUAL_ANIMATIONS", "").lower() not in _ANIMATION_LEVELS:
        _set(environ, "TEXTUAL_ANIMATIONS", "none", before)
    if not environ.get("TEXTUAL_FPS", "").isdigit():
        _set(environ, "TEXTUAL_FPS", str(FPS), before)
    no_color = color == "never" or (color == "auto" and environ.get("NO_COLOR", "") != "")
    if not no_color:
        _set(environ, "NO_COLOR", None, before)
    elif not environ.get("NO_COLOR"):
        environ["NO_COLOR"] = "1"
    return Prepared(no_color, before)


def _standard_streams() -> dict[str, TextIO | None]:
    # Textual reads the first and writes to the last. That stdout is a file or a pipe says that
    # somebody waits for data on it.
    return {"stdin": sys.__stdin__, "stdout": sys.__stdout__, "stderr": sys.__stderr__}


def _check_terminal(term: str, streams: Mapping[str, TextIO | None]) -> None:
    if term in _DUMB:
        wrong = f"TERM is {term}, which cannot show a screen"
    elif missing := [name for name, stream in streams.items() if stream is None or not stream.isatty()]:
        wrong = f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} no terminal"
    else:
        return
    raise UsageError(wrong, hint="for the same as text: `quarterdeck fleet status`")


def _is_delay(text: str) -> bool:
    return len(text) < 7 and text.isascii() and text.isdigit() and int(text) > 0


def _set(
    environ: MutableMapping[str, str], name: str, value: str | None, before: dict[str, str | None]
) -> None:
    old = environ.get(name)
    if old == value:
        return
    before[name] = old
    if value is None:
        del environ[name]
    else:
        environ[name] = value

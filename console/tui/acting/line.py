"""A line typed after `:`: a command of the core, a view to go to, or how to show it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from console.commands.command import Command
from console.commands.everything import core_registry
from console.commands.grammar import parse_line
from console.commands.registry import Registry
from console.errors import UsageError
from console.tui.acting.offers import Target
from console.tui.views import TOP, Kind, View


@lru_cache(1)
def registry() -> Registry:
    """The commands that can be typed, made once."""
    return core_registry()


@dataclass(frozen=True, slots=True)
class Setting:
    """What is to be different: one of SETTINGS, and how."""

    what: str
    words: tuple[str, ...]

    @property
    def text(self) -> str:
        return " ".join(self.words)


#: `filter TEXT`, as after `/`; `sort COLUMN` or `sort -COLUMN`; `columns COLUMN…` to be left out; `theme
#: NAME`; `record NAME` begins a macro of what is run from then on. Without anything, each goes back to how
#: it was.
SETTINGS = ("filter", "sort", "columns", "theme", "record")


def understood(text: str) -> Command | View | Setting:
    """What a line means.

    :raises UsageError: nothing, or something that cannot be run from inside the terminal.
    """
    words = text.split()
    if words[:1] == ["view"]:
        words = words[1:]
        if not words or words[0] not in ("go", *SETTINGS):
            raise UsageError("view: which verb?", hint=f"one of go, {', '.join(SETTINGS)}")
    if words[:1] == ["go"]:
        names = [str(kind) for kind in TOP]
        if len(words) != 2 or words[1] not in names:
            raise UsageError("go: where to?", hint=f"one of {', '.join(names)}")
        return View(Kind(words[1]))
    if words and words[0] in SETTINGS:
        if words == ["theme"]:
            raise UsageError("theme: which?", hint="theme NAME")
        return Setting(words[0], tuple(words[1:]))
    line = parse_line(text, registry())
    if line.command is None:
        raise UsageError("a command is missing", hint="? tells the keys; `unit restart web --on web1`")
    if getattr(line.command, "watch", False):
        raise UsageError("--watch: what is on the screen is live already", hint="leave it out")
    if line.command.endless:
        raise UsageError(
            f"{' '.join(line.command.words)}: it does not end by itself", hint="not inside the terminal"
        )
    return line.command


def about(view: View) -> list[Target]:
    """What a log or a page is about."""
    if view.record:
        return [Target("audit", "", view.record)]
    if view.rollout:
        return [Target("rollout", "", view.rollout)]
    if view.service and view.question != "why":
        return [Target("service", "", view.service)]
    if view.service:
        return [Target("instance", "", view.service)]
    if view.host is None:
        return []
    if view.unit:
        return [Target("unit", view.host, view.unit)]
    if view.container:
        return [Target("container", view.host, view.container[:12])]
    return [Target("host", view.host, view.host)]

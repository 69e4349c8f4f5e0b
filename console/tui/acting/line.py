"""A line typed after `:`: a command of the core, or a view to go to. Pure."""

from __future__ import annotations

from functools import lru_cache

from console.commands.command import Command
from console.commands.everything import core_registry
from console.commands.grammar import parse_line
from console.commands.registry import Registry
from console.errors import UsageError
from console.tui.acting.offers import Target
from console.tui.views import TOP, Kind, View


@lru_cache(1)
def _registry() -> Registry:
    return core_registry()


def understood(text: str, now: View) -> Command | View:
    """What a line means.

    :param now: the view it is typed in.
    :raises UsageError: nothing, or something that cannot be run from inside the terminal.
    """
    words = text.split()
    if words[:2] == ["view", "go"]:
        words = words[1:]
    if words[:1] == ["go"]:
        names = [str(kind) for kind in TOP]
        if len(words) != 2 or words[1] not in names:
            raise UsageError("go: where to?", hint=f"one of {', '.join(names)}")
        return View(Kind(words[1]))
    line = parse_line(text, _registry())
    if line.command is None:
        raise UsageError("a command is missing", hint="? tells the keys; `unit restart web --on web1`")
    if getattr(line.command, "watch", False):
        raise UsageError("--watch: what is on the screen is live already", hint="leave it out")
    return line.command


def about(view: View) -> list[Target]:
    """What a log or a page is about."""
    if view.host is None:
        return []
    if view.unit:
        return [Target("unit", view.host, view.unit)]
    if view.container:
        return [Target("container", view.host, view.container[:12])]
    return [Target("host", view.host, view.host)]

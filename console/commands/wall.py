"""`wall`: the fleet on a display that nobody touches. What it takes; a face shows it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from console.commands.command import Command, Recall, option
from console.commands.values import Value, format_duration, parse_duration
from console.errors import UsageError

if TYPE_CHECKING:
    from console.commands.core import Core
    from console.commands.output import Output


class Page(StrEnum):
    """What a wall can show below its band."""

    TROUBLES = "troubles"
    HOSTS = "hosts"
    SERVICES = "services"
    ROLLOUTS = "rollouts"


def _pages(text: str) -> tuple[Page, ...]:
    known = [page.value for page in Page]
    found = [word.strip() for word in text.split(",") if word.strip()]
    wrong = next((word for word in found if word not in known), None)
    if wrong is not None or not found or len(set(found)) < len(found):
        said = f"no page of a wall: {wrong!r}" if wrong else f"not pages, each once: {text!r}"
        raise UsageError(said, hint=f"any of {','.join(known)}")
    return tuple(Page(word) for word in found)


PAGES: Value[tuple[Page, ...]] = Value("PAGES", _pages, ",".join, tuple(Page))

#: A page that stays for less cannot be read.
_LEAST_S = 2.0


def _stay(text: str) -> float:
    seconds = parse_duration(text)
    if seconds < _LEAST_S:
        raise UsageError(f"a page that stays for {text} cannot be read", hint="20s")
    return seconds


STAY: Value[float] = Value("DURATION", _stay, format_duration)


@dataclass(frozen=True)
class Wall(Command):
    """Show the fleet on a wall: read-only, for a screen that nobody touches.

    A band on top says how the fleet is, in words; the pages below it take turns, and stop on what has turned
    red. Old data is never shown as new: the band says STALE, and since when. It takes no key but `q`, twice.

    It starts no etcd and no engine, and connects again for as long as it runs. Slower terminals are spared:
    it is painted four times a second at most.
    """

    words = ("wall",)
    screen = True
    recall = Recall.NONE  # the wall follows it itself
    rotate: float = option(STAY, "how long each page stays", default=20.0)
    pages: tuple[Page, ...] = option(PAGES, "which pages, in this order", default=tuple(Page))

    async def run(self, core: Core, out: Output) -> None:
        raise UsageError("wall: there is no screen to take", hint="the same as text: `fleet status --watch`")


COMMANDS: tuple[type[Command], ...] = (Wall,)

"""Parameters that many commands share."""

from __future__ import annotations

from dataclasses import dataclass

from console.commands.command import Command, option, switch
from console.commands.values import SELECTOR, TEXT
from console.model.selector import Selector


@dataclass(frozen=True)
class OnHosts(Command):
    """A command that is about some hosts."""

    on: Selector | None = option(
        SELECTOR, "which hosts: names, globs, key=value, key!=value; all if left out"
    )


@dataclass(frozen=True)
class Listing(OnHosts):
    """A command that lists, and can go on telling what changes."""

    state: str | None = option(TEXT, "only those in this state; several with commas")
    watch: bool = switch("go on, telling each change")

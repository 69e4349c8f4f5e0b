"""Help, made from the registry: what there is, and what one command takes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from console import __version__
from console.commands.command import Command, Parameter, Shape
from console.commands.grammar import GLOBALS, options_of
from console.commands.registry import Registry

_WIDTH = 100


def overview(registry: Registry) -> str:
    """Every command with its one line."""
    lines = [
        "usage: quarterdeck [options] NOUN VERB [arguments] [--on SELECTOR]",
        "",
        f"Quarterdeck {__version__}, an operations console for fleets of container hosts.",
    ]
    for noun in registry.nouns():
        lines.append("")
        for command in registry:
            if command.words[0] == noun:
                lines.append(f"  {' '.join(command.words):<18} {command.summary()}")
    lines += ["", "options that go with every command:", *_listed(GLOBALS), ""]
    lines.append("`quarterdeck NOUN VERB --help` says more. A selector is names, globs, key=value and")
    lines.append("key!=value, joined by commas: `--on role=web,zone!=b`, `--on 'web*,db1'`.")
    return "\n".join(lines)


def noun_help(registry: Registry, noun: str) -> str:
    """The verbs of one noun."""
    lines = [f"usage: quarterdeck {noun} VERB …", ""]
    for command in registry:
        if command.words[0] == noun:
            lines.append(f"  {' '.join(command.words):<18} {command.summary()}")
    return "\n".join(lines)


def command_help(command: type[Command]) -> str:
    """One command: its line, what it is for, its parameters."""
    parameters = command.parameters()
    lines = [f"usage: quarterdeck {usage(command)}", ""]
    lines += _paragraphs(command.__doc__ or "")
    arguments = [p for p in parameters if p.shape in (Shape.ARGUMENT, Shape.REST)]
    options = [p for p in parameters if p.shape in (Shape.OPTION, Shape.SWITCH)]
    if arguments:
        lines += ["", *_listed(arguments)]
    if options:
        lines += ["", "options:", *_listed(options)]
    everywhere = [parameter for parameter in options_of(command) if parameter not in parameters]
    lines += ["", "options that go with every command:", *_listed(everywhere)]
    if command.aliases:
        lines += ["", "also: " + ", ".join(" ".join(words) for words in command.aliases)]
    if fleetctls := [f"{theirs} ({ours})" for theirs, ours in command.spellings.items()] + [*command.taken]:
        lines += ["", "fleetctl's options that are taken: " + ", ".join(fleetctls)]
    return "\n".join(lines)


def usage(command: type[Command]) -> str:
    """The command's line with its parameters in the manual's notation."""
    words = [*command.words]
    for parameter in command.parameters():
        shown = parameter.value.metavar + ("…" if parameter.many else "")
        match parameter.shape:
            case Shape.ARGUMENT:
                words.append(shown if parameter.required else f"[{shown}]")
            case Shape.OPTION:
                words.append(f"[{parameter.flag} {parameter.value.metavar}]")
            case Shape.SWITCH:
                words.append(f"[{parameter.flag}]")
            case Shape.REST:
                words.append(f"-- {shown}" if parameter.required else f"[-- {shown}]")
    return " ".join(words)


def _listed(parameters: Iterable[Parameter]) -> list[str]:
    lines = []
    for parameter in parameters:
        match parameter.shape:
            case Shape.SWITCH:
                left = parameter.flag
            case Shape.OPTION:
                left = f"{parameter.flag} {parameter.value.metavar}"
            case _:
                left = parameter.value.metavar
        if parameter.short:
            left = f"{parameter.short}, {left}"
        text = textwrap.wrap(parameter.help, _WIDTH - 32)
        if len(left) > 27:
            lines.append(f"  {left}")
            left = ""
        lines.append(f"  {left:<28}  {text[0] if text else ''}")
        lines += [f"  {'':<28}  {more}" for more in text[1:]]
    return lines


def _paragraphs(doc: str) -> list[str]:
    return textwrap.dedent(doc if doc.startswith("\n") else "    " + doc).strip().splitlines()

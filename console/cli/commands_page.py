"""`docs/commands.md`, made from the registry: `python -m console.cli.commands_page > docs/commands.md`."""

from __future__ import annotations

from console.cli.registry import all_commands
from console.commands.command import Kind
from console.commands.help import command_help


def page() -> str:
    """Every command with its help, by noun."""
    registry = all_commands()
    lines = [
        "# Commands",
        "",
        "Made from the registry by `python -m console.cli.commands_page`; the same lines are typed after `:`",
        "in the terminal, stand in macros, and are `quarterdeck`'s own arguments. *writes* marks what",
        "changes something: it has a plan (`--plan`), is confirmed, and is recorded.",
    ]
    for noun in registry.nouns():
        lines += ["", f"## {noun}"]
        for command in registry:
            if command.words[0] != noun:
                continue
            writes = " (writes)" if command.kind is Kind.WRITE else ""
            text = command_help(command).partition("\noptions that go with every command:")[0].rstrip()
            lines += ["", f"### {' '.join(command.words)}{writes}", "", "```", text, "```"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")

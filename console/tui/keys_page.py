"""`docs/keys.md`, from the table of actions: `python -m console.tui.keys_page > docs/keys.md`."""

from __future__ import annotations

from console.tui.actions import Action, Place, at

_HEAD = """\
<!-- Made by `python -m console.tui.keys_page > docs/keys.md`; a test compares. -->

# Keys

`?` shows the ones that work where you are. No key changes anything on a host by itself: what does is a
command, which shows its plan and asks first. Everything is also reached with the mouse or through
`ctrl+p`.

Other keys are given in the fleet file, by the name of the action; an empty text takes its key away
([configuration.md](configuration.md#keys)):

    [keys]
    go.hosts = "f7"
    list.mark = ["space", "insert"]
    app.quit = ""

Every action on `ctrl+b`, which tmux takes for itself, has another key too. `:` is kept for the command
line.
"""


def page() -> str:
    """The whole page."""
    return "\n".join((_HEAD, *(_section(place) for place in Place)))


def _section(place: Place) -> str:
    rows = [_row(action) for action in at(place)]
    return "\n".join((f"## {place}\n", "| keys | action | |", "|---|---|---|", *rows, ""))


def _row(action: Action) -> str:
    return f"| {_keys(action)} | `{action.id}` | {action.help} |"


def _keys(action: Action) -> str:
    return " ".join(f"`{key}`" for key in action.keys)


if __name__ == "__main__":
    print(page(), end="")

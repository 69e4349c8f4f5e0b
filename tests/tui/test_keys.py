"""One table of actions, and what `[keys]` may make of it."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
from textual.app import App, ComposeResult
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from console.cli.registry import all_commands
from console.commands.command import Kind
from console.errors import ConfigError
from console.model.config import KeySetting
from console.tui.actions import ACTIONS, BY_ID, SINCE, Place, at
from console.tui.keynames import OddKey, key_name, textual_key
from console.tui.keys import Keymap, bind, bindings, help_for, hints, resolve
from console.tui.keys_page import page
from console.tui.widgets.document import Document

FILE = Path("/etc/fleet.toml")
DEFAULT = resolve({}, FILE)


def rebound(**settings: str) -> Keymap:
    """The keymap of settings such as `list__down="n m"`, each on the line of its place in the call."""
    return resolve(as_settings(settings), FILE)


def as_settings(given: dict[str, str]) -> dict[str, KeySetting]:
    return {
        name.replace("__", "."): KeySetting(tuple(keys.split()), line)
        for line, (name, keys) in enumerate(given.items(), 1)
    }


def problems(**settings: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        rebound(**settings)
    return [str(problem) for problem in caught.value.problems]


class TestTable:
    def test_no_two_actions_clash(self) -> None:
        resolve({}, FILE)

    def test_every_action_has_one_name_and_a_key(self) -> None:
        assert len(BY_ID) == len(ACTIONS)
        assert all(action.keys for action in ACTIONS)

    def test_every_default_key_is_spelt_as_it_is_shown(self) -> None:
        keys = {key for action in ACTIONS for key in action.keys}
        assert keys == {key_name(key) for key in keys}

    def test_no_action_is_a_command_that_changes_something(self) -> None:
        commands = all_commands()
        changing = {c.words[-1] for c in commands if c.kind is Kind.WRITE and c.words[0] != "lab"}
        assert changing
        changing.discard("top")  # runs a container's own ps; a list has a top too
        changing.discard("submit")  # a service is; what is typed into a form is as well
        changing |= {
            "start",
            "stop",
            "restart",
            "reload",
            "kill",
            "remove",
            "reboot",
            "update",
            "move",
            "drain",
        }
        named = {word for action in ACTIONS for word in (*action.id.split("."), action.action.split(".")[1])}
        assert named.isdisjoint(changing)

    def test_what_tmux_takes_has_another_key_too(self) -> None:
        for action in ACTIONS:
            taken = {"ctrl+a", "ctrl+b"} & set(action.keys)
            assert not taken or set(action.keys) - taken

    def test_the_terminals_own_keys_are_not_taken_and_no_bare_key_edits(self) -> None:
        keys = {key for action in ACTIONS for key in action.keys}
        assert keys.isdisjoint({"ctrl+s", "ctrl+z", "ctrl+h", "ctrl+k", "e"})

    def test_what_holds_everywhere_is_looked_for_in_the_app_or_the_screen(self) -> None:
        for action in ACTIONS:
            assert action.action.split(".")[0] in {"app", "screen", "focused"}
            assert Place.APP not in action.places or not action.action.startswith("focused.")

    def test_what_textual_itself_does_it_has_an_action_for(self) -> None:
        for action in ACTIONS:
            target, _, name = action.action.partition(".")
            if target == "app":
                assert hasattr(App, f"action_{name}")
            if action.places == (Place.DETAIL,) and target == "focused":
                assert hasattr(Document, f"action_{name}")
        assert hasattr(Input, f"action_{BY_ID['filter.apply'].action.partition('.')[2]}")

    def test_a_log_has_a_key_for_each_reach(self) -> None:
        assert [BY_ID[f"log.since_{n}"].action for n in range(len(SINCE))] == [
            f"screen.since({n})" for n in range(7)
        ]

    def test_the_page_of_the_documentation_is_the_table(self) -> None:
        written = (Path(__file__).parents[2] / "docs/keys.md").read_text(encoding="utf-8")
        assert written == page(), "stale: python -m console.tui.keys_page > docs/keys.md"


class TestNames:
    """What a key may be called in a file, and what Textual calls it."""

    @pytest.mark.parametrize(
        ("written", "name", "textual"),
        [
            ("y", "y", "y"),
            ("W", "W", "W"),
            ("shift+w", "W", "W"),
            ("?", "?", "question_mark"),
            (",", ",", "comma"),
            ("+", "+", "plus"),
            ("\\", "\\", "backslash"),
            ("é", "é", "é"),
            ("esc", "esc", "escape"),
            ("Escape", "esc", "escape"),
            ("PageUp", "pgup", "pageup"),
            ("f12", "f12", "f12"),
            ("Ctrl+R", "ctrl+r", "ctrl+r"),
            ("ctrl+\\", "ctrl+\\", "ctrl+backslash"),
            ("shift+tab", "shift+tab", "shift+tab"),
            ("shift+ctrl+left", "ctrl+shift+left", "ctrl+shift+left"),
            ("alt+b", "alt+b", "alt+b"),
            ("alt+B", "alt+B", "alt+shift+b"),
            ("ctrl+i", "tab", "tab"),
            ("ctrl+m", "enter", "enter"),
            ("ctrl+[", "esc", "escape"),
        ],
    )
    def test_a_key(self, written: str, name: str, textual: str) -> None:
        assert key_name(written) == name
        assert textual_key(name) == textual

    @pytest.mark.parametrize(
        ("written", "why"),
        [
            ("entr", 'did you mean "enter"?'),
            ("question_mark", "is no key"),
            ("gg", "is no key"),
            ("", "is no key"),
            (" ", "is no key"),
            ("\x1b", "is no key"),
            ("super+a", '"super" is no modifier'),
            ("ctrl+", "does not reach us"),
            ("ctrl+5", "does not reach us"),
            ("ctrl+space", "does not reach us"),
            ("ctrl+shift+r", "does not reach us"),
            ("shift+1", "write the character that it types"),
            ("alt+?", "does not reach us"),
        ],
    )
    def test_what_is_no_key(self, written: str, why: str) -> None:
        with pytest.raises(OddKey) as caught:
            key_name(written)
        assert why in str(caught.value)
        assert "accepted: a character" in str(caught.value)


class TestSettings:
    def test_an_action_gets_the_keys_it_is_given_and_others_keep_theirs(self) -> None:
        keymap = rebound(go__hosts="f20", list__mark="Space insert space")
        assert keymap.of(BY_ID["go.hosts"]) == ("f20",)
        assert keymap.of(BY_ID["list.mark"]) == ("space", "insert")
        assert keymap.of(BY_ID["list.down"]) == ("j", "down")

    def test_an_action_can_be_left_without_a_key(self) -> None:
        assert rebound(app__leave="").of(BY_ID["app.leave"]) == ()

    def test_an_action_that_does_not_exist_is_told_with_the_nearest(self) -> None:
        (problem,) = problems(go__host="f9")
        assert problem.startswith(
            '/etc/fleet.toml:1: [keys]: there is no action "go.host" (did you mean go.hosts?)'
        )
        assert "docs/keys.md" in problem

    def test_a_key_that_is_none_is_told_with_its_line(self) -> None:
        (problem,) = problems(app__copy="Y", app__help="f25")
        assert problem.startswith('/etc/fleet.toml:2: [keys] app.help: "f25" is no key')

    def test_two_actions_with_one_key_are_told_with_both_lines(self) -> None:
        (problem,) = problems(list__sort="x", log__wrap="x", list__columns="x")
        assert problem.startswith(
            '/etc/fleet.toml:3: [keys] list.columns: "x" is taken, /etc/fleet.toml:1 gives it to list.sort'
        )

    def test_a_key_of_the_table_is_told_with_whose_it_is(self) -> None:
        (problem,) = problems(list__columns="s")
        assert problem.startswith('/etc/fleet.toml:1: [keys] list.columns: "s" is taken, list.sort has it')
        assert problem.endswith('accepted: another key, or another (or "") for list.sort')

    def test_it_can_be_had_when_its_owner_gives_it_up(self) -> None:
        keymap = rebound(list__columns="s", list__sort="")
        assert keymap.of(BY_ID["list.columns"]) == ("s",)

    def test_two_actions_can_swap_their_keys(self) -> None:
        keymap = rebound(list__columns="s", list__sort="c")
        assert keymap.of(BY_ID["list.sort"]) == ("c",)

    def test_what_holds_everywhere_clashes_with_every_place(self) -> None:
        (problem,) = problems(app__copy="f")
        assert "log.follow has it, everywhere" in problem

    def test_two_places_can_have_the_same_key(self) -> None:
        assert rebound(list__sort="f").of(BY_ID["list.sort"]) == ("f",)

    def test_all_is_told_at_once_in_the_order_of_the_lines(self) -> None:
        found = problems(no__such="x", app__copy="q", app__help="f25", log__wrap="t")
        assert [problem.split(":")[1] for problem in found] == ["1", "2", "3", "4"]

    def test_what_is_typed_into_the_filter_cannot_leave_it(self) -> None:
        (problem,) = problems(filter__apply="x")
        assert '"x" is typed into the filter' in problem
        assert rebound(filter__apply="ctrl+j", filter__cancel="ctrl+g").of(BY_ID["filter.cancel"]) == (
            "ctrl+g",
        )


class TestHints:
    def test_they_fit_the_width_and_lose_the_least_useful_first(self) -> None:
        for place in Place:
            everything = hints(place, 1000, DEFAULT)
            for width in range(0, 120, 7):
                found = hints(place, width, DEFAULT)
                assert len("  ".join(f"{key} {label}" for key, label in found)) <= width
                assert found == everything[: len(found)]

    def test_in_80_columns_one_sees_how_to_go_on_and_how_to_get_help(self) -> None:
        shown = {label for _, label in hints(Place.LIST, 80, DEFAULT)}
        assert {"open", "log", "filter", "back", "keys"} <= shown

    def test_neighbours_with_one_label_are_one_hint(self) -> None:
        found = {label: key for key, label in hints(Place.LOG, 1000, DEFAULT)}
        assert found["since"] == "0-6"
        assert found["next"] == "nN"
        assert found["views"] == "WHUCILPORAME"
        assert found["history"] == "[]"

    def test_they_show_the_keys_that_are_bound(self) -> None:
        found = {
            label: key for key, label in hints(Place.LIST, 1000, rebound(list__sort="f20", row__open=""))
        }
        assert found["sort"] == "f20/S"
        assert "open" not in found


def test_the_help_tells_every_key_of_the_place_and_then_of_everywhere() -> None:
    keymap = rebound(app__leave="")
    (_, here), (title, everywhere) = help_for(Place.LOG, keymap)
    assert ("n", "To the next line found.") in here
    assert title == "Everywhere"
    assert len(everywhere) == len(list(at(Place.APP))) - 1


class Recorder(Widget, can_focus=True):
    """A list that notes what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []
        bind(self, Place.LIST, rebound(list__down="n", list__mark="?", app__help="f1"))

    def action_cursor_down(self) -> None:
        self.told.append("down")

    def action_mark(self) -> None:
        self.told.append("mark")


class One(Screen[None], inherit_bindings=False):
    def compose(self) -> ComposeResult:
        yield Recorder()
        yield Input()

    def action_go(self, view: str) -> None:
        self.query_one(Recorder).told.append(view)


class Console(App[None]):
    ENABLE_COMMAND_PALETTE = False
    AUTO_FOCUS: ClassVar[str | None] = "Recorder"

    def __init__(self) -> None:
        super().__init__()
        bind(self, Place.APP, rebound(app__help="f1", go__hosts=","))

    def get_default_screen(self) -> Screen[None]:
        return One()


async def test_textual_does_what_the_table_says() -> None:
    async with Console().run_test() as pilot:
        await pilot.press("n", "j", "down", "question_mark", "W", "comma", "H", "f4")
        assert pilot.app.screen.query_one(Recorder).told == ["down", "mark", "watch", "hosts", "units"]


async def test_quitting_is_above_everything() -> None:
    app = Console()
    async with app.run_test() as pilot:
        app.push_screen(Screen())
        await pilot.pause()
        await pilot.press("ctrl+c")
        await pilot.pause()
        assert app._exit


async def test_an_input_line_keeps_the_keys_that_edit_it() -> None:
    async with Console().run_test() as pilot:
        line = pilot.app.screen.query_one(Input)
        bind(line, Place.FILTER, DEFAULT, keep=True)
        line.focus()
        await pilot.press("a", "q", "b", "left", "backspace")
        assert line.value == "ab"
        assert [binding.id for binding in line._bindings.get_bindings_for_key("enter")] == ["filter.apply"]


def test_every_binding_has_its_actions_name() -> None:
    for place in Place:
        assert [binding.id for binding in bindings(place, DEFAULT)] == [
            action.id for action in at(place) for _ in action.keys
        ]

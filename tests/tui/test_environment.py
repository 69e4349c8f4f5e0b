"""What is decided before Textual is imported."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

from console.errors import UsageError
from console.tui.environment import Prepared, prepare


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


TERMINALS = {"stdin": Terminal(), "stdout": Terminal(), "stderr": Terminal()}


def prepared(environ: dict[str, str], color: str = "auto") -> Prepared:
    return prepare(environ, color, TERMINALS)


def seen_by_textual(code: str, **environ: str) -> str:
    """What a fresh interpreter prints after `prepare`."""
    lines = (
        "import os, sys\n"
        "from console.tui.environment import prepare\n"
        "assert 'textual' not in sys.modules\n"
        "prepare(os.environ, streams={})\n"
        f"{code}"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TEXTUAL")}
    clean["TERM"] = "xterm-256color"
    for name in ("NO_COLOR", "ESCDELAY"):
        clean.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-c", lines], capture_output=True, text=True, check=True, env={**clean, **environ}
    )
    return done.stdout.strip()


class TestTextual:
    """What Textual makes of it: the variables' names and their forms are its own."""

    LEVELS = "from textual import constants as c; print(c.ESCAPE_DELAY, c.TEXTUAL_ANIMATIONS, c.MAX_FPS)"
    COLOR = "from textual.app import App; print(App().no_color)"

    def test_escape_is_instant_and_nothing_moves(self) -> None:
        assert seen_by_textual(self.LEVELS) == "0.025 none 120"

    def test_what_the_user_has_set_stays(self) -> None:
        assert (
            seen_by_textual(self.LEVELS, ESCDELAY="50", TEXTUAL_FPS="60", TEXTUAL_ANIMATIONS="FULL")
            == "0.05 full 60"
        )

    def test_what_cannot_be_read_does_not(self) -> None:
        assert (
            seen_by_textual(self.LEVELS, ESCDELAY="soon", TEXTUAL_FPS="many", TEXTUAL_ANIMATIONS="a bit")
            == "0.025 none 120"
        )

    def test_an_empty_no_color_leaves_the_colours(self) -> None:
        assert seen_by_textual(self.COLOR, NO_COLOR="") == "False"
        assert seen_by_textual(self.COLOR, NO_COLOR="0") == "True"


class TestNoColor:
    def test_it_is_set_where_it_is_not_empty(self) -> None:
        assert prepared({"NO_COLOR": "1"}).no_color
        assert not prepared({"NO_COLOR": ""}).no_color
        assert not prepared({}).no_color

    def test_children_get_it_as_well(self) -> None:
        environ = {"NO_COLOR": "yes"}
        assert prepared(environ).for_children(environ)["NO_COLOR"] == "yes"

    def test_color_never_is_the_same_and_is_passed_on(self) -> None:
        environ: dict[str, str] = {}
        found = prepared(environ, "never")
        assert found.no_color
        assert environ["NO_COLOR"]
        assert found.for_children(environ)["NO_COLOR"]

    def test_color_always_is_for_us_and_not_for_children(self) -> None:
        environ = {"NO_COLOR": "1"}
        found = prepared(environ, "always")
        assert not found.no_color
        assert "NO_COLOR" not in environ
        assert found.for_children(environ)["NO_COLOR"] == "1"


def test_children_see_nothing_of_what_was_set_for_textual() -> None:
    environ = {"HOME": "/home/ops", "ESCDELAY": "x", "NO_COLOR": ""}
    found = prepared(environ)
    assert environ == {
        "HOME": "/home/ops",
        "ESCDELAY": "25",
        "TEXTUAL_ANIMATIONS": "none",
        "TEXTUAL_FPS": "120",
    }
    assert found.for_children(environ) == {"HOME": "/home/ops", "ESCDELAY": "x", "NO_COLOR": ""}


class TestNoTerminal:
    """Without a terminal the reader is sent to the command that says the same as text."""

    @pytest.mark.parametrize("term", ["dumb", "unknown"])
    def test_one_that_cannot_move_its_cursor(self, term: str) -> None:
        with pytest.raises(UsageError, match=rf"TERM is {term}.*quarterdeck fleet status"):
            prepared({"TERM": term})

    @pytest.mark.parametrize("name", ["stdin", "stdout", "stderr"])
    def test_a_stream_that_is_none(self, name: str) -> None:
        environ = {"TERM": "xterm"}
        with pytest.raises(UsageError, match=rf"^{name} is no terminal \(.*quarterdeck fleet status"):
            prepare(environ, streams={**TERMINALS, name: io.StringIO()})
        assert environ == {"TERM": "xterm"}

    def test_several_are_told_together(self) -> None:
        with pytest.raises(UsageError, match="stdin and stdout are no terminal"):
            prepare({}, streams={**TERMINALS, "stdin": None, "stdout": io.StringIO()})

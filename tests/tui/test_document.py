"""A page that is filtered and searched."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult

from console.commands.filters import Filter
from console.commands.logbook_filter import Pattern
from console.commands.rows import Cell
from console.errors import UsageError
from console.tui.tones import DEFAULT_VARIABLES
from console.tui.widgets.document import Document
from console.tui.widgets.document_text import DocumentText


def page(*lines: str) -> DocumentText:
    text = DocumentText()
    text.put([tuple(map(Cell, line.split("|"))) for line in lines])
    return text


def test_lines_that_do_not_match_go_and_come_back() -> None:
    text = page("Requires|docker.service", "After|docker.service", "WantedBy|multi-user.target")
    text.set_filter(Filter.parse("docker"))
    assert text.plain() == "Requires docker.service\nAfter docker.service"
    assert (len(text.shown), text.total) == (2, 3)
    text.set_filter(Filter.parse("!docker"))
    assert text.plain() == "WantedBy multi-user.target"
    text.set_filter(None)
    assert len(text.shown) == 3


def test_what_comes_later_is_filtered_too() -> None:
    text = page("one", "two")
    text.set_filter(Filter.parse("o"))
    text.put([(Cell("three"),), (Cell("four"),)])
    assert text.plain() == "four"


def test_a_filter_by_labels_is_refused_and_leaves_the_page_as_it_is() -> None:
    text = page("one")
    with pytest.raises(UsageError, match="selects hosts"):
        text.set_filter(Filter.parse("-l role=web"))
    assert text.plain() == "one"


def test_a_search_goes_round_either_way_and_only_through_what_is_shown() -> None:
    text = page("a1", "b", "a2", "b", "a3")
    text.pattern = Pattern.parse("a")
    assert text.find(1)
    assert text.at == 2
    assert text.find(3)
    assert text.at == 4
    assert text.find(5)
    assert text.at == 0
    assert text.find(-1, backwards=True)
    assert text.at == 4
    text.set_filter(Filter.parse("b"))
    assert not text.find(0)
    assert text.at is None


def test_nothing_is_found_on_an_empty_page_or_without_a_search() -> None:
    text = page()
    text.pattern = Pattern.parse("a")
    assert not text.find(0)
    assert not page("a").find(0)


def test_what_a_terminal_would_act_on_is_never_shown() -> None:
    assert page("a\x1b[31mb").plain().isprintable()


class PageApp(App[None]):
    def get_theme_variable_defaults(self) -> dict[str, str]:
        return DEFAULT_VARIABLES

    def compose(self) -> ComposeResult:
        yield Document(id="main")


async def test_a_search_brings_its_line_onto_the_screen_and_highlights_what_was_found() -> None:
    app = PageApp()
    async with app.run_test(size=(40, 10)) as pilot:
        document = app.query_one(Document)
        document.show([(Cell(f"line {n:03}"),) for n in range(200)])
        await pilot.pause()
        assert document.set_search("line 150")
        await pilot.pause()
        strips = app.screen._compositor.render_strips()
        shown = [strip.text.strip() for strip in strips]
        assert "line 150" in shown
        found = next(strip for strip in strips if "line 150" in strip.text)
        other = next(strip for strip in strips if "line 149" in strip.text)
        assert {segment.style for segment in found} != {segment.style for segment in other}
        document.action_search_next()
        await pilot.pause()
        assert "line 150" in [strip.text.strip() for strip in app.screen._compositor.render_strips()]
        assert not document.set_search("nowhere")

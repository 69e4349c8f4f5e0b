"""The mark of a unit on its host."""

from __future__ import annotations

import pytest

from console.placement.mark import Mark, read_mark


@pytest.mark.parametrize("launched", [True, False])
def test_what_is_written_is_read(launched: bool) -> None:
    mark = Mark("f-1f0c92ab", "web@.service", 3, 7, launched, "/etc")
    assert read_mark(mark.line, "/etc") == mark


@pytest.mark.parametrize(
    "line",
    [
        "",
        "f",
        "f web.service 1 1 running",
        "f web.service x 1 loaded",
        "f web 1 1 loaded",
        "f a.service -1 1 loaded",
    ],
)
def test_anything_else_is_none(line: str) -> None:
    assert read_mark(line, "/run") is None

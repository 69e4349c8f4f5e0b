"""One bench that fails is named, on the page too, and loses none of the others."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest

from tests.bench.__main__ import BENCHES, Measured, main
from tests.bench.bench_tools import same_question
from tests.bench.page import page


def a_bench(monkeypatch: pytest.MonkeyPatch, name: str, figures: dict[str, object] | Exception) -> None:
    """Have there be a bench of this name, which gives these figures or fails."""

    def run() -> dict[str, object]:
        if isinstance(figures, Exception):
            raise figures
        return figures

    module = ModuleType(name, f"What {name} is about.\n\npython -m tests.bench {name}")
    module.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, f"tests.bench.bench_{name}", module)


def test_one_that_fails_is_named_and_loses_none_of_the_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    a_bench(monkeypatch, "first", {"a figure": 1.5})
    a_bench(monkeypatch, "broken", ValueError("no such thing\nmore of it"))
    a_bench(monkeypatch, "absent", {})
    a_bench(monkeypatch, "last", {"hosts": 4})
    file = tmp_path / "bench.json"
    assert main(["first", "broken", "absent", "last", "--json", str(file)]) == 1
    results = {name: Measured(**one) for name, one in json.loads(file.read_text()).items()}
    assert [one.failed for one in results.values()] == [None, "ValueError: no such thing", None, None]

    made = page(results, datetime(2026, 11, 27, tzinfo=UTC), "2 cores")
    assert "## first\n\nWhat first is about.\n\n| | |\n|---|---|\n| a figure | 1.5 |\n" in made
    assert "## broken\n\nWhat broken is about.\n\n**Failed**, and so without figures: ValueError" in made
    assert "## absent\n\nWhat absent is about.\n\nLeft out" in made
    assert "| hosts | 4 |" in made


def test_the_page_can_be_made_of_every_bench_that_there_is() -> None:
    made = page({name: Measured(1.0, {"figure": 1}) for name in BENCHES}, datetime.now(UTC), "2 cores")
    assert [line[3:] for line in made.splitlines() if line.startswith("## ")] == list(BENCHES)


def test_an_answer_to_another_question_is_no_comparison() -> None:
    same_question({"ours": 664, "ssh loop": 663})
    with pytest.raises(AssertionError, match="ansible"):
        same_question({"ours": 664, "ansible": 0})
    with pytest.raises(AssertionError, match="nobody"):
        same_question({"ours": 0, "ansible": 0})

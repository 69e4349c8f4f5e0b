"""Macros before their first step: what is wrong with one is told, and a value is never more than a value."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.commands.everything import core_registry
from console.commands.grammar import format_command, parse_line
from console.commands.macro.expand import Script, expand
from console.commands.macro.file import MAX_BYTES, load_macro, parse_macro
from console.commands.macro.library import SHIPPED
from console.commands.macro.record import Recorder, escaped_line, macro_text
from console.commands.unit import UnitList
from console.commands.unit_change import UnitRestart
from console.errors import ConfigError, UsageError
from console.model.selector import Selector

HERE = Path("/macros/here.toml")
REGISTRY = core_registry()


def expanded(text: str, *settings: str, path: Path = HERE) -> Script:
    return expand(parse_macro(text, path), settings, REGISTRY, (SHIPPED,))


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    def file(name: str, text: str) -> Path:
        path = tmp_path / f"{name}.toml"
        path.write_text(text)
        return path

    return file


def faults(path: Path, *settings: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        expand(load_macro(path), settings, REGISTRY, (SHIPPED,))
    return [f"{problem.file.name}:{problem.line}: {problem.text}" for problem in caught.value.problems]


# -- macros in macros -----------------------------------------------------------------------


def test_a_macro_that_runs_itself_is_told_by_its_way_round(write: Callable[[str, str], Path]) -> None:
    one = write("one", 'steps = [\n  "unit list",\n  "run ./two.toml",\n]')
    write("two", 'steps = ["run ./one.toml"]')
    (fault,) = faults(one)
    assert fault.startswith("two.toml:1: step 1: it runs itself: one → two → one")
    me = write("me", 'steps = ["macro run ./me.toml"]')
    assert faults(me)[0].startswith("me.toml:1: step 1: it runs itself: me → me")


def test_macros_that_multiply_end_somewhere(write: Callable[[str, str], Path]) -> None:
    write("m0", f"steps = {['unit list'] * 50}")
    for depth in range(1, 4):
        write(f"m{depth}", f"steps = {[f'run ./m{depth - 1}.toml'] * 50}")
    last = write("last", 'steps = ["run ./m3.toml"]')
    assert any("steps in all" in fault for fault in faults(last))
    deep = [write(f"d{depth}", f'steps = ["run ./d{depth + 1}.toml"]') for depth in range(200)]
    assert "deep" in faults(deep[0])[0]


def test_an_inner_macro_gets_its_values_from_the_line_that_runs_it(
    write: Callable[[str, str], Path],
) -> None:
    write("inner", 'steps = ["unit restart --on=h -- ${u}"]\n[params]\nu = {}')
    outer = write("outer", 'steps = ["run ./inner.toml --set u=${x}"]\n[params]\nx = {}')
    script = expand(load_macro(outer), ["x=a b"], REGISTRY, ())
    assert [step.what for step in script.steps] == [UnitRestart(on=Selector.parse("h"), patterns=("a b",))]
    assert script.steps[0].place.endswith("inner.toml:1")


# -- values ---------------------------------------------------------------------------------

_VALUE = st.text(min_size=1, max_size=40).filter(lambda text: "\0" not in text)
_HOSTILE = st.sampled_from(
    ["--yes", "-y", "--", "-", "a b", "'", '"', "$(reboot)", "`x`", "a\nb", "${u}", "$${u}", "\x1b[2J", "*"]
)


@given(st.one_of(_HOSTILE, _VALUE))
def test_a_value_is_one_word_and_means_itself(value: str) -> None:
    behind = 'steps = ["unit restart --on=h -- ${u}"]\n[params]\nu = {}'
    (step,) = expanded(behind, f"u={value}").steps
    assert step.what == UnitRestart(on=Selector.parse("h"), patterns=(value,))
    ahead = 'steps = ["unit list ${u}"]\n[params]\nu = {}'
    try:
        (step,) = expanded(ahead, f"u={value}").steps
    except ConfigError:
        assert value.startswith("-"), "only what could be an option is refused"
    else:
        assert step.what == UnitList(patterns=(value,))


@given(st.lists(st.one_of(_HOSTILE, _VALUE), min_size=1, max_size=4))
def test_what_is_recorded_is_read_back_as_the_same_command(names: list[str]) -> None:
    command = UnitRestart(on=Selector.parse("web1,role=db"), patterns=tuple(names))
    text = macro_text("evening", [escaped_line(format_command(command))])
    (step,) = expanded(text).steps
    assert step.what == command
    assert parse_line(format_command(command), REGISTRY).command == command


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int", "7; reboot"),
        ("duration", "soon"),
        ("selector", "role="),
        ("host", "web*"),
        ("host", "a,b"),
        ("unit", "a b"),
        ("text", "a\0b"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_before_anything(kind: str, value: str) -> None:
    text = f'steps = ["unit list -- ${{u}}"]\n[params]\nu = {{ type = "{kind}" }}'
    with pytest.raises(UsageError, match="u: "):
        expanded(text, f"u={value}")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (["v=1"], "it has no parameter v"),
        (["u=1", "u=2"], "u is given twice"),
        ([], "u is missing"),
    ],
)
def test_settings_that_do_not_fit_are_told(settings: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        expanded('steps = ["unit list -- ${u}"]\n[params]\nu = {}', *settings)


# -- files ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ('steps = ["unit lsit"]', 1, "did you mean unit list"),
        ('steps = [\n "unit list",\n "unit list --watch",\n]', 3, "does not end by itself"),
        ('steps = ["engine run"]', 1, "does not end by itself"),
        ('steps = ["host shell web1"]', 1, "somebody at the keys"),
        ('steps = ["unit list --yes"]', 1, "no place in a macro"),
        ('steps = ["unit list \'x"]', 1, "cannot read the line"),
        ('steps = ["unit list ${x"]', 1, "not a parameter"),
        ('steps = ["unit list ${nothing}"]', 1, "there is no parameter nothing"),
        ('steps = ["assert unit x"]', 1, "assert"),
        ('steps = ["wait soon"]', 1, "not a duration"),
        ("steps = 7", 1, "not an array"),
        ("steps = [7]", 1, "not a step"),
        ("steps = []", 1, "there are none"),
        ('steps = [{ run = "unit list", wait = "1s" }]', 1, "one of run, wait, assert"),
        ('steps = ["unit list"]\non_error = "explode"', 2, '"stop" or'),
        ('steps = ["unit list"]\nname = "../../etc/passwd"', 2, "name"),
        ('steps = ["unit list"]\n[params]\n"--x" = {}', 3, "parameter"),
        ('steps = ["unit list"]\n[params]\nu = { type = "int", default = "x" }', 3, "default"),
        ('steps = ["unit list"]\nsurprise = 1', 2, "surprise"),
    ],
)
def test_every_fault_is_told_with_its_line(
    write: Callable[[str, str], Path], text: str, line: int, says: str
) -> None:
    path = write("here", text)
    found = faults(path)
    assert any(fault.startswith(f"here.toml:{line}: ") and says in fault for fault in found), found


def test_a_file_that_is_no_macro_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "big.toml"
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(ConfigError, match="not a macro"):
        load_macro(path)


# -- recording ------------------------------------------------------------------------------


def test_a_recording_has_what_a_macro_can_hold_and_never_writes_over_another(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder.start("evening")
    with pytest.raises(UsageError, match="recorded already"):
        recorder.start("other")
    assert recorder.note(UnitList(watch=True)) is False
    with pytest.raises(UsageError, match="nothing was run"):
        recorder.stop()
    recorder.start("evening")
    assert recorder.note(UnitList())
    path = recorder.stop()
    assert load_macro(path).steps[0].text == "unit list"
    with pytest.raises(UsageError, match="there is a macro evening already"):
        recorder.start("evening")
    with pytest.raises(UsageError, match="not a macro's name"):
        recorder.start("../evening")

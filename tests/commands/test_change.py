"""Parts of the way from a plan to its account."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from console.actions.audit_file import read_records
from console.actions.hands import Permit
from console.actions.plan import Plan, Step
from console.actions.run import Conduct
from console.commands.change import Change, _Replan, executed, tell_idle
from console.commands.core import Core, View
from console.commands.everything import core_registry
from console.commands.grammar import Globals, parse_line
from console.commands.output import Output
from console.errors import ConfigError, NothingSelected, Refused
from console.hosts.transport import Transport


class Notes:
    """The part of an `Output` that takes notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def step(name: str, now: str = "active") -> Step:
    return Step("h", name, "restart", now, "active", cast("Any", None))


@dataclass(frozen=True)
class Drawing(Change):
    """Draws what is to be drawn next."""

    words = ("unit", "restart")
    plans: ClassVar[list[Plan | NothingSelected]] = []
    drawn: ClassVar[list[int]] = []

    async def draw(self, core: Core, view: View, out: Output) -> Plan:
        out.note("nothing to do: told before")
        Drawing.drawn.append(1)
        await asyncio.sleep(0.01)
        found = Drawing.plans.pop(0)
        if isinstance(found, NothingSelected):
            raise found
        return found


def replan(notes: Notes, *plans: Plan | NothingSelected) -> _Replan:
    Drawing.plans[:] = plans
    Drawing.drawn.clear()
    return _Replan(Drawing(), cast("Core", None), cast("View", None), cast("Output", notes))


async def test_targets_that_moved_on_together_are_planned_anew_together() -> None:
    fresh = Plan("l", (step("a", "failed"), step("b", "failed")))
    notes = Notes()
    again = replan(notes, fresh, fresh, Plan("l", ()))
    found = await asyncio.gather(*(again(step(name)) for name in ("a", "b", "a", "b", "c")))
    assert found == [fresh.steps[0], fresh.steps[1], fresh.steps[0], fresh.steps[1], None]
    assert len(Drawing.drawn) <= 2
    later = await again(step("a"))
    assert later is None or Drawing.plans, "what moves on later is looked at later"
    assert notes.notes == [], "what was told with the first plan is not told again"


async def test_where_nothing_is_left_to_plan_the_step_stays_and_is_checked_once_more() -> None:
    again = replan(Notes(), *[NothingSelected("no unit matches a")] * 2)
    steps = [step(name) for name in ("a", "b", "c")]
    assert [*await asyncio.gather(*map(again, steps))] == steps
    assert len(Drawing.drawn) == 2, "those that waited share what the second of them found"


def test_idle_targets_are_named_up_to_a_number_and_counted_beyond() -> None:
    notes = Notes()
    tell_idle(cast("Output", notes), [f"h/{number}" for number in range(10)])
    assert len(notes.notes) == 9
    assert notes.notes[-1] == "nothing to do: 2 more"


def core(folder: Path, **options: Any) -> Core:
    file = folder / "fleet.toml"
    file.write_text('[[host]]\nname = "h"\naddress = "127.0.0.1"\n')
    return Core(
        Globals(config=file, **options),
        environ={"XDG_STATE_HOME": str(folder)},
        seat=cast("Any", object()),
        pipe=lambda data: None,
    )


def test_from_inside_the_terminal_no_command_takes_the_terminal(tmp_path: Path) -> None:
    inside = core(tmp_path).attached(cast("Any", None), None)
    assert (inside.seat, inside.pipe) == (None, None)


@pytest.mark.parametrize("line", ["macro record x", "unit restart x --on h", "host label h a=b"])
def test_every_command_that_writes_is_refused_and_recorded_on_a_read_only_console(
    tmp_path: Path, line: str
) -> None:
    command = parse_line(line, core_registry()).command
    assert command is not None
    console = core(tmp_path, read_only=True)
    with pytest.raises(Refused, match="this console is read-only: --read-only"):
        console.check(command)
    (record,), _ = read_records(console.state_folder)
    assert record.outcome == "refused"


@dataclass(frozen=True)
class Doing:
    """An act that is done at once."""

    async def check(self, hands: Any) -> str | None:
        return None

    async def do(self, hands: Any) -> str:
        return ""


TWO = Plan("l", tuple(Step("h", name, "restart", "active", "active", Doing()) for name in ("a", "b")))


def nobody(host: str) -> Transport:
    raise AssertionError(f"{host} is asked")


async def test_a_reader_of_the_results_that_goes_away_ends_no_write(tmp_path: Path) -> None:
    def gone(result: Any) -> None:
        raise BrokenPipeError

    here = core(tmp_path)
    with pytest.raises(BrokenPipeError):
        await executed(Conduct(), TWO, here, nobody, Permit("l"), gone)
    (record,), _ = read_records(here.state_folder)
    assert record.outcome == "done"
    assert [result.status for result in record.results] == ["done", "done"]


async def test_a_write_whose_end_cannot_be_recorded_is_told_after_its_results(tmp_path: Path) -> None:
    here = core(tmp_path)
    told: list[Any] = []

    def take(result: Any) -> None:
        told.append(result)
        if len(told) == 1:
            (here.state_folder / "audit.jsonl").unlink()
            (here.state_folder / "audit.jsonl").mkdir()

    ended = await executed(Conduct(), TWO, here, nobody, Permit("l"), take)
    assert [result.status for result in ended.results] == ["done", "done"]
    notes = Notes()
    with pytest.raises(ConfigError, match="audit record cannot be written"):
        ended.tell(cast("Output", notes))
    assert notes.notes == ["it was carried out, and the end of it could not be recorded"]
    interrupted = replace(ended, cancelled=asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        interrupted.tell(cast("Output", notes))
    assert notes.notes[1] == "interrupted: 2 done"
    assert "audit record cannot be written" in notes.notes[2]

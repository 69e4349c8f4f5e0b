"""Parts of the way from a plan to its account."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from console.actions.audit import read_records
from console.actions.plan import Plan, Step
from console.commands.change import Change, _Replan, tell_idle
from console.commands.core import Core, View
from console.commands.everything import core_registry
from console.commands.grammar import Globals, parse_line
from console.commands.output import Output
from console.errors import NothingSelected, Refused


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
    again = replan(Notes(), NothingSelected("no unit matches a"))
    assert await again(step("a")) == step("a")


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

"""Macros, for scripts and for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from console.actions.plan import Outcome
from console.commands.rows.base import Cell, Column, RowKind, Tone
from console.model.text import clean

if TYPE_CHECKING:
    from console.commands.macro.file import MacroFile
    from console.commands.macro.parameters import MacroParameter


def macro_fields(macro: MacroFile) -> dict[str, Any]:
    """A macro as scripts get it."""
    return {
        "name": macro.name,
        "description": macro.description,
        "file": str(macro.path),
        "on_error": macro.on_error.value,
        "params": [
            {
                "name": one.name,
                "type": one.type,
                "default": one.default,
                "choices": list(one.choices),
                "description": one.description,
            }
            for one in macro.parameters
        ],
        "steps": [{"line": step.text, "at": step.line} for step in macro.steps],
    }


def _short(parameter: MacroParameter) -> str:
    return parameter.name if parameter.default is None else f"[{parameter.name}]"


MACRO: RowKind[MacroFile] = RowKind(
    "macro",
    lambda macro: (macro.name,),
    macro_fields,
    (
        Column("NAME", lambda macro: clean(macro.name), 9),
        Column("PARAMETERS", lambda macro: " ".join(map(_short, macro.parameters)), 7, shrink=True, width=20),
        Column("STEPS", lambda macro: str(len(macro.steps)), 4, right=True),
        Column("DESCRIPTION", lambda macro: clean(macro.description), 8, shrink=True, width=40),
        Column("FILE", lambda macro: Cell(clean(str(macro.path)), Tone.FAINT), 3, shrink=True, width=30),
    ),
    lambda macro: macro.name,
)


@dataclass(frozen=True, slots=True)
class StepRan:
    """What became of one step of a macro, and what it gave, as data."""

    line: str
    status: Outcome
    detail: str
    seconds: float
    output: Sequence[Mapping[str, Any]]


STEP: RowKind[StepRan] = RowKind(
    "step",
    lambda ran: (ran.line,),
    lambda ran: {
        "line": ran.line,
        "status": ran.status.value,
        "detail": ran.detail,
        "seconds": ran.seconds,
        "output": list(ran.output),
    },
    (),
    lambda ran: ran.line,
)


def macro_lines(macro: MacroFile) -> list[tuple[Cell, ...]]:
    """A macro whole, as a person reads it before running it."""
    lines: list[tuple[Cell, ...]] = [
        (Cell(clean(macro.name), Tone.GOOD), Cell(clean(macro.description))),
        (Cell(f"  {clean(str(macro.path))}, on_error = {macro.on_error.value}", Tone.FAINT),),
    ]
    for one in macro.parameters:
        kind = "|".join(one.choices) if one.choices else one.type
        default = "must be given" if one.default is None else f"default {one.default!r}"
        told = f"{kind}, {default}"
        lines.append(
            (
                Cell(f"  --set {one.name}=…".ljust(24)),
                Cell(clean(told).ljust(32), Tone.FAINT),
                Cell(clean(one.description)),
            )
        )
    for number, step in enumerate(macro.steps, 1):
        policy = f"(on_error = {step.on_error.value})" if step.on_error else ""
        lines.append((Cell(f"  {number:>3}"), Cell(clean(step.text)), Cell(policy, Tone.FAINT)))
    return lines


MACRO_DETAIL: RowKind[MacroFile] = RowKind(
    "macro", lambda macro: (macro.name,), macro_fields, (), lambda macro: macro.name, macro_lines
)

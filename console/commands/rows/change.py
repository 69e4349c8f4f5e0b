"""Plans, results and audit records, for scripts and for people."""

from __future__ import annotations

from typing import Any

from console.actions.audit import DONE, INTERRUPTED, Record, plan_fields, result_fields
from console.actions.plan import Effect, Outcome, Plan, Result, Step
from console.commands.rows.base import Cell, Column, RowKind, Tone, moment, since_cell
from console.model.text import clean

#: More steps than this are counted, not listed, for a person.
_LISTED = 200

_TONES = {
    Outcome.DONE: Tone.GOOD,
    Outcome.FAILED: Tone.BAD,
    Outcome.REFUSED: Tone.WARN,
    Outcome.UNREACHABLE: Tone.BAD,
    Outcome.INTERRUPTED: Tone.WARN,
    Outcome.SKIPPED: Tone.FAINT,
}


def plan_lines(plan: Plan) -> list[tuple[Cell, ...]]:
    """A plan as a person reads it before saying yes."""
    lines: list[tuple[Cell, ...]] = [(Cell(f"plan {plan.id}"), Cell(clean(plan.line), Tone.FAINT))]
    for step in plan.steps[:_LISTED]:
        lines.append(_step_line(step))
        lines += [_effect(step, effect) for effect in step.touches or ()]
    if len(plan.steps) > _LISTED:
        lines.append((Cell(f"   … and {len(plan.steps) - _LISTED} more steps", Tone.FAINT),))
    for refusal in plan.refused[:_LISTED]:
        lines.append((Cell("  ✖", Tone.BAD), Cell(refusal.target), Cell(clean(refusal.why), Tone.BAD)))
    lines += [(Cell("  ▲", Tone.WARN), Cell(clean(note), Tone.WARN)) for note in plan.notes]
    return lines


def _step_line(step: Step) -> tuple[Cell, ...]:
    unknown = Cell("dependants not expanded", Tone.WARN) if step.touches is None else Cell("")
    return (
        Cell("  ·"),
        Cell(step.verb, Tone.GOOD),
        Cell(clean(step.target)),
        Cell(clean(step.now), Tone.FAINT),
        Cell("→"),
        Cell(clean(step.then)),
        unknown,
    )


def _effect(step: Step, effect: Effect) -> tuple[Cell, ...]:
    told = clean(f"{effect.what} {effect.object}")
    return (Cell("     also"), Cell(told, Tone.WARN), Cell(f"on {effect.host or step.host}", Tone.FAINT))


PLAN: RowKind[Plan] = RowKind(
    "plan", lambda plan: (plan.id,), plan_fields, (), lambda plan: plan.id, plan_lines
)


def _result_lines(result: Result) -> list[tuple[Cell, ...]]:
    took = f"{result.seconds:.1f}s" if result.seconds is not None else ""
    return [
        (
            Cell.state(f"{result.status.value:<11}", _TONES[result.status]),
            Cell(clean(result.target)),
            Cell(took, Tone.FAINT),
            Cell(clean(result.detail), Tone.FAINT if result.status.good else Tone.PLAIN),
        )
    ]


RESULT: RowKind[Result] = RowKind(
    "result",
    lambda result: (result.target,),
    result_fields,
    (),
    lambda result: result.target,
    _result_lines,
)


def record_fields(record: Record) -> dict[str, Any]:
    """An audit record as scripts get it."""
    return {
        "id": record.id,
        "time": moment(record.time),
        "actor": record.actor,
        "from": record.origin,
        "line": record.line,
        "plan_id": record.plan_id,
        "results": [result_fields(result) for result in record.results],
        "outcome": record.outcome,
        "why": record.why or None,
        "undo": list(record.undo),
        "seconds": record.seconds,
        "part_of": record.part_of,
    }


def outcome_cell(record: Record) -> Cell:
    """How a record ended; one that never did says so."""
    if record.outcome is None:
        return Cell.state("not ended", Tone.WARN)
    tone = {DONE: Tone.GOOD, INTERRUPTED: Tone.WARN}.get(record.outcome, Tone.BAD)
    return Cell.state(record.outcome, tone)


def _counted(record: Record) -> str:
    if not record.results:
        return record.why
    good = sum(result.status.good for result in record.results)
    return f"{good} of {len(record.results)}" + (f": {record.why}" if record.why else "")


RECORD: RowKind[Record] = RowKind(
    "audit record",
    lambda record: (record.id,),
    record_fields,
    (
        Column("ID", lambda record: record.id, 9, width=10),
        Column(
            "AGO",
            lambda record: since_cell(record.time),
            8,
            right=True,
            width=7,
            order=lambda record: record.time,
            ticks=True,
        ),
        Column("WHO", lambda record: clean(record.actor), 7, shrink=True, width=12),
        Column("FROM", lambda record: clean(record.origin), 3, shrink=True, width=12),
        Column("OUTCOME", outcome_cell, 9, width=13),
        Column("LINE", lambda record: clean(record.line), 9, shrink=True, width=40, least=28),
        Column("TARGETS", lambda record: clean(_counted(record)), 6, shrink=True, width=20),
    ),
    lambda record: record.time,
)


def record_lines(record: Record) -> list[tuple[Cell, ...]]:
    """One record whole, as a person reads it."""
    took = f" in {record.seconds:.1f}s" if record.seconds is not None else ""
    lines: list[tuple[Cell, ...]] = [
        (Cell(record.id), outcome_cell(record), Cell(clean(record.line))),
        (Cell(f"   at {moment(record.time)}{took}", Tone.FAINT),),
        (Cell(f"   by {clean(record.actor)}, from {clean(record.origin)}", Tone.FAINT),),
    ]
    if record.why:
        lines.append((Cell(f"   {clean(record.why)}", Tone.WARN),))
    if record.part_of:
        lines.append((Cell(f"   part of {record.part_of}", Tone.FAINT),))
    for result in record.results:
        lines += [(Cell("  "), *line) for line in _result_lines(result)]
    lines += [(Cell("   undo:", Tone.FAINT), Cell(clean(line))) for line in record.undo]
    return lines


RECORD_DETAIL: RowKind[Record] = RowKind(
    "audit record",
    lambda record: (record.id,),
    lambda record: {**record_fields(record), "plan": record.plan},
    (),
    lambda record: record.time,
    record_lines,
)

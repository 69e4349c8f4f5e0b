"""One unit's file over many hosts: who has the same text, and what is different."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from console.commands.rows.base import Cell, RowKind, Tone
from console.commands.rows.unit import UnitFile
from console.model.text import clean

_TONES = {"+": Tone.GOOD, "-": Tone.BAD, "@": Tone.FAINT}


@dataclass(frozen=True, slots=True)
class Variant:
    """One text, and the hosts that have it."""

    hosts: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class UnitVariants:
    """The texts of one unit, the most common first."""

    name: str
    variants: tuple[Variant, ...]

    def diff(self, variant: Variant) -> tuple[str, ...]:
        """What makes `variant` of the most common one; nothing for that one itself."""
        first = self.variants[0]
        lines = difflib.unified_diff(
            first.text.splitlines(),
            variant.text.splitlines(),
            f"{self.name} on {first.hosts[0]}",
            f"{self.name} on {variant.hosts[0]}",
            lineterm="",
        )
        return tuple(lines)


def compared(files: Iterable[UnitFile]) -> list[UnitVariants]:
    """Files of units grouped by unit and by text; of texts equally common, the first host's first."""
    units: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for file in files:
        units[file.name][file.text].append(file.host)
    return [
        UnitVariants(
            name,
            tuple(
                Variant(tuple(hosts), text)
                for text, hosts in sorted(texts.items(), key=lambda item: (-len(item[1]), item[1][0]))
            ),
        )
        for name, texts in units.items()
    ]


def _fields(unit: UnitVariants) -> dict[str, Any]:
    return {
        "name": unit.name,
        "same": len(unit.variants) == 1,
        "variants": [
            {"hosts": list(one.hosts), "text": one.text, "diff": list(unit.diff(one))}
            for one in unit.variants
        ],
    }


def _lines(unit: UnitVariants) -> list[tuple[Cell, ...]]:
    first, *others = unit.variants
    every = "the same everywhere" if not others else f"{len(unit.variants)} different texts"
    tone = Tone.GOOD if not others else Tone.WARN
    lines: list[tuple[Cell, ...]] = [(Cell(f"# {clean(unit.name)}", tone), Cell.state(every, tone))]
    lines.append((Cell(f"  {len(first.hosts)} hosts: {', '.join(first.hosts)}", Tone.FAINT),))
    for variant in others:
        lines.append((Cell(f"  {len(variant.hosts)} hosts: {', '.join(variant.hosts)}", Tone.WARN),))
        for line in unit.diff(variant):
            lines.append((Cell(clean(line) or " ", _TONES.get(line[:1], Tone.PLAIN)),))
    return lines


UNIT_DIFF: RowKind[UnitVariants] = RowKind(
    "unit", lambda unit: (unit.name,), _fields, (), lambda unit: unit.name, _lines
)

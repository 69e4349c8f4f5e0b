"""Images for the screen: what should not run first, then what is behind."""

from __future__ import annotations

from console.commands.container_standing import is_id
from console.commands.image_board import ImageRow
from console.commands.rows.base import Cell, Column, RowKind, Tone, moment, worst_first
from console.commands.rows.container import container_state_cell
from console.commands.rows.container_images import short

#: Of names, so many stand in a cell.
_NAMED = 6


def image_cell(row: ImageRow) -> Cell:
    """The verdict in a word or two."""
    if row.denied is not None:
        return Cell.state("denied", Tone.BAD)
    if row.behind is None:
        return Cell.state("not known" if row.standing is not None else "–", Tone.FAINT)
    if not row.behind:
        return Cell.state("current", Tone.GOOD)
    # What is newer was rolled back from somewhere: to stay is right.
    return Cell.state("newer denied" if row.newer_denied else "behind", Tone.WARN)


def _name(row: ImageRow) -> str:
    return f"the id {short(row.image)}" if is_id(row.image) else row.image


def _now(row: ImageRow) -> Cell:
    return Cell(short(row.standing.digest if row.standing is not None else None), Tone.FAINT)


def _where(row: ImageRow) -> str:
    names = dict.fromkeys(box.name for box in row.containers)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return " ".join(list(names)[:_NAMED]) + more


IMAGE: RowKind[ImageRow] = RowKind(
    "image",
    lambda row: (row.image, row.content),
    lambda row: {
        "image": row.image,
        "digest": row.containers[0].digest,
        "image_id": row.containers[0].image_id,
        "now": row.standing.digest if row.standing is not None else None,
        "behind": row.behind,
        "denied": row.denied,
        "containers": [
            {"host": box.host, "name": box.name, "state": box.state, "since": moment(box.since)}
            for box in row.containers
        ],
    },
    (
        Column("IMAGE", _name, 9, shrink=True, width=36, least=30),
        Column("STATE", image_cell, 9, width=14, order=lambda row: worst_first(image_cell(row))),
        Column("RUNS", lambda row: Cell(short(row.content), Tone.FAINT), 5, width=12),
        Column("NOW", _now, 4, width=12),
        Column(
            "UP",
            lambda row: f"{row.running}/{len(row.containers)}",
            8,
            right=True,
            width=7,
            order=lambda row: len(row.containers),
        ),
        Column("HOSTS", lambda row: str(len(row.hosts)), 7, right=True, width=5),
        Column("CONTAINERS", _where, 6, shrink=True, width=40, least=12),
    ),
    lambda row: (worst_first(image_cell(row))[0], row.image, row.content),
)


def image_lines(row: ImageRow) -> list[tuple[Cell, ...]]:
    """All that is known of an image, for the detail beside the list."""
    lines: list[tuple[Cell, ...]] = [(Cell(_name(row), Tone.GOOD),), (image_cell(row),)]
    lines.append((Cell("  runs   ", Tone.FAINT), Cell(row.content)))
    standing = row.standing
    if standing is not None and standing.digest:
        lines.append((Cell("  now    ", Tone.FAINT), Cell(standing.digest)))
    if standing is not None and standing.why:
        lines.append((Cell("  why    ", Tone.FAINT), Cell(standing.why)))
    for title, why in (("denied", row.denied), ("newer", row.newer_denied and f"denied {row.newer_denied}")):
        if why:
            lines.append((Cell(f"  {title:7}", Tone.FAINT), Cell(why, Tone.BAD)))
    lines.append(())
    for box in row.containers:
        lines.append((Cell(f"  {box.host}", Tone.FAINT), Cell(box.name), container_state_cell(box)))
    return lines

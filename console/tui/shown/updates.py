"""The hosts by what they boot: those that are out of line first, and beside them all that is known of one."""

from __future__ import annotations

from typing import Any

from console.commands.lists import LiveList
from console.commands.rows.update_line import UPDATE_LINE, out_of_line_lines
from console.commands.update_board import UpdateBoard, UpdateRow
from console.model.state import State
from console.tui.detail import Lines
from console.tui.shown.list import ShownList
from console.tui.tables import Listed
from console.tui.views import Kind, View


class ShownUpdates(ShownList):
    """`host updates`, live. What is offered of a row is offered of its host."""

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._board: UpdateBoard

    def listed(self) -> Listed:
        model = self.deck.model
        board = self._board = UpdateBoard(model)
        live: LiveList[str, UpdateRow] = LiveList(UPDATE_LINE, board.look_up, host=model.find)
        live.update(board.update(host.name for host in model.hosts()))
        return Listed(
            live, lambda batch: board.update(batch.hosts), _is_old, "no hosts", frozenset({"HOST", "OS"})
        )

    @property
    def row(self) -> Any:
        found = super().row
        return found.host if isinstance(found, UpdateRow) else None

    @property
    def rows(self) -> list[Any]:
        return [row.host if isinstance(row, UpdateRow) else row for row in super().rows]

    def about(self, row: Any) -> Lines:
        found = self._board.look_up(row.name)
        told = out_of_line_lines(found) if found is not None else []
        return [*told, *([()] if told else []), *super().about(row)]

    @property
    def opens(self) -> View | None:
        """A host's page has its deployments."""
        return None if self.row is None else View(Kind.PAGE, self.row.name)

    def status(self) -> list[str]:
        live = self.table.list
        shown = [live.row(at) for at in range(len(live))]
        out = sum(bool(row.out_of_line) for row in shown)
        waiting = sum(row.host.updates.pending is not None for row in shown)
        told = [f"{out} out of line" if out else "all in line"]
        if waiting:
            told.append(f"{waiting} to be rebooted")
        return [*super().status(), *told]


def _is_old(row: UpdateRow) -> bool:
    return row.host.state not in (State.LIVE, State.CONNECTING)

"""The macro's own audit record, and those of its steps as parts of it."""

from __future__ import annotations

from collections.abc import Iterable

from console.actions.audit import Audit, Record
from console.actions.plan import Plan, Result


class Parts(Audit):
    """An audit whose records are parts of one. Made when the macro begins, closed when it has ended.

    :param whole: where they are kept.
    """

    def __init__(self, whole: Audit, line: str, plan: Plan) -> None:
        self._whole = whole
        self.who = whole.who
        self._record = whole.begin(line, plan)
        self._undoing = False
        self.ways_back = whole.ways_back
        #: The parts that can be taken back, by their ids, and how; the newest last.
        self._way_back: dict[str, tuple[str, ...]] = {}

    @property
    def way_back(self) -> tuple[str, ...]:
        """The ids of the parts that can be taken back, the newest first."""
        return tuple(reversed(self._way_back))

    def begin(self, line: str, plan: Plan | None, *, part_of: str | None = None) -> Record:
        return self._whole.begin(line, plan, part_of=part_of or self._record.id)

    def end(
        self,
        record: Record,
        outcome: str,
        results: Iterable[Result] = (),
        *,
        undo: Iterable[str] = (),
        why: str = "",
    ) -> None:
        undo = tuple(undo)
        if undo and not self._undoing:
            self._way_back[record.id] = undo
        self._whole.end(record, outcome, results, undo=undo, why=why)

    def going_back(self) -> None:
        """What is done from now on takes back what was done before, and is not taken back itself."""
        self._undoing = True

    def taken_back(self, part: str) -> None:
        del self._way_back[part]

    def close(self, outcome: str, results: Iterable[Result]) -> None:
        """The macro has ended."""
        lines = [line for part in self.way_back for line in self._way_back[part]]
        self._whole.end(self._record, outcome, results, undo=dict.fromkeys(lines))

"""Rows as they change: what `--watch` of every list has in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from console.commands.core import View
    from console.commands.output import Output
    from console.commands.rows import RowKind
    from console.fleet.model import Changes, FleetModel

R = TypeVar("R")
K = TypeVar("K")

#: Seconds between two batches of changes: a row is told at most so often.
PAUSE = 0.1


async def watch(
    view: View,
    out: Output,
    kind: RowKind[R],
    changed: Callable[[Changes], Iterable[K]],
    look_up: Callable[[FleetModel, K], R | None],
    wanted: Callable[[R], bool],
) -> None:
    """Tell `out` every wanted row now, and each that comes, changes or goes, until cancelled.

    :param changed: the keys in a batch that this list is about.
    :param look_up: the present row of a key, None once it is gone.
    :param wanted: whether a row belongs on the list; one that no longer does is deleted from it.
    """
    model = view.fleet.model
    shown: dict[Any, R] = {}
    feed = model.feed()
    try:
        while True:
            batch = await feed.batch(PAUSE)
            for key in sorted(changed(batch)):  # type: ignore[type-var]  # keys are names or tuples of them
                row = look_up(model, key)
                if row is not None and wanted(row):
                    if shown.get(key) != row:
                        shown[key] = row
                        out.put(kind, row)
                elif key in shown:
                    out.delete(kind, shown.pop(key))
    finally:
        model.leave(feed)

"""Work that a widget does beside what is drawn: one task a group, and gone with the widget."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from textual.dom import DOMNode


def work(node: DOMNode, job: Callable[[], Awaitable[None]], group: str) -> None:
    """Do `job` in place of what the node's group is at.

    It is called by its worker and not before: one that is displaced before it began leaves no coroutine
    behind that nobody awaits.
    """
    node.run_worker(job, group=group, exclusive=True)

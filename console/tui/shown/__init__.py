"""What the screen shows of a view: one module for each sort of view, and here which is which."""

from __future__ import annotations

from console.tui.shown.audit import ShownAudit
from console.tui.shown.base import Memory, Shown
from console.tui.shown.etcd import ShownEtcd
from console.tui.shown.etcd_keys import ShownKey, ShownKeys
from console.tui.shown.images import ShownImages
from console.tui.shown.list import ShownList
from console.tui.shown.log import ShownLog
from console.tui.shown.map import ShownMap
from console.tui.shown.page import ShownPage
from console.tui.shown.rollout import ShownRollout
from console.tui.shown.rollouts import ShownRollouts
from console.tui.shown.services import ShownService, ShownServices
from console.tui.shown.updates import ShownUpdates
from console.tui.views import Kind, View

_SORTS: dict[Kind, type[Shown]] = {
    Kind.LOGS: ShownLog,
    Kind.AUDIT: ShownAudit,
    Kind.MAP: ShownMap,
    Kind.PAGE: ShownPage,
    Kind.UPDATES: ShownUpdates,
    Kind.ROLLOUTS: ShownRollouts,
    Kind.ROLLOUT: ShownRollout,
    Kind.ETCD: ShownEtcd,
    Kind.KEYS: ShownKeys,
    Kind.KEY: ShownKey,
    Kind.SERVICES: ShownServices,
    Kind.SERVICE: ShownService,
    Kind.IMAGES: ShownImages,
}


def shown(view: View) -> Shown:
    """A view as a widget; it fills itself once it is mounted."""
    return _SORTS.get(view.kind, ShownList)(view)


__all__ = ["Memory", "Shown", "shown"]

"""What a drained host has still to let go of, as a rollout waits for it: what is placed, what runs there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from console.engine.draining import is_bound
from console.engine.manifest import read_manifest
from console.engine.services import ServiceStore

if TYPE_CHECKING:
    from console.fleet.model import FleetModel
    from console.store.client import Etcd

_NAMED = 4


def letting_go(etcd: Etcd, model: FleetModel) -> Callable[[str], Awaitable[str | None]]:
    """Tells of a host what is still to leave it, in words; None once that is nothing.

    Where no engine is elected nothing leaves, and nothing is waited for.
    """
    store = ServiceStore(etcd)

    async def leaving(host: str) -> str | None:
        manifest = await read_manifest(store)
        if not manifest.engine:
            return None
        placed = {
            one.instance for one in manifest.assigned if one.host == host and not is_bound(manifest, one)
        }
        elsewhere = {one.instance for one in manifest.assigned if one.host != host}
        running = {
            name
            for name in elsewhere
            if (unit := model.unit((host, name))) is not None and unit.active not in ("inactive", "failed")
        }
        left = sorted(placed | running)
        if not left:
            return None
        more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
        return f"{', '.join(left[:_NAMED])}{more} to leave"

    return leaving

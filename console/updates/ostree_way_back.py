"""How a host goes back by itself, for every updater whose versions are OSTree's deployments. Pure.

Sources: ostree-prepare-root takes the root from `ostree=` on the kernel's command line, a link to the
deployment's folder; ostree-sysroot-deploy.c merges /etc when a staged deployment is put in place, at
shutdown: what is written to the running /etc before that is in the new one's. A deployment that is in place
by then has the /etc that it had.
"""

from __future__ import annotations

from console.model.deployment import UpdateStatus
from console.updates.driver import WayBack

_HERE = """readlink -f "/sysroot$(tr ' ' '\\n' </proc/cmdline | sed -n 's/^ostree=//p' | tail -n 1)\""""


def way_back(status: UpdateStatus, back: str) -> WayBack | None:
    """See `UpdateDriver.way_back`. :param back: what is the updater's own."""
    pending = status.pending
    if pending is None:
        return None
    if pending.staged:
        return WayBack(_HERE, back, "/etc")
    name, dash, version = pending.id.rpartition("-")
    if not dash or "/" in pending.id:
        return None  # no folder of OSTree's is known by this name
    return WayBack(_HERE, back, f"/sysroot/ostree/deploy/{name}/deploy/{version}/etc")

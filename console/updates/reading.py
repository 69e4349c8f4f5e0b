"""What a host's updater says, read along with the `os` source's facts.

The probe and the status ride in the command that the source runs anyway (`osfacts.AlsoRead`), so that a
host costs no channel more, and `hosts` needs not know of updaters. Where only root may look into /ostree,
and only there, the status is asked for once more through `become`: not at each reading, since each
leaves lines of sudo's in the host's journal, but when the boot order has changed as far as anyone can
see it, or after a while.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from console.errors import HostError, Unreachable
from console.hosts.transport import Transport
from console.model.events import DeploymentsRead
from console.model.text import clean
from console.updates.driver import BOOTED, PROGRAMS, Driver, driver_of
from console.updates.ostree import parse_status

#: Units whose change says that deployments change: the only thing about them that systemd tells.
TELLING_UNITS = frozenset({"ostree-finalize-staged.service", "bootc-status-updated.target"})

SCRIPT = f"""
section updaters
[ -e /run/ostree-booted ] && echo {BOOTED}
for program in {" ".join(PROGRAMS)}; do command -v $program >/dev/null && echo $program; done
if [ -e /run/ostree-booted ]; then
  section deployments; timeout 10 ostree admin status 2>/dev/null
  section boot-order
  stat -c '%n %i %Y' /boot/loader /boot/loader/entries /run/ostree/staged-deployment 2>/dev/null
fi
"""

_STATUS = ("ostree", "admin", "status")
_LIMIT = 256 * 1024
#: What nobody but root sees (a pin, an unlocking) shows after so many seconds.
_AGAIN_S = 300.0


class DeploymentsReading:
    """Reads one host's deployments; see `console.hosts.osfacts.AlsoRead`."""

    script = SCRIPT

    def __init__(self, host: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._host = host
        self._clock = clock
        self._asked_at: float | None = None
        self._asked: tuple[Transport, str] | None = None
        self._answer: DeploymentsRead | None = None

    async def event(self, transport: Transport, sections: Mapping[str, str]) -> DeploymentsRead:
        """What this reading tells.

        :raises Unreachable: the connection went away, or no answer came.
        """
        driver = driver_of(frozenset(sections.get("updaters", "").split()))
        if driver is None or driver is Driver.UPDATE_ENGINE:
            return DeploymentsRead(self._host, driver)
        if status := sections.get("deployments", ""):
            return self._read(driver, status)
        order = sections.get("boot-order", "")
        if self._answer is None or self._asked != (transport, order) or self._is_old():
            self._answer = await self._ask(driver, transport)
            self._asked, self._asked_at = (transport, order), self._clock()
        return self._answer

    def _is_old(self) -> bool:
        return self._asked_at is None or self._clock() - self._asked_at >= _AGAIN_S

    async def _ask(self, driver: Driver, transport: Transport) -> DeploymentsRead:
        """The status as root reads it. Why it cannot be read is part of the answer."""
        try:
            end = await transport.run(_STATUS, privileged=True, limit=_LIMIT)
        except Unreachable:
            raise
        except HostError as error:
            hint = f" ({error.hint})" if error.hint else ""
            return DeploymentsRead(self._host, driver, problem=f"{error.message}{hint}")
        if end.code != 0:
            return DeploymentsRead(self._host, driver, problem=clean(end.complaint, 200))
        return self._read(driver, end.stdout.decode("utf-8", "replace"))

    def _read(self, driver: Driver, status: str) -> DeploymentsRead:
        try:
            return DeploymentsRead(self._host, driver, parse_status(status))
        except ValueError as error:
            return DeploymentsRead(self._host, driver, problem=str(error))

"""What a host's updater says, read along with the `os` source's facts.

The probe, and ostree's status where the user may read it, ride in the command that the source runs anyway
(`osfacts.AlsoRead`), so that a host costs no channel more, and `hosts` needs not know of updaters. The other
updaters' answers wake a daemon or want root, and each question of root's leaves lines of sudo's in the host's
journal: they are asked not at each reading, but when something about updates has changed as far as anyone can
see it, or after a while.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from console.errors import HostError, Unreachable
from console.hosts.transport import Transport
from console.model.events import UpdatesRead
from console.updates import agents
from console.updates.driver import PROBE, Driver, driver_of
from console.updates.ostree import REFS
from console.updates.registry import DRIVERS
from console.updates.updater import updater_of
from console.updates.work import ENDED, UNIT, WHAT

#: Units whose change says that an updater's status changes: all that systemd tells of it.
TELLING_UNITS = frozenset({"ostree-finalize-staged.service", "bootc-status-updated.target", UNIT})

#: Files that change with an updater's status: the boot order, what is staged, a transaction, a reboot that is
#: wanted, and work of ours.
_TELLING_FILES = (
    "/boot/loader /boot/loader/entries /ostree/deploy"
    " /run/ostree/staged-deployment /run/ostree/staged-deployment-locked"
    f" /run/rpm-ostree-transaction.sock /run/reboot-required {WHAT} {ENDED}"
)
SCRIPT = f"""
section updaters
{PROBE}
if [ -e /run/ostree-booted ] && ! command -v rpm-ostree >/dev/null && ! command -v bootc >/dev/null; then
  section ostree; timeout 10 ostree admin status 2>/dev/null
{REFS}fi
if command -v update_engine_client >/dev/null; then
  section update-engine; timeout 10 update_engine_client -status 2>/dev/null
fi
section telling; stat -c '%n %i %Y' {_TELLING_FILES} 2>/dev/null
{agents.SCRIPT}
"""

#: What can change unseen (a pin, an unlocking, a version that somebody found) shows after so many seconds.
_AGAIN_S = 300.0
#: The sections by which a change is seen without asking.
_TELLING = ("telling", "agents", "work", "update-engine")


class UpdatesReading:
    """Reads what one host's updater says; see `console.hosts.osfacts.AlsoRead`."""

    script = SCRIPT

    def __init__(self, host: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._host = host
        self._clock = clock
        self._asked_at: float | None = None
        self._asked: tuple[object, ...] = ()
        self._answer: UpdatesRead | None = None

    async def event(self, transport: Transport, sections: Mapping[str, str]) -> UpdatesRead:
        """What this reading tells.

        :raises Unreachable: the connection went away, or no answer came.
        """
        driver = driver_of(frozenset(sections.get("updaters", "").split()))
        if driver is None:
            return UpdatesRead(self._host, None)
        if driver is Driver.OSTREE and sections.get("ostree", ""):
            return self._read(driver, sections)
        asked = (
            transport,
            *(sections.get(name, "") for name in _TELLING),
        )
        if self._answer is None or self._asked != asked or self._is_old():
            self._answer = await self._ask(driver, transport)
            self._asked, self._asked_at = asked, self._clock()
        return self._answer

    def _is_old(self) -> bool:
        return self._asked_at is None or self._clock() - self._asked_at >= _AGAIN_S

    async def _ask(self, driver: Driver, transport: Transport) -> UpdatesRead:
        """What the updater says when it is asked by itself. Why it cannot be is part of the answer."""
        try:
            return UpdatesRead(self._host, driver, await updater_of(driver, transport).status())
        except Unreachable:
            raise
        except HostError as error:
            hint = f" ({error.hint})" if error.hint else ""
            return UpdatesRead(self._host, driver, problem=f"{error.message}{hint}")

    def _read(self, driver: Driver, sections: Mapping[str, str]) -> UpdatesRead:
        try:
            status = agents.completed(DRIVERS[driver].parse(sections), sections)
        except ValueError as error:
            return UpdatesRead(self._host, driver, problem=str(error))
        return UpdatesRead(self._host, driver, status)

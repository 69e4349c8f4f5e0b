"""rpm-ostree: Fedora CoreOS, Silverblue, IoT, RHEL for Edge. Pure.

Sources: man/rpm-ostree.xml, rpmostreed-transaction-types.cxx. What they do not say:

- its daemon does the work, one transaction at a time; once begun it goes on without whoever asked for it.
- `status` wakes the daemon, and may fail while that starts; the official client asks again too.
- `rollback` refuses while something is staged, and undoes itself when it is done twice.
- what is staged and locked (Zincati does that) is taken by `finalize-deployment` alone, which reboots.
"""

from __future__ import annotations

from console.errors import Refused
from console.model.deployment import Available, Deployment, UpdateStatus
from console.updates.driver import (
    Answer,
    Argv,
    Cleanup,
    Driver,
    Progress,
    Question,
    Target,
    WayBack,
    progress_of,
)
from console.updates.ostree import ostree_pin
from console.updates.ostree_way_back import way_back
from console.updates.rpm_ostree_status import parse_rpm_ostree

_STATUS = """
section rpm-ostree; rpm-ostree status --json 2>/dev/null || { sleep 1; rpm-ostree status --json; }
"""
#: 77: there is nothing new.
_LOOK = f"""
rpm-ostree upgrade --check >/dev/null; code=$?
[ $code = 0 ] || [ $code = 77 ] || exit $code
{_STATUS}
"""


class RpmOstree:
    """See `UpdateDriver`."""

    driver = Driver.RPM_OSTREE
    status = Question(_STATUS)

    def parse(self, answer: Answer) -> UpdateStatus:
        return parse_rpm_ostree(answer.get("rpm-ostree", ""))

    def look(self, status: UpdateStatus, target: Target) -> Question | None:
        return None if target != Target() else Question(_LOOK, root=True, within=300)

    def seen(self, status: UpdateStatus, target: Target, answer: Answer) -> Available | None:
        return self.parse(answer).available

    def stage(self, status: UpdateStatus, target: Target, found: Available | None) -> tuple[Argv, ...]:
        locking = ("--lock-finalization",) if target.locked else ()
        which = target.checksum or target.version
        if target.channel is not None:
            return (("rpm-ostree", "rebase", *locking, target.channel, *((which,) if which else ())),)
        if which is not None:
            return (("rpm-ostree", "deploy", *locking, which),)
        return (("rpm-ostree", "upgrade", *locking),)

    def progress(self, line: str) -> Progress:
        return progress_of(line)

    def activate(self, status: UpdateStatus, *, reboot: bool) -> tuple[Argv, ...]:
        staged = status.staged
        if staged is None or not staged.locked:
            return ()
        if not reboot:
            raise Refused(
                "what is staged is locked, and what unlocks it reboots the host at once",
                hint="activate it with its reboot",
            )
        return (("rpm-ostree", "finalize-deployment", staged.checksum or ""),)

    def rollback(self, status: UpdateStatus) -> tuple[Argv, ...]:
        away: tuple[Argv, ...] = (("rpm-ostree", "cleanup", "--pending"),) if status.staged else ()
        return (*away, ("rpm-ostree", "rollback"))

    def way_back(self, status: UpdateStatus) -> WayBack | None:
        return way_back(status, "rpm-ostree cleanup --pending; rpm-ostree rollback")

    def pin(self, status: UpdateStatus, deployment: Deployment, *, keep: bool) -> tuple[Argv, ...]:
        return (ostree_pin(status, deployment, keep=keep),)

    def cleanup(self, status: UpdateStatus, what: Cleanup) -> tuple[Argv, ...]:
        return (("rpm-ostree", "cleanup", f"--{what}"),)

"""update_engine: Flatcar and CoreOS Container Linux, two systems on two partitions, USR-A and USR-B. Pure.

Sources: update_engine's XML, update_attempter.h and update_engine_client.cc; Flatcar's docs on manual
rollbacks, flatcar-update. What they do not say:

- to look for an update is to take it: what can be told is what its last look found.
- there are no versions to choose from: the server gives what the group has. A version by name is the job of
  `flatcar-update`, where a host has it; the public server has nothing older.
- an update is in place once it says UPDATED_NEED_REBOOT. `ResetStatus` only makes it forget so: what boots
  next is a matter of the partitions' priorities, which cgpt sets, as root.
- a new system is tried once, and is good 45 seconds after its boot; until then the boot loader would go back.
  That counts boots, and says nothing of what runs: a guard of ours does. /etc is the same in both systems.
"""

from __future__ import annotations

import shlex

from console.errors import Refused
from console.model.deployment import Available, Deployment, UpdateStatus
from console.model.text import clean
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
from console.updates.update_engine_status import assignments, parse_client, parse_slots, update_status

_STATUS = r"""
section update-engine; update_engine_client -status 2>/dev/null
section update-conf; for name in coreos flatcar; do
  cat /usr/share/$name/update.conf /etc/$name/update.conf 2>/dev/null
done
section release; cat /etc/os-release
section usr; rootdev -s /usr 2>/dev/null
of() { cgpt show -i "$number" "$1" "$disk"; }
section slots; for type in flatcar-usr coreos-usr; do
  cgpt find -t $type 2>/dev/null
done | while read -r path; do
  number=${path##*[!0-9]}; disk=${path%"$number"}
  case $disk in *[0-9]p) disk=${disk%p};; esac
  echo "$path $(of -P) $(of -T) $(of -S)"
done
"""


class UpdateEngine:
    """See `UpdateDriver`."""

    driver = Driver.UPDATE_ENGINE
    status = Question(_STATUS, root=True)

    def parse(self, answer: Answer) -> UpdateStatus:
        release = assignments(answer.get("release", ""))
        return update_status(
            parse_client(answer.get("update-engine", "")),
            release.get("VERSION_ID"),
            parse_slots(answer.get("slots", "")),
            clean(answer.get("usr", "").strip(), 100),
            assignments(answer.get("update-conf", "")),
        )

    def look(self, status: UpdateStatus, target: Target) -> Question | None:
        return None if target != Target() else self.status

    def seen(self, status: UpdateStatus, target: Target, answer: Answer) -> Available | None:
        return self.parse(answer).available

    def stage(self, status: UpdateStatus, target: Target, found: Available | None) -> tuple[Argv, ...]:
        if target.channel or target.checksum or target.locked:
            raise Refused(
                "update_engine takes what its group has, or a version by its name",
                hint="the group is GROUP in /etc/flatcar/update.conf",
            )
        if target.version is not None:
            return (("flatcar-update", "--to-version", target.version),)
        return (("update_engine_client", "-update"),)

    def progress(self, line: str) -> Progress:
        return progress_of(line)

    def activate(self, status: UpdateStatus, *, reboot: bool) -> tuple[Argv, ...]:
        return ()

    def rollback(self, status: UpdateStatus) -> tuple[Argv, ...]:
        assert status.rollback is not None
        return _prefer(status.rollback)

    def way_back(self, status: UpdateStatus) -> WayBack | None:
        if status.booted is None or not status.booted.id.startswith("/dev/"):
            return None
        return WayBack("rootdev -s /usr", " && ".join(map(shlex.join, _prefer(status.booted))), "/etc")

    def pin(self, status: UpdateStatus, deployment: Deployment, *, keep: bool) -> tuple[Argv, ...]:
        raise Refused("update_engine has two versions, and the next update takes the other one's place")

    def cleanup(self, status: UpdateStatus, what: Cleanup) -> tuple[Argv, ...]:
        if what is Cleanup.ROLLBACK:
            raise Refused("update_engine has two versions, and keeps both until the next update")
        assert status.booted is not None
        return (*_prefer(status.booted), ("update_engine_client", "-reset_status"))


def _prefer(deployment: Deployment) -> tuple[Argv, ...]:
    """Have the boot loader take a partition first; one that was never good gets its one try."""
    if not deployment.id.startswith("/dev/"):
        raise Refused("its partitions cannot be read", hint="is cgpt on the host?")
    never = deployment.extra.get("successful") != "yes"
    trying: tuple[Argv, ...] = (("cgpt", "add", "-T", "1", deployment.id),) if never else ()
    return (("cgpt", "prioritize", deployment.id), *trying)

"""bootc: hosts that boot a container image. Pure.

Sources: bootc's man pages and docs/src. What they do not say:

- `status` needs root.
- no command takes one version of an image: `switch` to its tag or digest does, and the host follows that from
  then on, until it is switched back to the channel.
- `rollback` discards what is staged, and is undone by doing it twice.
- what is staged with `--download-only` is taken after `upgrade --from-downloaded`.
"""

from __future__ import annotations

from console.errors import Refused
from console.model.deployment import Available, Deployment, UpdateStatus
from console.updates.bootc_status import parse_bootc
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
from console.updates.ostree import ostree_pin, undeploy
from console.updates.ostree_way_back import way_back

_STATUS = """
section bootc; bootc status --json --format-version=1 2>/dev/null || bootc status --json
"""
_LOOK = f"""
bootc upgrade --check >/dev/null || exit 1
{_STATUS}
"""


class Bootc:
    """See `UpdateDriver`."""

    driver = Driver.BOOTC
    status = Question(_STATUS, root=True)

    def parse(self, answer: Answer) -> UpdateStatus:
        return parse_bootc(answer.get("bootc", ""))

    def look(self, status: UpdateStatus, target: Target) -> Question | None:
        return None if target != Target() else Question(_LOOK, root=True, within=120)

    def seen(self, status: UpdateStatus, target: Target, answer: Answer) -> Available | None:
        return self.parse(answer).available

    def stage(self, status: UpdateStatus, target: Target, found: Available | None) -> tuple[Argv, ...]:
        image = _image(status, target)
        if image is None:
            return (("bootc", "upgrade", *(("--download-only",) if target.locked else ())),)
        if target.locked:
            raise Refused("bootc only downloads the newest of what the host follows, and no other image")
        return (("bootc", "switch", image),)

    def progress(self, line: str) -> Progress:
        return progress_of(line)

    def activate(self, status: UpdateStatus, *, reboot: bool) -> tuple[Argv, ...]:
        locked = status.staged is not None and status.staged.locked
        return (("bootc", "upgrade", "--from-downloaded"),) if locked else ()

    def rollback(self, status: UpdateStatus) -> tuple[Argv, ...]:
        return (("bootc", "rollback"),)

    def way_back(self, status: UpdateStatus) -> WayBack | None:
        return way_back(status, "bootc rollback")

    def pin(self, status: UpdateStatus, deployment: Deployment, *, keep: bool) -> tuple[Argv, ...]:
        return (ostree_pin(status, deployment, keep=keep),)

    def cleanup(self, status: UpdateStatus, what: Cleanup) -> tuple[Argv, ...]:
        deployment = status.pending if what is Cleanup.PENDING else status.rollback
        assert deployment is not None
        return (undeploy(status, deployment),)


def _image(status: UpdateStatus, target: Target) -> str | None:
    """The image to switch to; None to stay with what the host follows."""
    if target.channel is None and target.version is None and target.checksum is None:
        return None
    image = target.channel or status.channel
    if image is None:
        raise Refused("it follows no image")
    name = image.partition("@")[0]
    if ":" in name.rpartition("/")[2]:
        name = name.rpartition(":")[0]
    if target.checksum is not None:
        return f"{name}@{target.checksum}"
    return f"{name}:{target.version}" if target.version is not None else image

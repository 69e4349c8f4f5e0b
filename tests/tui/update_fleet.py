"""A fleet in the middle of its updates: most hosts of a kind on one version, and some out of line."""

from __future__ import annotations

from datetime import timedelta

from console.model.config import HostConfig
from console.model.deployment import Agent, Available, Deployment, UpdateStatus, Working
from console.model.events import FactsRead, HostChanged, UpdatesRead
from console.model.host import OsFacts
from console.model.memory import HOST, Denied
from console.model.state import State, Status
from tests.tui.small_fleet import BEFORE, NOW, FakeFleet

STABLE, TESTING, FLATCAR = "fedora/x86_64/coreos/stable", "fedora/x86_64/coreos/testing", "stable"
OLD, USUAL, NEW, BAD = "43.20261025.3.0", "43.20261108.3.0", "43.20261122.3.0", "43.20261115.3.0"
DENIED = Denied(HOST, BAD, NOW - timedelta(days=5), "r-2f9c", "api.service failed on web1")


def booted(version: str, *others: Deployment, **more: object) -> UpdateStatus:
    pending = any(one.next for one in others)
    now = Deployment("now", "51fa09bead" * 6, version, STABLE, booted=True, next=not pending)
    known: dict[str, object] = {"channel": STABLE, **more}
    return UpdateStatus((*others, now), **known)  # type: ignore[arg-type]


def staged(version: str, *, locked: bool = False) -> Deployment:
    return Deployment("new", "7d21c0ffee" * 6, version, STABLE, next=True, staged=True, locked=locked)


_ZINCATI = Agent("Zincati", "zincati.service", active=True, says="update staged; reboot delayed")
_DOWNLOADING, _NEWER = Working("downloading", 41.0), Available("4459.2.2")

#: Host, system, updater, what that says.
SAID: tuple[tuple[str, str, str | None, UpdateStatus], ...] = (
    ("web1", "fedora", "rpm-ostree", booted(USUAL)),
    ("web2", "fedora", "rpm-ostree", booted(USUAL)),
    ("web3", "fedora", "rpm-ostree", booted(USUAL, staged(NEW))),
    ("web4", "fedora", "rpm-ostree", booted(OLD, available=Available(NEW))),
    ("web5", "fedora", "rpm-ostree", booted(BAD)),
    ("web6", "fedora", "rpm-ostree", booted(USUAL, error="stage 43.20261122.3.0: no space left on device")),
    ("db1", "fedora", "rpm-ostree", booted(USUAL, staged(NEW, locked=True), agents=(_ZINCATI,))),
    ("canary1", "fedora", "bootc", booted(NEW, channel=TESTING)),
    ("cache1", "flatcar", "update_engine", booted("4459.2.1", channel=FLATCAR, working=_DOWNLOADING)),
    ("cache2", "flatcar", "update_engine", booted("4459.2.1", channel=FLATCAR, available=_NEWER)),
    ("edge-frankfurt-1", "debian", None, UpdateStatus()),
)  # fmt: skip


class UpdateFleet(FakeFleet):
    """Eleven hosts; one of them is lost, with what it said last."""

    def __init__(self) -> None:
        names = [*(name for name, *_ in SAID), "lost1"]
        super().__init__(HostConfig(name, f"198.18.1.{n}") for n, name in enumerate(names))
        self.model.deny([DENIED])
        for name, system, driver, status in SAID:
            self.say(name, system, driver, status)
        self.say("lost1", "fedora", "rpm-ostree", booted(USUAL))
        self.model.apply(HostChanged("lost1", Status(State.UNREACHABLE, BEFORE, "no answer for 12 s")))

    def say(self, name: str, system: str, driver: str | None, status: UpdateStatus) -> None:
        self.model.apply(HostChanged(name, Status(State.LIVE, BEFORE)))
        self.model.apply(FactsRead(name, OsFacts(os=system, kernel="6.17.7")))
        self.model.apply(UpdatesRead(name, driver, status))

"""What can be looked at, as values: the steps of back and forward, and the words of the breadcrumbs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a view shows."""

    WATCH = "watch"
    HOSTS = "hosts"
    MAP = "map"
    UNITS = "units"
    CONTAINERS = "containers"
    LOGS = "logs"
    SERVICES = "services"
    SERVICE = "service"
    IMAGES = "images"
    UPDATES = "updates"
    ROLLOUTS = "rollouts"
    ROLLOUT = "rollout"
    AUDIT = "audit"
    ETCD = "etcd"
    KEYS = "keys"
    KEY = "key"
    PAGE = "page"


#: The views that a key leads to from anywhere.
TOP = (
    Kind.WATCH,
    Kind.HOSTS,
    Kind.UNITS,
    Kind.CONTAINERS,
    Kind.LOGS,
    Kind.SERVICES,
    Kind.UPDATES,
    Kind.ROLLOUTS,
    Kind.AUDIT,
    Kind.IMAGES,
    Kind.MAP,
    Kind.ETCD,
)


@dataclass(frozen=True, slots=True)
class View:
    """One view.

    :param host: only this host's; None for the whole fleet.
    :param unit: of a log or a page: the unit's name.
    :param container: of a log or a page: the container's id; `label` is its name.
    :param question: of a page: what is asked (`commands/looking.py`); none for a host's page.
    :param record: of a page: the audit record's id.
    :param key: of etcd: a kind of key, or a key, without the fleet's prefix.
    :param rollout: of a rollout: its id.
    :param image: of containers: only those of this image, as `commands/image_board.py` calls it.
    :param service: the service's name; of a page on why an instance is where it is, the instance's.
    """

    kind: Kind
    host: str | None = None
    unit: str | None = None
    container: str | None = None
    label: str | None = None
    question: str | None = None
    record: str | None = None
    key: str | None = None
    rollout: str | None = None
    service: str | None = None
    image: tuple[str, str] | None = None

    def crumbs(self) -> tuple[str, ...]:
        """From the fleet down to here."""
        parts: list[str] = []
        if self.host:
            parts.append(self.host)
        if self.unit or self.container:
            parts.append(self.unit or self.label or (self.container or "")[:12])
        if self.image:
            parts += [str(Kind.IMAGES), self.image[0].rpartition("/")[2]]
        if self.record:
            parts += [str(Kind.AUDIT), self.record]
        if self.service:
            parts += [str(Kind.SERVICES), self.service]
        if self.rollout:
            parts += [str(Kind.ROLLOUTS), self.rollout]
        elif self.key:
            parts += [str(Kind.ETCD), *self.key.split("/", 1)]
        elif self.kind not in (Kind.PAGE, Kind.SERVICE):
            parts.append(str(self.kind))
        elif self.question:
            parts.append(self.question)
        return tuple(parts)


@dataclass
class History:
    """The views that were visited, and where among them we are."""

    steps: list[View]
    at: int = 0

    @property
    def now(self) -> View:
        return self.steps[self.at]

    def go(self, view: View) -> None:
        """To a new view; what was ahead is forgotten."""
        if view != self.now:
            self.steps[self.at + 1 :] = [view]
            self.at += 1

    def back(self) -> bool:
        """One step back; False at the first."""
        if self.at == 0:
            return False
        self.at -= 1
        return True

    def forward(self) -> bool:
        """One step forward; False at the last."""
        if self.at + 1 == len(self.steps):
            return False
        self.at += 1
        return True

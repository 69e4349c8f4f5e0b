"""What the consoles of a fleet tell each other through etcd, beside what is said of hosts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Acting:
    """Somebody is changing something on a host just now.

    :param record: the audit record of it.
    :param actor, origin: who, and from where; see `console.actions.audit.Who`.
    :param line: the command line.
    """

    host: str
    record: str
    actor: str
    origin: str
    line: str
    since: datetime

    @property
    def words(self) -> str:
        return f"{self.actor}: {self.line}"


@dataclass(frozen=True, slots=True)
class Ack:
    """Somebody knows of a trouble and looks after it.

    :param trouble: names it: `docker1/failing.service`, or a host.
    :param until: when it counts no more; None: until it is taken back.
    """

    trouble: str
    actor: str
    note: str
    since: datetime
    until: datetime | None = None

    def holds(self, at: datetime) -> bool:
        return self.until is None or at < self.until


#: The kind of versions of a host's operating system, whichever updater brings them.
HOST = "host"
CONTAINER = "container"
#: A revision of a service, with the service's name before it: `web@.service 4`.
SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Denied:
    """A version that no rollout may bring back, unless it is told to.

    :param kind: of what it is a version: `HOST`, `CONTAINER` (a digest), `SERVICE`, or another.
    :param by: the person, or the rollout that it was rolled back by.
    """

    kind: str
    version: str
    since: datetime
    by: str
    why: str

"""What a host itself has lost of its log, read from what is there. Pure.

    rate limit    journald says how many messages of a unit it suppressed (N_DROPPED), right before the
                  first that it let through again: they are missing between the unit's last entry and the
                  report
    ordinals      docker (23 and later; daemon/logger/journald) numbers what a container says, from 1 for
                  each start of its logger (CONTAINER_LOG_EPOCH, CONTAINER_LOG_ORDINAL): a number that is
                  missing is a line that docker wrote and journald did not keep, whatever the reason

With docker all containers share the rate limit of docker.service, so that one noisy container silences the
others; the report counts them together, the ordinals say whose lines are missing.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple, TypeVar

from console.hosts.export_format import Entry
from console.hosts.journal_record import decimal
from console.model.log import Gap, LogQuery, LogRecord

#: journald's word that its rate limit swallowed messages (sd-messages.h, SD_MESSAGE_JOURNAL_DROPPED).
DROPPED_MESSAGE_ID = b"a596d6fe7bfa4994828e72309e95d61e"

#: Units and containers remembered; of those that were silent longest a loss has no lower bound.
_KNOWN = 4096
_JOURNALD = b"systemd-journald"
#: Units by which container engines log.
_ENGINES = ("docker.service", "libpod-")

_K = TypeVar("_K")
_V = TypeVar("_V")


class _Said(NamedTuple):
    epoch: bytes
    ordinal: int
    cursor: str


class Losses:
    """Looks at each entry of a stream, in order.

    :param query: what the stream was asked for.
    """

    def __init__(self, host: str, query: LogQuery) -> None:
        self._host = host
        self._units: OrderedDict[str, str] = OrderedDict()
        self._containers: OrderedDict[bytes, _Said] = OrderedDict()
        # Only with all that a container says is each of its numbers there.
        self._counts = query.priority is None
        self._of_containers = bool(query.containers or query.images)

    def before(self, entry: Entry, record: LogRecord) -> Gap | None:
        """What is missing right before this entry, if anything is."""
        if is_report(entry):
            return self._suppressed(entry, record)
        if record.unit is not None:
            _keep(self._units, record.unit, record.cursor)
        if self._counts and record.trusted and (number := decimal(entry.first(b"CONTAINER_LOG_ORDINAL"))):
            return self._jumped(entry, record, number)
        return None

    def forget(self) -> None:
        """Entries are known to be missing here, and told of: what the numbers say of it is no news."""
        self._units.clear()
        self._containers.clear()

    def _suppressed(self, entry: Entry, record: LogRecord) -> Gap | None:
        unit = record.unit
        if self._of_containers and unit and not unit.startswith(_ENGINES) and unit not in self._units:
            return None  # of a unit that has nothing to do with the containers asked for
        return Gap(
            self._host,
            record.time,
            f"journald's rate limit suppressed messages of {unit or 'a process'}",
            count=decimal(entry.first(b"N_DROPPED")),
            after=self._units.get(unit or ""),
            before=record.cursor,
        )

    def _jumped(self, entry: Entry, record: LogRecord, number: int) -> Gap | None:
        identity = entry.first(b"CONTAINER_ID_FULL") or b""
        epoch = entry.first(b"CONTAINER_LOG_EPOCH") or b""
        last = self._containers.get(identity)
        _keep(self._containers, identity, _Said(epoch, number, record.cursor))
        if last is None:
            return None  # what it said before is from before this stream
        missing = number - 1 - (last.ordinal if last.epoch == epoch else 0)
        if missing <= 0:
            return None
        return Gap(
            self._host,
            record.time,
            f"docker numbered lines of {record.container} that journald does not have",
            count=missing,
            after=last.cursor,
            before=record.cursor,
        )


def is_report(entry: Entry) -> bool:
    """Whether this is journald's report of what it suppressed.

    Anyone may send the message id; only journald runs in journald's unit.
    """
    if entry.first(b"MESSAGE_ID") != DROPPED_MESSAGE_ID:
        return False
    return (entry.first(b"_SYSTEMD_UNIT") or b"").startswith(_JOURNALD)


def _keep(known: OrderedDict[_K, _V], key: _K, value: _V) -> None:
    known[key] = value
    known.move_to_end(key)
    if len(known) > _KNOWN:
        known.popitem(last=False)

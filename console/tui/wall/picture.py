"""What the band of a wall says: how the fleet is, in words that are read from across the room. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from console.commands.picture import Trouble, worst_first
from console.commands.rows import Tone
from console.commands.rows.base import GLYPHS
from console.commands.values import ago
from console.model.host import Host
from console.model.state import State
from console.model.store import StoreStatus
from console.model.text import clean
from console.rollouts.course import End
from console.rollouts.rollout import Account
from console.rollouts.rollout import State as Stage

#: An etcd that has not answered for so long makes what is shown of it old.
ETCD_PATIENCE = timedelta(seconds=10)

#: What is told of a trouble or a rollout, in characters at most.
_TOLD = 300

#: Hosts in these states are not heard, though they should be.
_SILENT = frozenset({State.STALE, State.UNREACHABLE, State.FAILED, State.REFUSED})


@dataclass(frozen=True, slots=True)
class Band:
    """What stands on every page.

    :param tone: good, warn or bad; plain as long as it is not known.
    :param verdict: how the fleet is.
    :param figures: a number and what it counts, as many as matter, with how it should strike the eye.
    :param worst: the worst trouble, or nothing.
    :param rollout: the rollout that goes on or was halted, or nothing.
    :param stale: why what is shown is not to be believed; empty if it is.
    """

    tone: Tone
    verdict: str
    figures: tuple[tuple[int, str, Tone], ...]
    worst: str
    rollout: str
    stale: str


def band(
    hosts: Sequence[Host],
    troubles: Iterable[Trouble],
    accounts: Iterable[Account],
    store: StoreStatus | None,
    now: datetime,
) -> Band:
    """The band as things are.

    :param troubles: those that somebody looks after are not told.
    :param store: how etcd is doing; None: the fleet has none.
    """
    open_ones = sorted((one for one in troubles if one.ack is None), key=_rank)
    tone, verdict = _verdict(hosts, open_ones)
    worst = open_ones[0] if open_ones else None
    return Band(
        tone,
        verdict,
        _figures(hosts, open_ones),
        "" if worst is None else _told(worst, now),
        _rollout(accounts),
        stale(hosts, store, now),
    )


def stale(hosts: Sequence[Host], store: StoreStatus | None, now: datetime) -> str:
    """Why what is shown is from before, as a whole; empty where it is not.

    A host that is silent says so in its own place; when half of them are, all is in doubt.
    """
    if store is not None and store.state is not State.LIVE and store.reason is not None:
        since = store.contact or store.since
        if now - since >= ETCD_PATIENCE:
            how = "has no quorum" if store.no_quorum else "does not answer"
            return f"etcd {how} since {since:%H:%M:%S} UTC, {ago(since, now)} ago"
    silent = [host for host in hosts if host.state in _SILENT]
    if silent and 2 * len(silent) >= len(hosts):
        since = max(host.status.since for host in silent)
        which = "no host is" if len(silent) == len(hosts) else f"{len(silent)} of {len(hosts)} hosts are not"
        return f"{which} heard since {since:%H:%M:%S} UTC, {ago(since, now)} ago"
    return ""


def _rank(trouble: Trouble) -> tuple[int, float, str, str]:
    """By how bad it is, then the longest first."""
    weight, host, what = worst_first(trouble)
    return weight, trouble.since.timestamp() if trouble.since else math.inf, host, what


def _verdict(hosts: Sequence[Host], troubles: Sequence[Trouble]) -> tuple[Tone, str]:
    if not hosts:
        return Tone.PLAIN, "no hosts"
    bad = [one for one in troubles if one.how.tone is Tone.BAD]
    if bad:
        return Tone.BAD, _counted(bad)
    if troubles:
        return Tone.WARN, _counted(troubles)
    coming = sum(host.state is State.CONNECTING for host in hosts)
    if coming:
        return Tone.PLAIN, f"connecting: {len(hosts) - coming} of {len(hosts)} hosts are there"
    return Tone.GOOD, "all well"


def _counted(troubles: Iterable[Trouble]) -> str:
    counts = Counter(_sort(one) for one in troubles)
    told = []
    for (one, many, how), count in sorted(counts.items(), key=lambda item: _ORDER.index(item[0])):
        told.append(f"{count} {one if count == 1 else many} {how}")
    return ", ".join(told)


_HOST = ("host", "hosts", "lost")
_UNIT = ("unit", "units", "failing")
_CONTAINER = ("container", "containers", "unhealthy")
_SERVICE = ("service", "services", "not as wanted")
_SOURCE = ("source", "sources", "not heard")
_DISK = ("disk", "disks", "nearly full")
_OTHER = ("other trouble", "other troubles", "")
_ORDER = (_HOST, _SERVICE, _UNIT, _CONTAINER, _SOURCE, _DISK, _OTHER)
_SOURCES = frozenset({"units", "containers", "journal", "os"})


def _sort(trouble: Trouble) -> tuple[str, str, str]:
    if trouble.unit is not None:
        return _UNIT
    if trouble.container is not None:
        return _CONTAINER
    if trouble.service:
        return _SERVICE
    if trouble.host and trouble.what == "host":
        return _HOST
    if trouble.host and trouble.what.startswith("disk "):
        return _DISK
    return _SOURCE if trouble.host and trouble.what in _SOURCES else _OTHER


def _figures(hosts: Sequence[Host], troubles: Iterable[Trouble]) -> tuple[tuple[int, str, Tone], ...]:
    ailing = {one.host for one in troubles if one.host and one.what != "host"}
    live = [host for host in hosts if host.state is State.LIVE]
    sick = sum(host.name in ailing for host in live)
    silent = sum(host.state in _SILENT for host in hosts)
    coming = sum(host.state is State.CONNECTING for host in hosts)
    figures = [
        (len(live) - sick, "sound", Tone.GOOD),
        (sick, "ailing", Tone.WARN),
        (silent, "LOST", Tone.BAD),
    ]
    if coming:
        figures.append((coming, "to come", Tone.FAINT))
    return tuple((count, word, tone if count else Tone.FAINT) for count, word, tone in figures)


def _told(trouble: Trouble, now: datetime) -> str:
    since = f" for {ago(trouble.since, now)}" if trouble.since is not None else ""
    why = f": {trouble.why}" if trouble.why else ""
    return clean(f"{trouble.how.text} {trouble.place} {trouble.what}{since}{why}", _TOLD)


def _rollout(accounts: Iterable[Account]) -> str:
    going = [one for one in accounts if not one.rollout.state.over]
    if not going:
        return ""
    # What stands still before what goes on, then the newest.
    going.sort(key=lambda one: (one.rollout.state is Stage.RUNNING, -one.rollout.created.timestamp()))
    account = going[0]
    rollout = account.rollout
    done = sum(one.end is End.DONE for one in account.progress.values())
    halted = rollout.state is Stage.HALTED
    glyph = GLYPHS[Tone.BAD if halted else Tone.GOOD if rollout.state is Stage.RUNNING else Tone.WARN]
    told = f"{glyph} rollout {rollout.id} {rollout.state.value}"
    told += f", wave {account.wave} of {len(rollout.waves)}, {done} of {len(rollout.targets)} done"
    told += f", {len(account.failed)} failed" if account.failed else ""
    told += f": {rollout.why}" if rollout.why else f": {rollout.line}"
    more = f" (and {len(going) - 1} more)" if len(going) > 1 else ""
    return clean(told, _TOLD) + more

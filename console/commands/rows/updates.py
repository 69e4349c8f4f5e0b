"""What a host's updater says, for scripts and for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from console.commands.rows.base import Cell, Column, RowKind, Tone, plain
from console.model.deployment import Agent, Deployment, UpdateStatus
from console.model.host import Host

#: What each word of a status is to the eye; a host without one is as it should be.
_TONES = {"denied": Tone.BAD, "failed": Tone.BAD, "working": Tone.PLAIN, "driven": Tone.FAINT}


def deployment_line(deployment: Deployment) -> tuple[Cell, ...]:
    """A deployment for a person: what it is now and will be, its version, and where it comes from."""
    words = ("booted", "staged", "locked", "rollback", "pinned")
    marks = [name for name in words if getattr(deployment, name)]
    if deployment.next and not deployment.booted:
        marks.insert(0, "next")
    if deployment.unlocked:
        marks.append(f"unlocked ({deployment.unlocked})")
    tone = Tone.GOOD if deployment.booted else Tone.WARN if deployment.next else Tone.FAINT
    made = f" of {deployment.timestamp:%Y-%m-%d}" if deployment.timestamp else ""
    return (
        Cell("    "),
        Cell.state(f"{' '.join(marks) or 'kept':<16}", tone),
        Cell(f" {deployment.version or '–':<12}"),
        Cell(f" {(deployment.checksum or deployment.id)[:12]:<12}", Tone.FAINT),
        Cell(f" {deployment.origin or ''}{made}".rstrip(), Tone.FAINT),
    )


def updates_fields(host: Host) -> dict[str, Any]:
    """All of it but the deployments, which have a field of their own."""
    status = host.updates
    return {
        "channel": status.channel,
        "available": plain(status.available),
        "working": plain(status.working),
        "error": status.error,
        "agents": plain(status.agents),
        "words": list(status.words),
        "extra": plain(status.extra),
    }


def updates_told(status: UpdateStatus) -> Iterator[tuple[str, Cell]]:
    """What there is to tell beside the deployments: a name, and what stands by it."""
    if status.channel:
        yield "channel", Cell(status.channel)
    if status.available is not None:
        newer = status.available.version or (status.available.checksum or "")[:12]
        yield "available", Cell.state(newer, Tone.WARN)
    if status.working is not None:
        yield "at work", Cell(_work(status))
    if status.error:
        yield "update failed", Cell(status.error, Tone.BAD)
    for agent in status.agents:
        yield "agent", Cell(_agent(agent), Tone.PLAIN if agent.active else Tone.FAINT)


def _work(status: UpdateStatus) -> str:
    now = status.working
    assert now is not None
    percent = "" if now.percent is None else f" {now.percent:.0f}%"
    return f"{now.what}{percent}{f', for {now.by}' if now.by else ''}"


def _agent(agent: Agent) -> str:
    doing = "takes updates by itself" if agent.drives else "reboots it"
    said = f": {agent.says}" if agent.says else ""
    return f"{agent.name} {doing}{said}" if agent.active else f"{agent.name} is not at work"


def version_text(deployment: Deployment | None) -> str:
    """What a deployment is called, short."""
    if deployment is None:
        return "–"
    return deployment.version or (deployment.checksum or deployment.id)[:12]


def _state(host: Host) -> Cell:
    """The words that say what is out of the ordinary, or why nothing is known."""
    if host.updates_problem is not None:
        return Cell.state(host.updates_problem, Tone.BAD)
    if host.driver is None:
        return Cell("no updater" if host.facts.os else "", Tone.FAINT)
    words = (*(("denied",) if host.denied else ()), *host.updates.words)
    if not words:
        return Cell.state("current", Tone.GOOD)
    return Cell.state(" ".join(words), _TONES.get(words[0], Tone.WARN))


def _pending(host: Host) -> Cell:
    pending = host.updates.pending
    if pending is None:
        return Cell("–", Tone.FAINT)
    return Cell(f"{version_text(pending)}{' staged' if pending.staged else ''}", Tone.WARN)


def _available(host: Host) -> Cell:
    newer = host.updates.available
    if newer is None:
        return Cell("–", Tone.FAINT)
    return Cell(newer.version or (newer.checksum or "")[:12], Tone.WARN)


def _fields(host: Host) -> dict[str, Any]:
    status = host.updates
    return {
        "host": host.name,
        "driver": host.driver,
        "booted": plain(status.booted),
        "next": plain(status.next),
        "staged": plain(status.staged),
        "rollback": plain(status.rollback),
        "behind": status.available is not None,
        "denied": [one.version for one in host.denied],
        "problem": host.updates_problem,
    } | updates_fields(host)


#: A host by what updates it.
HOST_UPDATES: RowKind[Host] = RowKind(
    "host",
    lambda host: (host.name,),
    _fields,
    (
        Column("HOST", lambda host: host.name, 9, width=12),
        Column("DRIVER", lambda host: host.driver or "–", 6, width=13),
        Column("BOOTED", lambda host: version_text(host.updates.booted), 9, width=16),
        Column("NEXT", _pending, 8, width=16),
        Column("AVAILABLE", _available, 7, width=16),
        Column("ROLLBACK", lambda host: version_text(host.updates.rollback), 6, width=16),
        Column("CHANNEL", lambda host: host.updates.channel or "–", 4, shrink=True, width=24, least=10),
        Column("STATE", _state, 8, shrink=True, width=20, least=12),
    ),
    lambda host: host.name,
)

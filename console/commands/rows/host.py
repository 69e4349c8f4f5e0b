"""How a host is written out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from console.commands import clock
from console.commands.rows.base import (
    Cell,
    Column,
    RowKind,
    Tone,
    moment,
    plain,
    since_cell,
    worst_first,
)
from console.commands.rows.updates import deployment_line, updates_fields, updates_told
from console.commands.values import ago
from console.model.host import Host
from console.model.state import Source, State, Status

_STATE_TONES = {
    State.LIVE: Tone.GOOD,
    State.CONNECTING: Tone.FAINT,
    State.ABSENT: Tone.FAINT,
    State.STALE: Tone.WARN,
    State.FOREIGN: Tone.WARN,
}


def state_cell(status: Status) -> Cell:
    """A host's or a source's state."""
    return Cell.state(status.state, _STATE_TONES.get(status.state, Tone.BAD))


def _host_fields(host: Host) -> dict[str, Any]:
    facts = host.facts
    return {
        "name": host.name,
        "address": host.address,
        "state": host.state.value,
        "since": moment(host.status.since),
        "reason": host.status.reason,
        "labels": dict(host.labels),
        "os": facts.os,
        "version": facts.version,
        "kernel": facts.kernel,
        "boot_id": facts.boot_id,
        "uptime_s": facts.uptime_s,
        "units_failed": host.units_failed,
        "containers_unhealthy": host.containers_unhealthy,
        "driver": host.driver,
        "sources": {source.value: _source_fields(host.sources.get(source)) for source in Source},
        "cordoned": host.cordoned is not None,
        "drained": [{"by": who, "since": moment(at)} for who, at in sorted(host.drained.items())],
        "conflict": host.conflict,
        "acting": plain(host.acting),
    }


def _source_fields(status: Status | None) -> dict[str, Any] | None:
    if status is None:
        return None
    return {"state": status.state.value, "since": moment(status.since), "reason": status.reason}


def host_detail(host: Host) -> dict[str, Any]:
    """All the fields of a host, what its updater says, and everything else the `os` source read."""
    facts = plain(host.facts)
    detail = _host_fields(host) | {
        "deployments": plain(host.deployments),
        "deployments_problem": host.updates_problem,
        "updates": updates_fields(host),
    }
    return detail | {name: facts[name] for name in facts if name not in detail}


def _count(number: int | None) -> Cell:
    if number is None:
        return Cell("–", Tone.FAINT)
    return Cell(str(number), Tone.BAD if number else Tone.FAINT)


def _trouble(host: Host) -> Cell:
    """Who acts on it, which may explain the rest; then the host's own reason, or else its sources'."""
    acting = [one.words for one in host.acting]
    if host.status.reason:
        return Cell("; ".join([*acting, host.status.reason]), Tone.BAD)
    reasons = acting + [
        f"{source}: {status.state}" + (f", {status.reason}" if status.reason else "")
        for source, status in host.sources.items()
        if status.state not in (State.LIVE, State.CONNECTING, State.ABSENT)
    ]
    if host.conflict:
        reasons.append(host.conflict)
    return Cell("; ".join(reasons), Tone.WARN)


def _load(host: Host) -> str:
    return f"{host.facts.load[0]:.2f}" if host.facts.load else ""


def _memory(host: Host) -> Cell:
    total, free = host.facts.memory_total, host.facts.memory_available
    if not total or free is None:
        return Cell("")
    used = 100 * (total - free) // total
    return Cell(f"{used}%", Tone.WARN if used >= 90 else Tone.PLAIN)


def _disk(host: Host) -> Cell:
    used = max(
        (100 * (disk.size - disk.available) // disk.size for disk in host.facts.disks if disk.size),
        default=None,
    )
    if used is None:
        return Cell("")
    return Cell(f"{used}%", Tone.BAD if used >= 95 else Tone.WARN if used >= 85 else Tone.PLAIN)


def _uptime(host: Host) -> Cell:
    if host.facts.uptime_s is None:
        return Cell("")
    now = clock.now()
    return Cell(ago(datetime.fromtimestamp(now.timestamp() - host.facts.uptime_s, UTC), now), Tone.FAINT)


def _os(host: Host) -> str:
    return " ".join(word for word in (host.facts.os, host.facts.version) if word)


def _labels(host: Host) -> Cell:
    words = [f"{key}={value}" for key, value in host.labels.items()]
    said = ["drained"] if host.drained else ["cordoned"] if host.cordoned else []
    if said:
        return Cell(",".join([*said, *words]), Tone.WARN)
    return Cell(",".join(words), Tone.FAINT)


HOST: RowKind[Host] = RowKind(
    "host",
    lambda host: (host.name,),
    _host_fields,
    (
        Column("HOST", lambda host: host.name, 9, width=12),
        Column(
            "STATE",
            lambda host: state_cell(host.status),
            9,
            width=13,
            order=lambda host: worst_first(state_cell(host.status)),
        ),
        Column(
            "SINCE",
            lambda host: since_cell(host.status.since),
            5,
            right=True,
            width=7,
            order=lambda host: host.status.since,
            ticks=True,
        ),
        Column(
            "FAILED",
            lambda host: _count(host.units_failed),
            8,
            right=True,
            width=6,
            order=lambda host: host.units_failed,
        ),
        Column(
            "UNHEALTHY",
            lambda host: _count(host.containers_unhealthy),
            7,
            right=True,
            width=9,
            order=lambda host: host.containers_unhealthy,
        ),
        Column("OS", _os, 4, width=20),
        Column("UP", _uptime, 3, right=True, width=7, order=lambda host: host.facts.uptime_s, ticks=True),
        Column("LOAD", _load, 2, right=True, width=5),
        Column("MEM", _memory, 2, right=True, width=4),
        Column("DISK", _disk, 3, right=True, width=4),
        Column("LABELS", lambda host: _labels(host), 1, shrink=True, width=24, least=12),
        Column("REASON", _trouble, 8, shrink=True, width=32, least=12),
    ),
    lambda host: (host.state is State.LIVE and not host.units_failed, host.name),
)


_NAMES = 14
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB")


def host_page(host: Host, refused: Sequence[str] = ()) -> list[tuple[Cell, ...]]:
    """A host for a person, the most pressing first.

    :param refused: why container engines that are on it are not shown while another one is.
    """
    lines: list[tuple[Cell, ...]] = [
        (Cell(host.name, Tone.GOOD), Cell(host.address, Tone.FAINT)),
        _told("state", state_cell(host.status), Cell(_since(host.status))),
    ]
    if host.status.reason:
        lines.append(_told("", Cell(host.status.reason, Tone.BAD)))
    for source, status in host.sources.items():
        usual = status.state in (State.LIVE, State.ABSENT)
        lines.append(_told(source.value, state_cell(status), Cell("" if usual else _since(status))))
        if status.reason:
            lines.append(_told("", Cell(status.reason, Tone.FAINT if usual else Tone.WARN)))
        if source is Source.CONTAINERS:
            lines += [_told("", Cell.state("refused", Tone.BAD), Cell(reason)) for reason in refused]
    for one in host.acting:
        told = f"since {one.since:%H:%M:%S} UTC, from {one.origin}"
        lines.append(_told("acting", Cell(one.words, Tone.WARN), Cell(told, Tone.FAINT)))
    if host.conflict:
        lines.append(_told("conflict", Cell(host.conflict, Tone.WARN)))
    lines.append(())
    lines += [_told(name, cell) for name, cell in _numbers(host).items() if cell.text not in ("", "–")]
    lines += [_told(name, cell) for name, cell in updates_told(host.updates)]
    lines += [_told("denied", Cell.state(f"{one.version}, by {one.by}", Tone.BAD)) for one in host.denied]
    if host.deployments or host.updates_problem:
        lines += [(), (Cell("  deployments, in boot order", Tone.FAINT),)]
        lines += [deployment_line(deployment) for deployment in host.deployments]
    if host.updates_problem:
        lines.append((Cell(f"    {host.updates_problem}", Tone.WARN),))
    return lines


def _told(name: str, *cells: Cell) -> tuple[Cell, ...]:
    return Cell(f"  {name:<{_NAMES}}", Tone.FAINT), *(cell for cell in cells if cell.text)


def _since(status: Status) -> str:
    today = status.since.date() == clock.now().date()
    return f"since {status.since:%H:%M:%S} UTC" if today else f"since {status.since:%Y-%m-%d %H:%M:%S} UTC"


def _numbers(host: Host) -> dict[str, Cell]:
    facts = host.facts
    up = _uptime(host).text
    load = ", ".join(f"{number:.2f}" for number in facts.load or ())
    pressure = [
        f"{each.resource} {each.kind} {each.avg10:.0f}%" for each in facts.pressure if each.avg10 >= 1
    ]
    named = {
        "failed units": _count(host.units_failed),
        "unhealthy": _count(host.containers_unhealthy),
        "labels": _labels(host),
        "system": Cell(facts.name or _os(host)),
        "version": Cell(facts.version or ""),
        "updates by": Cell(host.driver or ""),
        "kernel": Cell(facts.kernel or ""),
        "up": Cell(up),
        "load": Cell(f"{load} on {facts.cpus} processors" if load and facts.cpus else load),
        "memory": Cell(_used(facts.memory_total, facts.memory_available), _memory(host).tone),
        "pressure": Cell(", ".join(pressure), Tone.WARN),
        "clock": _clock(facts.clock_offset_s),
        "boot id": Cell(facts.boot_id or "", Tone.FAINT),
        "machine id": Cell(facts.machine_id or "", Tone.FAINT),
    }
    disks = {f"disk {disk.path}": Cell(_used(disk.size, disk.available)) for disk in facts.disks}
    return named | disks


def _used(total: int | None, free: int | None) -> str:
    if not total or free is None:
        return ""
    return f"{100 * (total - free) // total}% of {binary(total)}"


def binary(number: float) -> str:
    """So many bytes, for a person: `1.2 GiB`."""
    for unit in _BINARY:
        if number < 1024 or unit == _BINARY[-1]:
            break
        number /= 1024
    return f"{number:.0f} {unit}" if number >= 10 else f"{number:.1f} {unit}"


def _clock(offset: float | None) -> Cell:
    """Only where it is off by what would put log lines out of order."""
    if offset is None or abs(offset) < 1:
        return Cell("")
    return Cell(f"{abs(offset):.0f} s {'ahead' if offset > 0 else 'behind'}", Tone.WARN)


HOST_DETAIL: RowKind[Host] = RowKind("host", HOST.key, host_detail, (), HOST.sort, host_page)

"""How a container, and a sample of what it uses, are written out."""

from __future__ import annotations

from typing import Any

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
from console.model.container import Container, ContainerStats, Port


def _container_fields(container: Container) -> dict[str, Any]:
    return {
        "host": container.host,
        "name": container.name,
        "id": container.id,
        "image": container.image,
        "image_id": container.image_id,
        "state": container.state,
        "health": container.health,
        "restarts": container.restarts,
        "exit_code": container.exit_code,
        "oom_killed": container.oom_killed,
        "since": moment(container.since),
        "unit": container.unit,
        "digest": container.digest,
        "ports": [plain(port) for port in container.ports],
        "labels": dict(container.labels),
        "engine": container.engine,
        "created": moment(container.created),
    }


def container_state_cell(container: Container) -> Cell:
    """State and health in one word, the worse of the two giving the tone."""
    word = f"{container.state}, {container.health}" if container.health else container.state
    if container.unhealthy:
        return Cell.state(word, Tone.BAD)
    if container.state == "running":
        return Cell.state(word, Tone.WARN if container.health == "starting" else Tone.GOOD)
    return Cell.state(word, Tone.WARN if container.exit_code else Tone.FAINT)


def port_text(port: Port) -> str:
    """`8080→80/tcp`, or `80/tcp` where it is only exposed."""
    if port.host_port is None:
        return f"{port.port}/{port.protocol}"
    return f"{port.host_port}→{port.port}/{port.protocol}"


CONTAINER: RowKind[Container] = RowKind(
    "container",
    lambda container: (container.host, container.id),
    _container_fields,
    (
        Column("HOST", lambda box: box.host, 9, width=12),
        Column("CONTAINER", lambda box: box.name, 9, shrink=True, width=28, least=16),
        Column(
            "STATE",
            container_state_cell,
            8,
            width=20,
            order=lambda box: worst_first(container_state_cell(box)),
        ),
        Column(
            "SINCE",
            lambda box: since_cell(box.since),
            5,
            right=True,
            width=7,
            order=lambda box: box.since,
            ticks=True,
        ),
        Column("RESTARTS", lambda box: str(box.restarts) if box.restarts else "", 5, right=True, width=8),
        Column(
            "EXIT", lambda box: "" if box.exit_code is None else str(box.exit_code), 4, right=True, width=4
        ),
        Column("IMAGE", lambda box: box.image, 6, shrink=True, width=28, least=12),
        Column("ID", lambda box: Cell(box.id[:12], Tone.FAINT), 3, width=12),
        Column("UNIT", lambda box: box.unit or "", 3, width=20),
        Column(
            "PORTS",
            lambda box: " ".join(dict.fromkeys(port_text(port) for port in box.ports)),
            2,
            shrink=True,
            width=24,
            least=12,
        ),
    ),
    lambda container: (container.host, container.name),
)


def _size(number: int | None) -> str:
    if number is None:
        return "–"
    value = float(number)
    for unit in ("B", "K", "M", "G"):
        if value < 1024 or unit == "G":
            break
        value /= 1024
    return f"{value:.0f}{unit}" if unit == "B" or value >= 10 else f"{value:.1f}{unit}"


STATS: RowKind[ContainerStats] = RowKind(
    "stats",
    lambda stats: (stats.host, stats.id),
    plain,
    (
        Column("HOST", lambda stats: stats.host, 9),
        Column("CONTAINER", lambda stats: stats.name, 9, shrink=True),
        Column("CPU", lambda s: "–" if s.cpu_percent is None else f"{s.cpu_percent:.1f}%", 8, right=True),
        Column("MEMORY", lambda stats: _size(stats.memory), 8, right=True),
        Column("LIMIT", lambda stats: _size(stats.memory_limit), 4, right=True),
        Column("NET IN", lambda stats: _size(stats.net_rx), 5, right=True),
        Column("NET OUT", lambda stats: _size(stats.net_tx), 5, right=True),
        Column("READ", lambda stats: _size(stats.block_read), 3, right=True),
        Column("WRITTEN", lambda stats: _size(stats.block_write), 3, right=True),
        Column("PIDS", lambda stats: "–" if stats.pids is None else str(stats.pids), 4, right=True),
    ),
    lambda stats: (stats.host, stats.name),
)

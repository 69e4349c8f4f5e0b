"""What a container uses, from `GET /containers/{id}/stats`. Pure.

The daemon counts CPU time since the container started, so a share of CPU needs two samples. One
request can bring both (`precpu_stats`), but then the daemon takes a second to answer and a thread
waits for it; two requests with `one-shot=true` cost 2 × 6 ms and nobody waits in between. The share
is CPU time over the daemon's own clock (`read`), in percent of one core, whatever the number of
cores: the figure of `docker stats`.

Memory is `usage` less `inactive_file` (cgroup v2) or `total_inactive_file` (v1), as docker's own
client shows it: what the kernel would drop first is not counted. podman has taken it off already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from console.hosts.container_facts import moment
from console.model.container import ContainerStats


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading. Bytes, and nanoseconds of CPU since the container started; None where unknown."""

    read: datetime | None = None
    cpu_ns: int | None = None
    memory: int | None = None
    memory_limit: int | None = None
    net_rx: int | None = None
    net_tx: int | None = None
    block_read: int | None = None
    block_write: int | None = None
    pids: int | None = None


def sample_of(item: object) -> Sample:
    """One answer's counters. A container that does not run has none of them."""
    read = moment(_get(item, "read"))
    if read is None:
        return Sample()
    memory, detail = _get(item, "memory_stats"), _get(_get(item, "memory_stats"), "stats")
    usage = _count(_get(memory, "usage"))
    idle = _count(_get(detail, "inactive_file")) or _count(_get(detail, "total_inactive_file")) or 0
    if usage is not None and idle < usage:
        usage -= idle
    return Sample(
        read=read,
        # Nothing that runs has used no CPU at all: a host without the cpu controller says 0.
        cpu_ns=_count(_get(_get(_get(item, "cpu_stats"), "cpu_usage"), "total_usage")) or None,
        memory=usage,
        memory_limit=_count(_get(memory, "limit")),
        net_rx=_over_networks(item, "rx_bytes"),
        net_tx=_over_networks(item, "tx_bytes"),
        block_read=_over_devices(item, "read"),
        block_write=_over_devices(item, "write"),
        pids=_count(_get(_get(item, "pids_stats"), "current")),
    )


def stats_of(host: str, name: str, number: str, before: Sample, now: Sample) -> ContainerStats:
    """The figures at `now`; the share of CPU is that since `before`."""
    return ContainerStats(
        host=host,
        name=name,
        id=number,
        cpu_percent=cpu_percent(before, now),
        memory=now.memory,
        memory_limit=now.memory_limit,
        net_rx=now.net_rx,
        net_tx=now.net_tx,
        block_read=now.block_read,
        block_write=now.block_write,
        pids=now.pids,
    )


def cpu_percent(before: Sample, now: Sample) -> float | None:
    """Percent of one core, None where the two samples do not say (the container was restarted)."""
    if before.read is None or now.read is None or before.cpu_ns is None or now.cpu_ns is None:
        return None
    seconds = (now.read - before.read).total_seconds()
    used = now.cpu_ns - before.cpu_ns
    if seconds <= 0 or used < 0:
        return None
    return round(used / (seconds * 1e9) * 100, 2)


def _get(item: object, key: str) -> object:
    return item.get(key) if isinstance(item, Mapping) else None


def _count(item: object) -> int | None:
    return item if isinstance(item, int) and not isinstance(item, bool) and 0 <= item < 2**64 else None


def _over_networks(item: object, key: str) -> int | None:
    networks = _get(item, "networks")
    if not isinstance(networks, Mapping):
        return None
    return sum(_count(_get(network, key)) or 0 for network in networks.values())


def _over_devices(item: object, direction: str) -> int | None:
    entries = _get(_get(item, "blkio_stats"), "io_service_bytes_recursive")
    if not isinstance(entries, list):
        return None
    return sum(
        _count(_get(entry, "value")) or 0 for entry in entries if str(_get(entry, "op")).lower() == direction
    )

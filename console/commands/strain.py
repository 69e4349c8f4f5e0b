"""What a host is short of, as far as its facts tell and somebody wants to know. Pure.

Sources: df(1) in POSIX, proc(5) for MemAvailable, the kernel's accounting/psi.rst: `full` is the share of
time in which every task that could have run waited.
"""

from __future__ import annotations

from collections.abc import Iterator

from console.commands.rows.base import Cell, Tone
from console.commands.rows.host import binary
from console.model.config import WatchConfig
from console.model.host import OsFacts

#: What is wrong, how, and the words that explain it.
Strain = tuple[str, Cell, str]


def strains(facts: OsFacts, limits: WatchConfig) -> Iterator[Strain]:
    """The strains of one host.

    :param facts: as they were read last.
    """
    for disk in facts.disks:
        used = 100 * (disk.size - disk.available) / disk.size if disk.size > 0 else 0.0
        tone = _over(used, limits.disk_warn, limits.disk_bad)
        if tone is not None:
            why = f"{binary(disk.available)} of {binary(disk.size)} left"
            yield f"disk {disk.path}", Cell.state(f"{used:.0f}% full", tone), why
    total, free = facts.memory_total, facts.memory_available
    if total and free is not None:
        used = 100 * (total - free) / total
        if 0 < limits.memory_warn <= used:
            why = f"{binary(free)} of {binary(total)} left"
            yield "memory", Cell.state(f"{used:.0f}% used", Tone.WARN), why
    for each in facts.pressure:
        if (each.resource, each.kind) == ("memory", "full") and 0 < limits.stall_warn <= each.avg60:
            why = "so much of the last minute nothing ran on it, for want of memory"
            yield "memory pressure", Cell.state(f"{each.avg60:.0f}% stalled", Tone.WARN), why
    offset = facts.clock_offset_s
    if offset is not None and 0 < limits.clock_warn <= abs(offset):
        told = f"{abs(offset):.0f} s {'ahead' if offset > 0 else 'behind'}"
        yield "clock", Cell.state(told, Tone.WARN), "its lines and ours do not stand in the order of time"


def _over(value: float, warn: float, bad: float) -> Tone | None:
    if 0 < bad <= value:
        return Tone.BAD
    return Tone.WARN if 0 < warn <= value else None

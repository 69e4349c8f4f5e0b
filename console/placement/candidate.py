"""A host as the scheduler sees it: what it is, what it has, and whether it takes anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from console.model.host import Host
from console.model.selector import BUILT_IN_KEYS, KeyTerm, glob_matches, key_values
from console.placement.policy import Term

#: PSI: tasks stalled for want of memory in so many percent of the last 10 s, and more is not put on top.
#: systemd-oomd kills at 60 % for 30 s (oomd.conf(5)); a third of that leaves room to turn round in.
MEMORY_PRESSURE = 20.0

#: What is kept for the host itself, its sshd, journald and engine: a tenth of a core and 256 MiB.
RESERVED_CPU = 100
RESERVED_MEMORY = 256 * 1024**2


class Standing(StrEnum):
    """What a host is to placement."""

    LIVE = "live"
    SILENT = "silent"  # no contact, not yet given up: keeps what it has and takes nothing new
    LOST = "lost"  # given up: what it had runs elsewhere
    FOREIGN = "foreign"  # another fleet's: left alone


@dataclass(frozen=True, slots=True)
class Candidate:
    """One host. CPU in thousandths of a core, memory in bytes; None where it is not known.

    :param drained: who keeps it drained, in words; None if nobody does.
    :param pressure: why it is to be spared, in a few words; None if it is not.
    :param attributes: what it answers to the keys that are not labels (`os`, `version`, `driver`).
    """

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    standing: Standing = Standing.LIVE
    cpu: int | None = None
    memory: int | None = None
    reserved_cpu: int = 0
    reserved_memory: int = 0
    cordoned: bool = False
    drained: str | None = None
    pressure: str | None = None
    machine_id: str | None = None
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def answers(self, key: str) -> tuple[str, ...]:
        """What it answers to a selector's key; nothing where it has no such thing."""
        if key == "name":
            return (self.name,)
        if key in BUILT_IN_KEYS:
            return self.attributes.get(key, ())
        label = self.labels.get(key.removeprefix("label."))
        return (label,) if label is not None else ()

    def is_called(self, text: str) -> bool:
        """Whether `Host=text` means it: by name, or by machine-id as fleet took it, whole or its first 8."""
        return self.name == text or (
            self.machine_id is not None and text in {self.machine_id, self.machine_id[:8]}
        )


def holds(term: Term, host: Candidate) -> bool:
    """Whether one term of a selector holds for a host."""
    if not isinstance(term, KeyTerm):
        return glob_matches(term.pattern, host.name)
    return any(glob_matches(term.value, text) for text in host.answers(term.key)) is not term.negated


def drained_words(who: Iterable[str]) -> str | None:
    """Who keeps a host drained, as `Candidate.drained` has it."""
    return ", ".join(sorted(who)) or None


def candidate(host: Host, standing: Standing) -> Candidate:
    """A host of the fleet's, as the scheduler sees it; `standing` is the engine's to say."""
    facts = host.facts
    stalled = max(
        (each.avg10 for each in facts.pressure if (each.resource, each.kind) == ("memory", "some")),
        default=0.0,
    )
    return Candidate(
        host.name,
        host.labels,
        standing,
        cpu=None if facts.cpus is None else facts.cpus * 1000,
        memory=facts.memory_total,
        reserved_cpu=RESERVED_CPU,
        reserved_memory=RESERVED_MEMORY,
        cordoned=host.cordoned is not None,
        drained=drained_words(host.drained),
        pressure=f"memory {stalled:.0f} %" if stalled >= MEMORY_PRESSURE else None,
        machine_id=facts.machine_id,
        attributes={key: key_values(host, key) for key in ("os", "version", "driver")},
    )

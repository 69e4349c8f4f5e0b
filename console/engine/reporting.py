"""How instances fare, told to etcd for consoles: written when it changed, and not more often than they look.

observed/<host>     {"standing": "live", "instances": {"web@1.service": ["web@.service", "running", ""]}}
                    and "remark", where there is something to be said of the host
engine/pending      {"web@4.service": ["web@.service", "apart on 3"]}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from console.engine.services import Assigned
from console.placement.candidate import Standing
from console.placement.outcome import Pending
from console.placement.reconcile import Condition, Phase
from console.store.claim import Claim
from console.store.client import Etcd
from console.store.guarded import in_pages
from console.store.records import pack, text, unpack
from console.store.schema import Keys
from console.store.values import Delete, Entry, Operation, Put, Span

#: Two reports of the same fleet come so many seconds after each other at least.
EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Report:
    """How everything is.

    :param remarks: why hosts are left alone, by name.
    """

    standing: Mapping[str, Standing]
    conditions: tuple[Condition, ...]
    pending: tuple[Pending, ...]
    remarks: Mapping[str, str] = field(default_factory=dict)

    def records(self, keys: Keys) -> dict[str, bytes]:
        """What etcd is to hold, by key."""
        hosts: dict[str, dict[str, list[str]]] = {host: {} for host in self.standing}
        for one in self.conditions:
            hosts.setdefault(one.host, {})[one.instance] = [one.service, one.phase.value, one.reason]
        found = {
            keys.observed(host): pack(
                {
                    "standing": self.standing.get(host, Standing.LOST).value,
                    **({"remark": self.remarks[host]} if host in self.remarks else {}),
                    "instances": instances,
                }
            )
            for host, instances in hosts.items()
        }
        found[keys.pending] = pack({one.instance: [one.service, one.reason] for one in self.pending})
        return found


def explained(conditions: tuple[Condition, ...], staying: Iterable[Pending]) -> tuple[Condition, ...]:
    """Conditions with the reason of what is to leave its host and stays for want of another."""
    stuck = {(one.service, one.instance): stuck_words(one.reason) for one in staying}
    if not stuck:
        return conditions
    return tuple(
        replace(one, reason=stuck[one.service, one.instance])
        if not one.reason and (one.service, one.instance) in stuck
        else one
        for one in conditions
    )


def elsewhere_too(left: Mapping[str, frozenset[str]], assigned: Iterable[Assigned]) -> dict[str, list[str]]:
    """Instances that may run a second time, and the hosts on which: those were given up, and may be cut off.

    What runs on a lease is gone from such a host before it is placed on another.

    :param left: of hosts that are not heard of, what ran there when they were.
    :param assigned: where everything is placed.
    """
    assigned = tuple(assigned)
    placed = {(one.instance, one.host) for one in assigned}
    names = {one.instance for one in assigned if not one.leased}
    found: dict[str, list[str]] = {}
    for host, ran in sorted(left.items()):
        for name in ran & names:
            if (name, host) not in placed:
                found.setdefault(name, []).append(host)
    return found


def warned(conditions: tuple[Condition, ...], twice: Mapping[str, list[str]]) -> tuple[Condition, ...]:
    """Conditions with where else an instance may run. What has another reason keeps that."""
    return tuple(
        replace(one, reason=f"may run on {', '.join(twice[one.instance])} as well, until heard of again")
        if one.instance in twice and not one.reason
        else one
        for one in conditions
    )


def stuck_words(rules: str) -> str:
    """Why an instance is still on a host that is drained; `rules` keep it off all others."""
    return f"to leave its host, and no other will have it: {rules}"


class Reporter:
    """Writes reports, as far as they differ from the last."""

    def __init__(self, etcd: Etcd, claim: Claim) -> None:
        self._etcd = etcd
        self._keys = Keys(etcd.prefix)
        self._claim = claim
        self._written: dict[str, bytes] = {}

    async def begin(self) -> None:
        """Know what the engine before has written. :raises StoreError: etcd does not say."""
        found = (await self._etcd.list(self._keys.under("observed"))).entries
        self._written = {entry.key: entry.value for entry in found}
        if (pending := await self._etcd.get(self._keys.pending)) is not None:
            self._written[pending.key] = pending.value

    async def report(self, report: Report) -> None:
        """:raises Conflict: another engine leads by now. :raises StoreError: etcd does not take it."""
        now = report.records(self._keys)
        operations: list[Operation] = [
            Put(key, value) for key, value in now.items() if self._written.get(key) != value
        ]
        operations += [Delete(Span(key)) for key in self._written.keys() - now.keys()]
        if operations:
            await in_pages(self._etcd, operations, [self._claim.guard])
            self._written = now


def read_report(keys: Keys, entries: Iterable[Entry]) -> tuple[tuple[Condition, ...], dict[str, str]]:
    """What an engine has said: how instances are, and why those without a host have none.

    What cannot be read is left out: it is written anew with the next change.
    """
    conditions: list[Condition] = []
    pending: dict[str, str] = {}
    for entry in entries:
        try:
            found = unpack(entry.value)
            if entry.key == keys.pending:
                pending |= {str(name): str(reason) for name, (_, reason) in found.items()}
                continue
            host = keys.name(entry.key)
            conditions += [
                Condition(str(service), str(name), host, Phase(phase), str(reason))
                for name, (service, phase, reason) in found["instances"].items()
            ]
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return tuple(conditions), pending


def read_standing(entry: Entry) -> tuple[str, str]:
    """How a host stands, as an engine has said, and why it is left alone; empty where that cannot be read."""
    try:
        found = unpack(entry.value)
        return text(found, "standing"), text(found, "remark", 500) if "remark" in found else ""
    except ValueError:
        return "", ""

"""Why an instance is where it is, or nowhere: each host, and the rule that excludes it or its score.

Worked out when asked, by the same rules and the same scores as the placement itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from console.errors import NothingSelected
from console.model.text import clean
from console.placement.candidate import Candidate
from console.placement.host_index import HostIndex
from console.placement.instance import Instance
from console.placement.ledger import Ledger
from console.placement.outcome import Placed, Verdict
from console.placement.ranking import Rankings
from console.placement.rules import obstacle, told, told_stage
from console.placement.spec import Spec


def why(
    specs: Iterable[Spec], hosts: Iterable[Candidate], current: Iterable[Placed], instance: str
) -> tuple[Verdict, ...]:
    """What each host is to an instance, by the hosts' names, as things are placed now.

    Of a `Global=yes` service each host is judged for its own.

    :param current: where instances are; one placed twice counts where it is named first.
    :raises NothingSelected: no spec has such an instance.
    """
    ledger = Ledger(specs, HostIndex(hosts))
    _fill(ledger, current)
    rankings = Rankings(ledger)
    if instance in ledger.everywhere:
        return tuple(
            _verdict(ledger.on_host(instance, host), host, ledger, rankings)
            for host in range(len(ledger.index.hosts))
        )
    found = ledger.instances.get(instance)
    if found is None:
        raise NothingSelected(
            f"no service has an instance {clean(instance, 80)}", hint="`service list` has those there are"
        )
    return tuple(_verdict(found, host, ledger, rankings) for host in range(len(ledger.index.hosts)))


def _fill(ledger: Ledger, current: Iterable[Placed]) -> None:
    for record in current:
        host = ledger.index.at.get(record.host)
        if host is None:
            continue
        found = ledger.instances.get(record.instance)
        if found is None and record.instance in ledger.everywhere:
            found = ledger.on_host(record.instance, host)
        if found is not None and found.service.name == record.service and found.host is None:
            ledger.put(found, host)
    ledger.weigh()


def _verdict(instance: Instance, host: int, ledger: Ledger, rankings: Rankings) -> Verdict:
    at = instance.host
    if at is not None:
        ledger.remove(instance)
    try:
        return _judged(instance, host, at == host, ledger, rankings)
    finally:
        if at is not None:
            ledger.place(instance, at)


def _judged(instance: Instance, host: int, here: bool, ledger: Ledger, rankings: Rankings) -> Verdict:
    name = ledger.index.hosts[host].name
    rule: str | None
    stage = instance.sieve.failed(host, new=not here)
    if stage is not None:
        rule, detail = stage.rule, told_stage(stage, host, ledger)
    else:
        rule = obstacle(instance, host, ledger)
        detail = told(rule, instance, host, ledger) if rule else ""
    score = None if rule else -rankings.cost(instance, host)
    if here:
        return Verdict(name, "placed", rule, detail, score)
    return Verdict(name, "excluded" if rule else "fits", rule, detail, score)

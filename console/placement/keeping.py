"""What is there already: counted where it may stay, and told why where it may not."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter

from console.placement.instance import Instance
from console.placement.ledger import Ledger
from console.placement.outcome import Change, Placed
from console.placement.rules import obstacle, told, told_stage


def keep(ledger: Ledger, current: Iterable[Placed]) -> list[Change]:
    """Place what may stay where it is, in the order of placing: of two that cannot both, the later gives way.

    Every instance that has a record gets it, and the rule that is broken there if it does not stay. What is
    returned are records that count for nothing: no spec asks for them, or the instance is elsewhere too.
    """
    dropped: list[Change] = []
    found: list[Instance] = []
    twice: list[tuple[Instance, Placed]] = []
    for record in current:
        instance = ledger.instances.get(record.instance)
        if instance is None or instance.service.name != record.service:
            instance = _everywhere(ledger, record)
        if instance is None:
            dropped.append(_drop(record, "unwanted", "no spec asks for it"))
        elif instance.record is None:
            instance.record = record
            found.append(instance)
        else:
            twice.append((instance, record))
    if twice:
        dropped += _settle(ledger, twice)
    found.sort(key=attrgetter("order"))
    for instance in found:
        _keep_one(ledger, instance)
    ledger.weigh()
    return dropped


def _settle(ledger: Ledger, twice: list[tuple[Instance, Placed]]) -> list[Change]:
    """Of several records of one instance leave the one that may best stay: by its host, then by name."""
    dropped: list[Change] = []
    for instance, record in twice:
        assert instance.record is not None
        if record == instance.record:
            continue
        better, worse = instance.record, record
        if _badness(ledger, instance, record) < _badness(ledger, instance, better):
            better, worse = worse, better
        instance.record = better
        dropped.append(_drop(worse, "duplicate", f"it is on {better.host} too"))
    return dropped


def _badness(ledger: Ledger, instance: Instance, record: Placed) -> tuple[bool, bool, str]:
    host = ledger.index.at.get(record.host)
    return (host is None, host not in instance.sieve.keeps, record.host)


def _everywhere(ledger: Ledger, record: Placed) -> Instance | None:
    """The instance of a `Global=yes` service on the record's host."""
    if record.instance in ledger.everywhere and (host := ledger.index.at.get(record.host)) is not None:
        return ledger.on_host(record.instance, host)
    return None


def _drop(record: Placed, rule: str, detail: str) -> Change:
    return Change(record.service, record.instance, record.host, None, rule, detail)


def _keep_one(ledger: Ledger, instance: Instance) -> None:
    record = instance.record
    assert record is not None
    host = ledger.index.at.get(record.host)
    if host is None:
        instance.why = ("gone", f"{record.host} is no host of the fleet")
    elif host not in instance.sieve.keeps:
        stage = instance.sieve.failed(host, new=False)
        assert stage is not None
        instance.why = (stage.rule, told_stage(stage, host, ledger))
    elif rule := obstacle(instance, host, ledger):
        instance.why = (rule, told(rule, instance, host, ledger))
    else:
        ledger.put(instance, host)

"""The scheduler: ten thousand instances over a thousand hosts, from nothing, and when one host is lost.

Five hundred services of twenty instances each, all of which reserve CPU and memory: a fifth require a
label, a fifth are spread over zones, a fifth are apart from themselves, a fifth prefer a disk and allow one
a host. Then the same number of instances in twenty services of five hundred, and in ten thousand of one.
Times are CPU time of one core, the median, with the collector as whoever looks after a fleet has it.

The alternative is to judge every host for every instance, as simple schedulers do. It is given a tenth of the
instances and of the hosts and only the label and what is reserved to look at, and its time is multiplied
by a hundred, for so many times more pairs.

python -m tests.bench scheduler
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

from console.fleet.collector import only_the_young
from console.model.selector import KeyTerm
from console.placement.candidate import Candidate, Standing, holds
from console.placement.outcome import Placed
from console.placement.policy import Policy, Preference
from console.placement.rebalance import rebalance
from console.placement.scheduler import schedule
from console.placement.spec import Spec
from console.placement.why import why

_HOSTS, _INSTANCES = 1000, 10_000
_EMPTY_LIMIT_MS = 2000.0
_LOST_LIMIT_MS = 100.0
_SCALE = 10
_GIB = 1024**3


def run(times: int = 5) -> dict[str, object]:
    """Medians in milliseconds, against their limits and the naive way."""
    with only_the_young():
        return _measured(times)


def _measured(times: int) -> dict[str, object]:
    hosts = _hosts(_HOSTS)
    lost = [replace(host, standing=Standing.LOST) if host.name == "host0500" else host for host in hosts]
    results: dict[str, object] = {}
    empties, losses = {}, {}
    for services in (500, 20, 10_000):
        specs = _specs(services, _INSTANCES // services)
        placement = schedule(specs, hosts)
        assert len(placement.placed) == _INSTANCES
        moved = schedule(specs, lost, placement.placed).changes
        assert {change.before for change in moved} == {"host0500"}
        assert all(change.after for change in moved)
        empty = _median(times, lambda specs=specs: schedule(specs, hosts))  # type: ignore[misc]
        again = _median(
            times,
            lambda specs=specs, placed=placement.placed: schedule(specs, lost, placed),  # type: ignore[misc]
        )
        label = f"{services} services of {_INSTANCES // services}"
        results[f"{label}: from empty, ms"] = empty
        results[f"{label}: one host lost, ms"] = again
        empties[services], losses[services] = empty, again
        if services == 500:
            results["why one instance is where it is, ms"] = _median(
                times,
                lambda specs=specs, placed=placement.placed: why(specs, hosts, placed, "s00000@1.service"),  # type: ignore[misc]
            )
            results["rebalance after that, ms"] = _median(
                times,
                lambda specs=specs, placed=placement.placed: rebalance(specs, hosts, placed),  # type: ignore[misc]
            )
    naive = _median(1, lambda: _naive(_specs(50, 20), _hosts(_HOSTS // _SCALE))) * _SCALE**2
    return {
        **results,
        "alternative: every host for every instance, ms": naive,
        "alternative / from empty, 500 services": naive / empties[500],
        f"from empty: at most {_EMPTY_LIMIT_MS:g} ms": _kept(max(empties.values()), _EMPTY_LIMIT_MS),
        f"one host lost: at most {_LOST_LIMIT_MS:g} ms": _kept(max(losses.values()), _LOST_LIMIT_MS),
    }


def _hosts(count: int) -> list[Candidate]:
    return [
        Candidate(
            f"host{number:04}",
            {
                "zone": "abc"[number % 3],
                "disk": "ssd" if number % 4 == 0 else "hdd",
                "role": f"r{number % 5}",
            },
            cpu=16_000,
            memory=64 * _GIB,
        )
        for number in range(count)
    ]


def _specs(services: int, each: int) -> list[Spec]:
    return [_spec(number, each) for number in range(services)]


def _spec(number: int, each: int) -> Spec:
    policy = Policy(replicas=each, cpu=250 + 50 * (number % 4), memory=(1 + number % 3) * _GIB // 2)
    match number % 5:
        case 1:
            policy = replace(policy, require=((KeyTerm("role", f"r{number // 5 % 5}"),),))
        case 2:
            policy = replace(policy, spread=("zone",))
        case 3:
            policy = replace(policy, apart=(f"s{number:05}@*.service",))
        case 4:
            ssd = Preference(50, ((KeyTerm("disk", "ssd"),),))
            policy = replace(policy, prefer=(ssd,), max_per_host=1)
    return Spec(f"s{number:05}@.service" if each > 1 else f"s{number:05}.service", policy)


def _naive(specs: list[Spec], hosts: list[Candidate]) -> list[Placed]:
    """All pairs of instances and hosts: labels and reservations, the emptiest host that fits."""
    cpu = dict.fromkeys((host.name for host in hosts), 0)
    memory = cpu.copy()
    placed = []
    for spec in specs:
        policy = spec.policy
        for instance in spec.instances():
            best: tuple[float, str] | None = None
            for host in hosts:
                room, space = host.cpu or 0, host.memory or 0
                if cpu[host.name] + policy.cpu > room or memory[host.name] + policy.memory > space:
                    continue
                if not all(any(holds(term, host) for term in group) for group in policy.require):
                    continue
                score = max(cpu[host.name] / room, memory[host.name] / space)
                if best is None or (score, host.name) < best:
                    best = (score, host.name)
            if best is not None:
                cpu[best[1]] += policy.cpu
                memory[best[1]] += policy.memory
                placed.append(Placed(spec.name, instance, best[1]))
    return placed


def _median(times: int, work: Callable[[], object]) -> float:
    took = []
    for _ in range(times):
        gc.collect()
        start = time.process_time()
        work()
        took.append(1000 * (time.process_time() - start))
    return statistics.median(took)


def _kept(value: float, limit: float) -> str:
    return "yes" if value <= limit else "NO"

"""The plan of ten thousand restarts, with all that must be known of the units given.

Fifty hosts of two hundred units, each with one that is bound to it. The alternative is what asking
systemd one unit after another costs at least: 3 to 8 ms each (shared facts, measured on systemd 252).

python -m tests.bench plan
"""

from __future__ import annotations

import statistics
import time

from console.actions.unit_plan import HostView, Wish, draw
from console.model.unit import UnitDependencies
from console.model.unit_facts import UnitFacts

_HOSTS, _UNITS = 50, 200
_LIMIT_MS = 200.0
_ASKING_MS = 3.0


def _view(host: str) -> HostView:
    facts = {}
    for number in range(_UNITS):
        name = f"service-{number:03}.service"
        bound = (f"service-{number + 1:03}.service",) if number % 10 < 4 and number + 1 < _UNITS else ()
        links = UnitDependencies(host, name, after=("network.target",), bound_by=bound)
        facts[name] = UnitFacts(links, active="active", sub="running", fragment=f"/etc/systemd/system/{name}")
    return HostView(host, list(facts), facts, {}, "1764000000000000")


def run(times: int = 9) -> dict[str, object]:
    """The median in milliseconds, against its limit."""
    views = [_view(f"web{number:03}") for number in range(_HOSTS)]
    took = []
    for _ in range(times):
        start = time.perf_counter()
        drawn = draw(Wish("restart"), views)
        took.append(1000 * (time.perf_counter() - start))
    assert len(drawn.steps) == _HOSTS * _UNITS
    median = statistics.median(took)
    return {
        "restarts planned": len(drawn.steps),
        "units they touch beside": sum(len(step.touches or ()) for step in drawn.steps),
        "plan, ms": median,
        "asking for each unit's properties in turn (3 ms each) / plan": _ASKING_MS
        * len(drawn.steps)
        / median,
        f"plan: at most {_LIMIT_MS:g} ms": "yes" if median <= _LIMIT_MS else "NO",
    }

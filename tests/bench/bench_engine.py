"""The engine on three real hosts, against what fleet took on the same kind of machine.

Times are the hosts' own, by the clock that they share with us: from etcd's answer to a commit until systemd
says that the unit is active (`ActiveEnterTimestampMonotonic`); and those of whole `service start` lines,
which wait until the unit runs. fleet 1.0 was measured with its defaults on three hosts of the same kind on
the same machine: its process ran 2.85 s after a start, and `list-units` said so after 4.07 s.

python -m tests.bench engine
"""

from __future__ import annotations

import asyncio
import re
import statistics
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from console.engine.reporting import read_report
from console.fleet.config import load_config
from console.lab.lab import Lab, default_cache, default_root, missing_requirements
from console.placement.reconcile import Phase
from console.store.client import Etcd
from console.store.schema import Keys
from tests.lab.fleet.placing import HELLO, Placing
from tests.lab.truth import Truth
from tests.store.cluster import ETCD, ETCDCTL, running_cluster

_STARTS = 10
_UNITS = 100

#: What is allowed, and what fleet took.
_LIMITS = {
    "one start, commit to active, p50 s": (0.4, 2.85),
    "one start, argv to exit, p50 s": (1.2, 4.07),
    "100 units, commit to all active, s": (3.0, 6.5),
    "power cut to all active elsewhere, s": (20.0, 29.9),
    "idle with 100 units, etcd proposals a minute": (60.0, 980.0),
}

_PROPOSALS = re.compile(r"^etcd_server_proposals_committed_total (\S+)", re.MULTILINE)


def run(idle_s: float = 60.0) -> dict[str, object]:
    """The medians and single figures, each with its limit, whether it is kept, and fleet's."""
    missing = missing_requirements()
    if missing or ETCD is None or ETCDCTL is None:
        print(f"   left out: {'; '.join(missing) or 'no etcd'}", file=sys.stderr)
        return {}
    lab = Lab(default_root().with_name("lab-bench-engine"), default_cache(), lambda text: None)
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        running = running_cluster(Path(folder))
        cluster = runner.run(running.__aenter__())
        try:
            asyncio.run(lab.up({"plain": 3}, exact=True))
            truth = Truth(load_config(asyncio.run(lab.status()).config))
            hosts = tuple(host.name for host in truth.config.hosts)
            placing = Placing(lab, truth, cluster.members[0].url, "/bench/", Path(folder), hosts)
            try:
                return _measured(placing, idle_s)
            finally:
                placing.close()
        finally:
            asyncio.run(lab.down())
            runner.run(running.__aexit__(None, None, None))


def _measured(placing: Placing, idle_s: float) -> dict[str, object]:
    placing.leading()
    placing.submit({"warm.service": HELLO})
    placing.until(lambda: placing.active("warm.service"), "it runs")
    starts, argvs = [], []
    for number in range(_STARTS):
        committed = placing.submit({f"one{number}.service": HELLO})
        _until_running(placing, f"one{number}.", 1)
        starts.append(_last_active(placing, f"one{number}.service") - committed)
    for number in range(_STARTS):
        file = placing.folder / f"argv{number}.service"
        file.write_text(HELLO)
        began = time.monotonic()
        placing.run("service", "start", str(file), "--yes")
        argvs.append(time.monotonic() - began)
    placing.destroy(*placing.services())
    placing.until(lambda: not placing.placed(), "all gone", 30)
    began = time.monotonic()
    placing.submit({f"many{number}.service": HELLO for number in range(_UNITS)})
    _until_running(placing, "many", _UNITS)
    many = _last_active(placing, "many*") - began
    time.sleep(5)  # what is still told of the starts is not idle
    before = _proposals(placing.endpoint)
    time.sleep(idle_s)
    idle = (_proposals(placing.endpoint) - before) * 60 / idle_s
    victim, *others = placing.hosts
    lost = set(placing.active("many*", victim))
    cut = time.monotonic()
    asyncio.run(placing.lab.kill(victim))
    _until_running(placing, "many", _UNITS, *others)
    placing.until(lambda: lost <= placing.active("many*", *others).keys(), "all run elsewhere", 60)
    moved = _last_active(placing, "many*", *others) - cut
    medians = statistics.median(starts), statistics.median(argvs)
    found: dict[str, object] = {"one start, commit to active, most s": max(starts)}
    found["one start, argv to exit, most s"] = max(argvs)
    for name, figure in zip(_LIMITS, (*medians, many, moved, idle), strict=True):
        limit, fleets = _LIMITS[name]
        kept = "yes" if figure <= limit else "NO"
        found[name] = f"{figure:.2f} (limit {limit:g}: {kept}; fleet {fleets:g})"
    return found


def _until_running(placing: Placing, beginning: str, count: int, *hosts: str) -> None:
    """Wait by what the engine tells: to ask the hosts all the time would take what is measured."""

    async def running(etcd: Etcd) -> int:
        keys = Keys(etcd.prefix)
        conditions, _ = read_report(keys, (await etcd.list(keys.under("observed"))).entries)
        return sum(
            one.instance.startswith(beginning)
            and one.phase is Phase.RUNNING
            and one.host in (hosts or [one.host])
            for one in conditions
        )

    placing.until(lambda: placing.etcd(running) >= count, f"{count} run", 60)


def _last_active(placing: Placing, pattern: str, *hosts: str) -> float:
    """When the last of them became active, in seconds of CLOCK_MONOTONIC."""
    last = 0
    for host in hosts or placing.hosts:
        said = placing.ask(host, f"systemctl show -P ActiveEnterTimestampMonotonic '{pattern}'")
        last = max([last, *(int(line) for line in said.split())])
    return last / 1e6


def _proposals(endpoint: str) -> float:
    with urllib.request.urlopen(f"{endpoint}/metrics", timeout=5) as answer:
        found = _PROPOSALS.search(answer.read().decode())
    assert found, "etcd tells no proposals"
    return float(found[1])

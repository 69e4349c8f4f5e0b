"""etcd: writes, watches, a large mirror, and members that are frozen or killed; beside etcd's own `etcdctl`.

All members run on this machine and do not wait for the disk (`--unsafe-no-fsync`), so that the client is
measured. A latency is from before a put is sent until its event is there. CPU an event is that of a watch
which replays them from the first. Failovers are the worst of their runs; with limits, and whether they hold.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from console.errors import StoreError
from console.store import guarded, health
from console.store.client import Etcd, open_etcd
from console.store.mirror import mirror
from console.store.values import Entry, Put, Span
from console.store.watch import watch
from tests.store.cluster import ETCD, ETCDCTL, Cluster, Options, running_cluster

_PREFIX = "/quarterdeck/bench/"
_SPAN = Span.under(_PREFIX)
_PUTS, _AT_ONCE = 3_000, 32
_LATENCIES, _PACE_S = 500, 0.005
_KEYS, _EVENTS, _VALUE = 50_000, 100_000, b"x" * 200
_FAILOVERS = 3
_IDLE_S = (0.0, 3.0, 6.0)
_NOTICED_S, _RESUMED_S = 15.0, 5.0

now = time.perf_counter


def run() -> dict[str, object]:
    """Nothing where there is no etcd."""
    if ETCD is None or ETCDCTL is None:
        return {}
    return asyncio.run(_all())


async def _all() -> dict[str, object]:
    found: dict[str, object] = {}
    async with _cluster(1) as cluster, open_etcd(cluster.config()) as etcd:
        found |= await _puts(cluster, etcd)
        found |= await _latency(cluster, etcd)
        found |= await _replay(cluster, etcd)
    async with _cluster(1) as cluster, open_etcd(cluster.config()) as etcd:
        found |= await _mirrored(etcd)
    async with _cluster(3) as cluster:
        found |= await _failovers(cluster)
    return found


@asynccontextmanager
async def _cluster(members: int) -> AsyncIterator[Cluster]:
    with tempfile.TemporaryDirectory() as folder:
        async with running_cluster(Path(folder), Options(members=members)) as cluster:
            yield cluster


async def _puts(cluster: Cluster, etcd: Etcd) -> dict[str, object]:
    async def put(numbers: range) -> None:
        for number in numbers:
            await etcd.write([Put(f"{_PREFIX}{number % 100}", b"%d" % number)])

    await put(range(200))
    begun = now()
    await put(range(_PUTS))
    one = _PUTS / (now() - begun)
    begun, cpu = now(), time.process_time()
    await asyncio.gather(*(put(range(_PUTS // 8)) for _ in range(_AT_ONCE)))
    many = _AT_ONCE * (_PUTS // 8)
    took, used = now() - begun, time.process_time() - cpu
    begun = now()
    for number in range(20):
        await cluster.etcdctl("put", f"{_PREFIX}{number}", "x")
    return {
        "puts a second, one after the other": one,
        f"puts a second, {_AT_ONCE} at once": many / took,
        f"CPU a put, {_AT_ONCE} at once, ms": 1000 * used / many,
        "etcdctl: puts a second, a process each": 20 / (now() - begun),
    }


async def _paced(etcd: Etcd, sent: dict[bytes, float]) -> None:
    for number in range(_LATENCIES):
        value = b"paced %d" % number
        sent[value] = now()
        await etcd.write([Put(f"{_PREFIX}paced", value)])
        await asyncio.sleep(_PACE_S)


def _spread(name: str, latencies: list[float]) -> dict[str, object]:
    cuts = statistics.quantiles(latencies, n=20)
    return {f"{name} p50, ms": 1000 * cuts[9], f"{name} p95, ms": 1000 * cuts[18]}


async def _latency(cluster: Cluster, etcd: Etcd) -> dict[str, object]:
    sent: dict[bytes, float] = {}
    ours: list[float] = []
    revision = (await etcd.range(_SPAN, limit=1)).revision
    async with open_etcd(cluster.config()) as other, aclosing(watch(other, _SPAN, revision)) as batches:
        await anext(batches)
        writing = asyncio.create_task(_paced(etcd, sent))
        while len(ours) < _LATENCIES:
            for event in await anext(batches):
                if event.entry and event.entry.value in sent:
                    ours.append(now() - sent[event.entry.value])
        await writing
    theirs: list[float] = []
    sent.clear()
    process = await _etcdctl_watch(cluster)
    assert process.stdout
    await etcd.write([Put(f"{_PREFIX}stands", b"")])
    writing = asyncio.create_task(_paced(etcd, sent))
    while len(theirs) < _LATENCIES - 10:  # it says nothing when it stands: the first may be missed
        line = (await process.stdout.readline()).rstrip(b"\n")
        if line in sent:
            theirs.append(now() - sent[line])
        if writing.done() and line == b"paced %d" % (_LATENCIES - 1):
            break
    await writing
    process.kill()
    await process.communicate()
    return _spread("watch latency", ours) | _spread("etcdctl watch: latency", theirs)


async def _etcdctl_watch(cluster: Cluster, *more: str) -> asyncio.subprocess.Process:
    argv = cluster.etcdctl_argv("watch", "--prefix", _PREFIX, *more)
    return await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"ETCDCTL_API": "3"},
    )


async def _replay(cluster: Cluster, etcd: Etcd) -> dict[str, object]:
    revision = (await etcd.write([Put(f"{_PREFIX}last", b"")])).revision
    puts = (Put(f"{_PREFIX}{number:05}", _VALUE) for number in range(_KEYS))
    await guarded.in_pages(etcd, puts)
    await etcd.write([Put(f"{_PREFIX}last", b"the last")])

    begun, cpu, seen = now(), time.process_time(), 0
    async with aclosing(watch(etcd, _SPAN, revision)) as batches:
        async for events in batches:
            seen += len(events)
            if events and events[-1].key == f"{_PREFIX}last":
                break
    took, used = now() - begun, time.process_time() - cpu

    theirs = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = now()
    process = await _etcdctl_watch(cluster, f"--rev={revision + 1}")
    assert process.stdout
    while (await process.stdout.readline()) != b"the last\n":
        pass
    their_took = now() - begun
    process.kill()
    await process.communicate()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    their_used = after.ru_utime + after.ru_stime - theirs.ru_utime - theirs.ru_stime
    return {
        "events a second, replayed": seen / took,
        "CPU an event, µs": 1e6 * used / seen,
        "etcdctl watch: events a second, replayed": seen / their_took,
        "etcdctl watch: CPU an event, µs": 1e6 * their_used / seen,
    }


def _memory() -> float:
    """Resident memory of this process, in MB."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


async def _mirrored(etcd: Etcd) -> dict[str, object]:
    await guarded.in_pages(etcd, (Put(f"{_PREFIX}{number:05}", _VALUE) for number in range(_KEYS)))
    entries: dict[str, Entry] = {}
    before, begun = _memory(), now()
    async with aclosing(mirror(etcd, _SPAN, entries)) as batches:
        await anext(batches)
        listed, held = now() - begun, _memory() - before
        grown = []
        for _ in range(2):
            changing = asyncio.create_task(_changed(etcd, _EVENTS))
            seen = 0
            while seen < _EVENTS:
                seen += len(await anext(batches))
            await changing
            grown.append(_memory() - before - held)
    return {
        f"mirror of {_KEYS} keys: listed, s": listed,
        f"mirror of {_KEYS} keys: memory, MB": held,
        f"after {_EVENTS} events: memory grown by, MB": grown[0],
        "after as many again: memory grown by, MB": grown[1],
    }


async def _changed(etcd: Etcd, count: int) -> None:
    await guarded.in_pages(etcd, (Put(f"{_PREFIX}{number % _KEYS:05}", _VALUE) for number in range(count)))


async def _failovers(cluster: Cluster) -> dict[str, object]:
    by_probe = [await _noticed(cluster, idle) for idle in _IDLE_S]
    probe_every, health.PROBE_EVERY_S = health.PROBE_EVERY_S, 3600
    try:
        by_watch = [await _noticed(cluster, idle) for idle in _IDLE_S]
    finally:
        health.PROBE_EVERY_S = probe_every
    frozen = [await _resumed(cluster, freezes=True) for _ in range(_FAILOVERS)]
    killed = [await _resumed(cluster, freezes=False) for _ in range(_FAILOVERS)]
    noticed, resumed = max(*by_probe, *by_watch), max(*frozen, *killed)
    return {
        "member frozen: noticed by the probe, s": max(by_probe),
        "member frozen: noticed by a watch alone, s": max(by_watch),
        f"noticed within {_NOTICED_S:.0f} s": "yes" if noticed <= _NOTICED_S else "no",
        "leader frozen: next write done after, s": max(frozen),
        "leader killed: next write done after, s": max(killed),
        f"writes resume within {_RESUMED_S:.0f} s": "yes" if resumed <= _RESUMED_S else "no",
    }


async def _noticed(cluster: Cluster, idle: float) -> float:
    """Seconds from a member's freezing until a client that watches has left it.

    :param idle: seconds for which nothing was to be heard of it before.
    """
    await cluster.ready()
    async with open_etcd(cluster.config()) as etcd:
        revision = (await etcd.range(_SPAN, limit=1)).revision
        async with aclosing(watch(etcd, _SPAN, revision)) as batches:
            await anext(batches)
            await asyncio.sleep(idle)
            member = next(one for one in cluster.members if one.url == etcd.health.status.endpoint)
            member.freeze()
            begun = now()
            try:
                await anext(batches)  # it stands again, elsewhere
                return now() - begun
            finally:
                member.thaw()


async def _resumed(cluster: Cluster, *, freezes: bool) -> float:
    """Seconds from the leader's end until a write is done that was tried from then on."""
    await cluster.ready()
    leader = await cluster.leader()
    # Whoever writes through the leader itself and whoever writes through another: the slower counts.
    others = [member for member in cluster.members if member is not leader]
    orders = ([leader, *others], [others[0], leader, others[1]])
    clients = [open_etcd(cluster.config(endpoints=tuple(one.url for one in order))) for order in orders]
    async with clients[0] as by_leader, clients[1] as by_other:
        for etcd in (by_leader, by_other):
            await etcd.get(_PREFIX)
        if freezes:
            leader.freeze()
        else:
            await leader.kill()
        begun = now()
        await asyncio.gather(_until_written(by_leader, "a"), _until_written(by_other, "b"))
        took = now() - begun
    if freezes:
        leader.thaw()
    else:
        await leader.start()
    return took


async def _until_written(etcd: Etcd, name: str) -> None:
    while True:
        try:
            await guarded.change(etcd, f"{_PREFIX}resumed/{name}", lambda entry: b"%d" % time.monotonic_ns())
        except StoreError:
            continue
        return

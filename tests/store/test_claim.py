"""Leases and claims: who holds nothing any more acts no more, whatever it believes."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest

from console.errors import StoreUnreachable
from console.store import lease as leases
from console.store.claim import claimed
from console.store.client import Etcd, open_etcd
from console.store.lease import Lease, leased
from console.store.values import Event, Put, Span
from console.store.watch import watch
from tests.store.cluster import Cluster, Options, needs_etcd
from tests.store.network import cut

pytestmark = needs_etcd

LEADER = "/quarterdeck/engine/leader"
_TTL = 2  # seconds; etcd grants no less


class Elector:
    """`tests/store/elector.py` in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def says(self, word: str) -> str:
        """Its next line that begins with `word`."""
        assert self._process.stdout
        async with asyncio.timeout(30):
            while line := (await self._process.stdout.readline()).decode():
                if line.startswith(word):
                    return line.strip()
        raise AssertionError("it has ended")

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)


@asynccontextmanager
async def electing(cluster: Cluster, name: str) -> AsyncIterator[Elector]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.store.elector", LEADER, name, str(_TTL)),
        *(member.url for member in cluster.members),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Elector(process)
    finally:
        process.kill()
        await process.communicate()


async def _history(etcd: Etcd, span: Span, until: int) -> list[Event]:
    found: list[Event] = []
    async with aclosing(watch(etcd, span, 0)) as batches:
        async for events in batches:
            found += events
            if found and found[-1].revision >= until:
                break
    return [event for event in found if event.revision <= until]


@pytest.mark.parametrize("options", [Options(members=3)])
async def test_of_two_electing_processes_one_that_was_stopped_never_acts_beside_the_other(
    cluster: Cluster,
) -> None:
    async with electing(cluster, "one") as one, electing(cluster, "two") as two:
        leading, waiting = one, two
        claims = asyncio.create_task(one.says("claims")), asyncio.create_task(two.says("claims"))
        done, _ = await asyncio.wait(claims, return_when=asyncio.FIRST_COMPLETED)
        if claims[1] in done:
            leading, waiting = two, one
        for _ in range(2):
            await leading.says("acts")
            leading.freeze()
            await asyncio.wait(claims)  # the other has it now
            await waiting.says("acts")
            leading.thaw()
            assert (await leading.says("refused")).endswith("stale")  # it tried, and could have known
            await leading.says("lost")
            await waiting.says("acts")
            claims = (asyncio.create_task(leading.says("claims")), claims[1])
            leading, waiting = waiting, leading
        for task in claims:
            task.cancel()
        await asyncio.wait(claims)

    async with open_etcd(cluster.config()) as etcd:
        act = await etcd.get(f"{LEADER}/act")
        assert act
        acts = await _history(etcd, Span(act.key), act.modified)
        lives = await _history(etcd, Span(LEADER), act.modified)
    tokens = [int(event.entry.value.split()[1]) for event in acts if event.entry]
    assert len(set(tokens)) == 3
    assert tokens == sorted(tokens)
    for event, token in zip(acts, tokens, strict=True):
        # Whoever acts holds the claim at that very revision.
        held = [life for life in lives if life.revision < event.revision][-1]
        assert held.entry
        assert held.entry.created == token


async def test_a_claim_is_let_go_when_its_holder_leaves_and_the_token_rises(cluster: Cluster) -> None:
    waited: list[bytes] = []
    tokens: list[int] = []

    async def hold(name: bytes, leave: asyncio.Event) -> None:
        async with (
            open_etcd(cluster.config()) as etcd,
            claimed(etcd, LEADER, name, 60, lambda holder: waited.append(holder.value)) as claim,
        ):
            assert claim.holds()
            tokens.append(claim.revision)
            await leave.wait()

    leave = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for name in (b"one", b"two", b"three"):
            group.create_task(hold(name, leave))
        async with asyncio.timeout(10):
            while len(waited) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert len(tokens) == 1
        leave.set()
    assert len(tokens) == 3
    assert tokens == sorted(set(tokens))


async def test_a_claim_that_is_left_while_etcd_is_gone_does_not_hold_up_who_leaves(cluster: Cluster) -> None:
    async with open_etcd(cluster.config(), patience=3600) as etcd:
        async with asyncio.timeout(60), claimed(etcd, LEADER, b"", 60):
            cluster.members[0].freeze()
        cluster.members[0].thaw()


async def test_a_lease_is_kept_for_longer_than_its_time_and_what_is_tied_to_it_goes_with_it(
    cluster: Cluster,
) -> None:
    key = "/quarterdeck/acting"
    async with open_etcd(cluster.config()) as etcd:
        async with leased(etcd, _TTL) as lease:
            await etcd.write([Put(key, b"", lease.id)])
            await asyncio.sleep(2.5 * _TTL)
            assert lease.holds()
            assert await etcd.get(key)
        assert await etcd.get(key) is None


async def test_a_lease_is_lost_by_our_own_clock_where_etcd_cannot_be_reached(cluster: Cluster) -> None:
    lost: list[str] = []
    async with (
        cluster.way() as ((link,), endpoints),
        open_etcd(cluster.config(endpoints=endpoints)) as etcd,
        leased(etcd, _TTL, lambda: lost.append("told")) as lease,
    ):
        with cut(link):
            async with asyncio.timeout(20):
                while lease.holds(0.5):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                assert lease.age >= lease.ttl / 2
                await lease.lost.wait()
        assert lost == ["told"]
        assert not lease.holds()


async def test_a_lease_that_was_taken_away_is_lost_at_the_next_look(cluster: Cluster) -> None:
    lost: list[str] = []
    async with open_etcd(cluster.config()) as etcd, leased(etcd, 3, lambda: lost.append("told")) as lease:
        await cluster.etcdctl("lease", "revoke", f"{lease.id:x}")
        async with asyncio.timeout(20):
            await lease.lost.wait()
    assert lost == ["told"]


async def test_a_lease_counts_the_time_for_which_the_machine_slept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock goes on in a suspended machine, and counts from the question, not from its answer."""
    clock = 1000.0
    monkeypatch.setattr(leases, "now", lambda: clock)
    lease = Lease(1, 10, asked=1000.0)
    clock = 1004.9
    assert lease.holds(0.5)
    clock = 1005.1
    assert not lease.holds(0.5)
    assert lease.holds()
    lease.confirm(asked=1003.0)
    clock = 1013.1
    assert not lease.holds()


async def test_who_waits_for_a_claim_and_loses_its_own_lease_is_told(cluster: Cluster) -> None:
    async with (
        cluster.way() as ((link,), endpoints),
        open_etcd(cluster.config()) as holder,
        open_etcd(cluster.config(endpoints=endpoints)) as etcd,
        claimed(holder, LEADER, b"", 60),
    ):
        waits = asyncio.Event()

        async def wait() -> None:
            async with claimed(etcd, LEADER, b"", _TTL, lambda holder: waits.set()):
                raise AssertionError("it is another's")

        waiting = asyncio.create_task(wait())
        await waits.wait()
        with cut(link), pytest.raises(StoreUnreachable, match="lease ran out"):
            async with asyncio.timeout(20):
                await waiting

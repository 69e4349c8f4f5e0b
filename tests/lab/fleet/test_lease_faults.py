"""What comes late, what is never sent, what runs without a lease: on real hosts, by what they wrote down."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from pathlib import Path

import pytest

from console.engine.lease_record import LeaseRecord, read_lease
from console.store.client import Etcd
from console.store.schema import Keys
from console.store.values import Span
from console.store.watch import watch
from tests.engine.engine_process import EngineProcess
from tests.lab.fleet.leased import AFTER_S, NAMES, TTL_S, UNITS, Lasting, inside, running, start
from tests.lab.fleet.placing import Placing
from tests.lab.fleet.witness import beating, doubled, forget, lives, uptime
from tests.lab.on_screen import on_screen

pytestmark = pytest.mark.full

#: How late what a leader has sent comes there. Seconds each way, as the two that follow.
LATE_S = 60.0

#: A wind takes so long then that it can be caught on its way; no connection is made at such a delay.
_SLOW_S, _QUICK_S = 1.2, 0.02

#: A wind is recorded long before it is there.
_BETWEEN_S = 0.5

#: Leases that are wound in time over the slow line.
_OVER_A_SLOW_LINE = Lasting(30.0, 3.0)

#: What was half sent is caught at the second try, if not at the first.
_TRIES = 5

#: An engine that was killed is replaced within so many seconds (`console/engine/engine.py`).
_ELECTION_S = 15.0

#: A wind whose script is there and waits for what it is to work on.
_WAITS = "pgrep -f '[s]cript=.*head -c' >/dev/null"

#: A copy ends so soon after its host, which was cut off, is reached again. Seconds.
ENDED_WITHIN_S = 5.0


def wound(placing: Placing, host: str) -> LeaseRecord | None:
    """A host's lease as etcd has it."""

    async def read(etcd: Etcd) -> LeaseRecord | None:
        entry = await etcd.get(Keys(etcd.prefix).lease(host))
        return None if entry is None else read_lease(entry.value)

    return placing.etcd(read)


def see_a_wind(placing: Placing, host: str) -> None:
    """Wait until a host has said that it is wound, once more than before."""
    before = wound(placing, host)
    assert before is not None

    def is_wound() -> bool:
        now = wound(placing, host)
        return now is not None and now.wound != before.wound

    placing.until(is_wound, f"{host} is wound", 60)


def slow_down(placing: Placing, host: str, delay: float) -> None:
    """Have a host's line take so long each way, under the connection that an engine has."""
    asyncio.run(placing.lab.slow(host, delay=_QUICK_S))
    see_a_wind(placing, host)
    asyncio.run(placing.lab.slow(host, delay=delay))
    see_a_wind(placing, host)


def delay_a_wind(placing: Placing, host: str) -> None:
    """Have all that is sent to a host come late, from a moment on at which a wind is half there.

    Its script waits on the host for the rest, which is still to be sent. Where that was sent meanwhile, it is
    tried with the next.
    """
    for _ in range(_TRIES):
        placing.until(lambda: not inside(placing, host, _WAITS), "no wind is on its way", 30)
        placing.until(lambda: inside(placing, host, _WAITS), "a wind is on its way", 60)
        asyncio.run(placing.lab.slow(host, delay=LATE_S))
        at = uptime()
        placing.until(lambda since=at: uptime() - since > 2 * _SLOW_S, "what was sent before is there")  # type: ignore[misc]
        if inside(placing, host, _WAITS):
            return
        asyncio.run(placing.lab.slow(host, delay=_SLOW_S))
    pytest.fail(f"no wind of {_TRIES} was caught on its way")


def kill_at_the_next_record(placing: Placing, host: str, engine: EngineProcess) -> None:
    """Kill an engine as soon as etcd has its next record of a host's lease."""

    async def do(etcd: Etcd) -> None:
        span = Span(Keys(etcd.prefix).lease(host))
        listing = await etcd.list(span)
        async with aclosing(watch(etcd, span, listing.revision)) as watching:
            async for _ in watching:
                engine.process.kill()
                return

    placing.etcd(do)
    engine.process.wait()


def others_of(placing: Placing, host: str) -> list[str]:
    return [other for other in placing.hosts if other != host]


@pytest.mark.parametrize("everywhere", [False, True], ids=["its host", "every host"])
def test_what_a_leader_has_sent_and_comes_a_minute_late_prolongs_nothing(
    leased: Placing, everywhere: bool
) -> None:
    leased.fleet_lines = _OVER_A_SLOW_LINE.lines
    leased.leading()
    victim = start(leased)
    others = others_of(leased, victim)
    slow_down(leased, victim, _SLOW_S)
    delay_a_wind(leased, victim)
    at = uptime()
    assert inside(leased, victim, "cp /run/quarterdeck/lease /var/tmp/lease.before")
    for other in others if everywhere else ():
        asyncio.run(leased.lab.slow(other, delay=LATE_S))
    leased.until(lambda: "elsewhere from" in leased.reason("calm.service"), "it is told when", 60)
    if not everywhere:
        within = _OVER_A_SLOW_LINE.ttl + AFTER_S + 30
        leased.until(lambda: len(running(leased, *others)) == len(UNITS), "both run elsewhere", within)
    leased.until(lambda: not inside(leased, victim, _WAITS), "the wind is there", LATE_S + 30)
    assert uptime() - at > LATE_S - 5 * _SLOW_S, "it was as late as that"
    assert inside(leased, victim, "cmp -s /run/quarterdeck/lease /var/tmp/lease.before"), "it changed nothing"
    assert not any(inside(leased, victim, f"systemctl -q is-active {unit}") for unit in UNITS)
    for host in leased.hosts if everywhere else (victim,):
        asyncio.run(leased.lab.heal(host))
    leased.until(
        lambda: [len(there) for there in running(leased).values()] == [1, 1],
        "none is lost, none is twice",
        90,
    )
    assert doubled(leased, NAMES) == {}


def test_an_engine_that_is_killed_between_the_record_and_the_wind_doubles_nothing(leased: Placing) -> None:
    engine = leased.leading()
    victim = start(leased)
    slow_down(leased, victim, _BETWEEN_S)
    kill_at_the_next_record(leased, victim, engine)
    assert inside(leased, victim, "cp /run/quarterdeck/lease /var/tmp/lease.before")
    asyncio.run(leased.lab.cut(victim))
    leased.leading()
    within = _ELECTION_S + TTL_S + AFTER_S + 30
    others = others_of(leased, victim)
    leased.until(lambda: len(running(leased, *others)) == len(UNITS), "both run elsewhere", within)
    assert inside(leased, victim, "cmp -s /run/quarterdeck/lease /var/tmp/lease.before"), "it was never sent"
    asyncio.run(leased.lab.heal(victim))
    leased.until(lambda: not leased.files("calm.service", victim), "nothing of it is left there", 60)
    assert doubled(leased, NAMES) == {}
    for name in NAMES:
        assert [life.host == victim for life in lives(leased, name)] == [True, False], "it was not lost"


async def test_without_a_lease_a_copy_on_a_host_that_is_cut_off_is_told_of_and_ends_once_it_is_back(
    placing: Placing, tmp_path: Path
) -> None:
    victim = placing.hosts[0]
    others = others_of(placing, victim)
    text = f"[Service]\n{beating('free')}\n[X-Quarterdeck]\nPrefer=100 name={victim}\n"

    def begin() -> None:
        forget(placing, ("free",))
        placing.leading()
        placing.until_all_live()
        placing.submit({"free.service": text})
        placing.until(lambda: lives(placing, "free"), "it runs", 30)

    await asyncio.to_thread(begin)
    await placing.lab.cut(victim)
    cut = uptime()
    await asyncio.to_thread(
        placing.until, lambda: placing.active("free.service", *others), "it runs elsewhere", 60
    )
    environ = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
    async with on_screen(placing.config, size=(200, 50), environ=environ, remembers=True) as screen:
        await screen.pilot.press("P")
        await screen.shows("free.service", f"may run on {victim} as well")
    await placing.lab.heal(victim)
    healed = uptime()
    await asyncio.to_thread(
        placing.until, lambda: not placing.active("free.service", victim), "it has ended there", 60
    )
    first, second = await asyncio.to_thread(lives, placing, "free")
    print(
        f"elsewhere {second.began - cut:.1f} s after the cut, twice for {first.ended - second.began:.1f} s, "
        f"{first.ended - healed:.1f} s of it after the healing"
    )
    assert (first.host, second.host in others) == (victim, True)
    assert first.ended > second.began > cut, "it did run twice"
    assert first.ended - healed < ENDED_WITHIN_S

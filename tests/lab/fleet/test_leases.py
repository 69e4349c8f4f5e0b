"""At most once, on real hosts: what is exclusive has never two copies, by what the hosts wrote down."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import time
from collections.abc import Iterator

import pytest

from tests.lab.fleet.placing import HELLO, Placing
from tests.lab.fleet.witness import beating, doubled, forget, lives

#: Short leases, so that a test need not wait for long ones; `full` runs the default ones.
TTL_S, WIND_S = 12.0, 2.0
SHORT = f"lease_ttl = {TTL_S:g}\nlease_wind = {WIND_S:g}"

#: After a lease that was wound in the last moment: the stop, the margin, and a start.
AFTER_S = 15.0

EXCLUSIVE = "[X-Quarterdeck]\nExclusive=yes\n"
CALM = f"[Service]\n{beating('calm')}\n{EXCLUSIVE}"
STUBBORN = f"[Service]\n{beating('stubborn', stubborn=True)}\n{EXCLUSIVE}"
UNITS = {"calm.service": CALM, "stubborn.service": STUBBORN}
NAMES = ("calm", "stubborn")


@pytest.fixture
def leased(placing: Placing) -> Iterator[Placing]:
    """The fleet with short leases, and nothing written down."""
    placing.fleet_lines = SHORT
    forget(placing, NAMES)
    yield placing
    forget(placing, NAMES)


def running(placing: Placing) -> dict[str, tuple[str, ...]]:
    return {unit: there for name in UNITS for unit, there in placing.active(name).items()}


def start(placing: Placing) -> str:
    """Both units run, on one host; which."""
    host = placing.hosts[0]
    units = {name: f"{text}Prefer=100 name={host}\n" for name, text in UNITS.items()}
    placing.submit(units)
    placing.until(lambda: running(placing) == dict.fromkeys(UNITS, (host,)), "both run", 30)
    placing.until(lambda: all(lives(placing, name) for name in NAMES), "they say so")
    return host


def test_what_is_exclusive_runs_on_a_lease_and_leaves_nothing_behind(leased: Placing) -> None:
    leased.leading()
    host = start(leased)
    assert leased.active("quarterdeck-lease.service") == {"quarterdeck-lease.service": (host,)}
    said = leased.ask(host, "systemctl show -p BindsTo -p TimeoutStopUSec stubborn.service")
    assert "BindsTo=quarterdeck-lease.service" in said
    assert "TimeoutStopUSec=10s" in said
    leased.destroy(*UNITS)
    leased.until(lambda: not running(leased) and not leased.placed(), "they are gone", 30)
    leased.until(lambda: not leased.files("quarterdeck-lease*"), "so is what kept the lease")
    assert leased.ask(host, "ls /run/quarterdeck/lease.sh 2>/dev/null || true") == ""


def test_a_host_that_is_cut_off_stops_what_is_exclusive_before_another_starts_it(leased: Placing) -> None:
    leased.leading()
    victim = start(leased)
    others = [host for host in leased.hosts if host != victim]
    asyncio.run(leased.lab.cut(victim))
    at = time.time()
    leased.until(
        lambda: (
            len(leased.active("calm.service", *others)) + len(leased.active("stubborn.service", *others)) == 2
        ),
        "both run elsewhere",
        TTL_S + AFTER_S + 15,
    )
    asyncio.run(leased.lab.heal(victim))
    leased.until(lambda: not leased.files("calm.service", victim), "nothing of it is left there", 40)
    assert doubled(leased, NAMES) == {}
    for name in NAMES:
        before, after = (
            [life for life in lives(leased, name) if (life.host == victim) is there]
            for there in (True, False)
        )
        assert before[-1].ended > at, "it ran on while it was cut off"
        assert after[0].began - at < TTL_S + AFTER_S


def test_a_leader_that_is_frozen_in_the_middle_of_a_move_and_goes_on_doubles_nothing(leased: Placing) -> None:
    first = leased.leading()
    second = leased.engine()
    source = start(leased)
    target = next(host for host in leased.hosts if host != source)
    leased.change(*UNITS, pins=dict.fromkeys(UNITS, target))
    os.kill(first.process.pid, signal.SIGSTOP)
    try:
        leased.until(lambda: "leading the fleet" in second.said, "the other leads", 40)
        leased.until(
            lambda: running(leased) == dict.fromkeys(UNITS, (target,)), "they have moved", TTL_S + 40
        )
    finally:
        os.kill(first.process.pid, signal.SIGCONT)
    leased.until(lambda: "another engine may lead" in first.said, "it knows that it was replaced", 30)
    leased.holds(lambda: running(leased) == dict.fromkeys(UNITS, (target,)), "it stays so")
    assert doubled(leased, NAMES) == {}


def test_without_an_engine_it_stops_when_the_lease_is_over_and_comes_back_with_one(leased: Placing) -> None:
    engine = leased.leading()
    host = start(leased)
    engine.kill()
    leased.until(lambda: not running(leased), "the lease is over", TTL_S + AFTER_S + 10)
    leased.leading()
    leased.until(lambda: running(leased) == dict.fromkeys(UNITS, (host,)), "they run again", 40)
    assert doubled(leased, NAMES) == {}


def test_a_move_stops_it_where_it_is_before_it_is_started_elsewhere(leased: Placing) -> None:
    leased.leading()
    source = start(leased)
    target = next(host for host in leased.hosts if host != source)
    leased.change(*UNITS, pins=dict.fromkeys(UNITS, target))
    leased.until(lambda: running(leased) == dict.fromkeys(UNITS, (target,)), "they have moved", 40)
    assert doubled(leased, NAMES) == {}
    assert [life.host for life in lives(leased, "calm")] == [source, target]


def test_who_starts_it_by_hand_where_it_may_not_run_starts_nothing(leased: Placing) -> None:
    leased.leading()
    host = start(leased)
    other = next(one for one in leased.hosts if one != host)
    leased.submit({"third.service": f"{HELLO}{EXCLUSIVE}Host={other}\n"})
    leased.until(lambda: leased.active("third.service"), "another is exclusive on the other host", 30)
    for name in ("calm.service", "calm.service.d/80-quarterdeck.conf"):
        text = leased.ask(host, f"cat /run/systemd/system/{name}")
        folder = "/run/systemd/system/" + name.rpartition("/")[0]
        leased.ask(other, f"mkdir -p {folder}; printf %s {shlex.quote(text)} >/run/systemd/system/{name}")
    leased.ask(other, "systemctl daemon-reload; systemctl start calm.service; true")
    assert not leased.active("calm.service", other), "a lease holds there, and does not name it"
    leased.ask(other, "rm -rf /run/systemd/system/calm.service*; systemctl daemon-reload")

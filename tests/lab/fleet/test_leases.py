"""At most once, on real hosts: what is exclusive has never two copies, by what the hosts wrote down."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.fleet.lease_campaign import Campaign
from tests.lab.fleet.placing import HELLO, Placing
from tests.lab.fleet.witness import beating, doubled, forget, lives, uptime
from tests.store.cluster import running_cluster


@dataclass(frozen=True)
class Lasting:
    """How long leases are, in seconds."""

    ttl: float
    wind: float

    @property
    def lines(self) -> str:
        return f"lease_ttl = {self.ttl:g}\nlease_wind = {self.wind:g}"


#: Short leases, so that a test need not wait for long ones; `full` runs the default ones.
SHORT, DEFAULT = Lasting(12.0, 2.0), Lasting(60.0, 10.0)
TTL_S = SHORT.ttl

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
    placing.fleet_lines = SHORT.lines
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
    (service,) = json.loads(leased.run("service", "status", "calm", "-o", "json"))
    ((instance),) = service["instances"]
    assert instance["lease"]["until"] < instance["lease"]["takeover"]
    leased.until(lambda: leased.status()["leases"][0]["age_s"] is not None, "it was wound")
    assert [one["host"] for one in leased.status()["leases"]] == [host]
    leased.destroy(*UNITS)
    leased.until(lambda: not running(leased) and not leased.placed(), "they are gone", 30)
    leased.until(lambda: not leased.files("quarterdeck-lease*"), "so is what kept the lease")
    assert leased.ask(host, "ls /run/quarterdeck/lease.sh 2>/dev/null || true") == ""


@pytest.mark.parametrize(
    "lasting", [SHORT, pytest.param(DEFAULT, marks=pytest.mark.full)], ids=["short", "default"]
)
def test_a_host_that_is_cut_off_stops_what_is_exclusive_before_another_starts_it(
    leased: Placing, lasting: Lasting
) -> None:
    leased.fleet_lines = lasting.lines
    leased.leading()
    victim = start(leased)
    others = [host for host in leased.hosts if host != victim]
    asyncio.run(leased.lab.cut(victim))
    at = uptime()
    leased.until(lambda: "elsewhere from" in leased.reason("calm.service"), "it is told when", 40)
    leased.until(
        lambda: (
            len(leased.active("calm.service", *others)) + len(leased.active("stubborn.service", *others)) == 2
        ),
        "both run elsewhere",
        lasting.ttl + AFTER_S + 15,
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
        assert after[0].began - at < lasting.ttl + AFTER_S


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


def test_one_that_becomes_exclusive_is_stopped_once_and_goes_on_with_a_lease(leased: Placing) -> None:
    leased.leading()
    leased.submit({"calm.service": CALM.replace(EXCLUSIVE, "")})
    leased.until(lambda: leased.active("calm.service"), "it runs without one")
    leased.submit({"calm.service": CALM})
    leased.until(
        lambda: leased.active("quarterdeck-lease.service") and leased.active("calm.service"),
        "it runs on one",
        40,
    )
    ((host,),) = leased.active("calm.service").values()
    assert "quarterdeck-lease" in leased.ask(host, "systemctl show -p BindsTo calm.service")
    assert doubled(leased, NAMES) == {}


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


def test_without_etcd_it_stops_when_the_lease_is_over_and_comes_back_with_it(
    leased: Placing, tmp_path: Path
) -> None:
    with asyncio.Runner() as runner:
        running_ = running_cluster(tmp_path)
        cluster = runner.run(running_.__aenter__())
        leased.endpoint = cluster.members[0].url
        try:
            leased.leading()
            host = start(leased)
            runner.run(cluster.members[0].kill())
            leased.until(lambda: not running(leased), "the lease is over", TTL_S + AFTER_S + 10)
            runner.run(cluster.members[0].start())
            leased.until(lambda: running(leased) == dict.fromkeys(UNITS, (host,)), "they run again", 60)
            assert doubled(leased, NAMES) == {}
        finally:
            for one in leased.engines:
                one.kill()
            runner.run(running_.__aexit__(None, None, None))


@pytest.mark.full
@pytest.mark.parametrize("rounds", [2, 20])
def test_a_campaign_of_faults_doubles_nothing_and_loses_nothing(leased: Placing, rounds: int) -> None:
    leased.leading()
    leased.engine()
    leased.submit(UNITS)
    campaign = Campaign(leased, 20261127, NAMES, (3.0, TTL_S + AFTER_S + 5))
    campaign.settle()
    campaign.run(rounds)

"""At most once, on real hosts: what is exclusive has never two copies, by what the hosts wrote down."""

from __future__ import annotations

import asyncio
import json
import shlex
import time
from pathlib import Path

import pytest

from tests.campaign.records import overlap
from tests.lab.fleet.leased import (
    AFTER_S,
    CALM,
    DEFAULT,
    EXCLUSIVE,
    NAMES,
    SHORT,
    TTL_S,
    UNITS,
    Lasting,
    running,
    start,
)
from tests.lab.fleet.placing import HELLO, Placing
from tests.lab.fleet.witness import doubled, journal_lives, lives, uptime
from tests.store.cluster import Options, running_cluster


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
    since = time.time()
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
    leased.until(lambda: uptime() - at > 2 * lasting.ttl, "it is cut off for as long", 2 * lasting.ttl + 5)
    asyncio.run(leased.lab.heal(victim))
    leased.until(lambda: not leased.files("calm.service", victim), "nothing of it is left there", 40)
    assert doubled(leased, NAMES) == {}
    assert [overlap(journal_lives(leased, unit, since)) for unit in UNITS] == [0, 0], "by both journals"
    for name in NAMES:
        before, after = (
            [life for life in lives(leased, name) if (life.host == victim) is there]
            for there in (True, False)
        )
        print(f"{name}: ended {before[-1].ended - at:.1f} s after the cut, began {after[0].began - at:.1f} s")
        assert before[-1].ended > at, "it ran on while it was cut off"
        assert after[0].began - at < lasting.ttl + AFTER_S


@pytest.mark.parametrize("least", [0.0, pytest.param(90.0, marks=pytest.mark.full)], ids=["short", "90s"])
def test_a_leader_that_is_frozen_in_the_middle_of_a_move_and_goes_on_doubles_nothing(
    leased: Placing, least: float
) -> None:
    first = leased.leading()
    second = leased.engine()
    source = start(leased)
    target = next(host for host in leased.hosts if host != source)
    leased.change(*UNITS, pins=dict.fromkeys(UNITS, target))
    first.freeze()
    at = uptime()
    try:
        leased.until(lambda: "leading the fleet" in second.said, "the other leads", 40)
        leased.until(
            lambda: running(leased) == dict.fromkeys(UNITS, (target,)), "they have moved", TTL_S + 40
        )
        leased.until(lambda: uptime() - at > least, "it is frozen for as long", least + 5)
    finally:
        first.thaw()
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


@pytest.mark.parametrize(
    ("members", "least"), [(1, 0.0), pytest.param(3, 90.0, marks=pytest.mark.full)], ids=["one", "three, 90s"]
)
def test_without_a_quorum_it_stops_when_the_lease_is_over_and_comes_back_with_one(
    leased: Placing, tmp_path: Path, members: int, least: float
) -> None:
    with asyncio.Runner() as runner:
        running_ = running_cluster(tmp_path, Options(members))
        cluster = runner.run(running_.__aenter__())
        lost = cluster.members[members // 2 :]
        leased.endpoint = cluster.members[0].url
        try:
            leased.leading()
            host = start(leased)
            for member in lost:
                runner.run(member.kill())
            at = uptime()
            leased.until(lambda: not running(leased), "the lease is over", TTL_S + AFTER_S + 10)
            leased.until(lambda: uptime() - at > least, "it is away for as long", least + 5)
            assert not running(leased), "it does not come back without"
            for member in lost:
                runner.run(member.start())
            leased.until(lambda: running(leased) == dict.fromkeys(UNITS, (host,)), "they run again", 60)
            assert doubled(leased, NAMES) == {}
        finally:
            for one in leased.engines:
                one.kill()
            runner.run(running_.__aexit__(None, None, None))

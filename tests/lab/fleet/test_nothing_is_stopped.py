"""Whatever befalls engines, etcd and hosts: what ran runs on, nothing runs twice, and it ends as desired.

A life of a unit is told by its InvocationID, which the hosts say, past the engine.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.engine.engine_process import EngineProcess
from tests.lab.fleet.placing import HELLO, Placing

REPLICAS = f"{HELLO}[X-Quarterdeck]\nReplicas=%d\n"

#: What runs before anything happens: of each kind that there is.
STEADY = {
    "kept@.service": REPLICAS % 4,
    "every.service": f"{HELLO}[X-Fleet]\nGlobal=true\n",
    "boots.service": f"{HELLO}[X-Quarterdeck]\nBoot=yes\n",
}
KEPT = "kept@* every.service boots.service"
LIVES = 4 + 3 + 1


def lives(placing: Placing) -> set[str]:
    """The life of each unit that ran before."""
    return placing.invocations(KEPT)


def steady(placing: Placing) -> set[str]:
    """Have all of it run; the lives of its units."""
    placing.submit(STEADY)
    placing.until(lambda: ran(placing) == LIVES, "all of it runs", 30)
    return lives(placing)


def ran(placing: Placing) -> int:
    return sum(len(there) for there in placing.active(KEPT).values())


def as_placed(placing: Placing, pattern: str) -> bool:
    """Whether each instance runs on the host that etcd has for it, and on no other."""
    active = placing.active(pattern)
    placed = {name: host for name, host in placing.placed().items() if name in active}
    return {name: (host,) for name, host in placed.items()} == active


def leads(placing: Placing, engine: EngineProcess, times: int = 1) -> None:
    placing.until(lambda: engine.said.count("leading the fleet") >= times, "it leads", 30)


def test_a_registry_that_was_wiped_and_is_there_again(placing: Placing) -> None:
    engine = placing.leading()
    before = steady(placing)
    placing.wipe()
    placing.until(lambda: "BRAKE" in engine.said, "the alarm")
    placing.submit(STEADY)
    placing.until(lambda: len(placing.placed()) == 6, "what runs is placed again")
    placing.run("engine", "resume", "--yes")
    placing.until(lambda: placing.status()["brake"] is None, "the brake is off")
    placing.holds(lambda: lives(placing) == before, "all run on")
    assert as_placed(placing, "kept@*")


def test_half_of_the_hosts_gone_for_longer_than_it_takes_to_give_them_up(placing: Placing) -> None:
    engine = placing.leading()
    before = steady(placing)
    for host in placing.hosts[1:]:
        asyncio.run(placing.lab.cut(host))
    placing.until(lambda: "BRAKE" in engine.said, "the alarm", 30)
    for host in placing.hosts[1:]:
        asyncio.run(placing.lab.heal(host))
    placing.until(
        lambda: {one["standing"] for one in placing.status()["hosts"]} == {"live"}, "all are back", 40
    )
    placing.run("engine", "resume", "--yes")
    placing.holds(lambda: lives(placing) == before, "all run on")
    assert as_placed(placing, "kept@*")


def test_a_leader_that_is_killed_in_the_middle_of_a_hundred_starts(placing: Placing) -> None:
    first, second = placing.leading(), placing.engine()
    before = steady(placing)
    placing.until(lambda: "standing by" in second.said, "the second stands by")
    placing.submit({"burst@.service": REPLICAS % 100})
    placing.until(lambda: placing.active("burst@*"), "it has begun")
    begun = placing.invocations("burst@*")
    first.kill()
    leads(placing, second)
    placing.until(lambda: len(placing.active("burst@*")) == 100, "all run", 60)
    assert as_placed(placing, "burst@*")
    assert lives(placing) == before
    assert begun <= placing.invocations("burst@*"), "what had been started was not started anew"


@pytest.mark.parametrize("old", ["ends first", "ends last"])
def test_an_engine_that_is_upgraded(placing: Placing, old: str) -> None:
    """The new process stands by until the old one goes, or comes when it has gone."""
    first = placing.leading()
    before = steady(placing)
    if old == "ends first":
        assert first.end() == 0
        second = placing.engine()
    else:
        second = placing.engine()
        placing.until(lambda: "standing by" in second.said, "it stands by")
        assert first.end() == 0
    leads(placing, second)
    placing.submit({"more.service": HELLO})
    placing.until(lambda: placing.active("more.service"), "it places what is new")
    assert lives(placing) == before
    assert as_placed(placing, "kept@*")


def test_a_leader_that_was_frozen_until_another_leads(placing: Placing) -> None:
    """Two believe that they lead; what the one says that was replaced, nobody does."""
    first, second = placing.leading(), placing.engine()
    before = steady(placing)
    placing.until(lambda: "standing by" in second.said, "the second stands by")
    first.freeze()
    leads(placing, second)
    placing.submit({"burst@.service": REPLICAS % 20})
    placing.until(lambda: len(placing.active("burst@*")) == 20, "the second places what is new", 30)
    after = placing.invocations("burst@*")
    first.thaw()
    placing.until(lambda: "another engine may lead" in first.said, "the first sees it", 30)
    placing.holds(lambda: lives(placing) == before, "all run on")
    assert placing.invocations("burst@*") == after
    assert as_placed(placing, "burst@*")

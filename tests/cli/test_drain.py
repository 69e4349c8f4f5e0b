"""Hosts drained from the command line: real etcd, simulated hosts, the test in the place of the engine."""

from __future__ import annotations

import asyncio

from tests.cli.services_fleet import RUNNING, Fleet, said
from tests.store.cluster import needs_etcd

pytestmark = needs_etcd


async def test_a_drain_says_what_moves_where_waits_until_it_has_gone_and_is_taken_back(fleet: Fleet) -> None:
    console = fleet.console
    console.file(RUNNING)
    console.file("agent.service", "Global=yes")
    await console.run("service", "start", RUNNING, "agent.service", "--yes", "--no-wait")
    await fleet.place(RUNNING, "sim-0001")
    await fleet.place("agent.service", "sim-0001", everywhere=True)
    await fleet.elect()

    plan = await console.json("host", "drain", "--on", "sim-0001", "--plan")
    (step,) = plan["steps"]
    assert (step["verb"], step["now"], step["then"]) == (
        "drain",
        "not drained",
        "drained, 1 to move",
    )
    assert step["effects"] == [{"object": RUNNING, "what": "moves from sim-0001", "host": "sim-0002"}]
    assert plan["notes"] == [
        "sim-0001: these belong to it and stay: agent.service",
        "instances by host: sim-0002 0 → 2, sim-0001 2 → 1, sim-0003 0 → 1",
    ]
    assert not any(row["drained"] for row in await console.json("host", "list")), "a plan writes nothing"

    async with console.begun("host", "drain", "--on", "sim-0001", "--yes", "-o", "json") as draining:
        await said(draining, "to undo it: quarterdeck host undrain --on=sim-0001")
        await said(draining, f"sim-0001/{RUNNING}: to move to sim-0002")
        await fleet.place(RUNNING, "sim-0002", epoch=2)
        await said(draining, f"sim-0001/{RUNNING}: running on sim-0002")
        ending = asyncio.create_task(draining.communicate())
        await console.run("unit", "stop", RUNNING, "--on", "sim-0001", "--plan")
        assert not ending.done(), "the old copy runs still"
        await console.run("unit", "stop", RUNNING, "--on", "sim-0001", "--yes")
        await ending
    assert draining.returncode == 0

    drained = {row["name"]: row["drained"] for row in await console.json("host", "list")}
    assert [name for name, who in drained.items() if who] == ["sim-0001"]
    assert "drained" in (await console.run("host", "list", "--on", "sim-0001")).stdout
    why = await console.json("service", "why", RUNNING)
    assert why["hosts"][0]["rule"] == "drained"
    again = await console.run("host", "drain", "--on", "sim-0001", "--yes")
    assert "nothing to do: sim-0001 is drained by" in again.stderr

    done = await console.run("host", "undrain", "--on", "sim-0001", "--yes")
    assert "to undo it: quarterdeck host drain --on=sim-0001" in done.stderr
    assert not any(row["drained"] for row in await console.json("host", "list"))


async def test_what_no_other_host_will_have_is_told_at_once_and_ends_it_with_4(fleet: Fleet) -> None:
    console = fleet.console
    console.file(RUNNING)
    console.file("big.service", "Require=name=sim-0001")
    await console.run("service", "start", RUNNING, "big.service", "--yes", "--no-wait")
    await fleet.place(RUNNING, "sim-0001")
    await fleet.place("big.service", "sim-0001")
    await fleet.elect()
    line = ("host", "drain", "--on", "sim-0001", "--yes", "--timeout", "2s", "-o", "json")
    results = {
        one["target"]: (one["status"], one["detail"]) for one in await console.json(*line[:-2], code=4)
    }
    assert results == {
        "sim-0001/big.service": (
            "refused",
            "no other host will have it: require on 2, drained on 1",
        ),
        "sim-0001": ("done", ""),
        f"sim-0001/{RUNNING}": ("failed", "to move to sim-0002; not so within 2 s (--timeout)"),
    }
    drained = [row["name"] for row in await console.json("host", "list") if row["drained"]]
    assert drained == ["sim-0001"], "all the same"


async def test_a_drain_names_its_hosts_and_a_host_that_is_not_there_is_refused(fleet: Fleet) -> None:
    console = fleet.console
    await console.run("host", "drain", "--yes", code=2)
    await console.run("host", "drain", "--on", "sim-9", "--yes", code=5)
    await console.run("host", "drain", "--on", "state=unreachable", "--yes", code=5)
    done = await console.run("host", "undrain", "--on", "*", "--yes")
    assert "sim-0003 is not drained" in done.stderr
    await console.run("--read-only", "host", "drain", "--on", "sim-0001", "--yes", code=3)


async def test_two_who_drain_at_once_both_keep_it_drained(fleet: Fleet) -> None:
    one, other = (
        fleet.console.run("host", "drain", "--on", host, "--yes", "--no-wait")
        for host in ("sim-0001", "sim-0001,sim-0002")
    )
    await asyncio.gather(one, other)
    rows = await fleet.console.json("host", "list")
    assert [row["name"] for row in rows if row["drained"]] == ["sim-0001", "sim-0002"]

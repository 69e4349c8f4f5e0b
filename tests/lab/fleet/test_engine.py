"""The engine on real hosts: what it does for what befalls them, and for what befalls itself."""

from __future__ import annotations

import asyncio
import json

from console.actions.apply_units import Applied, ApplyUnits, UnitWork
from console.actions.hands import Permit, open_hands
from console.actions.plan import Outcome, Plan, Step
from console.actions.run import Execution
from console.engine.services import Desired
from console.fleet.fleet import open_fleet
from console.hosts.links import Links
from console.model.wants import Wants
from console.store.client import Etcd
from console.store.values import Delete, Span
from tests.lab.fleet.placing import HELLO, Placing

REPLICAS = f"{HELLO}[X-Quarterdeck]\nReplicas=%d\n"


def test_three_replicas_run_on_three_hosts(placing: Placing) -> None:
    placing.leading()
    placing.submit({"spread@.service": REPLICAS % 3})
    placing.until(lambda: len(placing.active("spread@*")) == 3, "three run")
    assert sorted(host for there in placing.active("spread@*").values() for host in there) == [*placing.hosts]


def test_an_engine_that_is_killed_stops_nothing_and_the_next_takes_over_what_runs(placing: Placing) -> None:
    first = placing.leading()
    second = placing.engine()
    placing.submit({"kept@.service": REPLICAS % 4})
    placing.until(lambda: len(placing.active("kept@*")) == 4, "four run")
    placing.until(lambda: "standing by" in second.said, "the second stands by")
    before = placing.invocations("kept@*")
    first.kill()
    placing.until(lambda: "leading the fleet" in second.said, "the second leads", 25)
    placing.submit({"more.service": HELLO})
    placing.until(lambda: placing.active("more.service"), "it places what is new")
    assert placing.invocations("kept@*") == before


def test_where_no_engine_is_one_runs_for_the_time_a_start_waits_and_what_it_started_runs_on(
    placing: Placing,
) -> None:
    (placing.folder / "alone.service").write_text(HELLO)
    unit = str(placing.folder / "alone.service")
    told = placing.run("service", "start", unit, "--yes", "--engine", "--timeout", "30s", "-o", "json")
    assert [(one["status"], one["detail"]) for one in json.loads(told)][-1:] == [("done", "running")]
    assert placing.status()["leader"] is None
    assert placing.active("alone.service"), "it runs on"


def test_what_is_destroyed_is_gone_from_every_host_and_from_etcd(placing: Placing) -> None:
    placing.leading()
    placing.submit({"gone@.service": REPLICAS % 3, "every.service": f"{HELLO}[X-Fleet]\nGlobal=true\n"})
    placing.until(lambda: len(placing.active("gone@*")) == 3, "three run")
    placing.until(lambda: len(placing.active("every.service").get("every.service", ())) == 3, "on each host")
    placing.destroy("gone@.service", "every.service")
    placing.until(lambda: not placing.active("gone@*") and not placing.active("every.service"), "none runs")
    placing.until(lambda: not placing.files("gone@*") + placing.files("every.service*"), "no file is left")
    placing.until(lambda: not placing.placed(), "no placement is left")


def test_the_instances_of_a_host_whose_power_is_cut_run_elsewhere_and_not_twice_when_it_is_back(
    placing: Placing,
) -> None:
    placing.leading()
    placing.submit({"moved@.service": REPLICAS % 3})
    placing.until(lambda: len(placing.active("moved@*")) == 3, "three run")
    (victim,) = placing.active("moved@2.service")["moved@2.service"]
    others = [host for host in placing.hosts if host != victim]
    asyncio.run(placing.lab.kill(victim))
    placing.until(lambda: len(placing.active("moved@*", *others)) == 3, "all run on the others", 20)
    asyncio.run(placing.lab.start(victim))
    placing.holds(
        lambda: all(len(there) == 1 for there in placing.active("moved@*").values()), "none is doubled"
    )
    assert placing.active("moved@*", *others).keys() == placing.active("moved@*").keys()


def test_a_host_that_was_cut_off_stops_its_copies_when_it_is_back(placing: Placing) -> None:
    placing.leading()
    placing.submit({"double@.service": REPLICAS % 3})
    placing.until(lambda: len(placing.active("double@*")) == 3, "three run")
    (victim,) = placing.active("double@2.service")["double@2.service"]
    others = [host for host in placing.hosts if host != victim]
    kept = {unit for unit, there in placing.active("double@*").items() if victim not in there}
    before = {line for line in placing.invocations("double@*") if any(unit in line for unit in kept)}
    asyncio.run(placing.lab.cut(victim))
    placing.until(lambda: len(placing.active("double@*", *others)) == 3, "all run on the others", 25)
    asyncio.run(placing.lab.heal(victim))
    placing.until(lambda: not placing.active("double@*", victim), "its copies are stopped", 40)
    assert len(placing.active("double@*", *others)) == 3
    assert before <= placing.invocations("double@*"), "nothing else was touched"


def test_a_unit_file_of_somebody_elses_is_left_alone(placing: Placing) -> None:
    path = "/run/systemd/system/theirs.service"
    for host in placing.hosts:
        placing.ask(host, f"printf '[Service]\\nExecStart=/bin/true\\n' >{path}; systemctl daemon-reload")
    try:
        placing.leading()
        placing.submit({"theirs.service": HELLO})
        placing.until(lambda: "not this fleet's" in placing.reason("theirs.service"), "the reason is told")
        for host in placing.hosts:
            assert "ExecStart=/bin/true" in placing.ask(host, f"cat {path}")
        assert not placing.active("theirs.service")
    finally:
        for host in placing.hosts:
            placing.ask(host, f"rm -f {path}; systemctl daemon-reload")


def test_a_unit_that_systemd_refuses_is_told_of_in_its_words(placing: Placing) -> None:
    placing.leading()
    placing.submit({"bad.service": "[Service]\nType=simple\n"})
    placing.until(lambda: "no ExecStart=" in placing.reason("bad.service"), "systemd's words")
    placing.submit({"bad.service": HELLO})
    placing.until(lambda: placing.active("bad.service"), "mended, it runs")
    placing.submit({"bad.service": "[Service]\nType=simple\n"})
    placing.until(lambda: "no ExecStart=" in placing.reason("bad.service"), "its words again")
    placing.destroy("bad.service")
    placing.until(lambda: not placing.files("bad.service") and not placing.placed(), "nothing of it is left")


def test_what_cannot_be_anywhere_is_pending_and_says_why(placing: Placing) -> None:
    placing.leading()
    placing.submit({"apart@.service": f"{HELLO}[X-Quarterdeck]\nReplicas=4\nApart=self\n"})
    placing.until(lambda: len(placing.active("apart@*")) == 3, "three run")
    placing.until(lambda: placing.reason("apart@4.service") == "apart on 3", "the fourth says why")


def test_an_emptied_registry_stops_nothing_until_a_person_says_so(placing: Placing) -> None:
    engine = placing.leading()
    placing.submit({"safe@.service": REPLICAS % 3})
    placing.until(lambda: len(placing.active("safe@*")) == 3, "three run")
    before = placing.invocations("safe@*")

    async def wipe(etcd: Etcd) -> None:
        await etcd.write([Delete(Span.under(placing.prefix))])

    placing.etcd(wipe)
    placing.until(lambda: "BRAKE" in engine.said, "the alarm")
    placing.holds(lambda: placing.invocations("safe@*") == before, "all run on")
    assert "no service and no placement" in placing.status()["brake"]["why"]
    placing.run("engine", "resume", "--yes")
    placing.until(lambda: not placing.active("safe@*"), "what nobody wants is stopped")


def test_half_of_the_hosts_lost_at_once_move_nothing_until_a_person_says_so(placing: Placing) -> None:
    engine = placing.leading()
    placing.submit({"half@.service": REPLICAS % 3})
    placing.until(lambda: len(placing.active("half@*")) == 3, "three run")
    left, *lost = placing.hosts
    for host in lost:
        asyncio.run(placing.lab.cut(host))
    placing.until(lambda: "BRAKE" in engine.said, "the alarm", 25)
    placing.holds(lambda: len(placing.active("half@*", left)) == 1, "nothing is moved")
    placing.run("engine", "resume", "--yes")
    placing.until(lambda: len(placing.active("half@*", left)) == 3, "all run on the one that is left")


def test_what_is_loaded_is_written_and_does_not_run_until_it_is_launched(placing: Placing) -> None:
    placing.leading()
    placing.submit({"slowly.service": HELLO}, Desired.LOADED)
    placing.until(lambda: placing.files("slowly.service"), "it is written")
    placing.holds(lambda: not placing.active("slowly.service"), "it does not run", 1)
    placing.change("slowly.service", desired=Desired.LAUNCHED)
    placing.until(lambda: placing.active("slowly.service"), "it runs")
    placing.change("slowly.service", desired=Desired.LOADED)
    placing.until(lambda: not placing.active("slowly.service"), "it stops")
    assert placing.files("slowly.service")
    placing.change("slowly.service", desired=Desired.INACTIVE)
    placing.until(lambda: not placing.files("slowly.service"), "it is nowhere")


def test_a_new_text_replaces_the_old_one_where_it_runs(placing: Placing) -> None:
    placing.leading()
    placing.submit({"next.service": HELLO})
    placing.until(lambda: placing.active("next.service"), "it runs")
    ((host,),) = placing.active("next.service").values()
    text = "[Service]\nExecStart=/bin/sleep 12345\n# \u00e9, byte for byte\n"
    placing.submit({"next.service": text})
    placing.until(
        lambda: "12345" in placing.ask(host, "systemctl show -p ExecStart next.service"), "the new one runs"
    )
    placing.until(lambda: placing.active("next.service") == {"next.service": (host,)}, "where it was")
    assert placing.ask(host, "cat /run/systemd/system/next.service") == text


def test_what_fails_for_good_is_tried_on_another_host(placing: Placing) -> None:
    placing.leading()
    first, *_ = placing.hosts
    script = f"[ $(hostname) != {first} ] && exec sleep infinity"
    unit = f"[Service]\nExecStart=/bin/sh -c '{script}'\n[X-Quarterdeck]\nPrefer=100 name={first}\n"
    placing.submit({"picky.service": unit})

    def elsewhere() -> bool:
        return placing.active("picky.service").get("picky.service", (first,)) != (first,)

    placing.until(elsewhere, "it runs on another")


def test_what_is_to_come_back_by_itself_does_so_with_no_engine(placing: Placing) -> None:
    engine = placing.leading()
    placing.submit(
        {
            "boots.service": f"{HELLO}[X-Quarterdeck]\nBoot=yes\n",
            "all.service": f"{HELLO}[X-Quarterdeck]\nGlobal=yes\n",
            "pinned.service": f"{HELLO}[X-Quarterdeck]\nHost={placing.hosts[0]}\n",
            "volatile.service": HELLO,
        }
    )
    names = ("boots.service", "all.service", "pinned.service", "volatile.service")
    placing.until(lambda: all(placing.active(name) for name in names), "all run")
    placing.until(lambda: len(placing.active("all.service")["all.service"]) == 3, "on each host")
    before = {name: placing.active(name) for name in names[:3]}
    engine.end()
    for host in placing.hosts:
        asyncio.run(placing.lab.kill(host))
    for host in placing.hosts:
        asyncio.run(placing.lab.start(host))
    assert {name: placing.active(name) for name in names[:3]} == before
    assert not placing.active("volatile.service")
    placing.leading()
    placing.until(lambda: placing.active("volatile.service"), "the engine brings back the rest")


def test_a_host_of_another_fleet_is_left_alone_until_it_is_set_free(placing: Placing) -> None:
    theirs, *ours = placing.hosts
    placing.ask(theirs, "mkdir -p /etc/quarterdeck && echo f-other >/etc/quarterdeck/fleet")
    engine = placing.leading()
    placing.submit({"all.service": f"{HELLO}[X-Quarterdeck]\nGlobal=yes\n"})
    placing.until(lambda: placing.active("all.service") == {"all.service": tuple(ours)}, "on the others")
    assert "is of the fleet f-other" in engine.said
    assert {one["name"]: one["standing"] for one in placing.status()["hosts"]}[theirs] == "foreign"
    assert placing.ask(theirs, "ls /run/quarterdeck 2>/dev/null || true") == ""


def test_a_host_turns_away_an_engine_that_was_replaced(placing: Placing) -> None:
    placing.leading()
    placing.submit({"held.service": HELLO})
    placing.until(lambda: placing.active("held.service"), "it runs")
    ((host,),) = placing.active("held.service").values()
    fleet = placing.ask(host, "cat /etc/quarterdeck/fleet").strip()
    kept = int(placing.ask(host, "cat /run/quarterdeck/revision"))
    said: list[Applied] = []

    async def late(revision: int, of: str) -> Outcome:
        act = ApplyUnits(of, revision, (UnitWork("held.service", job="stop"),), said.append)
        plan = Plan("late", (Step(host, "", "apply", "", "", act),))
        config = [one for one in placing.truth.config.hosts if one.name == host]
        async with open_fleet(config, Wants(units=False, containers=False, os=False), Links()) as open_:
            await open_.settled(20)
            permit = Permit("late")
            run = Execution(
                plan, lambda name: open_hands(name, lambda: open_.transport(name), permit), lambda _: None
            )
            await run.run()
        return run.results[0].status

    assert asyncio.run(late(kept - 1, fleet)) is Outcome.REFUSED
    assert said.pop().superseded == kept
    assert asyncio.run(late(kept, "f-other")) is Outcome.REFUSED
    assert said.pop().foreign == fleet
    assert placing.active("held.service")
    assert asyncio.run(late(kept, fleet)) is Outcome.DONE
    placing.until(lambda: not placing.active("held.service"), "the one that leads is heard")


def test_a_move_starts_the_new_copy_before_it_stops_the_old(placing: Placing) -> None:
    placing.leading()
    slow = "[Service]\nExecStartPre=/bin/sleep 2\nExecStart=/bin/sleep infinity\n"
    placing.submit({"carried.service": slow})
    placing.until(lambda: placing.active("carried.service"), "it runs")
    ((source,),) = placing.active("carried.service").values()
    target = next(host for host in placing.hosts if host != source)
    placing.change("carried.service", pins={"carried.service": target})
    placing.until(lambda: placing.active("carried.service") == {"carried.service": (target,)}, "it has moved")
    began = int(placing.ask(target, "systemctl show -P ActiveEnterTimestampMonotonic carried.service"))
    ended = placing.ask(source, "journalctl -o json -u carried.service --grep 'Stopping|Stopped' | head -n 1")
    assert int(json.loads(ended)["__MONOTONIC_TIMESTAMP"]) > began, "the hosts share one clock"
    placing.until(lambda: not placing.files("carried.service", source), "nothing of it is left there")


def test_without_etcd_nothing_is_stopped_and_with_it_things_go_on(placing: Placing) -> None:
    with placing.own_etcd() as etcd:
        engine = placing.leading()
        placing.submit({"steady@.service": REPLICAS % 3})
        placing.until(lambda: len(placing.active("steady@*")) == 3, "three run")
        before = placing.invocations("steady@*")
        etcd.kill()
        placing.until(lambda: "another engine may lead" in engine.said, "its claim runs out", 25)
        placing.holds(lambda: placing.invocations("steady@*") == before, "all run on")
        etcd.start()
        placing.until(lambda: engine.said.count("leading the fleet") == 2, "it leads again", 40)
        placing.submit({"more.service": HELLO})
        placing.until(lambda: placing.active("more.service"), "it places what is new")
        assert placing.invocations("steady@*") == before

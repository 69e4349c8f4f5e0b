"""Services from the command line: real etcd, simulated hosts, and the test in the place of the engine."""

from __future__ import annotations

import asyncio
import io
import json
import signal

import pytest

from console.actions.plan import Plan
from console.cli.printer import Printer
from console.commands.confirm import Challenge
from console.commands.core import Core
from console.commands.grammar import Globals
from console.commands.service_change import ServiceStart
from console.errors import Incomplete
from tests.cli.services_fleet import RUNNING, Fleet, said
from tests.store.cluster import needs_etcd

pytestmark = needs_etcd


async def test_a_unit_file_is_submitted_shown_changed_and_taken_back(fleet: Fleet) -> None:
    console = fleet.console
    console.file("web@.service", "Replicas=2", "Apart=self")
    planned = await console.json("service", "submit", "web@.service", "--plan")
    assert planned["steps"][0]["then"] == "inactive, revision 1, 2 instances"
    assert await console.json("service", "list") == [], "a plan writes nothing"
    await console.run("service", "submit", "web@.service", "--yes")
    done = await console.run("service", "submit", "web@.service", "--yes")
    assert done.stderr == "nothing to do: web@.service is inactive, revision 1, 2 instances\nnothing to do\n"

    console.file("web@.service", "Replicas=3")
    done = await console.run("submit", "web@.service", "--yes")
    assert "to undo it: quarterdeck service rollback web@.service --to=1" in done.stderr
    rows = await console.json("service", "history", "web")
    assert [(row["revision"], row["line"], row["current"]) for row in rows] == [
        (1, "service submit web@.service", False),
        (2, "service submit web@.service", True),
    ]
    (cat,) = await console.json("cat", "web", "--revision", "1")
    assert (cat["name"], cat["revision"]) == ("web@.service", 1)
    assert "Apart=self" in cat["unit"]
    assert (await console.run("cat", "web")).stdout == (console.folder / "web@.service").read_text()

    undo = (await console.json("audit", "list"))[-1]["id"]
    await console.run("audit", "undo", undo, "--yes")
    (row,) = await console.json("service", "list")
    assert row == {
        "name": "web@.service",
        "revision": 1,
        "desired": "inactive",
        "replicas": 2,
        "instances": [],
    }
    await console.run("service", "rollback", "web", "--yes", code=5)
    await console.run("service", "rollback", "web", "--to", "2", "--yes")
    assert (await console.json("service", "list"))[0]["revision"] == 2
    await console.run("service", "rollback", "web", "--yes")
    (step,) = (await console.json("service", "submit", "web@.service", "--plan"))["steps"]
    assert step["then"] == "inactive, revision 2, 3 instances", "that text is there already"
    await console.run("service", "cat", "nothing", code=5)


async def test_what_is_wrong_with_files_is_told_all_at_once_with_lines_and_nothing_is_written(
    fleet: Fleet,
) -> None:
    console = fleet.console
    console.file("a.service", "Replica=2")
    console.file("b.service", text="[Service]\nExecStart=/bin/true\n[X-Fleet]\nMachineMetdata=a=b\n")
    (console.folder / "c.service").write_bytes(b"[Service]\nExecStart=\xff\n")
    done = await console.run("service", "start", "a.service", "./c.service", "./d.service", "--yes", code=1)
    assert "a.service:6: " in done.stderr
    assert "Replicas" in done.stderr
    assert "c.service:2: is not UTF-8" in done.stderr
    assert "d.service: cannot be read: No such file or directory" in done.stderr
    done = await console.run("service", "submit", "b.service", "--yes")
    assert "b.service:4: " in done.stderr, "fleet's own unknown keys are a warning"
    assert [row["name"] for row in await console.json("service", "list")] == ["b.service"]


async def test_a_plan_says_what_would_go_where_and_ends_with_4_where_something_would_not_fit(
    fleet: Fleet,
) -> None:
    console = fleet.console
    console.file("web@.service", "Replicas=2", "Require=role=web", "Apart=self")
    found = await console.json("service", "plan", "web@.service")
    (step,) = found["steps"]
    assert (step["object"], step["verb"], step["now"]) == ("services/web@.service", "start", "not there")
    assert step["effects"] == [
        {"object": "web@1.service", "what": "starts", "host": "sim-0001"},
        {"object": "web@2.service", "what": "starts", "host": "sim-0002"},
    ]
    console.file("web@.service", "Replicas=3", "Require=role=web", "Apart=self")
    found = await console.json("service", "plan", "web@.service", code=4)
    assert found["refused"] == [
        {
            "host": "",
            "object": "web@3.service",
            "why": "no host will have it: apart on 2, require on 1",
        }
    ]
    assert await console.json("service", "list") == []
    why = (await console.run("service", "start", "web@.service", "--yes", "--no-wait", code=4)).stdout
    assert "web@3.service no host will have it: apart on 2, require on 1" in why
    assert (await console.json("service", "plan", "web", code=4))["steps"] == []


async def test_without_an_engine_a_start_says_so_and_does_not_wait(fleet: Fleet) -> None:
    console = fleet.console
    console.file(RUNNING)
    done = await console.run("service", "start", RUNNING, "--yes", "--timeout", "10m", code=4)
    assert "no engine is elected: nothing is carried out until one runs" in done.stderr
    assert f"{RUNNING} pending: to be placed on sim-0001; no engine is elected" in done.stdout
    (row,) = await console.json("service", "list")
    assert row["desired"] == "launched", "it is desired all the same"
    done = await console.run("service", "stop", RUNNING, "--yes", "--no-wait")
    assert "no engine is elected" in done.stderr


async def test_a_start_waits_for_as_many_attempts_as_fleetctl_was_told_to_make(fleet: Fleet) -> None:
    console = fleet.console
    console.file("db.service")
    await fleet.elect()
    line = ("start", "--block-attempts=1", "db.service", "--yes", "--timeout", "10m")
    assert "not so within 2 s" in (await console.run(*line, code=4)).stdout


async def test_a_start_waits_with_progress_until_the_unit_runs_and_a_stop_until_it_is_gone(
    fleet: Fleet,
) -> None:
    console = fleet.console
    console.file(RUNNING)
    await fleet.elect()
    async with console.begun("service", "start", RUNNING, "--yes") as starting:
        await said(starting, f"to undo it: quarterdeck service destroy {RUNNING}")
        await said(starting, f"{RUNNING}: pending: to be placed on sim-0001")
        await fleet.place(RUNNING, "sim-0002")
        await said(starting, f"sim-0002/{RUNNING}: running")
        out, _ = await starting.communicate()
    assert starting.returncode == 0
    assert f"sim-0002/{RUNNING} " in out.decode()
    # There is nothing to do, and it is so.
    results = await console.json("service", "start", RUNNING, "--yes")
    assert [(one["target"], one["status"], one["detail"]) for one in results] == [
        (f"sim-0002/{RUNNING}", "done", "running")
    ]
    # The unit goes on: nobody stops it here.
    done = await console.run("stop", RUNNING, "--yes", "--timeout", "3s", code=4)
    assert "running: to be stopped; not so within 3 s (--timeout)" in done.stdout

    await console.run("unit", "stop", RUNNING, "--on", "*", "--yes")
    await console.run("service", "load", RUNNING, "--yes")
    unloading = asyncio.create_task(console.run("service", "unload", RUNNING, "--yes"))
    await fleet.desired(RUNNING, "inactive")
    await fleet.unplace(RUNNING)
    assert f"sim-0002/{RUNNING}" in (await unloading).stdout
    (row,) = await console.json("service", "list")
    assert (row["desired"], row["instances"]) == ("inactive", [])


async def test_an_instance_that_no_host_will_have_says_why_at_once_and_the_others_are_waited_for(
    fleet: Fleet,
) -> None:
    console = fleet.console
    console.file(RUNNING)
    console.file("big.service", "Memory=64G")
    await fleet.elect()
    line = ("service", "start", RUNNING, "big.service", "--yes", "--timeout", "30s", "-o", "json")
    starting = asyncio.create_task(console.run(*line, code=4))
    await fleet.desired(RUNNING, "launched")
    await fleet.place(RUNNING, "sim-0001")
    results = {one["target"]: (one["status"], one["detail"]) for one in (await starting).json}
    assert results == {
        "big.service": ("refused", "no host will have it: memory on 3"),
        f"etcd/services/{RUNNING}": ("done", ""),
        "etcd/services/big.service": ("done", ""),
        f"sim-0001/{RUNNING}": ("done", "running"),
    }


async def test_why_says_of_each_host_which_rule_it_is_or_the_score(fleet: Fleet) -> None:
    console = fleet.console
    console.file("web@.service", "Replicas=2", "Require=role=web", "Apart=self")
    done = await console.run("submit", "web@.service", "--yes")
    assert "engine" not in done.stderr, "there is nothing for one to do"
    await console.run("service", "start", "web@.service", "--yes", "--no-wait")
    rules = {one["host"]: one["rule"] for one in (await console.json("service", "why", "web@2"))["hosts"]}
    assert rules == {"sim-0001": "apart", "sim-0002": None, "sim-0003": "require"}, "as it is planned"
    await fleet.place("web@1.service", "sim-0001")
    found = await console.json("service", "why", "web@2")
    assert found["instance"] == "web@2.service"
    assert [(one["host"], one["verdict"], one["rule"]) for one in found["hosts"]] == [
        ("sim-0001", "excluded", "apart"),
        ("sim-0002", "fits", None),
        ("sim-0003", "excluded", "require"),
    ]
    assert [one["score"] is None for one in found["hosts"]] == [True, False, True]
    (placed, *_) = (await console.json("service", "why", "web@1.service"))["hosts"]
    assert (placed["host"], placed["verdict"]) == ("sim-0001", "placed")
    done = await console.run("service", "why", "web@9", code=5)
    assert "web@.service has web@1.service, web@2.service" in done.stderr


async def test_scaling_moving_and_pinning_are_desired_planned_and_taken_back(fleet: Fleet) -> None:
    console = fleet.console
    console.file("web@.service", "Replicas=2", "Require=role=web")
    await console.run("service", "start", "web@.service", "--yes", "--no-wait")
    for number in (1, 2):
        await fleet.place(f"web@{number}.service", f"sim-000{number}")

    (step,) = (await console.json("service", "scale", "web", "3", "--plan"))["steps"]
    assert step["effects"] == [{"object": "web@3.service", "what": "starts", "host": "sim-0001"}]
    done = await console.run("service", "scale", "web", "1", "--yes", "--no-wait")
    assert "to undo it: quarterdeck service scale web@.service default" in done.stderr
    (row,) = await console.json("service", "list")
    assert row["replicas"] == 1
    await console.run("service", "scale", "web", "default", "--yes", "--no-wait")

    (step,) = (await console.json("service", "move", "web@1", "sim-0002", "--plan"))["steps"]
    assert step["effects"] == [{"object": "web@1.service", "what": "moves from sim-0001", "host": "sim-0002"}]
    done = await console.run("service", "move", "web@1", "sim-0002", "--yes", "--no-wait")
    assert "to undo it: quarterdeck service move web@1.service sim-0001" in done.stderr
    (row,) = await console.json("service", "list")
    assert (row["instances"][0]["state"], row["instances"][0]["reason"]) == ("moving", "to sim-0002")
    why = await console.run("service", "move", "web@2", "sim-0003", "--yes", code=4)
    assert "sim-0003/web@2.service require: needs role=web" in why.stdout
    await console.run("service", "move", "web@1", "sim-9", "--yes", code=5)
    done = await console.run("service", "pin", "web@1", "--off", "--yes", "--no-wait")
    assert "to undo it: quarterdeck service move web@1.service sim-0002" in done.stderr
    await console.run("service", "pin", "web@2", "--yes", "--no-wait")
    assert (await fleet.store.service("web@.service")).pins == {"web@2.service": "sim-0002"}
    console.file("db.service")
    await console.run("service", "submit", "db.service", "--yes")
    assert "only a template" in (await console.run("service", "scale", "db", "2", "--yes", code=2)).stderr


async def test_rebalancing_moves_what_is_not_pinned_and_waits_for_nothing_else(fleet: Fleet) -> None:
    console = fleet.console
    console.file("web@.service", "Replicas=6")
    await console.run("service", "start", "web@.service", "--yes", "--no-wait")
    for number in range(1, 7):
        await fleet.place(f"web@{number}.service", "sim-0001")
    await console.run("service", "pin", "web@6", "--yes", "--no-wait")
    plan = await console.json("service", "rebalance", "--plan")
    moved = [step["object"] for step in plan["steps"]]
    assert len(moved) >= 3
    assert "instances/web@.service/web@6.service" not in moved
    await console.run("service", "rebalance", "--most", "2", "--yes", "--no-wait")
    at = {one.instance: (one.host, one.epoch) for one in await fleet.store.assigned()}
    assert sorted(epoch for _, epoch in at.values()) == [1, 1, 1, 1, 2, 2]
    assert {host for host, epoch in at.values() if epoch == 2} <= {"sim-0002", "sim-0003"}


async def test_destroying_says_what_stops_asks_for_the_name_and_waits_until_nothing_is_left(
    fleet: Fleet,
) -> None:
    console = fleet.console
    console.file(RUNNING)
    await console.run("service", "start", RUNNING, "--yes", "--no-wait")
    await fleet.place(RUNNING, "sim-0003")
    await fleet.elect()
    await console.run("service", "destroy", RUNNING, code=3)
    (step,) = (await console.json("service", "destroy", RUNNING, "--plan"))["steps"]
    assert (step["then"], step["undo"]) == ("gone, with its 1 revision", None)
    assert step["effects"] == [{"object": RUNNING, "what": "stops", "host": "sim-0003"}]
    destroying = asyncio.create_task(console.run("destroy", RUNNING, "--yes"))
    await fleet.desired(RUNNING, None)
    await console.run("unit", "stop", RUNNING, "--on", "sim-0003", "--yes")
    assert not destroying.done(), "its placement is still there"
    await fleet.unplace(RUNNING)
    assert f"sim-0003/{RUNNING}" in (await destroying).stdout
    assert await console.json("service", "list") == []


async def test_what_somebody_else_has_changed_since_the_plan_is_refused_and_not_waited_for(
    fleet: Fleet,
) -> None:
    fleet.console.file("db.service")
    await fleet.console.run("service", "submit", "db.service", "--yes")
    await fleet.elect()

    async def confirm(plan: Plan, challenge: Challenge) -> bool:
        await fleet.store.change(await fleet.store.service("db.service"), pins={"db.service": "sim-0003"})
        return True

    home = str(fleet.console.folder)
    core = Core(
        Globals(config=fleet.console.folder / "fleet.toml"),
        environ={"HOME": home, "XDG_STATE_HOME": home},
        confirm=confirm,
    )
    told = io.StringIO()
    out = Printer("json", out=told, err=io.StringIO())
    async with core.recalled(ServiceStart.recall, out.note):
        with pytest.raises(Incomplete):
            await ServiceStart(names=("db",)).run(core, out)
    assert [(one["target"], one["status"], one["detail"]) for one in json.loads(told.getvalue())] == [
        ("etcd/services/db.service", "refused", "it has been changed since the plan")
    ]
    service = await fleet.store.service("db.service")
    assert (service.desired, service.pins) == ("inactive", {"db.service": "sim-0003"})


async def test_a_service_of_a_templates_instance_is_made_from_the_template_as_fleet_did(
    fleet: Fleet,
) -> None:
    console = fleet.console
    console.file("hello@.service", text="[Service]\nExecStart=/bin/true\n")
    for name in ("hello@1.service", "hello@2.service"):
        await console.run("start", name, "--yes", "--no-wait")
    await console.run("submit", "hello@.service", "--yes")
    (console.folder / "hello@.service").unlink()
    await console.run("load", "hello@3", "--yes", "--no-wait")
    rows = await console.json("service", "list", "hello@?.service")
    assert [(row["name"], row["desired"]) for row in rows] == [
        ("hello@1.service", "launched"),
        ("hello@2.service", "launched"),
        ("hello@3.service", "loaded"),
    ]
    why = await console.run("service", "scale", "hello@.service", "2", "--yes", code=2)
    assert "there is a service of that name" in why.stderr
    console.file("web@.service", "Replicas=2")
    await console.run("service", "submit", "web@.service", "--yes")
    why = await console.run("service", "stop", "web@1", "--yes", code=2)
    assert "web@1.service is an instance of web@.service" in why.stderr


async def test_fleetctls_lists_have_fleets_columns(fleet: Fleet) -> None:
    console = fleet.console
    console.file(RUNNING)
    console.file("agent.service", "Global=yes")
    await console.run("start", RUNNING, "agent.service", "--yes", "--no-wait")
    await fleet.place(RUNNING, "sim-0002")
    machine = (await console.json("list-machines", "-l"))[0]
    assert sorted(machine) == ["ip", "machine", "metadata"]
    assert machine["metadata"].startswith("role=")
    lines = (await console.run("list-machines")).stdout.splitlines()
    assert lines[0].split() == ["MACHINE", "IP", "METADATA"]
    assert all(line.split()[0].endswith("...") for line in lines[1:])
    (unit,) = (await console.run("list-units", "--no-legend")).stdout.splitlines()
    name, at, active, sub = unit.split()
    assert (name, active, sub) == (RUNNING, "active", "running")
    assert at.partition("/")[0] in [line.split()[0] for line in lines]
    titles = (await console.run("list-units", "--fields=unit,load,hash")).stdout.splitlines()[0]
    assert titles.split() == ["UNIT", "LOAD", "HASH"]
    files = (await console.run("list-unit-files")).stdout.splitlines()
    assert files[0].split() == ["UNIT", "HASH", "DSTATE", "STATE", "TARGET"]
    rows = {line.split()[0]: line.split()[2:] for line in files[1:]}
    assert rows == {"agent.service": ["launched", "-", "global"], RUNNING: ["launched", "launched", at]}
    done = await console.run("list-units", "--fields=unit,colour", code=2)
    assert "no field 'colour'" in done.stderr


async def test_journal_ssh_and_restart_find_the_host_of_an_instance(fleet: Fleet) -> None:
    console = fleet.console
    console.file(RUNNING)
    await console.run("start", RUNNING, "--yes", "--no-wait")
    await console.run("journal", RUNNING, code=5)
    await fleet.place(RUNNING, "sim-0002")
    await console.run("journal", RUNNING, "-n", "5")
    assert (await console.run_apart("ssh", RUNNING, "--yes", "--", "uname", "-r")).startswith("sim-0002")
    (result,) = await console.json("restart", RUNNING, "--yes")
    assert (result["target"], result["status"]) == (f"sim-0002/{RUNNING}", "done")
    assert (await console.run_apart("ssh", "sim-0003", "--yes", "--", "uname", "-r")).startswith("sim-0003")
    machines = {row["ip"]: row["machine"] for row in await console.json("list-machines", "--full")}
    by_id = {host["name"]: machines[host["address"]] for host in await console.json("host", "list")}
    short = by_id["sim-0002"][:8] + "..."
    for words in (("--machine", by_id["sim-0002"]), (short,), ("--unit", RUNNING)):
        told = await console.run_apart("ssh", *words, "--yes", "--", "uname", "-r")
        assert told.startswith("sim-0002")
    await console.run("ssh", "--machine", "0" * 32, "--yes", "--", "true", code=5)
    await console.run("ssh", "--yes", "--", "true", code=2)


async def test_a_watched_list_tells_each_change_of_services_and_of_their_instances(fleet: Fleet) -> None:
    console = fleet.console
    console.file(RUNNING)
    await console.run("service", "start", RUNNING, "--yes", "--no-wait")
    async with console.begun("service", "list", "--watch", "-o", "json") as watching:
        assert watching.stdout is not None

        async def told() -> tuple[str, str, list[str]]:
            assert watching.stdout is not None
            row = json.loads(await watching.stdout.readline())
            return row["op"], row["desired"], [one["state"] for one in row["instances"]]

        assert await told() == ("put", "launched", ["pending"])
        await fleet.place(RUNNING, "sim-0001")
        assert await told() == ("put", "launched", ["running"])
        await fleet.store.destroy(await fleet.store.service(RUNNING))
        assert (await told())[0] == "delete"


async def test_a_list_is_of_the_services_and_instances_that_are_in_a_state(fleet: Fleet) -> None:
    console = fleet.console
    console.file(RUNNING)
    console.file("big.service", "Memory=64G")
    console.file("idle.service")
    await console.run("service", "start", RUNNING, "--yes", "--no-wait")
    await console.run("service", "start", "big.service", "--yes", "--no-wait", code=4)
    await console.run("service", "load", "idle.service", "--yes", "--no-wait")
    await fleet.place(RUNNING, "sim-0001")

    async def named(state: str) -> list[str]:
        return [row["name"] for row in await console.json("service", "list", "--state", state)]

    assert await named("running") == [RUNNING]
    assert await named("pending,failed") == ["big.service", "idle.service"]
    assert await named("loaded") == ["idle.service"]
    assert await named("launched") == sorted([RUNNING, "big.service"])
    assert await named("lost") == []
    await console.run("service", "list", "--state", "rnning", code=2)


async def test_what_is_wrong_with_services_is_on_the_glance_and_with_no_engine_that_is_said(
    fleet: Fleet,
) -> None:
    console = fleet.console
    console.file(RUNNING)
    console.file("big.service", "Memory=64G")
    assert "no engine" not in (await console.run("fleet", "status")).stdout, "there is nothing for one to do"
    await console.run("service", "start", RUNNING, "big.service", "--yes", "--no-wait", code=4)
    await fleet.place(RUNNING, "sim-0001")
    said = (await console.run("fleet", "status")).stdout
    assert "✖ no engine" in said
    (line,) = (line for line in said.splitlines() if "big.service" in line and "pending" in line)
    assert "memory on 3" in line
    assert "nothing is carried out until one runs" in (await console.run("service", "list")).stderr
    await fleet.elect()
    assert "no engine" not in (await console.run("fleet", "status")).stdout
    assert "big.service" not in (await console.run("fleet", "status", "--on", "sim-0001")).stdout


async def test_an_engines_word_of_an_instance_is_what_every_console_shows(fleet: Fleet) -> None:
    console = fleet.console
    console.file(RUNNING)
    await console.run("service", "start", RUNNING, "--yes", "--no-wait")
    await fleet.place(RUNNING, "sim-0001")
    await fleet.elect()

    async def now() -> tuple[str, str | None, str]:
        (row,) = await console.json("service", "list")
        (one,) = row["instances"]
        return one["state"], one["reason"], one["told_by"]

    assert await now() == ("running", None, "console")
    await fleet.observe("sim-0001", {RUNNING: (RUNNING, "failing", "systemd restarts it")})
    assert await now() == ("failing", "systemd restarts it", "engine")


async def test_an_interrupted_wait_says_that_what_is_desired_stays_so(fleet: Fleet) -> None:
    console = fleet.console
    console.file("db.service")
    await fleet.elect()
    async with console.begun("service", "start", "db.service", "--yes") as starting:
        await said(starting, "db.service: pending")
        starting.send_signal(signal.SIGINT)
        await said(starting, "what is desired stays so")
        await starting.communicate()
    assert starting.returncode == 130
    assert (await fleet.store.service("db.service")).desired == "launched"


async def test_a_macro_of_services_is_planned_as_one(fleet: Fleet) -> None:
    console = fleet.console
    console.file("db.service")
    (console.folder / "up.toml").write_text(
        'description = "db"\nsteps = ["service start db.service --no-wait", "service stop db --no-wait"]\n'
    )
    plans = await console.json("run", "up.toml", "--plan")
    assert [step["verb"] for plan in plans for step in plan["steps"]] == ["start"]
    assert "cannot be planned now: there is no service db" in plans[1]["notes"][0]
    await console.run("run", "up.toml", "--yes")
    assert (await fleet.store.service("db.service")).desired == "loaded"

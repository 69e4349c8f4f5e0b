"""`service update|rollback|diff` on simulated hosts and a real etcd: what is planned, refused, written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from console.model.memory import SERVICE
from console.rollouts.denied import deny
from tests.cli.services_fleet import UNIT, Fleet, services_fleet
from tests.store.cluster import needs_etcd

pytestmark = needs_etcd

DOCKER = UNIT.replace("/bin/true", "/usr/bin/docker run --rm --name web-%i registry/web:1.4")


@pytest.fixture
async def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Fleet]:
    async with services_fleet(tmp_path) as fleet:
        monkeypatch.chdir(fleet.console.folder)
        yield fleet


async def running(fleet: Fleet, name: str, *lines: str, text: str = UNIT) -> None:
    """A service of three instances that is to run, and is placed."""
    fleet.console.file(name, *(lines or ("Replicas=3",)), text=text)
    await fleet.elect()
    await fleet.console.run("service", "start", name, "--yes", "--no-wait")
    for number, host in enumerate(fleet.hosts, 1):
        everywhere = "Global=yes" in lines
        await fleet.place(
            name if "@." not in name else name.replace("@", f"@{number}"), host, everywhere=everywhere
        )


def steps(plan: Any) -> list[tuple[str, str, str, str]]:
    return [(one["host"], one["object"], one["now"], one["then"]) for one in plan["steps"]]


async def test_an_update_is_planned_instance_by_instance_with_a_spare_first(fleet: Fleet) -> None:
    await running(fleet, "web@.service")
    fleet.console.file("web@.service", "Replicas=3", text=UNIT.replace("/bin/true", "/bin/false"))
    plan = await fleet.console.json("service", "update", "web@.service", "--wave", "1,100%", "--plan")
    first, *others = steps(plan)
    assert first[1:] == ("web@4.service", "not there", "revision 2, in wave 1 of 2")
    assert others == [
        (host, f"web@{number}.service", "revision 1", "revision 2, in wave 2 of 2")
        for number, host in enumerate(fleet.hosts, 1)
    ]
    restarted = "each instance is stopped and started where it is"
    assert plan["notes"][0] == f"web@.service changes Service.ExecStart: {restarted}"
    assert "before any is stopped" in plan["notes"][1]
    assert [one["revision"] for one in await fleet.console.json("service", "history", "web")] == [1]

    await fleet.console.run("service", "update", "web@.service", "--yes", "--no-wait")
    (row,) = await fleet.console.json("service", "list")
    assert row["revision"] == 1, "until its instances are"
    (rollout,) = await fleet.console.json("rollout", "list")
    assert (rollout["kind"], len(rollout["targets"])) == ("service update", 4)
    refused = await fleet.console.run("service", "update", "web@.service", "--yes", code=3)
    assert f"{rollout['id']} is at work on service web@.service" in refused.stderr


@pytest.mark.parametrize(
    ("name", "lines", "text", "why"),
    [
        ("web.service", ("Host=sim-0001",), UNIT, "there is one of its name"),
        (
            "web@.service",
            ("Replicas=3",),
            DOCKER.replace("run ", "run -p 80:80 "),
            "it has port 80 to itself",
        ),
        ("web.service", ("Global=yes",), UNIT, "it has one on each host"),
        ("web@.service", ("Replicas=3", "Apart=self"), UNIT, "no host has room for one more"),
        ("web@.service", ("Replicas=3", "Exclusive=yes"), UNIT, "it is exclusive"),
    ],
)
async def test_where_no_spare_can_be_it_is_said_why(
    fleet: Fleet, name: str, lines: tuple[str, ...], text: str, why: str
) -> None:
    await running(fleet, name, *lines, text=text)
    fleet.console.file(name, "UnitService.Nice=5", *lines, text=text)
    plan = await fleet.console.json("service", "update", name, "--plan")
    assert plan["notes"][1] == f"{name}: each is stopped before it is started again: {why}"
    assert all("not there" not in step for step in steps(plan))


async def test_another_image_is_another_revision(fleet: Fleet) -> None:
    await running(fleet, "web@.service", text=DOCKER)
    line = ("service", "update", "web", "--image", "registry/web:2.0")
    plan = await fleet.console.json(*line, "--plan")
    assert plan["steps"][-1]["then"] == "revision 2, in wave 1 of 1"
    await fleet.console.run(*line, "--yes", "--no-wait")
    (text,) = await fleet.console.json("service", "cat", "web", "--revision", "2")
    assert text["unit"] == DOCKER.replace("web:1.4", "web:2.0") + "Replicas=3\n"
    (found,) = await fleet.console.json("service", "diff", "web", "2")
    assert (found["from"], found["to"], found["way"]) == (1, 2, "restart")
    assert found["settings"] == ["Service.ExecStart"]
    assert [one for one in found["diff"] if one.startswith("+E")] == [
        "+ExecStart=/usr/bin/docker run --rm --name web-%i registry/web:2.0"
    ]
    told = (await fleet.console.run("service", "diff", "web", "2")).stdout
    assert "what runs is restarted" in told
    await fleet.console.run("service", "diff", "web", code=5)
    await fleet.console.run("service", "diff", "web", "7", code=5)


async def test_services_that_need_each_other_change_in_that_order(fleet: Fleet) -> None:
    needing = UNIT.replace("[Service]", "After=db.service\n[Service]")
    await running(fleet, "web@.service", text=needing)
    await running(fleet, "db.service", "Global=yes")
    fleet.console.file("web@.service", "Replicas=3", "UnitService.Nice=5", text=needing)
    fleet.console.file("db.service", "Global=yes", "UnitService.Nice=5")
    line = ("service", "update", "web@.service", "db.service", "--wave", "1,100%")
    plan = await fleet.console.json(*line, "--plan")
    assert "in the order of what needs what: db.service; then web@.service" in plan["notes"]
    told = [(one["object"], one["then"].partition("in ")[2]) for one in plan["steps"]]
    assert told == [
        ("db.service", "wave 1 of 4"),
        ("db.service", "wave 2 of 4"),
        ("db.service", "wave 2 of 4"),
        ("web@4.service", "wave 3 of 4"),
        *((f"web@{number}.service", "wave 4 of 4") for number in (1, 2, 3)),
    ]


async def test_a_denied_revision_is_refused_unless_told_to(fleet: Fleet) -> None:
    await running(fleet, "web@.service")
    fleet.console.file("web@.service", "Replicas=3", "UnitService.Nice=5")
    await deny(fleet.etcd, fleet.store.keys, SERVICE, "web@.service 2", by="r-0001", why="it crashed")
    done = await fleet.console.run("service", "update", "web@.service", "--yes", code=3)
    assert "revision 2 of web@.service is denied by r-0001: it crashed" in done.stderr
    await fleet.console.json("service", "update", "web@.service", "--allow-denied", "--plan")
    # Nor is it what a rollback without a number means.
    for lines in (("UnitService.Nice=5",), ("UnitService.Nice=6",)):
        fleet.console.file("web@.service", "Replicas=3", *lines)
        await fleet.console.run("service", "submit", "web@.service", "--yes")
    for number, host in enumerate(fleet.hosts, 1):
        await fleet.place(f"web@{number}.service", host, revision=3)
    plan = await fleet.console.json("service", "rollback", "web", "--plan")
    assert plan["steps"][-1]["then"] == "revision 1, in wave 1 of 1"


async def test_what_is_of_the_service_as_a_whole_is_not_rolled(fleet: Fleet) -> None:
    await running(fleet, "web@.service")
    fleet.console.file("web@.service", "Replicas=3", "Exclusive=yes")
    done = await fleet.console.run("service", "update", "web@.service", "--yes", code=2)
    assert "`service submit FILE`" in done.stderr
    await fleet.console.run("service", "update", "web", "--yes", code=2)
    await fleet.console.run("service", "update", "web", "nothing.service", "--yes", code=2)


async def test_one_that_does_not_run_is_of_its_revision_at_once(fleet: Fleet) -> None:
    fleet.console.file("web@.service", "Replicas=3")
    await fleet.console.run("service", "submit", "web@.service", "--yes")
    (fleet.console.folder / "next.service").write_text(f"{UNIT}Replicas=4\n")
    await fleet.console.run("service", "update", "web", "next.service", "--yes")
    (row,) = await fleet.console.json("service", "list")
    assert (row["name"], row["revision"], row["replicas"]) == ("web@.service", 2, 4)
    done = await fleet.console.run("service", "update", "web", "next.service", "--yes")
    assert "nothing to do" in done.stderr

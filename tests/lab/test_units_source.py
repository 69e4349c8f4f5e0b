"""The units source on real hosts: what it shows is what systemctl says."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import pytest

from console.errors import Absent
from console.lab.lab import Lab
from console.model.events import UnitsListed
from console.model.unit import Health
from tests.lab.units_host import RESTLESS, OnHost, equal, followed, on_first, service, unit_file

ODD_NAMES = (r"u-a\x2db@x:y.service", "-u-lead.service", "u_under.score:colon-1.service", "9u-digit.service")


@pytest.fixture
async def host(lab: Lab) -> OnHost:
    return await on_first(lab)


async def test_the_list_is_what_systemctl_says(host: OnHost) -> None:
    async with followed(host.config) as run:
        assert isinstance(run.told.events[0], UnitsListed)
        await equal(host, run.told)


async def test_a_user_without_groups_sees_the_same(host: OnHost) -> None:
    async with followed(replace(host.config, user="guest")) as run:
        await equal(host, run.told)


async def test_details_are_what_systemctl_says(host: OnHost) -> None:
    async with followed(host.config, details=True) as run:
        names = [n for n in run.told.units if n.endswith(".service") and not any(r in n for r in RESTLESS)]
        members = "Id,Result,NRestarts,StateChangeTimestamp"
        shown = await host.say(f"systemctl show --timestamp=us+utc -p {members} -- {shlex.join(names)}")
        says = [
            dict(line.split("=", 1) for line in block.splitlines()) for block in shown.strip().split("\n\n")
        ]
        assert len(says) == len(names)
        for one in says:
            unit = run.told.units[one["Id"]]
            assert (unit.result, str(unit.restarts)) == (one["Result"], one["NRestarts"])
            stamp = unit.since.strftime("%Y-%m-%d %H:%M:%S.%f UTC") if unit.since else ""
            assert one["StateChangeTimestamp"].endswith(stamp)
            assert bool(stamp) is bool(one["StateChangeTimestamp"])


async def test_a_restart_arrives(host: OnHost) -> None:
    async with unit_file(host, "u-steady.service", service("/bin/sleep 1000")) as name:
        await host.root(f"systemctl start {name}")
        async with followed(host.config) as run:
            await host.root(f"systemctl restart {name}")
            told = run.told
            await told.until(
                lambda: told.units[name].since is not None and told.units[name].active == "active"
            )
            await equal(host, told)


async def test_a_unit_comes_and_goes(host: OnHost) -> None:
    async with followed(host.config) as run:
        await host.root("systemd-run --quiet --unit=u-passing sleep 1000")
        await run.told.until(lambda: "u-passing.service" in run.told.units)
        await host.root("systemctl stop u-passing")
        await run.told.until(lambda: "u-passing.service" not in run.told.units)


async def test_looking_at_a_unit_that_does_not_exist_is_no_storm(host: OnHost) -> None:
    """systemd loads what it is asked about; a source that asked it in turn would never end."""
    async with followed(host.config) as run:
        await equal(host, run.told)
        run.told.events.clear()
        await host.root("systemctl status u-nosuch.service || true")
        await host.root("systemd-run --quiet --unit=u-after sleep 1000")
        await run.told.until(lambda: bool(run.told.story("u-after.service")))
        await host.root("systemctl stop u-after")
        await equal(host, run.told)
        assert len(run.told.story("u-nosuch.service")) <= 2


async def test_a_crash_loop_ends_as_gave_up_and_never_looks_failed_before(host: OnHost) -> None:
    text = service(
        "/bin/sh -c 'sleep 0.05; exit 3'",
        unit="StartLimitBurst=4\nStartLimitIntervalSec=60",
        more="Restart=on-failure\nRestartSec=200ms",
    )
    async with unit_file(host, "u-loop.service", text) as name, followed(host.config) as run:
        await host.root(f"systemctl start {name}")
        await run.told.until(
            lambda: name in run.told.units and run.told.units[name].health is Health.GAVE_UP, within=20
        )
        unit = run.told.units[name]
        assert (unit.active, unit.result, unit.restarts) == ("failed", "exit-code", 4)
        assert Health.FAILED not in {told.health for told in run.told.story(name)}
        assert Health.RECOVERING in {told.health for told in run.told.story(name)}
    async with unit_file(host, "u-loop.service", text) as name:
        await host.root(f"systemctl start {name}; sleep 3")
        async with followed(host.config) as run:
            assert run.told.units[name].health is Health.GAVE_UP


async def test_a_failure_that_nothing_restarts_is_failed_at_once(host: OnHost) -> None:
    async with (
        unit_file(host, "u-fails.service", service("/bin/false")) as name,
        followed(host.config) as run,
    ):
        await host.root(f"systemctl start {name}")
        await run.told.until(lambda: name in run.told.units and run.told.units[name].active == "failed")
        assert {told.health for told in run.told.story(name) if told.active == "failed"} == {Health.FAILED}


async def test_a_service_that_keeps_restarting_is_flapping(host: OnHost) -> None:
    text = service(
        "/bin/sh -c 'sleep 0.1; exit 1'",
        unit="StartLimitIntervalSec=0",
        more="Restart=always\nRestartSec=150ms",
    )
    async with unit_file(host, "u-flaps.service", text) as name, followed(host.config) as run:
        await host.root(f"systemctl start {name}")
        await run.told.until(
            lambda: name in run.told.units and run.told.units[name].health is Health.FLAPPING, within=20
        )
        assert (run.told.units[name].restarts or 0) >= 3
        await host.root(f"systemctl stop {name}")
        await run.told.until(lambda: name not in run.told.units or run.told.units[name].health is Health.OK)


@pytest.mark.parametrize("name", ODD_NAMES)
async def test_every_legal_name_works(host: OnHost, name: str) -> None:
    quoted = shlex.quote(name)
    async with (
        unit_file(host, name, service("/bin/sleep 1000", unit="Wants=u-odd-target.target")),
        followed(host.config) as run,
    ):
        await host.root(f"systemctl start -- {quoted}")
        await run.told.until(lambda: name in run.told.units and run.told.units[name].active == "active")
        properties = await run.manager.properties(name)
        assert properties["Id"] == name
        assert properties["ExecStart"][0][0] == "/bin/sleep"
        assert "u-odd-target.target" in (await run.manager.dependencies(name)).wants
        assert await run.manager.unit_file(name) == await host.say(f"systemctl cat -- {quoted}")
        await host.root(f"systemctl stop -- {quoted}")
        await run.told.until(lambda: name not in run.told.units or run.told.units[name].active == "inactive")


async def test_properties_are_all_that_systemctl_shows(host: OnHost) -> None:
    async with followed(host.config) as run:
        properties = await run.manager.properties("dbus.service")
        json.dumps(properties)
        shown = (await host.say("systemctl show --all dbus.service")).splitlines()
        says = dict(line.split("=", 1) for line in shown if "=" in line)
        for member in ("Id", "ActiveState", "FragmentPath", "InvocationID", "Type", "Restart", "Description"):
            assert str(properties[member]) == says[member]
        assert {member for member in says if member.startswith("Exec")} <= properties.keys()


async def test_dependencies_are_what_systemctl_shows(host: OnHost) -> None:
    async with followed(host.config) as run:
        found = await run.manager.dependencies("sysinit.target")
        for member, names in (
            ("RequiredBy", found.required_by),
            ("Wants", found.wants),
            ("Before", found.before),
            ("Conflicts", found.conflicts),
            ("WantedBy", found.wanted_by),
            ("PropagatesStopTo", found.propagates_stop_to),
        ):
            says = (await host.say(f"systemctl show --value -p {member} sysinit.target")).split()
            assert list(names) == sorted(says), member


async def test_a_unit_that_is_only_on_disk_can_be_asked_about_and_one_that_is_not_cannot(
    host: OnHost,
) -> None:
    async with (
        unit_file(host, "u-unloaded.service", service("/bin/true")) as name,
        followed(host.config) as run,
    ):
        assert (await run.manager.properties(name))["Description"] == "ours"
        with pytest.raises(Absent):
            await run.manager.properties("u-nosuch.service")
        with pytest.raises(Absent):
            await run.manager.unit_file("u-nosuch.service")

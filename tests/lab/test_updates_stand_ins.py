"""rpm-ostree, bootc and update_engine by their stand-ins, which work the real deployments of real hosts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest

from console.errors import Refused, Unreachable
from console.lab.lab import Lab, default_cache
from console.updates.driver import Cleanup, Driver, Progress, Target
from console.updates.work import UNIT
from tests.lab.atomic_host import AtomicHost
from tests.lab.conftest import narrate
from tests.lab.test_commands import rows
from tests.lab.updating import connected, into_what_is_staged, nothing, status_of, told

Hosts = dict[str, AtomicHost]


@pytest.fixture(scope="module")
def hosts(lab: Lab) -> Iterator[Hosts]:
    """A lab with one host of each kind; each test leaves its own with 1.0 booted."""
    root = asyncio.run(lab.status()).config.parent
    own = Lab(root.with_name(f"{root.name}-stand-ins"), default_cache(), narrate)
    asyncio.run(own.down())
    try:
        asyncio.run(own.up(dict.fromkeys(("rpm-ostree", "bootc", "update-engine"), 1)))
        yield asyncio.run(AtomicHost.all_of(own))
    finally:
        asyncio.run(own.down())


async def there_and_back(host: AtomicHost) -> None:
    """Update to 1.1, boot it, roll back, boot 1.0."""
    async with connected(host) as (updater, _):
        await updater.stage(Target(), nothing)
    assert host.version() == "1.0"
    await into_what_is_staged(host)
    assert host.version() == "1.1"
    async with connected(host) as (updater, _):
        await updater.rollback()
    await into_what_is_staged(host)
    assert host.version() == "1.0"


async def test_every_updater_updates_its_host_and_takes_it_back(hosts: Hosts) -> None:
    async with asyncio.TaskGroup() as group:
        for host in hosts.values():
            group.create_task(there_and_back(host))
    for name, host in hosts.items():
        if name != "update-engine1":
            assert await status_of(host) == ["1.0 booted next", "1.1 rollback"]
    assert await status_of(hosts["update-engine1"]) == ["1.0 booted next", "? rollback"]


async def test_the_fleet_is_listed_by_what_its_hosts_boot(hosts: Hosts) -> None:
    truth = hosts["bootc1"].truth
    listed = {row["host"]: row for row in rows(truth, "host", "updates")}
    drivers = {name: row["driver"] for name, row in listed.items()}
    assert drivers == {
        "rpm-ostree1": "rpm-ostree",
        "bootc1": "bootc",
        "update-engine1": "update_engine",
    }
    assert {row["booted"]["version"] for row in listed.values()} == {"1.0"}
    assert {name: row["channel"] for name, row in listed.items()} == {
        "rpm-ostree1": "lab:lab/os",
        "bootc1": "registry.lab/os:stable",
        "update-engine1": "stable",
    }


# -- rpm-ostree -------------------------------------------------------------------------------


async def test_a_transaction_outlives_the_connection_and_nobody_gets_between(hosts: Hosts) -> None:
    host = hosts["rpm-ostree1"]
    host.ask("echo 3 | sudo tee /etc/lab/slow")
    try:
        heard: list[Progress] = []
        async with connected(host) as (updater, link):
            await updater.cleanup(Cleanup.ROLLBACK)
            halfway = asyncio.Event()

            def hear(progress: Progress) -> None:
                heard.append(progress)
                if (progress.percent or 0) >= 20:
                    halfway.set()

            staging = asyncio.create_task(updater.stage(Target(version="1.1"), hear))
            await halfway.wait()
            await link.close()
            with pytest.raises(Unreachable):
                await staging
        async with connected(host) as (updater, _):
            status = await updater.status()
            assert status.working is not None
            assert (status.working.what, status.working.by) == ("stage 1.1", UNIT)
            with pytest.raises(Refused, match=r"at work: stage 1\.1"):
                await updater.rollback()
            said = json.loads(host.ask("rpm-ostree status --json"))
            assert said["transaction"][0] == "deploy"
            assert told(await updater.stage(Target(version="1.1"), hear))[0] == "1.1 next staged"
        percents = [each.percent for each in heard if each.percent is not None]
        assert percents[-1] == 100
    finally:
        host.ask("sudo rm -f /etc/lab/slow")
    async with connected(host) as (updater, _):
        await updater.cleanup(Cleanup.PENDING)


async def test_a_host_that_an_agent_drives_is_left_to_it(hosts: Hosts) -> None:
    host = hosts["rpm-ostree1"]
    host.ask(
        "printf '[Service]\\nExecStart=sleep infinity\\n' | sudo tee /etc/systemd/system/zincati.service;"
        "echo Zincati zincati.service | sudo tee /etc/lab/update-driver;"
        "sudo systemctl daemon-reload; sudo systemctl start zincati"
    )
    try:
        async with connected(host) as (updater, _):
            with pytest.raises(Refused, match="Zincati takes its updates"):
                await updater.stage(Target(), nothing)
        (row,) = rows(host.truth, "host", "updates", "--on", host.name)
        assert [(agent["name"], agent["active"]) for agent in row["agents"]] == [("Zincati", True)]
        assert "driven" in row["words"]
        host.ask("sudo systemctl stop zincati")
        async with connected(host) as (updater, _):
            await updater.stage(Target(), nothing)
            await updater.cleanup(Cleanup.PENDING)
    finally:
        host.ask(
            "sudo systemctl stop zincati; sudo rm /etc/systemd/system/zincati.service /etc/lab/update-driver"
        )


async def test_what_is_locked_is_taken_with_its_reboot_alone(hosts: Hosts) -> None:
    host = hosts["rpm-ostree1"]
    async with connected(host) as (updater, _):
        status = await updater.stage(Target(version="1.1", locked=True), nothing)
        assert told(status)[:2] == ["1.1 staged locked", "1.0 booted next"]
        with pytest.raises(Refused, match="reboots the host at once"):
            await updater.activate()
    await host.reboot()
    assert host.version() == "1.0", "a plain reboot does not take it"
    async with connected(host) as (updater, _):
        await updater.stage(Target(version="1.1", locked=True), nothing)
    await into_what_is_staged(host)
    assert host.version() == "1.1"
    async with connected(host) as (updater, _):
        await updater.rollback()
    await into_what_is_staged(host)
    assert host.version() == "1.0"


# -- bootc ------------------------------------------------------------------------------------


async def test_bootc_downloads_only_and_switches_to_a_version(hosts: Hosts) -> None:
    host = hosts["bootc1"]
    async with connected(host) as (updater, _):
        await updater.cleanup(Cleanup.ROLLBACK)
        found = await updater.check()
        assert found is not None
        assert found.version == "1.1"
        assert told(await updater.stage(Target(locked=True), nothing)) == [
            "1.1 staged locked",
            "1.0 booted next",
        ]
        assert (await updater.activate()).version == "1.1"
        assert told(await updater.status()) == ["1.1 next staged", "1.0 booted"]
        await updater.cleanup(Cleanup.PENDING)
        status = await updater.stage(Target(version="1.1"), nothing)
        assert status.next is not None
        assert status.next.origin == "registry.lab/os:1.1"
        await updater.cleanup(Cleanup.PENDING)


# -- update_engine ----------------------------------------------------------------------------


async def test_update_engine_tells_its_progress_and_goes_on_without_us(hosts: Hosts) -> None:
    host = hosts["update-engine1"]
    host.ask("echo 3 | sudo tee /etc/lab/slow")
    try:
        async with connected(host) as (updater, link):
            assert updater.driver is Driver.UPDATE_ENGINE
            downloading = asyncio.Event()

            def hear(progress: Progress) -> None:
                if progress.percent:
                    downloading.set()

            staging = asyncio.create_task(updater.stage(Target(), hear))
            await downloading.wait()
            await link.close()
            with pytest.raises(Unreachable):
                await staging
        heard: list[Progress] = []
        async with connected(host) as (updater, _):
            status = await updater.stage(Target(), heard.append)
            assert told(status) == ["1.1 next", "1.0 booted"]
            assert heard[-1].text == "updated need reboot 1.1"
            assert told(await updater.cleanup(Cleanup.PENDING))[0] == "1.0 booted next"
            assert (await updater.status()).extra["operation"] == "IDLE"
    finally:
        host.ask("sudo rm -f /etc/lab/slow")

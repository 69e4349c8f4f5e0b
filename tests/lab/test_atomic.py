"""Atomic hosts: a reboot boots what the boot loader's entries say, and so does power after a cut."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from console.errors import LabError
from console.fleet.fleet import open_fleet
from console.hosts.links import Links
from console.lab.lab import Lab, default_cache
from console.model.wants import Wants
from tests.lab.atomic_host import AtomicHost
from tests.lab.conftest import narrate
from tests.lab.test_commands import rows


@pytest.fixture(scope="module")
def atomic(lab: Lab) -> Iterator[AtomicHost]:
    """A lab of one atomic host; the tests here leave it in the version they like."""
    root = asyncio.run(lab.status()).config.parent
    own = Lab(root.with_name(f"{root.name}-atomic"), default_cache(), narrate)
    asyncio.run(own.down())
    try:
        yield asyncio.run(AtomicHost.up(own))
    finally:
        asyncio.run(own.down())


async def test_a_host_is_upgraded_and_goes_back_with_what_is_its_own(atomic: AtomicHost) -> None:
    assert atomic.version() == "1.0"
    assert await atomic.deployments() == ["1.0 booted next"]
    assert atomic.ask("cat /proc/cmdline").startswith("ostree=/ostree/boot.")
    assert atomic.ask("touch /usr/x /x 2>&1 | grep -c Read-only").strip() == "2"
    identity = atomic.ask("hostname; cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub")
    atomic.ask("echo mine | sudo tee /etc/mine /var/lib/mine")

    atomic.ostree("upgrade")
    assert atomic.version() == "1.0", "an upgrade changes nothing that runs"
    assert await atomic.deployments() == ["1.1 next", "1.0 booted"]
    await atomic.reboot()
    assert atomic.version() == "1.1"
    assert await atomic.deployments() == ["1.1 booted next", "1.0 rollback"]
    left = atomic.ask("systemctl is-active lab-app; cat /etc/mine /var/lib/mine")
    assert left.split() == ["active", "mine", "mine"]
    assert atomic.ask("hostname; cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub") == identity

    atomic.ostree("set-default 1")
    await atomic.reboot()
    assert atomic.version() == "1.0"
    assert await atomic.deployments() == ["1.0 booted next", "1.1 rollback"]
    assert atomic.ask("cat /var/lib/lab-app/boots").split() == ["1.0", "1.1", "1.0"]


def commit_of(atomic: AtomicHost, version: str) -> str:
    """The commit that the host knows as `version`."""
    log = atomic.ask(f"sudo ostree log lab:lab/os | grep -B 9 -x 'Version: {version}'")
    return next(line.split()[1] for line in log.splitlines() if line.startswith("commit "))


async def test_a_staged_deployment_is_seen_as_it_comes_and_a_power_cut_loses_it(atomic: AtomicHost) -> None:
    before = atomic.version()
    commit = commit_of(atomic, "1.0")  # any: a deployment is new each time
    async with open_fleet(atomic.truth.config.hosts, Wants(), Links()) as fleet:

        async def shows(staged: bool, within: float) -> None:
            feed = fleet.model.feed()
            async with asyncio.timeout(within):
                while [now.staged for now in fleet.model.host(atomic.name).deployments[:1]] != [staged]:
                    await feed.batch(pause=0)
            fleet.model.leave(feed)

        await shows(staged=False, within=20)
        await asyncio.to_thread(atomic.ostree, f"deploy --stage {commit}")
        # The next of the readings that come every half minute is 24 s away at the least.
        await shows(staged=True, within=15)
    assert (await atomic.deployments())[:2] == ["1.0 next staged", f"{before} booted"]

    await atomic.lab.kill(atomic.name)
    assert [host.state for host in (await atomic.lab.status()).hosts] == ["off"]
    await atomic.lab.start(atomic.name)
    assert atomic.version() == before
    assert (await atomic.deployments())[0] == f"{before} booted next"


async def test_a_host_says_how_it_is_updated(atomic: AtomicHost) -> None:
    shown = atomic.shown()
    assert (shown["os"], shown["driver"], shown["deployments_problem"]) == ("labos", "ostree", None)
    assert shown["deployments"][0]["origin"] == "lab:lab/os"
    assert f"lab-{atomic.ostree('status').split()[2]}" == shown["deployments"][0]["id"]
    assert rows(atomic.truth, "host", "list", "--on", "driver=ostree")[0]["name"] == atomic.name


@pytest.mark.full
async def test_a_version_that_is_broken_fails_on_the_host_and_the_one_before_does_not(
    atomic: AtomicHost,
) -> None:
    await atomic.lab.release("1.2")
    atomic.ostree("upgrade")
    await atomic.reboot()
    assert atomic.version() == "1.2"
    assert atomic.ask("systemctl is-failed lab-app") == "failed"
    atomic.ostree("set-default 1")
    await atomic.reboot()
    assert atomic.ask("systemctl is-active lab-app") == "active"
    await atomic.lab.release("1.1")


@pytest.mark.full
async def test_a_version_that_was_never_made_is_not_released(atomic: AtomicHost) -> None:
    with pytest.raises(LabError, match=r"no version 2.0 \(there are 1.0, 1.1, 1.2, 1.3\)"):
        await atomic.lab.release("2.0")

"""Atomic hosts: a reboot boots what the boot loader's entries say, and so does power after a cut."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from console.lab.lab import Lab, default_cache
from tests.lab.atomic_host import AtomicHost
from tests.lab.conftest import narrate


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
    assert atomic.ask("cat /proc/cmdline").startswith("ostree=/ostree/boot.")
    assert atomic.ask("touch /usr/x /x 2>&1 | grep -c Read-only").strip() == "2"
    identity = atomic.ask("hostname; cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub")
    atomic.ask("echo mine | sudo tee /etc/mine /var/lib/mine")

    atomic.ostree("upgrade")
    assert atomic.version() == "1.0", "an upgrade changes nothing that runs"
    await atomic.reboot()
    assert atomic.version() == "1.1"
    assert atomic.ask("systemctl is-active lab-app; cat /etc/mine /var/lib/mine").split() == [
        *("active", "mine", "mine")
    ]
    assert atomic.ask("hostname; cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub") == identity

    atomic.ostree("set-default 1")
    await atomic.reboot()
    assert atomic.version() == "1.0"
    assert atomic.ask("cat /var/lib/lab-app/boots").split() == ["1.0", "1.1", "1.0"]


async def test_a_power_cut_loses_what_was_only_staged(atomic: AtomicHost) -> None:
    before = atomic.version()
    other = {"1.0": "1.1", "1.1": "1.0"}[before]
    log = atomic.ask(f"sudo ostree log lab:lab/os | grep -B 9 -x 'Version: {other}'")
    commit = next(line.split()[1] for line in log.splitlines() if line.startswith("commit "))
    atomic.ostree(f"deploy --stage {commit}")
    assert "(staged)" in atomic.ostree("status")
    await atomic.lab.kill(atomic.name)
    assert [host.state for host in (await atomic.lab.status()).hosts] == ["off"]
    await atomic.lab.start(atomic.name)
    assert atomic.version() == before
    assert "(staged)" not in atomic.ostree("status")

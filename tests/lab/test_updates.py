"""The real ostree of a real host: staged, booted, rolled back, with the connection and the power cut."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from console.errors import HostFailure, Refused, Unreachable
from console.lab.lab import Lab, default_cache
from console.updates.driver import Cleanup, Driver, Progress, Target
from console.updates.work import UNIT
from tests.lab.atomic_host import AtomicHost
from tests.lab.conftest import narrate
from tests.lab.test_commands import rows
from tests.lab.updating import connected, into_what_is_staged, nothing, status_of, told
from tests.sim.contract_updates import UPDATE_CHECKS, UpdateCheck


@pytest.fixture(scope="module")
def atomic(lab: Lab) -> Iterator[AtomicHost]:
    """A lab of one atomic host with 1.0 booted and 1.1 released; each test leaves it so."""
    root = asyncio.run(lab.status()).config.parent
    own = Lab(root.with_name(f"{root.name}-updates"), default_cache(), narrate)
    asyncio.run(own.down())
    try:
        yield asyncio.run(AtomicHost.up(own))
    finally:
        asyncio.run(own.down())


async def test_a_host_is_updated_and_goes_back_and_what_it_ran_is_kept_meanwhile(atomic: AtomicHost) -> None:
    heard: list[Progress] = []
    async with connected(atomic) as (updater, _):
        assert updater.driver is Driver.OSTREE
        found = await updater.check()
        assert found is not None
        assert found.version == "1.1"
        looked = await updater.status()
        assert told(looked) == ["1.0 booted next"], "a look changes nothing"
        assert looked.words == ("behind",), "and what it found is remembered"
        assert looked.available is not None
        assert (looked.available.version, looked.available.checksum) == (found.version, found.checksum)
        status = await updater.stage(Target(), heard.append)
        assert told(status) == ["1.1 next staged", "1.0 booted pinned"]
        assert any("transferred" in each.text for each in heard)
        assert await updater.check() is None
    assert atomic.version() == "1.0"
    await into_what_is_staged(atomic)
    assert atomic.version() == "1.1"
    async with connected(atomic) as (updater, _):
        assert told(await updater.status()) == ["1.1 booted next", "1.0 rollback pinned"]
        assert (await updater.rollback()).version == "1.0"
        assert told(await updater.status()) == ["1.0 next pinned", "1.1 booted"]
        with pytest.raises(Refused, match=r"its next boot takes 1\.0"):
            await updater.rollback()
    await into_what_is_staged(atomic)
    assert atomic.version() == "1.0"
    async with connected(atomic) as (updater, _):
        status = await updater.status()
        assert told(status) == ["1.0 booted next pinned", "1.1 rollback"]
        assert status.channel == "lab:lab/os", "it still follows its branch"
        await updater.cleanup(Cleanup.ROLLBACK)
        assert await status_of(atomic) == ["1.0 booted next pinned"]


async def test_staging_outlives_the_connection_and_is_done_once(atomic: AtomicHost) -> None:
    begun = f"journalctl -o cat -u {UNIT} | grep -c Started || true"
    before = int(atomic.ask(begun))
    async with connected(atomic) as (updater, link):
        working = asyncio.Event()
        staging = asyncio.create_task(updater.stage(Target(version="1.1"), lambda _: working.set()))
        await working.wait()
        await link.close()
        with pytest.raises(Unreachable, match="it goes on there"):
            await staging
    async with connected(atomic) as (updater, _):
        assert told(await updater.stage(Target(version="1.1"), nothing))[0] == "1.1 next staged"
        await updater.stage(Target(version="1.1"), nothing)
        assert int(atomic.ask(begun)) == before + 1
        assert told(await updater.cleanup(Cleanup.PENDING)) == ["1.0 booted next pinned"]


async def test_a_power_cut_loses_what_is_staged_and_nothing_else(atomic: AtomicHost) -> None:
    async with connected(atomic) as (updater, _):
        await updater.stage(Target(), nothing)
    await atomic.lab.kill(atomic.name)
    await atomic.lab.start(atomic.name)
    assert await status_of(atomic) == ["1.0 booted next pinned"]
    atomic.ask("sudo ostree fsck --quiet")


async def test_a_named_version_is_staged_whatever_is_released(atomic: AtomicHost) -> None:
    await atomic.lab.release("1.2")
    try:
        async with connected(atomic) as (updater, _):
            found = await updater.check()
            assert found is not None
            assert found.version == "1.2"
            assert told(await updater.stage(Target(version="1.1"), nothing))[0] == "1.1 next staged"
            with pytest.raises(HostFailure, match=r"has no version 7\.0"):
                await updater.stage(Target(version="7.0"), nothing)
            assert told(await updater.status())[0] == "1.1 next staged", "what was staged is left alone"
            await updater.cleanup(Cleanup.PENDING)
    finally:
        await atomic.lab.release("1.1")


async def test_what_is_locked_waits_until_it_is_activated(atomic: AtomicHost) -> None:
    async with connected(atomic) as (updater, _):
        status = await updater.stage(Target(version="1.1", locked=True), nothing)
        assert told(status)[:2] == ["1.1 staged locked", "1.0 booted next pinned"]
        assert (await updater.activate()).version == "1.1"
        assert told(await updater.status())[0] == "1.1 next staged"
        await updater.cleanup(Cleanup.PENDING)


async def test_why_staging_failed_is_told_then_and_later(atomic: AtomicHost) -> None:
    atomic.ask("sudo sed -i s/:8060/:1/ /ostree/repo/config")
    try:
        async with connected(atomic) as (updater, _):
            with pytest.raises(HostFailure, match="stage the newest failed: error: "):
                await updater.stage(Target(), nothing)
            status = await updater.status()
            assert status.error is not None
            assert status.error.startswith("stage the newest: error: ")
            assert status.words[0] == "failed"
        (row,) = rows(atomic.truth, "host", "updates")
        assert (row["error"], row["booted"]["version"]) == (status.error, "1.0")
    finally:
        atomic.ask("sudo sed -i 's/:1$/:8060/' /ostree/repo/config")


@pytest.mark.parametrize(
    "check",
    [*UPDATE_CHECKS[:-1], pytest.param(UPDATE_CHECKS[-1], marks=pytest.mark.full)],
    ids=lambda check: check.__name__,
)
async def test_a_lab_host_is_updated_as_a_simulated_one_is(check: UpdateCheck, atomic: AtomicHost) -> None:
    await check(atomic)

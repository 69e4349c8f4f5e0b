"""The faults a lab can put on a host, and that they are taken back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from console.errors import LabError
from console.lab.lab import Lab
from tests.lab.truth import Truth
from tests.lab.waiting import until

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]

#: How long silence must last to count. It is lower than any time-out on the way.
SILENCE = 1.0


async def state_of(lab: Lab, name: str) -> str:
    return next(host.state for host in (await lab.status()).hosts if host.name == name)


@asynccontextmanager
async def connection(lab: Lab, name: str) -> AsyncIterator[Connection]:
    """A TCP connection to the host's sshd at its public address."""
    address = next(host.address for host in (await lab.status()).hosts if host.name == name)
    async with asyncio.timeout(SILENCE):
        reader, writer = await asyncio.open_connection(address, 22)
    try:
        yield reader, writer
    finally:
        writer.close()


async def test_a_power_cut_ends_everything_and_start_boots_what_was_on_the_disk(
    breakable: Lab, truth: Truth
) -> None:
    truth.ask("docker1", "touch ~/kept; sync")
    await breakable.kill("docker1")
    assert await state_of(breakable, "docker1") == "off"
    with pytest.raises(LabError, match=r"docker1: is off \(lab start docker1\)"):
        await breakable.exec("docker1", ["true"])
    await breakable.start("docker1")
    assert await state_of(breakable, "docker1") == "running"
    said = truth.ask("docker1", "ls ~/kept; journalctl --list-boots --quiet | wc -l; docker ps -aq | wc -l")
    assert said.split()[0] == "/home/core/kept"
    assert int(said.split()[1]) > 1
    assert said.split()[2] == "4"


async def test_starting_a_host_that_runs_leaves_it_alone(lab: Lab, truth: Truth) -> None:
    boot = truth.ask("plain1", "cat /proc/sys/kernel/random/boot_id")
    await lab.start("plain1")
    assert truth.ask("plain1", "cat /proc/sys/kernel/random/boot_id") == boot


async def test_a_host_that_powers_itself_off_is_off(breakable: Lab, truth: Truth) -> None:
    await breakable.exec("plain1", ["systemctl", "poweroff", "--no-block"])

    def off() -> bool:
        return asyncio.run(state_of(breakable, "plain1")) == "off"

    await until(off, "plain1 is off")


async def test_a_cut_host_is_silent_and_open_connections_go_on_after_healing(breakable: Lab) -> None:
    async with connection(breakable, "plain1") as (reader, writer):
        assert (await reader.readline()).startswith(b"SSH-2.0-")
        await breakable.cut("plain1")
        assert await state_of(breakable, "plain1") == "cut"
        writer.write(b"SSH-2.0-test\r\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), SILENCE)
        with pytest.raises(TimeoutError):  # not refused, not "no route to host"
            async with connection(breakable, "plain1"):
                pass
        assert await breakable.exec("plain1", ["true"]) == 0
        await breakable.heal("plain1")
        assert await state_of(breakable, "plain1") == "running"
        assert await asyncio.wait_for(reader.read(1), 30) != b""


async def test_a_cut_lasts_through_a_reboot(breakable: Lab, truth: Truth) -> None:
    boot = truth.ask("plain1", "cat /proc/sys/kernel/random/boot_id").strip()
    await breakable.cut("plain1")
    await breakable.exec("plain1", ["systemctl", "reboot"])
    changed = f"! grep -q {boot} /proc/sys/kernel/random/boot_id && systemctl -q is-active ssh"

    def rebooted() -> bool:
        try:
            return asyncio.run(breakable.exec("plain1", ["sh", "-c", changed])) == 0
        except LabError:  # off, for the moment between
            return False

    await until(rebooted, "plain1 has rebooted")
    assert await state_of(breakable, "plain1") == "cut"
    with pytest.raises(TimeoutError):
        async with connection(breakable, "plain1"):
            pass


async def test_a_delay_is_paid_each_way(breakable: Lab, truth: Truth) -> None:
    await breakable.slow("plain1", delay=0.1)
    assert await state_of(breakable, "plain1") == "slow"
    async with connection(breakable, "plain1") as (reader, writer):
        await reader.readline()
        started = time.monotonic()
        writer.write(b"SSH-2.0-test\r\n")
        await reader.readexactly(1)
    assert time.monotonic() - started >= 0.2
    assert truth.ask("plain1", "hostname") == "plain1\n"


async def test_a_rate_is_kept(breakable: Lab, truth: Truth) -> None:
    await breakable.slow("plain1", rate=40_000)
    started = time.monotonic()
    assert len(await asyncio.to_thread(truth.ask, "plain1", "yes | head -c 40000")) == 40_000
    assert time.monotonic() - started >= 1.0


async def test_a_stalled_line_accepts_and_says_nothing(breakable: Lab, truth: Truth) -> None:
    await breakable.slow("plain1", stall=True)
    async with connection(breakable, "plain1") as (reader, _):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), SILENCE)
    await breakable.heal("plain1")
    assert truth.ask("plain1", "hostname") == "plain1\n"


async def test_slow_may_be_changed_and_a_power_cut_forgets_it(breakable: Lab) -> None:
    await breakable.slow("plain1", stall=True)
    await breakable.slow("plain1", delay=0.01)
    async with connection(breakable, "plain1") as (reader, _):
        assert (await reader.readline()).startswith(b"SSH-2.0-")
    await breakable.kill("plain1")
    await breakable.start("plain1")
    assert await state_of(breakable, "plain1") == "running"
    async with connection(breakable, "plain1") as (reader, _):
        assert (await reader.readline()).startswith(b"SSH-2.0-")


async def test_a_frozen_host_hangs_and_goes_on_where_it_was_when_it_is_thawed(
    breakable: Lab, truth: Truth
) -> None:
    told = "cat /proc/sys/kernel/random/boot_id; docker ps -q --filter name=web; pidof sshd dockerd"
    before = truth.ask("docker1", told)
    async with connection(breakable, "docker1") as (reader, writer):
        assert (await reader.readline()).startswith(b"SSH-2.0-")
        await breakable.freeze("docker1")
        assert await state_of(breakable, "docker1") == "frozen"
        await breakable.freeze("docker1")
        writer.write(b"SSH-2.0-test\r\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), SILENCE)
        async with connection(breakable, "docker1") as (second, _):  # the kernel takes it
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(second.readline(), SILENCE)
        await breakable.thaw("docker1")
        assert await state_of(breakable, "docker1") == "running"
        assert await asyncio.wait_for(reader.read(1), 30) != b""
    assert truth.ask("docker1", told) == before
    await breakable.thaw("docker1")


async def test_a_frozen_host_may_lose_its_network_and_its_power(breakable: Lab) -> None:
    await breakable.freeze("plain1")
    with pytest.raises(LabError, match=r"plain1: is frozen \(lab thaw plain1\)"):
        await breakable.start("plain1")
    await breakable.cut("plain1")
    await breakable.heal("plain1")
    assert await state_of(breakable, "plain1") == "frozen", "heal is about the network"
    await breakable.kill("plain1")
    assert await state_of(breakable, "plain1") == "off"
    await breakable.start("plain1")
    assert await state_of(breakable, "plain1") == "running"


async def test_up_thaws_what_is_frozen(breakable: Lab, truth: Truth) -> None:
    boot = truth.ask("plain1", "cat /proc/sys/kernel/random/boot_id")
    await breakable.freeze("plain1")
    await breakable.up({"plain": 1})
    assert await state_of(breakable, "plain1") == "running"
    assert truth.ask("plain1", "cat /proc/sys/kernel/random/boot_id") == boot


async def test_a_slow_host_still_reaches_the_registry(breakable: Lab, truth: Truth) -> None:
    registry = truth.ask("docker1", "cat /etc/lab/registry").strip()
    await breakable.slow("docker1", delay=0.01)
    assert await breakable.exec("docker1", ["docker", "pull", "-q", f"{registry}/lab/busybox:1.1"]) == 0


async def test_faults_on_a_host_that_is_not_there_or_off_are_refused(breakable: Lab) -> None:
    faults = (breakable.cut, breakable.heal, breakable.slow, breakable.freeze, breakable.thaw)
    for fault in (breakable.kill, breakable.start, *faults):
        with pytest.raises(LabError, match="no host called web9"):
            await fault("web9")
    with pytest.raises(LabError, match="a rate above 0"):
        await breakable.slow("plain1", rate=0)
    await breakable.kill("plain1")
    for fault in faults:
        with pytest.raises(LabError, match="plain1: is off"):
            await fault("plain1")


async def test_a_slow_line_changes_under_the_connections_there_are(breakable: Lab) -> None:
    await breakable.slow("plain1", delay=0.01)
    async with connection(breakable, "plain1") as (reader, writer):
        assert (await reader.readline()).startswith(b"SSH-2.0-")
        await breakable.slow("plain1", delay=0.5)
        began = time.monotonic()
        writer.write(b"SSH-2.0-test\r\n")
        await reader.readexactly(1)
        assert time.monotonic() - began >= 1.0

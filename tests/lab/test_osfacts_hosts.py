"""The facts of real hosts, and of a container's busybox."""

from __future__ import annotations

import asyncio

import pytest

from console.hosts.osfacts import SCRIPT, OsSource, parse_facts, read_facts
from console.hosts.transport import Transport
from console.lab.lab import Lab
from console.model.events import FactsRead
from console.model.host import OsFacts
from tests.hosts.journal_files import Heard
from tests.lab.journal_host import JournalHost, host_of


async def asked(transport: Transport, command: str) -> str:
    return (await transport.run(("sh", "-c", command))).stdout.decode().strip()


@pytest.mark.parametrize("name", ["docker1", "podman1", "plain1"])
async def test_the_facts_are_those_that_the_host_tells(lab: Lab, name: str) -> None:
    host = await host_of(lab, name)
    async with host.connected() as transport:
        facts = await read_facts(transport)
        assert (facts.os, facts.version) == ("debian", "13")
        assert facts.name == await asked(transport, ". /etc/os-release; echo $PRETTY_NAME")
        assert facts.kernel == await asked(transport, "uname -r")
        assert facts.boot_id == await asked(transport, "tr -d - < /proc/sys/kernel/random/boot_id")
        assert facts.machine_id == await asked(transport, "cat /etc/machine-id")
        assert facts.cpus == int(await asked(transport, "nproc --all"))
        kilobytes = await asked(transport, "awk '/MemTotal/ {print $2}' /proc/meminfo")
        assert facts.memory_total == 1024 * int(kilobytes)
        sizes = {disk.path: disk.size for disk in facts.disks}
        assert sizes["/"] == 1024 * int(await asked(transport, "df -Pk / | awk 'NR == 2 {print $2}'"))
        mounts = await asked(transport, "df -Pk / /var | awk 'NR > 1 {print $6}'")
        assert list(sizes) == list(dict.fromkeys(mounts.split()))
        # All lab hosts run by this machine's clock, half of the way there and back aside.
        assert facts.clock_offset_s == pytest.approx(0, abs=0.2)
        assert facts.uptime_s is not None
        assert facts.load is not None


async def test_a_user_without_any_group_can_be_read_too(lab: Lab) -> None:
    host = await host_of(lab, "plain1")
    async with host.connected(user="guest") as transport:
        assert (await read_facts(transport)).os == "debian"


async def test_busybox_tells_what_it_can(lab: Lab) -> None:
    host: JournalHost = await host_of(lab, "docker1")
    async with host.connected() as transport:
        image = await asked(transport, "docker images -q | head -1")
        end = await transport.run(("docker", "run", "--rm", image, "sh", "-c", SCRIPT), timeout=60)
    facts = parse_facts(end.stdout, 0, 1)
    assert facts.os is None
    assert facts.kernel is not None
    assert facts.cpus is not None
    assert facts.memory_available is not None
    assert [disk.path for disk in facts.disks] == ["/"]
    assert facts.load is not None


async def test_the_source_reads_again_and_again(lab: Lab) -> None:
    host = await host_of(lab, "plain1")
    readings: list[OsFacts] = []
    heard = Heard()

    def emit(event: object) -> None:
        assert isinstance(event, FactsRead)
        readings.append(event.facts)
        heard.now_live()

    async with host.connected() as transport:
        task = asyncio.create_task(OsSource("plain1", interval=0.1).run(transport, emit, heard.now_live))
        await heard.until(lambda _: len(readings) == 3)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    uptimes = [facts.uptime_s for facts in readings]
    assert uptimes == sorted(set(uptimes), key=lambda u: u or 0)

"""The facts of an operating system, as real and as odd hosts tell them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import HostFailure, Unreachable
from console.hosts.osfacts import OsSource, parse_facts, read_facts
from console.hosts.transport import Completed, Transport
from console.model.events import Event, FactsRead, UpdatesRead
from console.model.host import Disk, OsFacts, Pressure
from tests.hosts.journal_files import Asking

DATA = Path(__file__).parent / "osfacts"


def facts(name: str, sent_at: float = 1764000000.0, received_at: float = 1764000000.2) -> OsFacts:
    return parse_facts((DATA / f"{name}.txt").read_bytes(), sent_at, received_at)


def test_a_debian_host() -> None:
    debian = facts("debian")
    assert debian.clock_offset_s == pytest.approx(0.2)
    assert replace(debian, clock_offset_s=None) == OsFacts(
        os="debian",
        variant=None,
        name="Debian GNU/Linux 12 (bookworm)",
        version="12",
        kernel="6.1.0-37-amd64",
        boot_id="d304272d4bdb45c0b026d7b280412af6",
        machine_id="3d1219c7c4c5404aaa1f6d2a48adfda4",
        uptime_s=5319.47,
        load=(2.79, 2.1, 1.4),
        cpus=8,
        memory_total=24684092 * 1024,
        memory_available=23000000 * 1024,
        disks=(
            Disk("/", 41152736 * 1024, 26700000 * 1024),
            Disk("/var", 103081248 * 1024, 87900000 * 1024),
        ),
        pressure=(
            Pressure("cpu", "some", 38.35, 27.23),
            Pressure("cpu", "full", 0.0, 0.0),
            Pressure("memory", "some", 0.0, 0.0),
            Pressure("memory", "full", 0.0, 0.0),
            Pressure("io", "some", 0.48, 0.41),
            Pressure("io", "full", 0.2, 0.1),
        ),
    )


def test_a_fedora_coreos_host_has_its_ostree_version_and_no_full_image_for_a_root() -> None:
    coreos = facts("fedora-coreos")
    assert (coreos.os, coreos.variant) == ("fedora", "coreos")
    assert coreos.name == "Fedora CoreOS 43.20251110.3.1"
    assert coreos.version == "43.20251110.3.1"
    assert [disk.path for disk in coreos.disks] == ["/var"]


def test_a_flatcar_host_has_one_disk_for_root_and_var() -> None:
    flatcar = facts("flatcar")
    assert (flatcar.os, flatcar.variant, flatcar.version) == ("flatcar", None, "4230.2.4")
    assert flatcar.disks == (Disk("/", 5822600 * 1024, 4321080 * 1024),)


def test_two_file_systems_without_a_device_are_two_disks() -> None:
    text = (DATA / "debian.txt").read_bytes()
    text = text.replace(b"/dev/vda1", b"tmpfs").replace(b"/dev/vdb1", b"tmpfs")
    assert [disk.path for disk in parse_facts(text, 0, 1).disks] == ["/", "/var"]


def test_a_host_with_busybox_and_without_os_release_psi_or_a_fine_clock() -> None:
    busybox = facts("busybox", sent_at=1764000000.9, received_at=1764000001.1)
    assert (busybox.os, busybox.name, busybox.version, busybox.machine_id) == (None, None, None, None)
    assert busybox.disks == (Disk("/", 264212064 * 1024, 80000000 * 1024),)
    assert busybox.pressure == ()
    assert busybox.clock_offset_s == pytest.approx(0.0, abs=0.6)
    assert busybox.cpus == 8


def test_what_cannot_be_read_is_left_out_and_what_is_text_is_made_safe() -> None:
    hostile = facts("hostile")
    assert hostile.os == "red"
    assert hostile.name == 'a"b$c\\d'
    assert hostile.variant is None
    assert hostile.version is not None
    assert len(hostile.version) <= 200
    assert hostile.kernel == "6.1"
    assert (hostile.boot_id, hostile.machine_id) == (None, None)
    assert (hostile.uptime_s, hostile.load, hostile.cpus) == (None, None, None)
    assert (hostile.memory_total, hostile.memory_available) == (None, None)
    assert hostile.disks == (Disk("/var", 9 * 1024, 0),)
    assert hostile.pressure == (Pressure("cpu", "full", 99.99, 1.0),)


@pytest.mark.parametrize(
    ("sent_at", "received_at", "offset"),
    [
        (1764000000.0, 1764000000.6, 0.0),  # 0.25 s there, 0.1 s at work, 0.25 s back
        (1763999990.0, 1763999990.6, 10.0),
        (1764000010.0, 1764000010.6, -10.0),
        (1764000000.0, 1764000020.0, None),  # ten seconds either way say nothing
    ],
)
def test_the_clocks_difference_is_by_half_of_the_way(
    sent_at: float, received_at: float, offset: float | None
) -> None:
    told = facts("debian", sent_at, received_at).clock_offset_s
    assert told is None if offset is None else told == pytest.approx(offset, abs=1e-6)


@pytest.mark.parametrize("output", [b"", b"sh: not found\n", b"\x1e", b"\x1eend\n", b"\x00" * 1000])
def test_what_is_no_reading_is_an_error(output: bytes) -> None:
    with pytest.raises(ValueError, match="broke off"):
        parse_facts(output, 0, 1)


def test_a_reading_that_breaks_off_anywhere_is_an_error_never_half_the_facts() -> None:
    whole = (DATA / "debian.txt").read_bytes()
    for length in range(0, len(whole) - len(b"end\n"), 37):
        with pytest.raises(ValueError, match="broke off"):
            parse_facts(whole[:length], 0, 1)


@given(st.binary(max_size=200), st.integers(0, 2000))
def test_damage_within_a_reading_is_never_another_exception(damage: bytes, at: int) -> None:
    whole = (DATA / "debian.txt").read_bytes()
    damaged = whole[:at] + damage + whole[at + len(damage) :]
    if b"\x1eclock\n" in damaged and b"\x1eend\n" in damaged:
        assert isinstance(parse_facts(damaged, 0, 1), OsFacts)


async def test_this_machine_can_be_read() -> None:
    here = await read_facts(Asking())
    assert here.kernel
    assert here.cpus
    assert here.uptime_s
    assert here.memory_total
    assert here.disks[0].path == "/"
    assert here.clock_offset_s == pytest.approx(0.0, abs=0.5)


class Answering(Asking):
    """Gives prepared answers, one after the other."""

    def __init__(self, *answers: bytes | Exception) -> None:
        super().__init__()
        self._answers = list(answers)

    async def run(self, *_: object, **__: object) -> Completed:
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Completed(("sh",), 2, answer, b"sh: out of memory\n")


async def told(
    transport: Asking, live: Callable[[], None] = lambda: None
) -> tuple[list[Event], BaseException]:
    events: list[Event] = []
    with pytest.raises((HostFailure, Unreachable)) as fault:
        async with asyncio.timeout(10):
            await OsSource("web1", interval=0.001).run(transport, events.append, live)
    return events, fault.value


async def test_the_source_tells_every_reading_and_is_live_from_the_first_until_one_fails() -> None:
    reading = (DATA / "debian.txt").read_bytes()
    lives: list[int] = []
    events, fault = await told(Answering(reading, reading, reading[:99]), lambda: lives.append(1))
    assert [event.host for event in events if isinstance(event, FactsRead)] == ["web1", "web1"]
    assert lives == [1]
    assert isinstance(fault, HostFailure)
    assert "out of memory" in fault.message


async def test_a_lost_connection_is_the_sources_fault_too() -> None:
    events, fault = await told(Answering(Unreachable("gone", host="web1")))
    assert events == []
    assert isinstance(fault, Unreachable)


class Also:
    """A second reader of the same command's output."""

    script = "section greeting; echo hello"

    async def event(self, transport: Transport, sections: Mapping[str, str]) -> UpdatesRead:
        return UpdatesRead("web1", sections["greeting"].strip())


async def test_another_room_reads_in_the_same_command_after_the_facts() -> None:
    events: asyncio.Queue[Event] = asyncio.Queue()
    source = OsSource("web1", also=Also())
    task = asyncio.create_task(source.run(Asking(), events.put_nowait, lambda: None))
    async with asyncio.timeout(10):
        assert isinstance(await events.get(), FactsRead)
        assert await events.get() == UpdatesRead("web1", "hello")
        source.read_soon()  # by itself it would read in half a minute
        assert isinstance(await events.get(), FactsRead)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

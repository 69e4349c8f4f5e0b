"""The `os` source: what a host is and how it is doing, read now and then in one command.

Nothing on a host pushes these facts, so they are asked for, all at once: one constant script for
any POSIX shell (dash, bash, busybox), whose output is sections, each begun by a line of an ASCII
record separator and the section's name. The last is `end`: without it the reading broke off.

Sources of the formats: os-release(5), proc(5), df in POSIX, the kernel's accounting/psi.rst.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import time
from collections.abc import Callable, Mapping
from typing import NoReturn, Protocol

from console.errors import HostFailure
from console.hosts.host_clock import clock_offset
from console.hosts.source import FACTS_EVERY_S, Emit
from console.hosts.transport import Transport
from console.model.events import Event, FactsRead
from console.model.host import Disk, OsFacts, Pressure
from console.model.text import clean

#: What begins a script of sections: the shell function that begins one, and words in no language but C's.
SECTIONS = r"""
LC_ALL=C; export LC_ALL
section() { printf '\036%s\n' "$1"; }
"""

#: The clock is read first and last, as NTP does it, so that the script's own time does not count.
SCRIPT = (
    SECTIONS
    + r"""
section clock; date +%s.%N
section os; cat /etc/os-release 2>/dev/null || cat /usr/lib/os-release
section kernel; cat /proc/sys/kernel/osrelease
section boot; cat /proc/sys/kernel/random/boot_id
section machine; cat /etc/machine-id
section uptime; cat /proc/uptime
section load; cat /proc/loadavg
section cpus; grep -c '^cpu[0-9]' /proc/stat
section memory; grep -E '^Mem(Total|Available|Free):' /proc/meminfo
section disks; df -Pk / /var
for resource in cpu memory io; do
  section "pressure $resource"; cat /proc/pressure/$resource
done
# also
section clock; date +%s.%N
section end
exit 0
"""
)

#: What is about to change is read this often, for so many readings.
_BRISK_S = 2.0
_BRISK_READINGS = 15
_LIMIT = 256 * 1024
_TEXT = 200

_ASSIGNMENT = re.compile(r"""([A-Za-z0-9_]+)=(["']?)(.*)\2\Z""")
_ESCAPED = re.compile(r"""\\([\\$"'`])""")
_DECIMAL = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?\Z")
_ID = re.compile(r"[0-9a-f-]{32,36}\Z")
_STALL = re.compile(r"(some|full) avg10=([0-9.]{1,8}) avg60=([0-9.]{1,8})")
#: Read-only images, which are full by nature.
_IMAGES = frozenset({"composefs"})
_VERSION_KEYS = ("OSTREE_VERSION", "IMAGE_VERSION", "VERSION_ID", "VERSION")


class AlsoRead(Protocol):
    """What a room above has read in the same command.

    `script` begins sections of its own with the shell function `section`, as `SCRIPT` does.
    """

    @property
    def script(self) -> str: ...

    async def event(self, transport: Transport, sections: Mapping[str, str]) -> Event:
        """What the sections tell; it may ask the host for more.

        :param sections: each section's text by its name, as the host wrote it.
        :raises HostError: why the whole reading fails.
        """


class OsSource:
    """Reads a host's facts again and again.

    :param interval: seconds between readings; each wait is 20 % more or less than that, so that a
        fleet is not read in one beat.
    :param also: what else is read each time.
    """

    def __init__(self, host: str, *, interval: float = FACTS_EVERY_S, also: AlsoRead | None = None) -> None:
        self._host = host
        self._interval = interval
        self._also = also
        self._script = SCRIPT.replace("# also", also.script) if also else SCRIPT
        self._soon = asyncio.Event()

    def read_soon(self) -> None:
        """Something is about to change: read now, and often for half a minute."""
        self._soon.set()

    async def run(self, transport: Transport, emit: Emit, live: Callable[[], None]) -> NoReturn:
        """See `SourceRun`.

        :raises HostFailure: the host's answer cannot be read.
        :raises Unreachable: the connection went away, or no answer came.
        """
        await self._read(transport, emit)
        live()
        brisk = 0
        while True:
            pause = _BRISK_S if brisk else self._interval * random.uniform(0.8, 1.2)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._soon.wait()
            brisk = _BRISK_READINGS if self._soon.is_set() else max(brisk - 1, 0)
            self._soon.clear()
            await self._read(transport, emit)

    async def _read(self, transport: Transport, emit: Emit) -> None:
        facts, output = await _answer(transport, self._script)
        emit(FactsRead(self._host, facts))
        if self._also:
            emit(await self._also.event(transport, sections_of(output.decode("utf-8", "replace"))))


async def read_facts(transport: Transport) -> OsFacts:
    """One reading.

    :raises HostFailure: the host's answer cannot be read.
    :raises Unreachable: the connection went away, or no answer came.
    """
    facts, _ = await _answer(transport, SCRIPT)
    return facts


async def _answer(transport: Transport, script: str) -> tuple[OsFacts, bytes]:
    """The facts in the script's answer, and the answer."""
    sent_at = time.time()
    end = await transport.run(("sh", "-c", script), limit=_LIMIT)
    received_at = time.time()
    try:
        return parse_facts(end.stdout, sent_at, received_at), end.stdout
    except ValueError as error:
        complaint = f": {clean(end.complaint, _TEXT)}" if end.code else ""
        raise HostFailure(f"{error}{complaint}", host=transport.host) from error


def parse_facts(output: bytes, sent_at: float, received_at: float) -> OsFacts:
    """The facts in the script's output. What a host does not say, or says in a way that cannot
    be read, is None or left out.

    :param sent_at, received_at: our time before and after, seconds since the epoch.
    :raises ValueError: the output is not the script's, or broke off.
    """
    sections = sections_of(output.decode("utf-8", "replace"))
    if "clock" not in sections or "end" not in sections:
        raise ValueError("the reading of the system's facts broke off")
    release = _os_release(sections.get("os", ""))
    load = _numbers(sections.get("load", ""))[:3]
    memory = _memory(sections.get("memory", ""))
    uptime = _numbers(sections.get("uptime", ""))[:1]
    cpus = _numbers(sections.get("cpus", ""))[:1]
    available = memory.get("MemAvailable", memory.get("MemFree"))
    return OsFacts(
        os=release.get("ID"),
        variant=release.get("VARIANT_ID"),
        name=release.get("PRETTY_NAME"),
        version=next((release[key] for key in _VERSION_KEYS if key in release), None),
        kernel=clean(sections.get("kernel", "").strip(), _TEXT) or None,
        boot_id=_id(sections.get("boot", "")),
        machine_id=_id(sections.get("machine", "")),
        uptime_s=uptime[0] if uptime else None,
        load=(load[0], load[1], load[2]) if len(load) == 3 else None,
        cpus=int(cpus[0]) if cpus and cpus[0] else None,
        memory_total=memory.get("MemTotal"),
        memory_available=available,
        disks=_disks(sections.get("disks", "")),
        pressure=tuple(
            stall
            for resource in ("cpu", "memory", "io")
            for stall in _pressure(resource, sections.get(f"pressure {resource}", ""))
        ),
        clock_offset_s=clock_offset(sections["clock"], sent_at, received_at),
    )


def sections_of(text: str) -> dict[str, str]:
    """Each section's text in what a script of them printed; one that comes twice (the clock) has both."""
    sections: dict[str, str] = {}
    for part in text.split("\x1e")[1:]:
        name, newline, body = part.partition("\n")
        if newline:
            sections[name] = sections.get(name, "") + body
    return sections


def _os_release(text: str) -> Mapping[str, str]:
    values = {}
    for line in text.splitlines():
        if found := _ASSIGNMENT.match(line.strip()):
            name, quote, value = found.groups()
            value = clean(_ESCAPED.sub(r"\1", value) if quote != "'" else value, _TEXT)
            if value:
                values[name] = value
    return values


def _id(text: str) -> str | None:
    """A boot or machine id without dashes, as the journal writes it."""
    text = text.strip()
    return text.replace("-", "") if _ID.match(text) else None


def _numbers(text: str) -> list[float]:
    """The decimal numbers that the text begins with."""
    numbers = []
    for word in text.split():
        if not _DECIMAL.match(word):
            break
        numbers.append(float(word))
    return numbers


def _memory(text: str) -> dict[str, int]:
    sizes = {}
    for line in text.splitlines():
        match line.split():
            case [name, size, "kB"] if size.isascii() and size.isdigit() and len(size) <= 15:
                sizes[name.rstrip(":")] = int(size) * 1024
    return sizes


def _disks(text: str) -> tuple[Disk, ...]:
    """One row for / and one for /var, the latter only if it is another file system.

    A row is: file system, size, used, available, capacity, mount point; the first may hold blanks.
    """
    disks: dict[str, Disk] = {}
    seen: set[tuple[str, ...]] = set()
    for line in text.splitlines():
        words = line.split()
        if len(words) < 6 or words[-1] not in ("/", "/var"):
            continue
        device, size, available, path = " ".join(words[:-5]), words[-5], words[-3], words[-1]
        same = tuple(words[:-2])  # a tmpfs has no device of its own, but its own numbers
        if same in seen or device in _IMAGES or path in disks:
            continue
        if _DECIMAL.match(size) and _DECIMAL.match(available.lstrip("-")):
            seen.add(same)
            disks[path] = Disk(path, int(float(size)) * 1024, max(int(float(available)), 0) * 1024)
    return tuple(disks.values())


def _pressure(resource: str, text: str) -> list[Pressure]:
    stalls = []
    for line in text.splitlines():
        if found := _STALL.match(line):
            kind, avg10, avg60 = found.groups()
            if _DECIMAL.match(avg10) and _DECIMAL.match(avg60):
                stalls.append(Pressure(resource, kind, float(avg10), float(avg60)))
    return stalls

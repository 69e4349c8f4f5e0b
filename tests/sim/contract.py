"""What a host does, said once: the same checks for a simulated host and for one of the lab's.

Each takes a `Subject`, acts on it past the product, and looks at it with the product's own adapters.
`tests/sim` runs them on a simulated host, `tests/lab/test_sim_contract.py` on a real one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from itertools import groupby
from typing import Protocol

import pytest

from console.errors import Absent, AccessRefused
from console.hosts.bus import DBUS, DBUS_PATH, PROPERTIES, Call, Signal, system_bus
from console.hosts.connect import Connector
from console.hosts.containers import ContainersSource
from console.hosts.engine_threads import EngineThreads
from console.hosts.journal import read_journal
from console.hosts.journal_follow import JournalSource
from console.hosts.manager import SystemdManager
from console.hosts.osfacts import read_facts
from console.hosts.ssh import SshTransport
from console.hosts.unit_control import unit_control
from console.hosts.unit_wire import MANAGER, PATH, SERVICE, UNIT, unit_path
from console.hosts.units import UnitsSource
from console.model.config import HostConfig
from console.model.log import Bookmark, LogQuery, LogRecord
from console.model.unit import Health
from tests.hosts.container_watch import watching
from tests.hosts.journal_files import following
from tests.hosts.unit_listener import Listener


class Subject(Protocol):
    """A host to try. `unit` is a service that systemd restarts on failure; `container` one that runs."""

    config: HostConfig
    unit: str
    container: str

    async def crash(self) -> None:
        """The service exits with 1."""

    async def crash_loop(self) -> None:
        """It does so from now on, as often as it is started."""

    async def restart_container(self) -> None:
        """As `docker restart` does."""

    async def say(self, text: str) -> None:
        """Write a line to the journal, under the identifier `contract`."""

    async def daemon_reload(self) -> None:
        """As `systemctl daemon-reload` does."""


Check = Callable[[Subject], Awaitable[None]]


@asynccontextmanager
async def connected(subject: Subject) -> AsyncIterator[SshTransport]:
    transport = await Connector(ssh_config=()).connect(subject.config)
    try:
        yield transport
    finally:
        await transport.close()


@asynccontextmanager
async def followed(subject: Subject) -> AsyncIterator[Listener]:
    """The units source at work on the host."""
    async with connected(subject) as transport:
        source, told = UnitsSource(subject.config.name, details=True), Listener()
        task: asyncio.Task[None] = asyncio.create_task(source.run(transport, told.emit, told.live))
        task.add_done_callback(lambda _: told.wake())
        try:
            await told.until(lambda: told.lives > 0 or task.done())
            yield told
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


# -- units ----------------------------------------------------------------------------------------


async def the_units_are_those_of_a_host_that_has_booted(subject: Subject) -> None:
    async with followed(subject) as told:
        states = {name: (unit.load, unit.active, unit.sub) for name, unit in told.units.items()}
        assert states["multi-user.target"] == ("loaded", "active", "active")
        assert states["-.mount"] == ("loaded", "active", "mounted")
        assert states["init.scope"] == ("loaded", "active", "running")
        assert states["dbus.service"] == ("loaded", "active", "running")
        assert "not-found" in {load for load, _, _ in states.values()}
        unit = told.units[subject.unit]
        assert (unit.active, unit.sub, unit.result, unit.restarts) == ("active", "running", "success", 0)
        assert unit.since is not None
        assert unit.description


async def a_restart_by_hand_is_a_job_that_is_done(subject: Subject) -> None:
    async with followed(subject) as told:
        before = told.units[subject.unit]
        async with connected(subject) as transport, unit_control(transport) as control:
            assert await control.job("restart", subject.unit, within=20) == "done"
        assert before.since is not None

        def is_new() -> bool:
            now = told.units[subject.unit]
            return now.since is not None and now.since > before.since and now.sub == "running"  # type: ignore[operator]

        await told.until(is_new)
        assert told.units[subject.unit].restarts == 0


async def a_crash_is_followed_by_a_restart_that_counts(subject: Subject) -> None:
    async with followed(subject) as told:
        await subject.crash()
        await told.until(lambda: bool(told.units[subject.unit].restarts))
        await told.until(lambda: told.units[subject.unit].sub == "running")
        healths = {unit.health for unit in told.story(subject.unit)}
        assert Health.FAILED not in healths
        assert Health.GAVE_UP not in healths
        async with connected(subject) as transport, unit_control(transport) as control:
            assert await control.job("restart", subject.unit, within=20) == "done"
        await told.until(lambda: told.units[subject.unit].restarts == 0)


async def a_crash_loop_gives_up_and_keeps_its_first_cause(subject: Subject) -> None:
    async with followed(subject) as told:
        await subject.crash_loop()
        await told.until(lambda: told.units[subject.unit].health is Health.GAVE_UP, within=40)
        unit = told.units[subject.unit]
        assert (unit.active, unit.sub, unit.result) == ("failed", "failed", "exit-code")
        assert unit.restarts
        async with connected(subject) as transport, unit_control(transport) as control:
            await control.reset_failed(subject.unit)
        # systemd also forgets a unit that has stopped and that nothing else names.
        await told.until(
            lambda: subject.unit not in told.units or told.units[subject.unit].active == "inactive"
        )


async def a_daemon_reload_changes_nothing_that_is_shown(subject: Subject) -> None:
    async with followed(subject) as told:
        before = set(told.units)
        listings = len(told.events)
        await subject.daemon_reload()
        await told.until(lambda: len(told.events) > listings)
        await told.until(lambda: {subject.unit, "multi-user.target"} <= set(told.units))
        assert len(before ^ set(told.units)) < 10


async def who_is_not_root_may_look_and_not_change(subject: Subject) -> None:
    async with connected(subject) as transport, system_bus(transport) as bus:
        start = Call(SERVICE, PATH, MANAGER, "StopUnit", "ss", (subject.unit, "replace"), "o")
        with pytest.raises(AccessRefused):
            await bus.call(start)
        manager = SystemdManager(bus, transport)
        assert (await manager.properties(subject.unit))["ActiveState"] == "active"
        with pytest.raises(Absent):
            await manager.properties("no-such-unit.service")
        assert subject.unit in await manager.unit_file(subject.unit)


async def relations_have_a_way_back(subject: Subject) -> None:
    async with connected(subject) as transport, system_bus(transport) as bus:
        manager = SystemdManager(bus, transport)
        of_service = await manager.dependencies(subject.unit)
        assert "sysinit.target" in of_service.requires
        of_target = await manager.dependencies("sysinit.target")
        assert subject.unit in of_target.required_by
        assert subject.unit in of_target.before


async def heard(
    subject: Subject, act: Callable[[], Awaitable[None]], last: Callable[[Signal], bool]
) -> list[Signal]:
    """All that systemd sends while something is done, to a client that wants to hear everything."""
    signals: list[Signal] = []
    news = asyncio.Event()

    def take(signal: Signal) -> None:
        signals.append(signal)
        news.set()

    async with connected(subject) as transport, system_bus(transport) as bus:
        bus.on_signal = take
        rule = f"type='signal',sender='{SERVICE}'"
        await bus.call(Call(DBUS, DBUS_PATH, DBUS, "AddMatch", "s", (rule,)))
        await bus.call(Call(SERVICE, PATH, MANAGER, "Subscribe"))
        await act()
        async with asyncio.timeout(20):
            while not any(map(last, signals)):
                news.clear()
                await news.wait()
    return signals


async def signals_of_a_restart(subject: Subject) -> list[Signal]:
    """What is heard of the unit and its jobs when it is restarted."""

    async def act() -> None:
        async with connected(subject) as transport, unit_control(transport) as control:
            assert await control.job("restart", subject.unit, within=20) == "done"

    # Of its own job: units that crash and come back by themselves have jobs all the time.
    found = await heard(subject, act, lambda each: each.member == "JobRemoved" and subject.unit in each.body)
    mine = unit_path(subject.unit)
    ours = [each for each in found if each.path == mine or subject.unit in each.body]
    begin = next(each for each in ours if each.member == "JobNew")

    def has_the_job(each: Signal) -> bool:
        changed = each.member == "PropertiesChanged" and each.body[0] == UNIT
        return changed and each.body[1]["Job"].value[1] == begin.body[1]

    # What was told before the job is there is the end of its start; each change has two halves.
    first = next((at for at, each in enumerate(ours) if has_the_job(each)), 1) - 1
    return [each for at, each in enumerate(ours) if at >= first or each.member != "PropertiesChanged"]


async def a_restart_is_told_type_first_and_then_the_unit(subject: Subject) -> None:
    signals = await signals_of_a_restart(subject)
    changes = [signal for signal in signals if signal.member == "PropertiesChanged"]
    interfaces = [signal.body[0] for signal in changes]
    assert interfaces[0::2] == [f"{SERVICE}.Service"] * (len(interfaces) // 2)
    assert interfaces[1::2] == [UNIT] * (len(interfaces) // 2)
    assert {signal.interface for signal in changes} == {PROPERTIES}
    words = [signal.body[1]["SubState"].value for signal in changes if signal.body[0] == UNIT]
    told = [word for word, _ in groupby(words)]
    assert told[0] == told[-1] == "running"
    # PID 1 merges what comes in a burst: the last state always arrives, those on the way may not.
    course = iter(("running", "stop-sigterm", "final-sigterm", "dead", "start", "running"))
    assert all(word in course for word in told)
    (begin,) = [signal for signal in signals if signal.member == "JobNew"]
    assert (begin.signature, begin.body[2]) == ("uos", subject.unit)
    jobs = [signal.body[1]["Job"].value[1] for signal in changes if signal.body[0] == UNIT]
    course_of_job = [job for job, _ in groupby(jobs)]
    # The last word of the start before this may still come.
    assert course_of_job in ([begin.body[1], "/"], ["/", begin.body[1], "/"]), jobs
    assert {tuple(signal.body[2]) for signal in changes if signal.body[0] == UNIT} == {
        ("Conditions", "Asserts")
    }
    (end,) = [signal for signal in signals if signal.member == "JobRemoved"]
    assert (end.signature, end.body[2], end.body[3]) == ("uoss", subject.unit, "done")


# -- containers -----------------------------------------------------------------------------------


async def a_restarted_container_is_told(subject: Subject) -> None:
    threads = EngineThreads()
    try:
        async with connected(subject) as transport:
            source = ContainersSource(subject.config.name, threads)
            async with watching(source, transport) as watched:
                before = watched.now[subject.container]
                assert (before.state, before.engine) == ("running", "docker")
                assert before.since is not None
                assert before.digest is None or before.digest.startswith("sha256:")
                await subject.restart_container()

                def is_new() -> bool:
                    now = watched.now.get(subject.container)
                    return now is not None and now.since != before.since and now.state == "running"

                await watched.until(is_new, within=30)
                now = watched.now[subject.container]
                assert (now.id, now.image, now.name) == (before.id, before.image, before.name)
                assert now.pid
                assert now.pid != before.pid
                assert now.since is not None
                assert now.since > before.since
                (engine,) = source.engines
                stats = await engine.stats_once(now.id)
                assert (stats.id, stats.name) == (now.id, now.name)
                with pytest.raises(Absent):
                    await engine.inspect("0" * 64)
    finally:
        await threads.close()


# -- the journal ----------------------------------------------------------------------------------


async def read(subject: Subject, query: LogQuery) -> list[LogRecord]:
    async with connected(subject) as transport, aclosing(read_journal(transport, query)) as records:
        return [record async for record in records]


async def the_newest_lines_are_in_order_and_cursors_resume(subject: Subject) -> None:
    for number in range(5):
        await subject.say(f"line {number}")
    query = LogQuery(identifiers=("contract",), lines=3)
    async with connected(subject) as transport:
        source = JournalSource(subject.config.name, LogQuery(identifiers=("contract",)))
        async with following(source, transport) as told:
            await subject.say("while it is followed")
            await told.until(lambda each: "while it is followed" in each.messages)
    records = await read(subject, query)
    assert [record.message for record in records] == ["line 3", "line 4", "while it is followed"]
    assert [record.seqnum for record in records] == sorted(record.seqnum or 0 for record in records)
    assert len({record.cursor for record in records}) == 3
    async with connected(subject) as transport:
        resumed = JournalSource(subject.config.name, LogQuery(), resume=Bookmark(records[0].cursor))
        async with following(resumed, transport) as told:
            await told.until(lambda each: "while it is followed" in each.messages)
    assert [item for item in told.items if not isinstance(item, LogRecord)] == []
    assert "line 3" not in told.messages
    assert "line 4" in told.messages


async def text_with_control_characters_comes_as_it_was_written(subject: Subject) -> None:
    await subject.say("a colour: \x1b[31mred\x1b[0m")
    record = (await read(subject, LogQuery(identifiers=("contract",), lines=1)))[-1]
    assert record.raw == b"a colour: \x1b[31mred\x1b[0m"
    assert "\x1b" not in record.message


async def a_units_log_has_what_systemd_says_of_it(subject: Subject) -> None:
    async with connected(subject) as transport, unit_control(transport) as control:
        assert await control.job("restart", subject.unit, within=20) == "done"
    query = LogQuery(units=(subject.unit,), lines=20)
    async with asyncio.timeout(20):
        while True:
            records = await read(subject, query)
            if any(f"Started {subject.unit}" in record.message for record in records):
                break
            await asyncio.sleep(0.2)
    assert {record.unit for record in records} == {subject.unit}


async def a_boot_that_there_is_not_is_absent(subject: Subject) -> None:
    with pytest.raises(Absent):
        await read(subject, LogQuery(boot="1" * 32, lines=1))
    here = await read(subject, LogQuery(boot="0", lines=1))
    assert len(here) == 1


# -- the rest -------------------------------------------------------------------------------------


async def the_facts_are_whole(subject: Subject) -> None:
    async with connected(subject) as transport:
        facts = await read_facts(transport)
    assert None not in (facts.os, facts.name, facts.version, facts.kernel, facts.boot_id, facts.machine_id)
    assert None not in (facts.uptime_s, facts.load, facts.cpus, facts.memory_total, facts.memory_available)
    assert facts.disks[0].path == "/"
    assert {stall.resource for stall in facts.pressure} <= {"cpu", "memory", "io"}
    assert facts.clock_offset_s == pytest.approx(0, abs=0.5)


async def sudo_makes_us_root(subject: Subject) -> None:
    async with connected(subject) as transport:
        assert (await transport.run(("id", "-u"))).stdout.strip() != b"0"
        assert (await transport.run(("id", "-u"), privileged=True)).stdout.strip() == b"0"


async def files_are_read_by_the_user_and_written_by_root(subject: Subject) -> None:
    path = "/etc/systemd/system/contract-tries.conf"
    async with connected(subject) as transport:
        said = await transport.run(("cat", "/proc/sys/kernel/random/boot_id"))
        assert said.stdout.decode().strip().replace("-", "") == (await read_facts(transport)).boot_id
        missing = await transport.run(("cat", "--", path))
        assert (missing.code, b"No such file" in missing.stderr) == (1, True)
        denied = await transport.run(("tee", path), stdin=b"[Unit]\n")
        assert (denied.code, b"Permission denied" in denied.stderr) == (1, True)
        try:
            assert (await transport.run(("tee", path), stdin=b"[Unit]\n", privileged=True)).code == 0
            assert (await transport.run(("cat", "--", path))).stdout == b"[Unit]\n"
        finally:
            await transport.run(("rm", "--", path), privileged=True)


async def a_program_that_is_not_there_is_absent(subject: Subject) -> None:
    async with connected(subject) as transport:
        with pytest.raises(Absent):
            await transport.run(("no-such-program",))


async def a_key_that_is_not_the_hosts_is_refused(subject: Subject) -> None:
    assert subject.config.known_hosts is not None
    other = subject.config.known_hosts.with_name("others")
    known = await asyncio.to_thread(subject.config.known_hosts.read_text)
    keys = {line.partition(" ")[0]: _OTHER_KEY for line in known.splitlines()}
    text = "".join(f"{name} {key}\n" for name, key in keys.items())
    await asyncio.to_thread(other.write_text, text)
    try:
        with pytest.raises(AccessRefused, match="HOST KEY CHANGED"):
            await Connector(ssh_config=()).connect(replace(subject.config, known_hosts=other))
    finally:
        other.unlink()


_OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKLRrKJBlBXlcTbPmZyfrSXgSc5mQ4EPOGkUdQEpWhJ0"

#: In this order: those that leave the unit broken come last.
CHECKS: tuple[Check, ...] = (
    the_units_are_those_of_a_host_that_has_booted,
    a_restart_by_hand_is_a_job_that_is_done,
    a_restart_is_told_type_first_and_then_the_unit,
    a_crash_is_followed_by_a_restart_that_counts,
    a_daemon_reload_changes_nothing_that_is_shown,
    who_is_not_root_may_look_and_not_change,
    relations_have_a_way_back,
    a_restarted_container_is_told,
    the_newest_lines_are_in_order_and_cursors_resume,
    text_with_control_characters_comes_as_it_was_written,
    a_units_log_has_what_systemd_says_of_it,
    a_boot_that_there_is_not_is_absent,
    the_facts_are_whole,
    sudo_makes_us_root,
    files_are_read_by_the_user_and_written_by_root,
    a_program_that_is_not_there_is_absent,
    a_key_that_is_not_the_hosts_is_refused,
    a_crash_loop_gives_up_and_keeps_its_first_cause,
)

"""The units source against a bus and a systemd in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from dbus_fast import Message, Variant

from console.errors import Absent, AccessRefused, HostFailure
from console.hosts.manager import SystemdManager
from console.hosts.transport import Completed
from console.hosts.unit_health import HOLD
from console.hosts.unit_wire import ROWS
from console.hosts.units import Timing, UnitsSource
from console.model.events import UnitsChanged, UnitsListed
from console.model.unit import Health, Unit, UnitDependencies
from tests.hosts.bus_peer import Peer, PeerTransport, PeerUnit, Refusal, peer
from tests.hosts.unit_listener import Listener

QUICK = Timing(coalesce=0.001, ping_every=0.05, ping_timeout=0.05, reload_timeout=0.2, return_timeout=0.2)
CALM = Timing(coalesce=0.001, ping_every=60.0)

CRASHING = {
    "Result": Variant("s", "exit-code"),
    "NRestarts": Variant("u", 0),
    "Restart": Variant("s", "on-failure"),
}
LIMITS = {"StartLimitBurst": Variant("u", 5), "StartLimitIntervalUSec": Variant("t", 10_000_000)}


class Running:
    """A source that runs, its far end, and what it told."""

    def __init__(self, source: UnitsSource, bus_peer: Peer, task: asyncio.Task[None], told: Listener) -> None:
        self.source = source
        self.peer = bus_peer
        self.told = told
        self._task = task

    async def fault(self) -> BaseException:
        """What the source ended with."""
        async with asyncio.timeout(10):
            await asyncio.wait([self._task])
        error = self._task.exception()
        assert error is not None
        return error

    @property
    def manager(self) -> SystemdManager:
        assert self.source.manager is not None
        return self.source.manager


@pytest.fixture
async def far(tmp_path: Path) -> AsyncIterator[tuple[Peer, PeerTransport]]:
    async with peer(tmp_path) as both:
        yield both


@asynccontextmanager
async def running(
    far: tuple[Peer, PeerTransport], *, timing: Timing = CALM, details: bool = False, live: bool = True
) -> AsyncIterator[Running]:
    bus_peer, transport = far
    source = UnitsSource("web1", details=details, timing=timing)
    told = Listener()
    task: asyncio.Task[None] = asyncio.create_task(source.run(transport, told.emit, told.live))
    task.add_done_callback(lambda _: told.wake())
    try:
        if live:
            await told.until(lambda: told.lives > 0 or task.done())
        yield Running(source, bus_peer, task, told)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await task


async def test_it_matches_subscribes_and_lists_in_that_order(far: tuple[Peer, PeerTransport]) -> None:
    far[0].units["a.service"] = PeerUnit()
    async with running(far) as run:
        calls = [call.member for call in run.peer.calls]
        assert calls.index("Subscribe") > max(n for n, member in enumerate(calls) if member == "AddMatch")
        assert calls.index("ListUnits") > calls.index("Subscribe")
        assert [type(event) for event in run.told.events] == [UnitsListed]
        assert run.told.lives == 1


async def test_it_asks_the_bus_for_nothing_it_does_not_use(far: tuple[Peer, PeerTransport]) -> None:
    async with running(far) as run:
        rules = [str(call.body[0]) for call in run.peer.asked("AddMatch")]
    assert len(rules) == 6
    assert all("member='" in rule for rule in rules)
    assert not any("Job" in rule for rule in rules)


async def test_a_change_between_subscription_and_list_is_not_lost(far: tuple[Peer, PeerTransport]) -> None:
    bus_peer, _ = far
    bus_peer.units["a.service"] = PeerUnit("activating", "start")

    def list_then_change(call: Message) -> tuple[str, list[object]]:
        rows = bus_peer.rows()
        asyncio.get_running_loop().call_soon(bus_peer.state, "a.service", "active", "running")
        return ROWS, [rows]

    bus_peer.answers["ListUnits"] = list_then_change
    async with running(far) as run:
        await run.told.until(lambda: run.told.units["a.service"].active == "active")


async def test_a_failed_unit_arrives_with_its_cause_in_the_first_event(
    far: tuple[Peer, PeerTransport],
) -> None:
    far[0].units["a.service"] = PeerUnit(
        "failed",
        "failed",
        service=CRASHING | {"NRestarts": Variant("u", 5)},
        unit=LIMITS | {"StateChangeTimestamp": Variant("t", 1_700_000_000_000_000)},
    )
    async with running(far) as run:
        event = run.told.events[0]
        assert isinstance(event, UnitsListed)
        [unit] = event.units
    assert (unit.result, unit.restarts, unit.health) == ("exit-code", 5, Health.GAVE_UP)
    assert unit.since is not None


async def test_a_burst_of_signals_is_few_events(far: tuple[Peer, PeerTransport]) -> None:
    names = [f"s{number}.service" for number in range(50)]
    far[0].units.update((name, PeerUnit()) for name in names)
    async with running(far, timing=Timing(coalesce=0.02, ping_every=60)) as run:
        run.told.events.clear()
        for turn in range(20):
            for name in names:
                run.peer.service(name)
                run.peer.state(name, "active", "running", since=1_700_000_000_000_000 + turn)
        last = run.peer.units[names[-1]]
        run.peer.state(names[-1], "active", "exited")
        await run.told.until(lambda: run.told.units[names[-1]].sub == last.sub == "exited")
        assert len(run.told.events) < 50  # of 2,001 signals


async def test_a_crash_that_is_restarted_is_never_shown_as_failed(far: tuple[Peer, PeerTransport]) -> None:
    far[0].units["a.service"] = PeerUnit(service=dict(CRASHING), unit=dict(LIMITS))
    async with running(far) as run:
        for restart in range(2):
            run.peer.service("a.service", result="exit-code", restarts=restart)
            run.peer.state("a.service", "failed", "failed")
            await run.told.until(lambda: run.told.units["a.service"].active == "failed")
            run.peer.state("a.service", "activating", "auto-restart")
            await run.told.until(lambda: run.told.units["a.service"].sub == "auto-restart")
            run.peer.service("a.service", restarts=restart + 1)
            run.peer.state("a.service", "active", "running")
            await run.told.until(lambda: run.told.units["a.service"].active == "active")
        verdicts = [
            unit.health
            for event in run.told.events
            if isinstance(event, UnitsChanged)
            for unit in event.changed
        ]
    assert set(verdicts) == {Health.RECOVERING, Health.OK}
    assert run.told.units["a.service"].restarts == 2


async def test_a_crash_that_stays_is_shown_as_failed_though_nothing_more_is_heard(
    far: tuple[Peer, PeerTransport], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.hosts.unit_health.HOLD", HOLD / 20)
    far[0].units["a.service"] = PeerUnit(service=dict(CRASHING), unit=dict(LIMITS))
    async with running(far) as run:
        run.peer.service("a.service", result="exit-code")
        run.peer.state("a.service", "failed", "failed")
        await run.told.until(lambda: run.told.units["a.service"].health is Health.RECOVERING)
        await run.told.until(lambda: run.told.units["a.service"].health is Health.FAILED)


async def test_a_new_unit_arrives_and_one_that_was_never_there_does_not(
    far: tuple[Peer, PeerTransport],
) -> None:
    async with running(far) as run:
        run.peer.new("ghost.service")
        run.peer.removed("ghost.service")
        run.peer.units[r"a\x2db@x:y.service"] = PeerUnit()
        run.peer.new(r"a\x2db@x:y.service")
        run.peer.new("phantom.service")
        await run.told.until(lambda: bool(run.told.units))
        assert run.told.units.keys() == {r"a\x2db@x:y.service"}
        assert len(run.peer.asked("ListUnitsByPatterns")) <= 2
        assert len(run.peer.asked("ListUnits")) == 1


async def test_a_unit_that_vanishes_is_removed(far: tuple[Peer, PeerTransport]) -> None:
    far[0].units["a.service"] = PeerUnit()
    async with running(far) as run:
        del run.peer.units["a.service"]
        run.peer.removed("a.service")
        await run.told.until(lambda: not run.told.units)


async def test_a_reload_is_listed_again_once(far: tuple[Peer, PeerTransport]) -> None:
    far[0].units["a.service"] = PeerUnit()
    async with running(far) as run:
        run.peer.manager("Reloading", "b", [True])
        run.peer.removed("a.service")
        run.peer.new("a.service")
        run.peer.units["b.service"] = PeerUnit()
        run.peer.new("b.service")
        run.peer.manager("Reloading", "b", [False])
        await run.told.until(lambda: "b.service" in run.told.units)
        assert [type(event) for event in run.told.events] == [UnitsListed, UnitsListed]
        assert len(run.peer.asked("ListUnits")) == 2
        assert run.peer.asked("ListUnitsByPatterns") == []


async def test_only_systemd_is_believed(far: tuple[Peer, PeerTransport]) -> None:
    """Anybody on the host can send a signal to our connection."""
    far[0].units["a.service"] = PeerUnit()
    async with running(far) as run:
        run.peer.properties("a.service", {"ActiveState": Variant("s", "failed")}, sender=":1.666")
        run.peer.state("a.service", "active", "exited")
        await run.told.until(lambda: run.told.units["a.service"].sub == "exited")
        changes = [event for event in run.told.events if isinstance(event, UnitsChanged)]
    assert [unit.active for event in changes for unit in event.changed] == ["active"]


async def test_systemd_started_anew_under_another_name_is_followed(far: tuple[Peer, PeerTransport]) -> None:
    far[0].units["a.service"] = PeerUnit()
    async with running(far) as run:
        run.peer.manager("Reloading", "b", [True])
        run.peer.owner_changed(run.peer.owner, "")
        run.peer.owner = ":1.77"
        run.peer.units["b.service"] = PeerUnit()
        run.peer.owner_changed("", ":1.77")
        await run.told.until(lambda: "b.service" in run.told.units)
        assert len(run.peer.asked("Subscribe")) == 2
        run.peer.state("b.service", "active", "exited")
        await run.told.until(lambda: run.told.units["b.service"].sub == "exited")


async def test_a_list_cut_short_by_a_restart_of_systemd_is_asked_again(
    far: tuple[Peer, PeerTransport],
) -> None:
    far[0].units["a.service"] = PeerUnit()
    async with running(far) as run:

        def cut_short(call: Message) -> None:
            run.peer.answers["ListUnits"] = listing
            run.peer.owner_changed(run.peer.owner, "")
            loop = asyncio.get_running_loop()
            loop.call_soon(come_back)
            raise Refusal("org.freedesktop.DBus.Error.NoReply", "Message recipient disconnected")

        def come_back() -> None:
            run.peer.owner = ":1.77"
            run.peer.owner_changed("", ":1.77")

        listing = run.peer.answers["ListUnits"]
        run.peer.answers["ListUnits"] = cut_short
        run.peer.units["b.service"] = PeerUnit()
        run.peer.manager("Reloading", "b", [False])
        await run.told.until(lambda: "b.service" in run.told.units)


async def test_systemd_that_comes_late_to_the_bus_is_waited_for(far: tuple[Peer, PeerTransport]) -> None:
    """After dbus was restarted, the socket is there before systemd is."""
    bus_peer, _ = far
    bus_peer.present = False
    bus_peer.units["a.service"] = PeerUnit()
    async with running(far, live=False) as run:
        await bus_peer.until_asked("ListUnits")
        bus_peer.present = True
        bus_peer.owner_changed("", bus_peer.owner)
        await run.told.until(lambda: run.told.lives == 1)
        assert run.told.units.keys() == {"a.service"}


async def test_no_systemd_on_the_bus_is_absent(far: tuple[Peer, PeerTransport]) -> None:
    far[0].present = False
    async with running(far, timing=QUICK) as run:
        error = await run.fault()
    assert isinstance(error, Absent)
    assert str(error) == "web1: systemd is not running"


async def test_a_bus_that_refuses_matches_is_refused(far: tuple[Peer, PeerTransport]) -> None:
    def refuse(call: Message) -> None:
        raise Refusal("org.freedesktop.DBus.Error.AccessDenied", "not you")

    far[0].answers["AddMatch"] = refuse
    async with running(far) as run:
        assert isinstance(await run.fault(), AccessRefused)


async def test_a_bus_that_drops_is_a_failure(far: tuple[Peer, PeerTransport]) -> None:
    async with running(far) as run:
        run.peer.hang_up()
        error = await run.fault()
        assert isinstance(error, HostFailure)
        assert "closed the connection" in str(error)
        assert run.source.manager is None


async def test_a_bus_that_talks_garbage_is_a_failure(far: tuple[Peer, PeerTransport]) -> None:
    async with running(far) as run:
        run.peer.say(b"\xde\xad\xbe\xef" * 1000)
        assert isinstance(await run.fault(), HostFailure)


async def test_a_list_with_an_impossible_name_is_a_failure(far: tuple[Peer, PeerTransport]) -> None:
    far[0].units["a\x1b[31m.service"] = PeerUnit()
    async with running(far) as run:
        error = await run.fault()
        assert isinstance(error, HostFailure)
        assert str(error) == "web1: systemd lists a unit named a.service"


async def test_a_systemd_that_hangs_is_a_failure(far: tuple[Peer, PeerTransport]) -> None:
    async with running(far, timing=QUICK) as run:
        run.peer.answers["Ping"] = lambda call: None
        error = await run.fault()
    assert isinstance(error, HostFailure)
    assert str(error) == "web1: systemd does not answer"


async def test_a_systemd_that_reads_its_files_has_more_time(far: tuple[Peer, PeerTransport]) -> None:
    timing = Timing(coalesce=0.001, ping_every=0.01, ping_timeout=0.01, reload_timeout=30.0)
    async with running(far, timing=timing) as run:
        run.peer.manager("Reloading", "b", [True])
        run.peer.answers["Ping"] = lambda call: None
        asked = len(run.peer.asked("Ping"))
        await run.peer.until_asked("Ping", asked + 1)
        await asyncio.sleep(0.1)
        run.peer.answers["Ping"] = lambda call: ("", [])
        run.peer.manager("Reloading", "b", [False])
        await run.peer.until_asked("ListUnits", 2)


async def test_its_end_leaves_no_task_behind(far: tuple[Peer, PeerTransport]) -> None:
    async with running(far):
        pass
    assert [task.get_name() for task in asyncio.all_tasks() if "web1" in task.get_name()] == []


# -- questions on demand ----------------------------------------------------------------------


async def test_many_questions_stay_under_the_limit_of_the_bus(far: tuple[Peer, PeerTransport]) -> None:
    bus_peer, _ = far
    waiting = most = 0

    async def later(call: Message) -> None:
        nonlocal waiting
        await asyncio.sleep(0)
        waiting -= 1
        reply = Message.new_method_return(call, "v", [Variant("s", "success")])
        bus_peer.send(reply)

    tasks = set()

    def get(call: Message) -> None:
        nonlocal waiting, most
        waiting += 1
        most = max(most, waiting)
        tasks.add(asyncio.get_running_loop().create_task(later(call)))

    bus_peer.answers["Get"] = get
    bus_peer.units.update((f"s{number}.service", PeerUnit()) for number in range(300))
    async with running(far, details=True) as run:
        assert len(run.told.units) == 300
    assert len(bus_peer.asked("Get")) == 900
    assert 0 < most < 128


async def test_properties_are_as_json_has_them(far: tuple[Peer, PeerTransport]) -> None:
    far[0].units["a.service"] = PeerUnit(
        unit={"Id": Variant("s", "a.service"), "After": Variant("as", ["b.target"])},
        service={"InvocationID": Variant("ay", b"\x01\x02")},
    )
    async with running(far) as run:
        assert await run.manager.properties("a.service") == {
            "Id": "a.service",
            "After": ["b.target"],
            "InvocationID": "0102",
        }


async def test_dependencies_go_both_ways(far: tuple[Peer, PeerTransport]) -> None:
    far[0].units["a.service"] = PeerUnit(
        unit={
            "Requires": Variant("as", ["z.service", "b.service"]),
            "RequiredBy": Variant("as", ["c.service"]),
            "TriggeredBy": Variant("as", ["a.socket"]),
        }
    )
    async with running(far) as run:
        assert await run.manager.dependencies("a.service") == UnitDependencies(
            "web1",
            "a.service",
            requires=("b.service", "z.service"),
            required_by=("c.service",),
            triggered_by=("a.socket",),
        )


@pytest.mark.parametrize("name", ["nosuch.service", "no-type", "bad name.service", "\x1b[31m.service", ""])
async def test_a_unit_that_is_not_there_is_absent(far: tuple[Peer, PeerTransport], name: str) -> None:
    async with running(far) as run:
        with pytest.raises(Absent) as properties:
            await run.manager.properties(name)
        with pytest.raises(Absent):
            await run.manager.dependencies(name)
    assert str(properties.value).isprintable()


async def test_a_unit_that_others_name_has_properties_without_being_there(
    far: tuple[Peer, PeerTransport],
) -> None:
    far[0].units["ghost.service"] = PeerUnit(
        "inactive", "dead", load="not-found", unit={"LoadState": Variant("s", "not-found")}
    )
    async with running(far) as run:
        assert await run.manager.properties("ghost.service") == {"LoadState": "not-found"}


async def test_a_unit_file_is_what_systemctl_cat_says(far: tuple[Peer, PeerTransport]) -> None:
    _, transport = far
    transport.completed = Completed((), 0, b"# /etc/systemd/system/-a.service\n[Service]\n", b"")
    async with running(far) as run:
        assert await run.manager.unit_file("-a.service") == "# /etc/systemd/system/-a.service\n[Service]\n"
    assert transport.ran == [("systemctl", "cat", "--", "-a.service")]


async def test_a_unit_without_a_file_is_absent(far: tuple[Peer, PeerTransport]) -> None:
    _, transport = far
    transport.completed = Completed((), 1, b"", b"No files found for a.service.\n")
    async with running(far) as run:
        with pytest.raises(Absent, match=r"No files found for a\.service"):
            await run.manager.unit_file("a.service")


async def test_no_name_becomes_an_option_or_a_pattern_of_systemctl(
    far: tuple[Peer, PeerTransport],
) -> None:
    _, transport = far
    async with running(far) as run:
        for name in ("--user", "*", "a*.service", "../../etc/shadow"):
            with pytest.raises(Absent):
                await run.manager.unit_file(name)
    assert transport.ran == []


async def test_a_listing_on_demand_is_judged_by_its_states(far: tuple[Peer, PeerTransport]) -> None:
    far[0].units["a.service"] = PeerUnit("failed", "failed")
    async with running(far) as run:
        [unit] = await run.manager.list_units()
    assert unit == Unit("web1", "a.service", "loaded", "failed", "failed", "a unit", health=Health.FAILED)

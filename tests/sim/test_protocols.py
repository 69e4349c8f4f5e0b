"""What simulated hosts put on the wire, read by the libraries and parsers of the console."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from dbus_fast import Message, Variant
from dbus_fast._private.unmarshaller import Unmarshaller

from console.hosts.containers import ContainersSource
from console.hosts.engine_threads import EngineThreads
from console.hosts.export_format import ExportParser
from console.hosts.osfacts import SCRIPT, parse_facts
from console.hosts.unit_wire import ROWS, unit_rows
from console.hosts.unit_wire import unit_path as console_unit_path
from console.lab.sim import catalog, facts
from console.lab.sim.bus_wire import Reader, Row, listing, marshalled, rule, unit_of, unit_path
from console.lab.sim.journal import export
from console.lab.sim.journalctl import BadArguments, question, selected
from console.updates.driver import Driver, driver_of
from console.updates.ostree_status import parse_status
from console.updates.reading import SCRIPT as UPDATERS
from tests.hosts.container_watch import watching
from tests.sim.contract import connected
from tests.sim.sim_host import PODMAN, sim_host
from tests.sim.worlds import BEGAN, world


def read(data: bytes) -> Message:
    stream = io.BytesIO(data)
    message = Unmarshaller(stream, None, False).unmarshall()  # type: ignore[arg-type]  # it only reads
    assert message is not None
    return message


@pytest.mark.parametrize("count", [0, 1, 2, 7, 200])
def test_a_listing_put_together_reads_as_one_marshalled_whole(count: int) -> None:
    names = [f"{'a' * (number % 9)}-{number}.service" for number in range(count)]
    rows = [Row(name, f"Unit {name}", "loaded", "active", "running") for name in names]
    question = Message("a.b", "/", "a.b", "ListUnits", serial=9)
    question.sender = ":1.7"
    answer = Message.new_method_return(question, ROWS, [[]])
    answer.serial = 4
    answer.sender = ":1.1"
    message = read(listing(answer, rows))
    assert (message.signature, message.reply_serial, message.sender) == (ROWS, 9, ":1.1")
    assert [(row.name, row.description) for row in unit_rows(message.body[0])] == [
        (name, f"Unit {name}") for name in names
    ]


def test_messages_are_read_in_whatever_pieces_they_come() -> None:
    sent = []
    for number in range(5):
        message = Message.new_signal(
            "/a/b", "x.y", "Foo", "sa{sv}", [f"n{number}", {"k": Variant("t", number)}]
        )
        message.serial, message.sender = number + 1, ":1.1"
        sent.append(message)
    data = b"".join(marshalled(message) for message in sent)
    for size in (1, 7, 64, len(data)):
        reader = Reader()
        found = [message for at in range(0, len(data), size) for message in reader.feed(data[at : at + size])]
        assert [message.body for message in found] == [message.body for message in sent]
        assert {message.sender for message in found} == {":1.1"}


@pytest.mark.parametrize(
    "name", ["a-b@1.service", "1st.mount", "-.mount", "dev-disk-by\\x2duuid.device", "é.service"]
)
def test_object_paths_are_systemds_own(name: str) -> None:
    assert unit_path(name) == console_unit_path(name)
    if name.isascii():
        assert unit_of(unit_path(name)) == name


def test_match_rules_select_as_a_bus_does() -> None:
    wanted = rule(
        "type='signal',sender='org.example',path_namespace='/a/b',interface='i',member='m',arg0='x'",
        {"org.example": ":1.1"},
    )
    assert wanted.fits(":1.1", "/a/b/c", "i", "m", "x")
    assert wanted.fits(":1.1", "/a/b", "i", "m", "x")
    assert not wanted.fits(":1.2", "/a/b", "i", "m", "x")
    assert not wanted.fits(":1.1", "/a/bc", "i", "m", "x")
    assert not wanted.fits(":1.1", "/a/b", "i", "m", "y")
    with pytest.raises(ValueError, match="nonsense"):
        rule("nonsense", {})


def test_every_kind_of_system_answers_the_consoles_script() -> None:
    drivers = set()
    for number, system in enumerate(catalog.SYSTEMS):
        machine, _ = world(number)
        text = facts.answer(machine, SCRIPT.replace("# also", UPDATERS), root=False)
        found = parse_facts(text.encode(), BEGAN, BEGAN)
        assert found.os == dict(system.release)["ID"]
        assert found.version == machine.version
        sections = dict(part.split("\n", 1) for part in text.split("\x1e")[1:])
        driver = driver_of(frozenset(sections["updaters"].split()))
        drivers.add(driver)
        if driver is Driver.OSTREE:
            assert [each.booted for each in parse_status(sections["ostree"])] == [True, False]
    assert drivers == {None, *Driver}


def test_an_updaters_words_follow_what_is_staged() -> None:
    for number, updater in ((1, "rpm-ostree"), (3, "update_engine"), (8, "ostree"), (11, "bootc")):
        machine, agenda = world(number)
        deployments = machine.deployments
        assert deployments
        assert deployments.updater == updater
        deployments.stage("9.9", machine.later)
        assert "DOWNLOADING" in deployments.update_engine()
        assert json.loads(deployments.rpm_ostree())["transaction"]
        agenda.run(60)
        first = json.loads(deployments.rpm_ostree())["deployments"][0]
        assert (first["version"], first["staged"], first["booted"]) == ("9.9", True, False)
        assert json.loads(deployments.bootc())["status"]["staged"]["image"]["version"] == "9.9"
        assert "NEED_REBOOT" in deployments.update_engine()
        assert [each.staged for each in parse_status(deployments.ostree())] == [True, False, False]
        machine.reboot(1)
        agenda.run(120)
        assert machine.version == "9.9"
        assert [each.rollback for each in parse_status(deployments.ostree())] == [False, True]


def test_the_journal_is_exported_as_the_console_reads_it() -> None:
    machine, _ = world()
    machine.say("a.service", b"plain")
    machine.say("a.service", b"two\nlines \xff and \x1b[1m")
    parser = ExportParser()
    data = b"".join(export(machine.journal.writer, entry) for entry in machine.journal.entries)
    entries = [entry for at in range(0, len(data), 100) for entry in parser.feed(data[at : at + 100])]
    assert [entry.first(b"MESSAGE") for entry in entries[-2:]] == [b"plain", b"two\nlines \xff and \x1b[1m"]
    assert not parser.pending


def messages(number_of: str, *words: str) -> list[bytes]:
    machine, agenda = world()
    for number in range(6):
        agenda.run(10.0 * number)
        machine.say("a.service" if number % 2 else "b.service", f"m{number}", priority=number)
    asked = question(machine, ["journalctl", "-q", "-o", "export", f"{number_of}", *words])
    return [entry.message for entry in selected(machine, asked)]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("--lines=2",), [b"m4", b"m5"]),
        (("--lines=2", "-r"), [b"m5", b"m4"]),
        (("--unit=a.service",), [b"m1", b"m3", b"m5"]),
        (("--unit=a.*", "--lines=1"), [b"m5"]),
        (("--priority=1",), [b"m0", b"m1"]),
        (("--since=-15.000000s",), [b"m4", b"m5"]),
        (("--since=-25.000000s", "--until=-15.000000s"), [b"m3"]),
        (("SYSLOG_IDENTIFIER=b", "--priority=3"), [b"m0", b"m2"]),
    ],
)
def test_journalctl_selects_as_it_is_told(words: tuple[str, ...], found: list[bytes]) -> None:
    own = [message for message in messages("--no-pager", *words) if message.startswith(b"m")]
    assert own == found


def test_journalctl_takes_no_option_it_does_not_know() -> None:
    with pytest.raises(BadArguments):
        messages("--frobnicate=1")


async def test_podman_is_reached_through_sudo_and_names_its_units(tmp_path: Path) -> None:
    threads = EngineThreads()
    try:
        async with (
            sim_host(tmp_path, PODMAN) as host,
            connected(host) as transport,
            watching(ContainersSource("sim", threads), transport) as watched,
        ):
            running = [each for each in watched.now.values() if each.state == "running"]
            assert {each.engine for each in watched.now.values()} == {"podman"}
            assert all(each.unit == f"{each.name}.service" for each in watched.now.values())
            engine = host.machine.engine
            assert engine
            engine.crash(engine.find(running[0].id), 3)
            await watched.until(lambda: watched.now[running[0].name].state != "running")
    finally:
        await threads.close()

"""fleet's own functional tests, by number and name: where its options put units (docs/fleet.md).

scheduling_test.go and metadata_test.go; each wait has fleet's 15 seconds, but for what begins with a host
that is given up.
"""

from __future__ import annotations

import asyncio

from tests.lab.fleet.fleetctl import Fleetctl

#: Until a host is given up, and what it had runs elsewhere.
GIVEN_UP_S = 25.0


def test_15_templates_with_specifiers_in_metadata(fleetctl: Fleetctl) -> None:
    led = fleetctl.placing
    zones = {host.labels["zone"]: host.name for host in led.truth.config.hosts}
    fleetctl.write("metadata@.service", "MachineMetadata=zone=%i")
    for zone in sorted(zones, reverse=True):
        fleetctl("start", f"metadata@{zone}.service")
    assert fleetctl.where("metadata@*") == {f"metadata@{zone}.service": zones[zone] for zone in zones}
    fleetctl("start", "--block-attempts=20", "metadata@invalid.service", code=4)
    led.until(lambda: led.reason("metadata@invalid.service") == "require on 3", "the engine tells why")


def test_18_schedule_machine_of(fleetctl: Fleetctl) -> None:
    """Pairs are together, and move together."""
    led = fleetctl.placing
    for number in range(3):
        ping = fleetctl.write(f"ping.{number}.service")
        fleetctl("start", ping, fleetctl.write(f"pong.{number}.service", f"MachineOf={ping}"))
    before = fleetctl.where("p[io]ng.*")
    assert all(before[f"ping.{number}.service"] == before[f"pong.{number}.service"] for number in range(3))
    victim = before["ping.1.service"]
    others = [host for host in led.hosts if host != victim]
    asyncio.run(led.lab.kill(victim))
    led.until(lambda: len(led.active("p[io]ng.*", *others)) == 6, "the pair has moved", GIVEN_UP_S)
    after = led.active("p[io]ng.*", *others)
    assert after["ping.1.service"] == after["pong.1.service"]


def test_19_schedule_conflicts(fleetctl: Fleetctl) -> None:
    led = fleetctl.placing
    names = [fleetctl.write(f"conflict.{n}.service", "Conflicts=conflict.*.service") for n in range(5)]
    fleetctl("start", *names, code=4)
    assert len(fleetctl.rows("list-unit-files")) == 5
    assert sorted(fleetctl.where("conflict.*").values()) == [*led.hosts]


def test_20_schedule_one_way_conflict(fleetctl: Fleetctl) -> None:
    """It holds though only one says it, and the one that waits is placed when the other goes."""
    led = fleetctl.placing
    only = "MachineMetadata=zone=a"
    fleetctl.start("conflicts-with-hello.service", only, "Conflicts=hello.service")
    fleetctl.start("hello.service", only, code=4)
    led.until(lambda: led.reason("hello.service") == "require on 2, apart on 1", "the engine tells why")
    assert not led.active("hello.service")
    fleetctl("destroy", "conflicts-with-hello.service")
    led.until(lambda: led.active("hello.service"), "it runs")
    assert len(fleetctl.rows("list-units")) == 1


def test_21_schedule_multiple_conflicts(fleetctl: Fleetctl) -> None:
    """Several patterns on one line, and on several."""
    patterns = [f"conflict.{number}.service" for number in range(3)]
    options = [
        [f"Conflicts={' '.join(patterns)}"],
        [f"Conflicts={pattern}" for pattern in patterns],
        [f"Conflicts={patterns[0]} {patterns[1]}", f"Conflicts={patterns[2]}"],
    ]
    for number, lines in enumerate(options):
        fleetctl.start(f"conflict.{number}.service", *lines)
    assert sorted(fleetctl.where("conflict.*").values()) == [*fleetctl.placing.hosts]


def test_22_schedule_replace(fleetctl: Fleetctl) -> None:
    """What replaces another has its place, and the other goes to the second of two hosts."""
    led = fleetctl.placing
    two = "MachineMetadata=role=web"
    fleetctl.start("replace.0.service", two)
    fleetctl.start("replace.1.service", two)
    fleetctl.start("replace.2.service", "MachineOf=replace.1.service")
    before = fleetctl.where("replace.*")
    assert before["replace.0.service"] != before["replace.1.service"] == before["replace.2.service"]
    fleetctl.start("kick0.service", "Replaces=replace.0.service", two)
    led.until(
        lambda: fleetctl.placing.active("replace.0.service") == {
            "replace.0.service": (before["replace.1.service"],)
        },
        "the replaced one is on the other",
    )  # fmt: skip
    assert fleetctl.where("kick0.service")["kick0.service"] == before["replace.0.service"]
    assert len(fleetctl.where("[rk]*[0-2].service")) == 4


def test_23_schedule_circular_replace(fleetctl: Fleetctl) -> None:
    led = fleetctl.placing
    fleetctl.start("replace.0.service", "Replaces=replace-kick0.service")
    fleetctl.start("replace-kick0.service", "Replaces=replace.0.service", code=4)
    led.until(lambda: len(led.active("replace*")) == 1, "one runs")
    led.holds(lambda: len(led.active("replace*")) == 1, "and only one", 1)


def test_24_schedule_condition_machine_id(fleetctl: Fleetctl) -> None:
    led = fleetctl.placing
    ids = {host: led.ask(host, "cat /etc/machine-id").strip() for host in led.hosts}
    names = [fleetctl.write(f"on-{host}.service", f"MachineID={ids[host]}") for host in led.hosts]
    fleetctl("start", *names)
    assert fleetctl.where("on-*") == {f"on-{host}.service": host for host in led.hosts}


def test_25_schedule_global_units(fleetctl: Fleetctl) -> None:
    led = fleetctl.placing
    fleetctl("start", fleetctl.write("hello.service"), fleetctl.write("goodbye.service"))
    fleetctl.start("global.service", "Global=true")
    assert len(fleetctl.rows("list-units")) == 5
    assert led.active("global.service") == {"global.service": led.hosts}
    assert "running" in fleetctl("status", "global.service")
    before = led.invocations("global.service")
    fleetctl("restart", "global.service")
    assert led.active("global.service") == {"global.service": led.hosts}
    assert not before & led.invocations("global.service")


def test_26_schedule_global_conflicts(fleetctl: Fleetctl) -> None:
    led = fleetctl.placing
    fleetctl.start("conflict-global.0.service", "Global=true")
    fleetctl.start("conflict-global.1.service", "Global=true", "Conflicts=conflict-global.0.service", code=4)
    led.until(lambda: led.reason("conflict-global.1.service") == "apart on 1", "the engine tells why")
    assert led.active("conflict-global.*") == {"conflict-global.0.service": led.hosts}

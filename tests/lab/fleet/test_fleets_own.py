"""fleet's own functional tests, by their names and numbers (functional/*_test.go), on ours.

Its unit files are used as they stand. What it did by fleetctl is said to etcd here; the commands have tests
of their own. Each wait has fleet's 15 seconds, but for those that begin with a host that is given up.
"""

from __future__ import annotations

import asyncio

from console.engine.services import Desired
from tests.lab.fleet.placing import HELLO, Placing

#: Until a host is given up, and what it had runs elsewhere.
GIVEN_UP_S = 25.0


def fleet_unit(*options: str, install: str = "") -> str:
    lines = "".join(f"{option}\n" for option in options)
    return f"{HELLO}{install}\n[X-Fleet]\n{lines}"


def where(placing: Placing, pattern: str) -> dict[str, str]:
    """The only host of each unit that is active."""
    found = placing.active(pattern)
    assert all(len(there) == 1 for there in found.values()), found
    return {unit: there[0] for unit, there in found.items()}


def test_03_dynamic_cluster_new_member_unit_migration(placing: Placing) -> None:
    """Three that exclude each other on three hosts, one of which goes: the two others do not move."""
    placing.leading()
    units = {f"conflict.{n}.service": fleet_unit("Conflicts=conflict.*.service") for n in range(2)}
    placing.submit(units)
    placing.until(lambda: len(placing.active("conflict.*")) == 2, "two run")
    before = where(placing, "conflict.*")
    victim = before["conflict.0.service"]
    stays = before["conflict.1.service"]
    asyncio.run(placing.lab.kill(victim))
    (free,) = set(placing.hosts) - {victim, stays}
    placing.until(lambda: placing.active("conflict.0.service", free), "it moves to the free host", GIVEN_UP_S)
    assert placing.active("conflict.1.service", stays)


def test_05_single_node_connectivity_loss(placing: Placing) -> None:
    """An engine without hosts stops nothing of what they run, whatever it is to be."""
    placing.leading()
    placing.submit({"launched.service": HELLO, "global.service": fleet_unit("Global=true")})
    placing.submit({"loaded.service": HELLO}, Desired.LOADED)
    placing.until(lambda: placing.active("launched.service") and placing.files("loaded.service"), "all there")
    placing.until(lambda: len(placing.active("global.service").get("global.service", ())) == 3, "each host")
    before = placing.invocations("launched.service"), placing.invocations("global.service")
    for host in placing.hosts:
        asyncio.run(placing.lab.cut(host))
    placing.until(lambda: "BRAKE" in placing.engines[0].said, "all are lost", GIVEN_UP_S)
    for host in placing.hosts:
        asyncio.run(placing.lab.heal(host))
    placing.until(
        lambda: all(one["standing"] == "live" for one in placing.status()["hosts"]), "all are back", 40
    )
    assert (placing.invocations("launched.service"), placing.invocations("global.service")) == before
    assert placing.files("loaded.service")


def test_09_install_unit(placing: Placing) -> None:
    """`[Install] WantedBy=` of a unit that is loaded beside another acts when that starts."""
    placing.leading()
    placing.submit({"hello.service": HELLO}, Desired.LOADED)
    install = "[Install]\nWantedBy=hello.service\n"
    discovery = f"[Unit]\nBindsTo=hello.service\nAfter=hello.service\n{HELLO}{install}"
    placing.submit({"discovery.service": f"{discovery}[X-Fleet]\nMachineOf=hello.service\n"}, Desired.LOADED)
    placing.until(lambda: placing.files("hello.service") and placing.files("discovery.service"), "both there")
    placing.change("hello.service", desired=Desired.LAUNCHED)
    placing.until(lambda: placing.active("discovery.service"), "it is started too")
    placing.change("hello.service", desired=Desired.LOADED)
    placing.until(lambda: not placing.active("discovery.service"), "it is stopped too")


def test_15_templates_with_specifiers_in_metadata(placing: Placing) -> None:
    placing.leading()
    unit = fleet_unit("MachineMetadata=zone=%i")
    placing.submit({f"metadata@{zone}.service": unit for zone in ("c", "b", "a", "invalid")})
    zones = {host.name: host.labels["zone"] for host in placing.truth.config.hosts}
    placing.until(lambda: len(placing.active("metadata@*")) == 3, "three run")
    for name, host in where(placing, "metadata@*").items():
        assert name == f"metadata@{zones[host]}.service"
    placing.until(
        lambda: placing.reason("metadata@invalid.service") == "require on 3", "and why not the other"
    )


def test_18_schedule_machine_of(placing: Placing) -> None:
    """Pairs are together, and move together."""
    placing.leading()
    placing.submit({f"ping.{n}.service": HELLO for n in range(3)})
    placing.submit({f"pong.{n}.service": fleet_unit(f"MachineOf=ping.{n}.service") for n in range(3)})
    placing.until(lambda: len(placing.active("p[io]ng.*")) == 6, "six run")
    before = where(placing, "p[io]ng.*")
    assert all(before[f"ping.{n}.service"] == before[f"pong.{n}.service"] for n in range(3))
    victim = before["ping.0.service"]
    others = [host for host in placing.hosts if host != victim]
    asyncio.run(placing.lab.kill(victim))
    placing.until(lambda: len(placing.active("p[io]ng.*", *others)) == 6, "the pair has moved", GIVEN_UP_S)
    after = placing.active("p[io]ng.*", *others)
    assert after["ping.0.service"] == after["pong.0.service"]


def test_19_schedule_conflicts(placing: Placing) -> None:
    placing.leading()
    placing.submit({f"conflict.{n}.service": fleet_unit("Conflicts=conflict.*.service") for n in range(5)})
    placing.until(lambda: len(placing.active("conflict.*")) == 3, "three run")
    assert sorted(where(placing, "conflict.*").values()) == [*placing.hosts]
    placing.holds(lambda: len(placing.active("conflict.*")) == 3, "and not more", 1)


def test_20_schedule_one_way_conflict(placing: Placing) -> None:
    """It holds though only one says it, and the one that waits is placed when the other goes."""
    placing.leading()
    only = f"MachineMetadata=zone={placing.truth.config.hosts[0].labels['zone']}"
    placing.submit({"useful.service": fleet_unit(only)})
    placing.until(lambda: placing.active("useful.service"), "the first runs")
    placing.submit({"conflicts-with-useful.service": fleet_unit(only, "Conflicts=useful.service")})
    placing.until(lambda: "apart on 1" in placing.reason("conflicts-with-useful.service"), "it says why")
    placing.destroy("useful.service")
    placing.until(lambda: placing.active("conflicts-with-useful.service"), "it runs")


def test_22_schedule_replace(placing: Placing) -> None:
    placing.leading()
    placing.submit({"replace.0.service": HELLO})
    placing.until(lambda: placing.active("replace.0.service"), "the first runs")
    before = where(placing, "replace.0.service")["replace.0.service"]
    placing.submit({"kick0.service": fleet_unit("Replaces=replace.0.service")})
    placing.until(
        lambda: placing.active("kick0.service", before) and not placing.active("replace.0.service", before),
        "it has the other's place",
    )
    placing.until(lambda: placing.active("replace.0.service"), "and that runs elsewhere")


def test_23_schedule_circular_replace(placing: Placing) -> None:
    placing.leading()
    placing.submit(
        {
            "replace-kick0.service": fleet_unit("Replaces=replace.0.service"),
            "replace.0.service": fleet_unit("Replaces=replace-kick0.service"),
        }
    )
    placing.until(lambda: len(placing.active("replace*")) == 1, "one runs")
    placing.holds(lambda: len(placing.active("replace*")) == 1, "and only one")


def test_24_schedule_condition_machine_id(placing: Placing) -> None:
    placing.leading()
    ids = {host: placing.ask(host, "cat /etc/machine-id").strip() for host in placing.hosts}
    placing.submit({f"on-{host}.service": fleet_unit(f"MachineID={ids[host]}") for host in placing.hosts})
    placing.until(lambda: len(placing.active("on-*")) == 3, "all run")
    assert where(placing, "on-*") == {f"on-{host}.service": host for host in placing.hosts}


def test_25_schedule_global_units(placing: Placing) -> None:
    placing.leading()
    placing.submit(
        {"plain.0.service": HELLO, "plain.1.service": HELLO, "global.service": fleet_unit("Global=true")}
    )
    placing.until(lambda: len(placing.active("plain.*")) == 2, "two run")
    placing.until(lambda: placing.active("global.service") == {"global.service": placing.hosts}, "each host")


def test_26_schedule_global_conflicts(placing: Placing) -> None:
    placing.leading()
    placing.submit({"conflict.0.service": fleet_unit("Global=true")})
    placing.until(lambda: len(placing.active("conflict.0*").get("conflict.0.service", ())) == 3, "each host")
    placing.submit({"conflict.1.service": fleet_unit("Global=true", "Conflicts=conflict.0.service")})
    placing.until(lambda: placing.reason("conflict.1.service") == "apart on 1", "it says why")
    assert not placing.active("conflict.1.service")


def test_33_to_39_submit_load_start_replace_and_back(placing: Placing) -> None:
    """Each desire in turn and back, twice; another text in between is what runs then."""
    placing.leading()
    for text in (HELLO, "[Service]\nExecStart=/bin/sleep 4242\n"):
        names = [f"hello@{n}.service" for n in range(3)]
        placing.submit(dict.fromkeys(names, text), Desired.INACTIVE)
        assert len(placing.services()) == 3
        assert not placing.placed()
        placing.change(*names, desired=Desired.LOADED)
        placing.until(lambda: len(placing.files("hello@*.service")) == 3, "written")
        placing.change(*names, desired=Desired.LAUNCHED)
        placing.until(lambda: len(placing.active("hello@*")) == 3, "all run")
        for name, host in where(placing, "hello@*").items():
            assert placing.ask(host, f"cat /run/systemd/system/{name}") == text
        placing.change(*names, desired=Desired.INACTIVE)
        placing.until(lambda: not placing.files("hello@*.service") and not placing.placed(), "all gone")

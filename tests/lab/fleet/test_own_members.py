"""fleet's own functional tests, by number and name: hosts that come and go (docs/fleet.md).

cluster_test.go and connectivity-loss_test.go; each wait has fleet's 15 seconds, but for what begins with a
host that is given up.
"""

from __future__ import annotations

import asyncio

from tests.lab.fleet.fleetctl import Fleetctl
from tests.lab.fleet.test_own_scheduling import GIVEN_UP_S

VERBS = ("submit", "load", "start")


def conflicting(fleetctl: Fleetctl, count: int) -> dict[str, str]:
    """Units that exclude each other, running; the host of each."""
    for number in range(count):
        fleetctl.start(f"conflict.{number}.service", "Conflicts=conflict.*.service")
    return fleetctl.where("conflict.*")


def test_03_dynamic_cluster_new_member_unit_migration(fleetctl: Fleetctl) -> None:
    """Of units that exclude each other one loses its host: it goes to the free one, and the rest stay."""
    led = fleetctl.placing
    before = conflicting(fleetctl, 2)
    victim, stays = before["conflict.0.service"], before["conflict.1.service"]
    kept = led.invocations("conflict.1.service")
    asyncio.run(led.lab.kill(victim))
    (free,) = set(led.hosts) - {victim, stays}
    led.until(lambda: led.active("conflict.0.service", free), "it moves to the free host", GIVEN_UP_S)
    assert led.invocations("conflict.1.service", stays) <= kept


def test_04_dynamic_cluster_member_reboot(fleetctl: Fleetctl) -> None:
    """One host reboots: its unit is there again, and the others never noticed."""
    led = fleetctl.placing
    before = conflicting(fleetctl, 3)
    victim = before["conflict.0.service"]
    kept = led.invocations("conflict.[12].service")
    led.reboot(victim)
    led.until(lambda: fleetctl.where("conflict.*") == before, "all run again, where they were", GIVEN_UP_S)
    assert led.invocations("conflict.[12].service") == kept


def test_05_single_node_connectivity_loss(fleetctl: Fleetctl) -> None:
    """A host that is cut off until it is given up runs on with what it has, and has it still afterwards."""
    led = fleetctl.placing
    host = led.hosts[0]
    only = "MachineMetadata=zone=a"
    for verb in VERBS:
        fleetctl(verb, fleetctl.write(f"single-{verb}.service", only))
        fleetctl(verb, fleetctl.write(f"global-{verb}.service", only, "Global=true"))

    names = " ".join(f"{kind}-{verb}.service" for kind in ("single", "global") for verb in VERBS)

    def there() -> str:
        properties = "Id LoadState ActiveState SubState InvocationID FragmentPath"
        shown = " ".join(f"-p {name}" for name in properties.split())
        return led.ask(host, f"systemctl show {shown} {names}")

    before = there()
    assert before.count("ActiveState=active") == 2
    began = led.ask(host, "date +%s").strip()
    asyncio.run(led.lab.cut(host))
    led.until(lambda: led.standing(host) == "lost", "it is given up", GIVEN_UP_S)
    asyncio.run(led.lab.heal(host))
    led.until(lambda: led.standing(host) == "live", "it is there again", GIVEN_UP_S)
    assert there() == before
    said = led.ask(host, f"journalctl -o cat --since=@{began} _PID=1")
    assert not [line for line in said.splitlines() if line.startswith("Stopping")]

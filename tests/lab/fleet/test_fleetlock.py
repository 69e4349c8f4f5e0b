"""Real hosts that ask an engine by FleetLock before they would reboot, as Zincati does."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

from console.rollouts.fleetlock_ids import ZINCATI
from tests.engine.engine_process import EngineProcess
from tests.lab.fleet.placing import Placing

#: Plain hosts have no client of HTTP; bash is one.
_ASK = r"""
id=$(systemd-id128 machine-id --app-specific={app})
body='{{"client_params": {{"id": "'$id'", "group": "default"}}}}'
exec 3<>/dev/tcp/{address}/{port}
printf 'POST {path} HTTP/1.1\r\nHost: lock\r\nfleet-lock-protocol: true\r\nContent-Length: %d\r\n\r\n%s' \
  "${{#body}}" "$body" >&3
head -n 1 <&3
"""


def our_address(placing: Placing, host: str) -> str:
    """This machine's, as a host sees it."""
    return placing.truth.ask(host, "echo $SSH_CONNECTION").split()[0]


def served(engine: EngineProcess, placing: Placing) -> str:
    """The port."""
    found: list[str] = []

    def says() -> bool:
        found.extend(re.findall(r"FleetLock is served at \S+ port (\d+)", engine.said))
        return bool(found)

    placing.until(says, "FleetLock is served")
    return found[0]


def ask(placing: Placing, host: str, port: str, path: str) -> str:
    """The status that a host is answered with."""
    script = _ASK.format(app=ZINCATI, address=our_address(placing, host), port=port, path=path)
    return placing.ask(host, f"bash -c {shlex.quote(script)}").split()[1]


def holders(placing: Placing) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(placing.run("lock", "status", "default", "-o", "json"))[0][
        "holders"
    ]
    return found


def test_one_host_at_a_time_may_reboot_and_is_shown_by_its_name(placing: Placing) -> None:
    first, second, third = placing.hosts
    address = our_address(placing, first)
    engines = [placing.leading(f"--fleetlock={address}:0"), placing.engine(f"--fleetlock={address}:0")]
    ports = [served(engine, placing) for engine in engines]

    assert ask(placing, first, ports[0], "/v1/pre-reboot") == "200"
    assert ask(placing, second, ports[0], "/v1/pre-reboot") == "423"
    assert ask(placing, second, ports[1], "/v1/pre-reboot") == "423", "the engine that stands by knows it too"
    placing.until(lambda: [one["host"] for one in holders(placing)] == [first], "it is known by its name")
    (holder,) = holders(placing)
    assert holder["id"] == placing.ask(first, f"systemd-id128 machine-id -a {ZINCATI}").strip()
    assert not holder["stale"]

    # The engine that led is gone; the other one gives the slot back, and to the next.
    engines[0].kill()
    assert ask(placing, first, ports[1], "/v1/steady-state") == "200"
    assert ask(placing, third, ports[1], "/v1/pre-reboot") == "200"
    placing.until(lambda: [one["host"] for one in holders(placing)] == [third], "so is the next", 40)

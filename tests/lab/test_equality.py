"""What the command line shows of a host equals what the host's own tools show."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.lab.truth import Truth

#: Units that come and go between two looks, or are made by looking.
RESTLESS = (
    "session-",
    "var-lib-docker-",
    "user@",
    "user-",
    "run-",
    "flapping.",
    "sshd@",
    "podman",
    ".scope",
    "timer",
)


def qd(truth: Truth, *words: str, code: int = 0) -> Any:
    """The JSON that one run of the command line prints."""
    argv = [
        sys.executable,
        "-m",
        "console.cli.main",
        "--config",
        str(truth.config.path),
        "-o",
        "json",
        *words,
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, (words, done.returncode, done.stderr)
    return json.loads(done.stdout)


def settled(units: dict[str, Any]) -> dict[str, Any]:
    """Without those that are different at each look; podman's health checks are named by a container's id."""
    return {
        name: unit
        for name, unit in units.items()
        if not any(part in name for part in RESTLESS) and len(name.partition("-")[0]) < 60
    }


@pytest.mark.parametrize("host", ["docker1", "podman1", "plain1"])
def test_unit_list_equals_systemctl(truth: Truth, host: str) -> None:
    rows = qd(truth, "unit", "list", "--on", host)
    seen = {r["name"]: (r["load"], r["active"], r["sub"], r["description"]) for r in rows}
    told = truth.units(host)
    assert settled(seen) == settled(told)
    assert len(settled(seen)) > 60


@pytest.mark.parametrize(("host", "engine"), [("docker1", "docker"), ("podman1", "podman")])
def test_container_list_equals_ps(truth: Truth, host: str, engine: str) -> None:
    rows = qd(truth, "container", "list", "--on", host)
    told = truth.containers(host, engine)
    assert {row["id"]: row["name"] for row in rows} == {key: name for key, (name, _) in told.items()}
    # One that restarts for ever is in another state at each look.
    states = {row["id"]: row["state"] for row in rows if row["name"] != "crashy"}
    assert states == {key: state for key, (name, state) in told.items() if name != "crashy"}
    healths = {row["name"]: row["health"] for row in rows}
    assert healths["web"] == "healthy"
    assert healths["sick"] == "unhealthy"


def test_log_show_equals_journalctl(truth: Truth) -> None:
    truth.ask("docker1", "seq 1200 | systemd-cat -t filling; sudo journalctl --sync; sleep 3")
    told = [
        json.loads(line)
        for line in truth.ask(
            "docker1", "journalctl -m -n 1000 -o json --output-fields=MESSAGE --until=-2s"
        ).splitlines()
    ]
    rows = qd(truth, "log", "show", "-n", "1000", "--on", "docker1", "--until", "2s")
    seen = [row["cursor"] for row in rows]
    cursors = [entry["__CURSOR"] for entry in told]
    # The later look ends a moment later: what both cover must be the same, in the same order.
    first, last = seen[0], cursors[-1]
    assert len(seen) == 1000
    assert seen[: seen.index(last) + 1] == cursors[cursors.index(first) :]
    assert seen.index(last) > 900
    messages = {entry["__CURSOR"]: entry["MESSAGE"] for entry in told}
    for row in rows[: seen.index(last) + 1]:
        said = messages[row["cursor"]]
        if isinstance(said, str) and said.isprintable() and row["message_b64"] is None:
            assert row["message"] == said


def test_host_list_has_the_contracts_fields(truth: Truth) -> None:
    rows = {row["name"]: row for row in qd(truth, "host", "list")}
    assert list(rows) == sorted(config.name for config in truth.config.hosts)
    row = rows["docker1"]
    fields = (
        "name address state since reason labels os version kernel boot_id uptime_s "
        "units_failed containers_unhealthy driver sources cordoned drained conflict acting"
    )
    assert list(row) == fields.split()
    assert set(row["sources"]) == {"units", "containers", "journal", "os"}
    boot = truth.ask("docker1", "cat /proc/sys/kernel/random/boot_id").strip().replace("-", "")
    assert row["boot_id"].replace("-", "") == boot
    assert (row["state"], row["os"], row["version"]) == ("live", "debian", "13")
    failed = truth.ask("docker1", "systemctl list-units --failed --plain --no-legend | wc -l")
    assert row["units_failed"] == int(failed)


def test_a_host_that_is_not_there_is_named_and_the_others_are_shown(truth: Truth, tmp_path: Path) -> None:
    address = truth.config.hosts[0].address
    assert address
    nobody = address.rpartition(".")[0] + ".250"
    more = f'\n[[host]]\nname = "nobody"\naddress = "{nobody}"\n'
    config = tmp_path / "fleet.toml"
    config.write_text(truth.config.path.read_text() + more)
    argv = [sys.executable, "-m", "console.cli.main", "--config", str(config)]
    listed = [*argv, "unit", "list", "steady", "-o", "json"]
    done = subprocess.run(listed, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 4
    assert {row["host"] for row in json.loads(done.stdout)} == {h.name for h in truth.config.hosts}
    assert "nobody: unreachable" in done.stderr
    table = subprocess.run([*argv, "host", "list"], capture_output=True, text=True, timeout=60, check=False)
    assert table.returncode == 4
    row = next(line for line in table.stdout.splitlines() if line.startswith("nobody"))
    assert "unreachable" in row
    assert nobody in row

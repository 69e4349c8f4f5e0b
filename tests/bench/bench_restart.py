"""A unit restarted: by the command core on an open session, and by OpenSSH's own shared connection.

The same unit by turns. Ours is the whole command: plan, record, privileged channel, check, job, settle,
record; the settle time, which ssh does not have, is taken off. Cold is from argv to exit, each side with
a connection of its own.

python -m tests.bench restart
"""

from __future__ import annotations

import asyncio
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from console.actions.units import SETTLE_S
from console.cli.printer import Printer
from console.commands.core import Core
from console.commands.everything import core_registry
from console.commands.grammar import Globals, parse_line
from console.fleet.fleet import open_fleet
from console.hosts.links import Links
from console.model.config import FleetConfig
from console.model.wants import Wants
from tests.bench.labs import lab_config

UNIT = "web@1.service"


def _ssh(config: FleetConfig, *options: str) -> list[str]:
    host = config.hosts[0]
    return [
        "ssh", "-q", "-F", "none", "-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={host.known_hosts}",
        "-i", str(host.identity[0]), *options, f"{host.user}@{host.address}",
    ]  # fmt: skip


def _timed(argv: Sequence[str]) -> float:
    start = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return 1000 * (time.perf_counter() - start)


async def _warm(config: FleetConfig, state: str, times: int) -> tuple[list[float], list[float]]:
    """Milliseconds of ours, less the settle time, and of ssh's."""
    host = config.hosts[0]
    ours: list[float] = []
    theirs: list[float] = []
    shared = _ssh(config, "-S", f"{state}/control")
    command = parse_line(f"unit restart {UNIT} --on={host.name}", core_registry()).command
    assert command is not None
    _timed(_ssh(config, "-M", "-S", f"{state}/control", "-f", "-N"))
    try:
        with io.StringIO() as nowhere:
            async with open_fleet([host], Wants(containers=False, os=False), Links()) as fleet:
                await fleet.settled(30)
                core = Core(
                    Globals(config=config.path, yes=True),
                    environ={**os.environ, "XDG_STATE_HOME": state},
                    fleet=fleet,
                )
                for _ in range(times):
                    start = time.perf_counter()
                    await command.run(core, Printer("json", out=nowhere, err=nowhere))
                    ours.append(1000 * (time.perf_counter() - start - SETTLE_S))
                    argv = [*shared, "sudo", "systemctl", "restart", UNIT]
                    theirs.append(await asyncio.to_thread(_timed, argv))
    finally:
        _timed([*shared, "-O", "exit"])
    return ours, theirs


def _cold(config: FleetConfig, state: str, times: int) -> tuple[list[float], list[float]]:
    host = config.hosts[0]
    os.environ["XDG_STATE_HOME"], before = state, os.environ.get("XDG_STATE_HOME")
    qd = [str(Path(sys.executable).with_name("quarterdeck")), "--config", str(config.path)]
    ours, theirs = [], []
    try:
        for _ in range(times):
            ours.append(_timed([*qd, "unit", "restart", UNIT, "--on", host.name, "--yes"]) - 1000 * SETTLE_S)
            theirs.append(_timed([*_ssh(config), "sudo", "systemctl", "restart", UNIT]))
    finally:
        os.environ.pop("XDG_STATE_HOME") if before is None else os.environ.update(XDG_STATE_HOME=before)
    return ours, theirs


def run(times: int = 25) -> dict[str, object]:
    """Medians in milliseconds, and how ours stand to ssh's."""
    config = lab_config()
    if config is None:
        return {}
    # systemd gives up on a unit that is started five times in ten seconds, whoever starts it.
    with tempfile.TemporaryDirectory(prefix="qd-bench-") as state:
        start_limit(config, off=True)
        try:
            ours, theirs = asyncio.run(_warm(config, state, times))
            cold, cold_theirs = _cold(config, state, max(5, times // 3))
        finally:
            start_limit(config, off=False)
    warm, warm_theirs = statistics.median(ours), statistics.median(theirs)
    more = statistics.median(cold) - statistics.median(cold_theirs)
    return {
        "restarts": times,
        "on an open session, less the settle time: ms": warm,
        "ssh -S … sudo systemctl restart: ms": warm_theirs,
        "open session / ssh -S": warm / warm_theirs,
        "from argv to exit, less the settle time: ms": statistics.median(cold),
        "ssh … sudo systemctl restart: ms": statistics.median(cold_theirs),
        "from argv to exit, more than ssh: s": more / 1000,
        "open session: at most 1.3x": "yes" if warm <= 1.3 * warm_theirs else "NO",
        "cold: at most 0.6 s more": "yes" if more <= 600 else "NO",
    }


def start_limit(config: FleetConfig, *, off: bool) -> None:
    """Take systemd's limit of starts off the unit, or put it back."""
    folder = f"/run/systemd/system/{UNIT}.d"
    text = f"sudo mkdir -p {folder}; printf '[Unit]\\nStartLimitBurst=0\\n' | sudo tee {folder}/bench.conf"
    change = text if off else f"sudo rm -rf {folder}"
    subprocess.run(
        [*_ssh(config), f"{change} >/dev/null; sudo systemctl daemon-reload; sudo systemctl start {UNIT}"],
        check=True,
    )


if __name__ == "__main__":
    for key, value in run().items():
        print(f"{key:<60} {value:.4g}" if isinstance(value, float) else f"{key:<60} {value}")

"""All units of all hosts of the lab, asked by ansible and by pyinfra, by parallel OpenSSH, and by us.

Each is asked as its own users would ask it ad hoc, with as many hosts at once as there are: by
`pyinfra … exec`, and by `ansible all -m raw`, which needs no Python on the hosts. Every run connects anew, as
ours does: ansible's shared OpenSSH connections are off. The tools are installed from PyPI, for this run, in a
folder of the system's for temporary files. Client CPU is that of all processes a way has started.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from console.model.config import FleetConfig
from console.model.wants import Wants
from tests.bench.bench_picture import measured, ours, ssh_loop
from tests.bench.labs import lab_config

_TOOLS = ("ansible-core", "pyinfra")
_ASK = ("systemctl", "list-units", "--all", "-o", "json")
#: systemd's own output, in the middle of whatever the tool makes of it.
_UNIT = b'"unit"'
_INSTALLS_WITHIN, _ANSWERS_WITHIN = 300.0, 120.0
#: The least share of the units that an answer to the same question tells of.
_SAME = 0.95

Way = Callable[[], Awaitable[int]]


def installed(folder: Path) -> dict[str, str]:
    """The tools in a virtual environment in `folder`: the version of each that could be installed."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin" / "pip"), "--disable-pip-version-check"]
    found: dict[str, str] = {}
    for tool in _TOOLS:
        done = subprocess.run(
            [*pip, "install", "--quiet", tool], capture_output=True, text=True, timeout=_INSTALLS_WITHIN
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["pip says no"])[-1]
            print(f"   left out: {tool}: {last}", file=sys.stderr)
            continue
        shown = subprocess.run([*pip, "show", tool], capture_output=True, text=True, check=True)
        lines = dict(line.split(": ", 1) for line in shown.stdout.splitlines() if ": " in line)
        found[tool] = lines["Version"]
    return found


async def _counted(argv: Sequence[str], environ: Mapping[str, str], folder: Path) -> int:
    """How many units a tool tells of. :raises AssertionError: it failed."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **environ},
        cwd=folder,
    )
    async with asyncio.timeout(_ANSWERS_WITHIN):
        out, _ = await process.communicate()
    assert process.returncode == 0, out[-2000:].decode("utf-8", "replace")
    return out.replace(b'\\"', b'"').count(_UNIT)


def same_question(units: Mapping[str, int]) -> None:
    """See that all ways were told of the same units, but for a few that come and go.

    :raises AssertionError: one was not; its time is no time of this question.
    """
    most = max(units.values())
    assert most > 0, "nobody tells of any unit"
    short = {way: told for way, told in units.items() if told < _SAME * most}
    assert not short, f"of {most} units, {short} were told"


def _ansible(config: FleetConfig, folder: Path) -> Way:
    inventory = folder / "hosts.ini"
    lines = [
        f"{host.name} ansible_host={host.address} ansible_port={host.port or 22} ansible_user={host.user}"
        f" ansible_ssh_private_key_file={host.identity[0]}"
        for host in config.hosts
    ]
    inventory.write_text("\n".join(lines) + "\n")
    environ = {
        "ANSIBLE_SSH_ARGS": "-F none -o ControlMaster=no -o BatchMode=yes"
        f" -o UserKnownHostsFile={config.hosts[0].known_hosts}",
        "ANSIBLE_SSH_USETTY": "False",  # on a terminal systemctl paints its JSON
        "ANSIBLE_FORKS": str(len(config.hosts)),
        "ANSIBLE_HOME": str(folder / "ansible"),
    }
    program = str(folder / "bin" / "ansible")
    argv = [program, "all", "-i", str(inventory), "-m", "raw", "-a", " ".join(_ASK)]
    return lambda: _counted(argv, environ, folder)


def _pyinfra(config: FleetConfig, folder: Path) -> Way:
    inventory = folder / "inventory.py"
    hosts = [
        (
            host.name,
            {
                "ssh_hostname": host.address,
                "ssh_port": host.port or 22,
                "ssh_user": host.user,
                "ssh_key": str(host.identity[0]),
                "ssh_known_hosts_file": str(host.known_hosts),
                "ssh_strict_host_key_checking": "yes",
            },
        )
        for host in config.hosts
    ]
    inventory.write_text(f"hosts = {hosts!r}\n")
    argv = [str(folder / "bin" / "pyinfra"), "-y", "-vv", str(inventory), "exec", "--", *_ASK]
    return lambda: _counted(argv, {}, folder)


_WAYS: Mapping[str, Callable[[FleetConfig, Path], Way]] = {"ansible-core": _ansible, "pyinfra": _pyinfra}


async def _compare(config: FleetConfig, folder: Path, runs: int) -> dict[str, object]:
    versions = await asyncio.to_thread(installed, folder)
    ways: dict[str, Way] = {
        "ours": lambda: ours(config, Wants(containers=False, os=False)),
        "ssh loop": lambda: ssh_loop(config),
        **{f"{tool} {version}": _WAYS[tool](config, folder) for tool, version in versions.items()},
    }
    # Imports and first-time costs are not what is compared.
    units = {name: await way() for name, way in ways.items()}
    same_question(units)
    taken: dict[str, list[tuple[float, float, int]]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            taken[name].append(await measured(way))
    hosts = len(config.hosts)
    result: dict[str, object] = {"hosts": hosts}
    medians = {
        name: [statistics.median(row[at] for row in rows) for at in (0, 1)] for name, rows in taken.items()
    }
    for name, (wall, cpu) in medians.items():
        result[f"{name}: units told"] = units[name]
        result[f"{name}: wall, ms"] = 1000 * wall
        result[f"{name}: client CPU a host, ms"] = 1000 * cpu / hosts
    for name, (wall, cpu) in medians.items():
        if name != "ours":
            result[f"{name} / ours: wall"] = wall / medians["ours"][0]
            result[f"{name} / ours: client CPU"] = cpu / medians["ours"][1]
    return result


def run(runs: int = 5) -> dict[str, object]:
    """Medians over `runs` runs of each way, in turn."""
    config = lab_config()
    if config is None:
        return {}
    with tempfile.TemporaryDirectory(prefix="quarterdeck-bench-") as folder:
        return asyncio.run(_compare(config, Path(folder), runs))

"""The engine as it is shipped: as a service of systemd's, and in a container on a host without Python."""

from __future__ import annotations

import asyncio
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from console.fleet.config import load_config
from console.lab.lab import Lab, default_cache, default_root
from tests.lab.conftest import narrate
from tests.lab.shipping import ROOT, base, configuration, packages, sent, source, unpacked
from tests.lab.truth import Truth

pytestmark = pytest.mark.full

_HERE = "quarterdeck-engine.service"

_UNIT = """\
[Unit]
Description=A test
[Service]
ExecStart=/bin/sleep infinity
[X-Quarterdeck]
Require=kind=plain
"""

#: What a host without Python takes: the program in a system of its own. The rest of the unit is as shipped.
_DROP_IN = """\
[Service]
RootDirectory=/srv/program
MountAPIVFS=yes
Environment=PATH=/opt/quarterdeck/bin:/usr/bin:/bin
LoadCredential=key:/srv/program/etc/quarterdeck/id_ed25519
LoadCredential=etcd:/srv/program/etc/quarterdeck/etcd/client.key
WatchdogSec=3
"""

_INSTALL = """\
python3 -m venv --system-site-packages /opt/quarterdeck &&
cd /src && export PIP_NO_INDEX=1 PIP_FIND_LINKS=/src/wheels &&
/opt/quarterdeck/bin/pip install -q --require-hashes -r requirements-run.lock &&
/opt/quarterdeck/bin/pip install -q --no-deps .
"""


@dataclass
class Fleet:
    """A docker host, a plain one and an etcd, and no engine but what a test starts."""

    lab: Lab
    truth: Truth
    config: Path
    folder: Path

    def root(self, host: str, command: str) -> str:
        """What a command prints that root runs on a host."""
        return self.truth.ask(host, f"sudo sh -c {shlex.quote(command)}").strip()

    def leader(self) -> str | None:
        """Who leads, as etcd says."""
        said = json.loads(self.run("engine", "status", "-o", "json"))
        name: str | None = said["leader"]
        return name

    def run(self, *words: str) -> str:
        """A command line of ours."""
        argv = [sys.executable, "-m", "console", "--config", str(self.config), *words]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def until(self, condition: Callable[[], object], what: str, within: float = 90) -> None:
        deadline = time.monotonic() + within
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"not within {within:g} s: {what}")
            time.sleep(0.3)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    lab = Lab(default_root().with_name("lab-tests") / "shipped", default_cache(), narrate)
    asyncio.run(lab.down())
    try:
        config = asyncio.run(lab.up({"docker": 1, "plain": 1, "etcd": 1}, exact=True)).config
        yield Fleet(lab, Truth(load_config(config)), config, tmp_path_factory.mktemp("shipped"))
    finally:
        asyncio.run(lab.down())


def test_in_a_container_on_a_host_without_python_it_is_elected_and_places_a_service(fleet: Fleet) -> None:
    sent(fleet.truth, "docker1", base(), "docker import - lab/python")
    arguments = ("BASE=lab/python", "PIP_NO_INDEX=1", "PIP_FIND_LINKS=/src")
    build = ["docker", "build", "--quiet", "--network=none", "-f", "console/engine/Containerfile"]
    build += [f"--build-arg={argument}" for argument in arguments]
    context = source(("wheels", packages()))
    sent(fleet.truth, "docker1", context, shlex.join([*build, "-t", "quarterdeck-engine", "-"]))
    given = configuration(fleet.config, "/etc/quarterdeck/id_ed25519")
    unpacked(fleet.truth, "docker1", given, "/srv/engine")
    fleet.root("docker1", "chown -R 10001 /srv/engine")
    run = [
        "docker",
        "run",
        "-d",
        "--name",
        "engine",
        "--network=host",
        "-v",
        "/srv/engine:/etc/quarterdeck:ro",
    ]
    fleet.truth.ask("docker1", shlex.join([*run, "quarterdeck-engine"]))
    try:
        fleet.until(fleet.leader, "it is elected")
        (fleet.folder / "placed.service").write_text(_UNIT)
        fleet.run("service", "start", str(fleet.folder / "placed.service"), "--yes", "--timeout", "60s")
        assert fleet.root("plain1", "systemctl is-active placed.service") == "active"
        fleet.truth.ask("docker1", "docker stop --time 20 engine")
        assert fleet.truth.ask("docker1", "docker inspect -f '{{.State.ExitCode}}' engine").strip() == "0"
        assert fleet.leader() is None
        assert fleet.root("plain1", "systemctl is-active placed.service") == "active", "it runs on"
    finally:
        fleet.truth.ask("docker1", "docker rm -f engine")


def test_as_a_service_it_says_when_it_is_ready_and_one_that_hangs_is_started_anew(fleet: Fleet) -> None:
    unpacked(fleet.truth, "plain1", base(), "/srv/program")
    unpacked(fleet.truth, "plain1", source(("wheels", packages())), "/srv/program/src")
    credentials = f"/run/credentials/{_HERE}"
    given = configuration(fleet.config, f"{credentials}/key")
    unpacked(fleet.truth, "plain1", given, "/srv/program/etc/quarterdeck")
    fleet.root(
        "plain1",
        f"sed -i 's|/etc/quarterdeck/etcd/client.key|{credentials}/etcd|'"
        " /srv/program/etc/quarterdeck/fleet.toml",
    )
    inside = [
        "systemd-run",
        "--quiet",
        "--wait",
        "--pipe",
        "-p",
        "RootDirectory=/srv/program",
        "-p",
        "MountAPIVFS=yes",
    ]
    sent(fleet.truth, "plain1", _INSTALL.encode(), f"sudo {shlex.join(inside)} sh -es")
    unit = (ROOT / "console/engine" / _HERE).read_bytes()
    sent(fleet.truth, "plain1", unit, f"sudo tee /etc/systemd/system/{_HERE}")
    fleet.root("plain1", f"mkdir -p /etc/systemd/system/{_HERE}.d")
    sent(fleet.truth, "plain1", _DROP_IN.encode(), f"sudo tee /etc/systemd/system/{_HERE}.d/test.conf")
    fleet.root("plain1", "systemctl daemon-reload")
    assert fleet.root("plain1", f"systemd-analyze verify --man=no {_HERE} 2>&1") == ""

    def shown(name: str) -> str:
        return fleet.root("plain1", f"systemctl show -P {name} {_HERE}")

    fleet.root("plain1", f"systemctl start {_HERE}")
    try:
        fleet.until(
            lambda: shown("StatusText").startswith("leading the fleet"), "its status says that it leads"
        )
        exposed = fleet.root("plain1", f"systemd-analyze security --no-pager {_HERE} | tail -n 1")
        assert fleet.leader() is not None
        fleet.root("plain1", f"kill -STOP {shown('MainPID')}")
        fleet.until(lambda: shown("NRestarts") == "1", "systemd has seen that it hangs", 30)
        said = fleet.root("plain1", f"journalctl -u {_HERE} --no-pager -o cat")
        assert "Watchdog timeout" in said
        fleet.until(lambda: shown("StatusText").startswith("leading the fleet"), "it leads again", 60)
        fleet.root("plain1", f"systemctl stop {_HERE}")
        assert shown("Result") == "success"
        assert fleet.leader() is None
        assert "OK" in exposed, exposed
    finally:
        fleet.root(
            "plain1", f"systemctl stop {_HERE}; rm -rf /etc/systemd/system/{_HERE}*; systemctl daemon-reload"
        )

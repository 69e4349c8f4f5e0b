"""fleet's own functional tests, by number and name: the client and the list of machines (docs/fleet.md).

client_test.go, fleetctl_test.go and machines_test.go. Labels are set by `host label`; fleet had its HTTP API
for that.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import asyncssh
import pytest

from console import __version__
from tests.lab.fleet.fleetctl import Fleetctl


def machines(fleetctl: Fleetctl) -> dict[str, str]:
    """The metadata of each machine, by its address."""
    return {row[1]: row[2] for row in fleetctl.rows("list-machines")}


def quarterdeck(*words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "console.cli.main", *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


def test_01_known_hosts_verification(fleetctl: Fleetctl) -> None:
    """A host that another key than the known one speaks for is refused, until its key is known."""
    led, folder = fleetctl.placing, fleetctl.console.folder
    host = led.hosts[0]
    true = led.truth.config.hosts[0].known_hosts
    assert true is not None
    assert fleetctl("ssh", host, "--", "echo", "foo").endswith("foo\n")
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    (folder / "known_hosts").write_text(f"{led.address(host)} {other}")
    fleet = (folder / "fleet.toml").read_text()
    (folder / "fleet.toml").write_text(fleet.replace(str(true), str(folder / "known_hosts")))
    fleetctl("ssh", host, "--", "echo", "foo", code=4)
    (folder / "known_hosts").write_text(true.read_text())
    assert fleetctl("ssh", host, "--", "echo", "foo").endswith("foo\n")


def test_02_fleetctl_with_env(fleetctl: Fleetctl, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the fleet's file says nothing of etcd, its address comes from the environment."""
    folder = fleetctl.console.folder
    file = folder / "fleet.toml"
    file.write_text(file.read_text().partition("[etcd]")[0])
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    monkeypatch.setenv("ETCDCTL_ENDPOINTS", fleetctl.placing.endpoint)
    seen = replace(fleetctl.placing, prefix="/quarterdeck/")
    try:
        done = quarterdeck("--config", str(file), "submit", fleetctl.write("hello.service"), "--yes")
        assert done.returncode == 0, done
        assert seen.services().keys() == {"hello.service"}
        assert (
            len(quarterdeck("--config", str(file), "list-machines", "--no-legend").stdout.splitlines()) == 3
        )
    finally:
        seen.wipe()


def test_06_client_version_flag() -> None:
    assert quarterdeck("--version").stdout == f"quarterdeck {__version__}\n"


def test_07_client_version_help_output() -> None:
    """The help says which version it is of."""
    assert __version__ in quarterdeck("help").stdout


def test_08_client_help_flag() -> None:
    """`--help`, `-h`, `help` and no word at all say the same; the last is no line, and ends as such."""
    said = [quarterdeck(*words) for words in (["--help"], ["-h"], ["help"], [])]
    assert [done.returncode for done in said] == [0, 0, 0, 2]
    assert len({done.stdout for done in said}) == 1
    assert said[0].stdout.startswith("usage: quarterdeck")


def test_10_machines_list(fleetctl: Fleetctl) -> None:
    led = fleetctl.placing
    found = {row[0] for row in fleetctl.rows("list-machines", "--full")}
    assert found == {said.strip() for said in led.ask_all("cat /etc/machine-id").values()}


def test_12_machines_patch_add_modify(fleetctl: Fleetctl) -> None:
    """Labels that are set, new and known ones, of several hosts, are what the list shows."""
    led = fleetctl.placing
    first, second, third = (led.address(host) for host in led.hosts)
    fleetctl("host", "label", "--on", ",".join(led.hosts[:2]), "foo=bar", "zone=x")
    found = machines(fleetctl)
    assert found[first] == found[second] == "foo=bar,kind=plain,role=web,zone=x"
    assert found[third] == "kind=plain,role=db,zone=c"
    fleetctl("host", "label", "--on", led.hosts[0], "foo-", "zone=a")
    fleetctl("host", "label", "--on", led.hosts[1], "foo-", "zone=b")


def test_13_machines_patch_delete(fleetctl: Fleetctl) -> None:
    """A label that is taken away is gone from the list, and from what units can ask for."""
    led = fleetctl.placing
    first = led.address(led.hosts[0])
    fleetctl("host", "label", "--on", led.hosts[0], "foo=bar")
    fleetctl.start("hello.service", "MachineMetadata=foo=bar")
    fleetctl("host", "label", "--on", led.hosts[0], "foo-")
    assert machines(fleetctl)[first] == "kind=plain,role=web,zone=a"
    led.until(lambda: led.reason("hello.service") == "require on 3", "it may run nowhere any more")


@pytest.mark.parametrize("label", ["foo", "=bar", "zone"])
def test_14_machines_patch_bad(fleetctl: Fleetctl, label: str) -> None:
    """What is no label is refused, also beside one that is, and nothing is changed."""
    before = machines(fleetctl)
    fleetctl("host", "label", "--on", fleetctl.placing.hosts[0], "good=one", label, code=2)
    assert machines(fleetctl) == before

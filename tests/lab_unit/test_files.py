"""What the lab writes for others to read."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from console.errors import LabError
from console.fleet.config import parse_config
from console.lab import state
from console.lab.boot import BootSpec, deployment_argv, nspawn_argv, overlay_options
from console.lab.bootloader import Chosen, Entry
from console.lab.fleetfile import Etcd, fleet_toml, known_hosts_text, labels
from console.lab.layout import Layout, default_cache, default_root
from console.lab.plan import Place, Subnet
from console.lab.proxy import ProxySpec
from console.lab.wiring import Wiring

HOSTS = (Place("docker1", "docker", 11), Place("docker2", "docker", 12), Place("plain1", "plain", 13))
WIRING = Wiring("qd1", "qd1-11", "02:00:00:00:00:0b", ("198.18.7.11/24",), ("198.18.7.0/24",))


def test_the_fleet_file_is_what_the_console_reads() -> None:
    text = fleet_toml(HOSTS, Subnet(7), Path('/odd "place"/key'), Path("/lab/known_hosts"))
    parsed = tomllib.loads(text)
    assert parsed["fleet"] == {"name": "lab"}
    assert parsed["ssh"] == {
        "user": "core",
        "identity": '/odd "place"/key',
        "known_hosts": "/lab/known_hosts",
    }
    assert parsed["host"][2] == {
        "name": "plain1",
        "address": "198.18.7.13",
        "port": 22,
        "labels": {"role": "db", "zone": "c", "kind": "plain"},
    }


def test_the_console_finds_the_labs_etcd_by_the_fleet_file(tmp_path: Path) -> None:
    ca, cert, key, file = (tmp_path / name for name in ("ca.pem", "client.pem", "client.key", "id"))
    for path in (ca, cert, key, file):
        path.touch()
    endpoints = ("https://198.19.7.11:2379", "https://198.19.7.12:2379")
    text = fleet_toml(HOSTS, Subnet(7), file, file, Etcd(endpoints, ca, cert, key))
    etcd = parse_config(text, tmp_path / "fleet.toml").etcd
    assert etcd is not None
    assert (etcd.endpoints, etcd.ca, etcd.cert, etcd.key) == (endpoints, ca, cert, key)
    assert parse_config(fleet_toml(HOSTS, Subnet(7), file, file), tmp_path / "fleet.toml").etcd is None


def test_a_fleet_of_no_hosts_is_a_valid_file() -> None:
    assert "host" not in tomllib.loads(fleet_toml((), Subnet(7), Path("/k"), Path("/h")))


def test_roles_and_zones_go_round() -> None:
    marks = [labels(Place("x", "plain", 11 + n)) for n in range(4)]
    assert [mark["role"] for mark in marks] == ["web", "web", "db", "web"]
    assert [mark["zone"] for mark in marks] == ["a", "b", "c", "a"]


def test_known_hosts_has_a_line_for_each_address_without_the_comment() -> None:
    assert (
        known_hosts_text([("198.18.7.11", "ssh-ed25519 AAAA docker1\n")]) == "198.18.7.11 ssh-ed25519 AAAA\n"
    )


def test_names_on_the_machine_fit_the_kernel_and_differ_by_root_and_machine() -> None:
    one, other = Layout(Path("/a"), "m1"), Layout(Path("/b"), "m1")
    assert Layout(Path("/a"), "m2").id != one.id
    for name in (one.bridge, one.link(250), one.proxy_link(250)):
        assert len(name) <= 15
    assert one.bridge != other.bridge
    assert one.mac(11) != other.mac(11)
    assert one.mac(11) != one.mac(11, proxy=True)


def test_folders_are_overridden_by_our_own_variables_then_by_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QUARTERDECK_LAB_ROOT", raising=False)
    monkeypatch.delenv("QUARTERDECK_LAB_CACHE", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/ignored")
    monkeypatch.setenv("HOME", "/home/me")
    assert default_root() == Path("/state/quarterdeck/lab")
    assert default_cache() == Path("/home/me/.cache/quarterdeck/lab")
    monkeypatch.setenv("QUARTERDECK_LAB_ROOT", "/mine")
    assert default_root() == Path("/mine")


def test_the_state_comes_back_as_it_was_written(tmp_path: Path) -> None:
    state.save(tmp_path / "lab.json", Subnet(7), HOSTS)
    assert state.load(tmp_path / "lab.json") == state.State(Subnet(7), HOSTS)
    assert state.load(tmp_path / "none.json") is None


def test_a_state_file_that_is_not_ours_is_said_to_be_so(tmp_path: Path) -> None:
    file = tmp_path / "lab.json"
    for text in ("", "[]", '{"subnet": 7}', '{"subnet": 7, "hosts": [{"name": "x"}]}'):
        file.write_text(text)
        with pytest.raises(LabError, match="cannot be read"):
            state.load(file)


def test_a_host_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(LabError, match=r"no host called web9 \(there are: docker1, docker2, plain1\)"):
        state.State(Subnet(7), HOSTS).host("web9")


def test_a_boot_spec_survives_its_file(tmp_path: Path) -> None:
    spec = BootSpec(
        name="docker1",
        machine="qd1-docker1",
        folder=tmp_path,
        layers=(Path("/image/docker"), Path("/image/tree")),
        binds={"/var/lib/docker": tmp_path / "storage"},
        wiring=WIRING,
    )
    spec.write(tmp_path / "boot.json")
    assert BootSpec.read(tmp_path / "boot.json") == spec
    assert overlay_options(spec) == (
        f"lowerdir=/image/docker:/image/tree,upperdir={tmp_path}/upper,workdir={tmp_path}/work"
    )
    assert f"--bind={tmp_path}/storage:/var/lib/docker" in nspawn_argv(spec)


def test_a_host_with_a_sysroot_boots_what_its_boot_loader_chose(tmp_path: Path) -> None:
    spec = BootSpec("atomic1", "qd1-atomic1", tmp_path, (), {}, WIRING)
    deployment = tmp_path / "sysroot/ostree/deploy/lab/deploy/abc.0"
    entry = Entry("Lab OS 1.0", 1, ("ostree=/ostree/boot.0/lab/abc/0", "quiet"))
    argv = deployment_argv(spec, Chosen(entry, deployment))
    assert f"--bind={deployment}/etc:/etc" in argv
    assert f"--bind={tmp_path}/sysroot/ostree/deploy/lab/var:/var" in argv
    assert argv[-2:] == ["ostree=/ostree/boot.0/lab/abc/0", "quiet"], "init's own arguments come last"
    one = replace(spec, etc=tmp_path / "etc")
    one.write(tmp_path / "boot.json")
    argv = deployment_argv(BootSpec.read(tmp_path / "boot.json"), Chosen(entry, deployment))
    assert f"--bind={tmp_path}/etc:/etc" in argv, "one for all of its systems"


def test_a_proxy_spec_survives_its_file(tmp_path: Path) -> None:
    spec = ProxySpec(
        "198.18.7.11", "198.19.7.11", tmp_path / "ready", WIRING, delay=0.2, rate=None, stall=True
    )
    spec.write(tmp_path / "proxy.json")
    assert ProxySpec.read(tmp_path / "proxy.json") == spec

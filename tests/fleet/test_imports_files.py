"""`host import`: what ends up in the fleet file."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from console.errors import ConfigError
from console.fleet.config import load_config
from console.fleet.imports import import_hosts


def test_hosts_of_an_inventory_are_written_behind_what_is_there(tmp_path: Path) -> None:
    fleet, inventory = tmp_path / "fleet.toml", tmp_path / "hosts"
    fleet.write_bytes(b"# mine\r\n[[host]]\r\nname = 'web1'\r\n")
    fleet.chmod(0o640)
    inventory.write_text("web[1:2] ansible_host=198.18.7.1\n")
    done = import_hosts(fleet, ansible=inventory)
    assert (done.added, done.skipped, done.notes) == (("web2",), ("web1",), ())
    assert fleet.read_bytes() == b"# mine\r\n[[host]]\r\nname = 'web1'\r\n"  # not before it is asked for
    done.write()
    assert fleet.read_bytes().startswith(b"# mine\r\n[[host]]\r\nname = 'web1'\r\n")
    assert [host.name for host in load_config(fleet).hosts] == ["web1", "web2"]
    assert stat.S_IMODE(fleet.stat().st_mode) == 0o640
    assert import_hosts(fleet, ansible=inventory).added == ()


def test_a_fleet_file_and_its_folder_are_made(tmp_path: Path) -> None:
    fleet, config = tmp_path / "new" / "quarterdeck" / "fleet.toml", tmp_path / "ssh"
    config.write_text("Host web1\n    HostName 198.18.7.11\n    User core\n")
    import_hosts(fleet, ssh_config=config).write()
    (host,) = load_config(fleet).hosts
    assert (host.name, host.address, host.user) == ("web1", "198.18.7.11", "core")
    assert [path.name for path in fleet.parent.iterdir()] == ["fleet.toml"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("web1\n")
    (tmp_path / "real.toml").touch()
    (tmp_path / "fleet.toml").symlink_to("real.toml")
    import_hosts(tmp_path / "fleet.toml", ansible=tmp_path / "hosts").write()
    assert (tmp_path / "fleet.toml").is_symlink()
    assert "web1" in (tmp_path / "real.toml").read_text()


def test_a_key_file_that_is_missing_is_left_out_and_told(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    (tmp_path / "config").write_text("Host a\nIdentityFile there\nIdentityFile /nowhere/id\n")
    done = import_hosts(tmp_path / "fleet.toml", ssh_config=tmp_path / "config")
    assert done.notes == ('a: its key file "/nowhere/id" is left out, there is no such file',)
    done.write()
    assert load_config(tmp_path / "fleet.toml").hosts[0].identity == (tmp_path / "there",)


def test_a_file_that_cannot_be_written_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("web1\n")
    done = import_hosts(tmp_path / "hosts" / "fleet.toml", ansible=tmp_path / "hosts")
    with pytest.raises(ConfigError, match="cannot be written: "):
        done.write()
    assert os.listdir(tmp_path) == ["hosts"]


def test_nothing_to_import_from_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="none: no such file"):
        import_hosts(tmp_path / "fleet.toml", ansible=tmp_path / "none")

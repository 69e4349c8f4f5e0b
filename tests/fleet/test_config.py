"""A right fleet file, and where it is found."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from console.errors import ConfigError, UsageError
from console.fleet.config import config_home, find_config, load_config
from console.model.config import EtcdConfig, FleetConfig, HostConfig, KeySetting, TerminalConfig


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    (folder / ".ssh").mkdir(parents=True)
    for name in ("id_ed25519", "id_rsa", "known_hosts"):
        (folder / ".ssh" / name).touch()
    monkeypatch.setenv("HOME", str(folder))
    return folder


def load(folder: Path, text: str, name: str = "fleet.toml") -> FleetConfig:
    path = folder / name
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return load_config(path)


def test_the_file_of_the_documentation(home: Path, tmp_path: Path) -> None:
    config = load(
        tmp_path,
        """
        [fleet]
        name = "prod"
        timezone = "Europe/Berlin"
        read_only = true
        [etcd]
        endpoints = ["http://127.0.0.1:2379"]
        [ssh]                       # defaults for all hosts
        user = "core"
        become = "none"
        identity = "~/.ssh/id_ed25519"
        known_hosts = "~/.ssh/known_hosts"
        port = 2222
        [[host]]
        name = "web1"
        address = "198.18.7.11"
        port = 22
        labels = { role = "web", zone = "a" }
        [[host]]
        name = "here"
        transport = "local"
        """,
    )
    assert config == FleetConfig(
        path=tmp_path / "fleet.toml",
        name="prod",
        timezone="Europe/Berlin",
        read_only=True,
        etcd=EtcdConfig(endpoints=("http://127.0.0.1:2379",)),
        ssh=HostConfig(
            "",
            port=2222,
            user="core",
            become="none",
            identity=(home / ".ssh/id_ed25519",),
            known_hosts=home / ".ssh/known_hosts",
        ),
        hosts=(
            HostConfig(
                name="web1",
                address="198.18.7.11",
                port=22,
                user="core",
                become="none",
                identity=(home / ".ssh/id_ed25519",),
                known_hosts=home / ".ssh/known_hosts",
                labels={"role": "web", "zone": "a"},
            ),
            HostConfig(name="here", transport="local", become="none"),
        ),
    )


def test_an_empty_file_is_a_fleet_without_hosts(tmp_path: Path) -> None:
    assert load(tmp_path, "", "prod.toml") == FleetConfig(path=tmp_path / "prod.toml", name="prod", hosts=())


def test_a_file_whose_name_cannot_be_a_fleets_gives_the_plain_name(tmp_path: Path) -> None:
    assert load(tmp_path, "", "my hosts.toml").name == "fleet"


def test_a_host_needs_a_name_and_nothing_more(tmp_path: Path) -> None:
    assert load(tmp_path, "[[host]]\nname = 'web1'").hosts == (HostConfig(name="web1"),)


def test_a_hosts_own_keys_override_ssh(home: Path, tmp_path: Path) -> None:
    (tmp_path / "own_hosts").touch()
    config = load(
        tmp_path,
        """
        [ssh]
        user = "core"
        become = "none"
        identity = ["~/.ssh/id_ed25519", "~/.ssh/id_rsa"]
        known_hosts = "~/.ssh/known_hosts"
        port = 2222
        [[host]]
        name = "own"
        user = "ops"
        become = "sudo"
        identity = []
        known_hosts = "own_hosts"
        port = 22
        [[host]]
        name = "default"
        """,
    )
    own, default = config.hosts
    assert own == HostConfig(
        name="own", user="ops", become="sudo", known_hosts=tmp_path / "own_hosts", port=22
    )
    assert default == HostConfig(
        name="default",
        user="core",
        become="none",
        identity=(home / ".ssh/id_ed25519", home / ".ssh/id_rsa"),
        known_hosts=home / ".ssh/known_hosts",
        port=2222,
    )


def test_openssh_s_own_config_can_be_left_out(tmp_path: Path) -> None:
    assert load(tmp_path, "[ssh]\nconfig = false").ssh_config is False
    assert load(tmp_path, "[ssh]\nuser = 'core'").ssh_config is True


def test_every_key_of_etcd(tmp_path: Path) -> None:
    for name in ("ca.pem", "cert.pem", "key.pem", "secret"):
        (tmp_path / name).touch()
    config = load(
        tmp_path,
        f"""
        [etcd]
        endpoints = ["https://etcd1:2379/", "https://[::1]:2379"]
        ca = "ca.pem"
        cert = "./cert.pem"
        key = "{tmp_path}/key.pem"
        user = "quarterdeck"
        password_file = "secret"
        prefix = "/ops/prod"
        """,
    )
    assert config.etcd == EtcdConfig(
        endpoints=("https://etcd1:2379", "https://[::1]:2379"),
        ca=tmp_path / "ca.pem",
        cert=tmp_path / "cert.pem",
        key=tmp_path / "key.pem",
        user="quarterdeck",
        password_file=tmp_path / "secret",
        prefix="/ops/prod/",
    )


def test_every_key_of_the_terminal(tmp_path: Path) -> None:
    text = "[terminal]\ntheme = 'okabe-ito-dark'\nrate = 2\nmouse = false"
    assert load(tmp_path, text).terminal == TerminalConfig("okabe-ito-dark", 2.0, False)


def test_the_keys_of_an_action_are_one_or_several_or_none_each_with_its_line(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        """\
        [keys]
        go.hosts = "f7"
        "list.page_up" = ["pgup", "alt+b"]
        app.quit = ""
        app.help = []
        [keys.log]
        wrap = "W"
        """,
    )
    assert config.keys == {
        "go.hosts": KeySetting(("f7",), 2),
        "list.page_up": KeySetting(("pgup", "alt+b"), 3),
        "app.quit": KeySetting((), 4),
        "app.help": KeySetting((), 5),
        "log.wrap": KeySetting(("W",), 7),
    }


def test_a_relative_path_starts_at_the_files_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "id").touch()
    (tmp_path / "lab" / "fleet.toml").write_text("[ssh]\nidentity = 'id'\n[[host]]\nname = 'a'\n")
    monkeypatch.chdir(tmp_path)
    assert load_config(Path("lab/fleet.toml")).hosts[0].identity == (tmp_path / "lab" / "id",)


@pytest.mark.parametrize(
    "address",
    ["198.18.7.11", "web1", "web1.example.com", "fe80::1%eth0", "::1", "xn--bcher-kva.example", "_gateway"],
)
def test_an_address_is_taken_as_it_stands(tmp_path: Path, address: str) -> None:
    text = f"[[host]]\nname = 'a'\naddress = '{address}'"
    assert load(tmp_path, text).hosts[0].address == address


def test_a_byte_order_mark_and_windows_line_ends_are_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    path.write_bytes(b"\xef\xbb\xbf[fleet]\r\nname = 'prod'\r\n")
    assert load_config(path).name == "prod"


def test_utc_needs_no_time_zone_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(key: str) -> None:
        raise AssertionError(key)

    monkeypatch.setattr("console.fleet.config_values.ZoneInfo", missing)
    assert load(tmp_path, "[fleet]\ntimezone = 'UTC'").timezone == "UTC"


class TestFinding:
    """`--config`, else the environment, else the XDG folder; `--fleet` for one of several."""

    def test_config_wins_over_all(self, tmp_path: Path) -> None:
        environ = {"QUARTERDECK_CONFIG": "/other.toml", "HOME": str(tmp_path)}
        assert find_config(Path("mine.toml"), None, environ) == Path("mine.toml")

    def test_the_environment_comes_next(self, tmp_path: Path) -> None:
        environ = {"QUARTERDECK_CONFIG": "/other.toml", "HOME": str(tmp_path)}
        assert find_config(None, None, environ) == Path("/other.toml")
        environ["QUARTERDECK_CONFIG"] = "~/mine.toml"
        assert find_config(None, None, environ) == tmp_path / "mine.toml"

    def test_an_empty_variable_is_as_good_as_none(self, tmp_path: Path) -> None:
        environ = {"QUARTERDECK_CONFIG": "", "XDG_CONFIG_HOME": "", "HOME": str(tmp_path)}
        assert find_config(None, None, environ) == tmp_path / ".config/quarterdeck/fleet.toml"

    def test_the_xdg_folder_is_the_default(self, tmp_path: Path) -> None:
        environ = {"XDG_CONFIG_HOME": "/xdg", "HOME": str(tmp_path)}
        assert find_config(None, None, environ) == Path("/xdg/quarterdeck/fleet.toml")

    def test_a_relative_xdg_folder_is_ignored_as_its_specification_says(self, tmp_path: Path) -> None:
        environ = {"XDG_CONFIG_HOME": "relative", "HOME": str(tmp_path)}
        assert config_home(environ) == tmp_path / ".config/quarterdeck"

    def test_a_fleet_is_found_by_name_before_the_environment(self, tmp_path: Path) -> None:
        fleets = tmp_path / "quarterdeck" / "fleets"
        fleets.mkdir(parents=True)
        (fleets / "prod.toml").touch()
        environ = {"XDG_CONFIG_HOME": str(tmp_path), "QUARTERDECK_CONFIG": "/other.toml"}
        assert find_config(None, "prod", environ) == fleets / "prod.toml"

    def test_a_fleet_that_does_not_exist_names_those_that_do(self, tmp_path: Path) -> None:
        fleets = tmp_path / "quarterdeck" / "fleets"
        fleets.mkdir(parents=True)
        for name in ("prod.toml", "lab.toml", "notes.txt"):
            (fleets / name).touch()
        with pytest.raises(UsageError) as caught:
            find_config(None, "prdo", {"XDG_CONFIG_HOME": str(tmp_path)})
        assert '"prdo"' in caught.value.message
        assert caught.value.hint == "there are lab, prod"

    def test_a_fleets_name_is_no_path(self, tmp_path: Path) -> None:
        (tmp_path / "quarterdeck" / "fleets").mkdir(parents=True)
        (tmp_path / "quarterdeck" / "secret.toml").touch()
        with pytest.raises(UsageError, match="there is no fleet"):
            find_config(None, "../secret", {"XDG_CONFIG_HOME": str(tmp_path)})

    def test_both_config_and_fleet_is_a_usage_error(self) -> None:
        with pytest.raises(UsageError, match="--config and --fleet"):
            find_config(Path("a.toml"), "prod", {})

    def test_a_missing_file_says_how_to_make_one(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            load_config(tmp_path / "none.toml")
        assert str(caught.value).startswith(f"{tmp_path}/none.toml: no such file")
        assert "quarterdeck host import --ssh-config" in str(caught.value)
        assert "quarterdeck lab up" in str(caught.value)

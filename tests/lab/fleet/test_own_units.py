"""fleet's own functional tests, by number and name: what its lines do to units (docs/fleet.md).

unit_action_test.go, install_test.go, systemd_test.go and tunnel_test.go; each wait has fleet's 15 seconds.
"""

from __future__ import annotations

import pytest

from tests.lab.fleet.fleetctl import Fleetctl, unit


def hellos(fleetctl: Fleetctl, count: int) -> list[str]:
    """Instances of a template that lies beside them, as fleet's tests named them."""
    fleetctl.write("hello@.service")
    return [f"hello@{number}.service" for number in range(1, count + 1)]


def listed(fleetctl: Fleetctl) -> list[str]:
    return [row[0] for row in fleetctl.rows("list-unit-files")]


def active(fleetctl: Fleetctl) -> list[str]:
    return [row[0] for row in fleetctl.rows("list-units", "--fields=unit,active") if row[1] == "active"]


def test_09_install_unit(fleetctl: Fleetctl) -> None:
    """`[Install] WantedBy=` of a unit that is loaded beside another acts when that starts."""
    led = fleetctl.placing
    fleetctl("load", fleetctl.write("hello.service"))
    discovery = unit(
        "MachineOf=hello.service",
        unit="BindsTo=hello.service\nAfter=hello.service",
        install="WantedBy=hello.service",
    )
    fleetctl("load", fleetctl.write("discovery.service", text=discovery))
    assert not active(fleetctl)
    fleetctl("start", "hello.service")
    led.until(lambda: len(active(fleetctl)) == 2, "it is started too")
    fleetctl("stop", "hello.service")
    led.until(lambda: not active(fleetctl), "it is stopped too")


def test_30_systemd_unit_flow(fleetctl: Fleetctl) -> None:
    """Loaded it is there and dead, started it runs, stopped it is there, unloaded it is gone."""
    led = fleetctl.placing
    fleetctl("load", fleetctl.write("hello.service"))
    ((_, machine),) = fleetctl.rows("list-units", "--fields=unit,machine")
    (host,) = (host for host in led.hosts if machine.endswith(f"/{led.address(host)}"))

    def states() -> str:
        return led.ask(host, "systemctl show -P LoadState -P ActiveState -P SubState hello.service")

    assert states().split() == ["loaded", "inactive", "dead"]
    fleetctl("start", "hello.service")
    assert states().split() == ["loaded", "active", "running"]
    fleetctl("stop", "hello.service")
    assert states().split() == ["loaded", "inactive", "dead"]
    fleetctl("unload", "hello.service")
    assert states().split() == ["not-found", "inactive", "dead"]


def test_31_tunnel_schedule_batch_units(fleetctl: Fleetctl, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all hosts but one behind that one, as OpenSSH's own configuration has it."""
    first, *behind = fleetctl.placing.hosts
    through_jump(fleetctl, first, behind, monkeypatch)
    ((_, _, seen, *_),) = fleetctl.rows("ssh", behind[0], "--", "printenv", "SSH_CONNECTION")
    assert seen == fleetctl.placing.address(first)
    one, *batch = hellos(fleetctl, 11)
    fleetctl("start", one)
    fleetctl("start", *batch)
    assert len(active(fleetctl)) == 11


def through_jump(fleetctl: Fleetctl, first: str, behind: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the console know of hosts only by name, and OpenSSH's configuration of the way there."""
    led, folder = fleetctl.placing, fleetctl.console.folder
    host = led.truth.config.hosts[0]
    lines = [f"Host *\n  IdentityFile {host.identity[0]}\n  UserKnownHostsFile {host.known_hosts}\n"]
    for name in (first, *behind):
        lines.append(f"Host {name}\n  HostName {led.address(name)}\n  User {host.user}\n")
        if name != first:
            lines.append(f"  ProxyJump {host.user}@{led.address(first)}\n")
    (folder / ".ssh").mkdir()
    (folder / ".ssh/config").write_text("".join(lines))
    monkeypatch.setenv("HOME", str(folder))
    tables = "".join(f'[[host]]\nname = "{name}"\n' for name in (first, *behind))
    etcd = f'[etcd]\nendpoints = ["{led.endpoint}"]\nprefix = "{led.prefix}"\n'
    (folder / "fleet.toml").write_text(f'[fleet]\nname = "tunnel"\n{tables}{etcd}')


def test_32_unit_runnable(fleetctl: Fleetctl) -> None:
    fleetctl.start("hello.service")
    assert active(fleetctl) == ["hello.service"]


def test_33_unit_submit(fleetctl: Fleetctl) -> None:
    names = hellos(fleetctl, 9)
    for _ in range(2):
        fleetctl("submit", *names)
        assert listed(fleetctl) == names
        assert not fleetctl.placing.placed(), "it is only known"
        fleetctl("destroy", *names)
        assert not listed(fleetctl)


def test_34_unit_load(fleetctl: Fleetctl) -> None:
    names = hellos(fleetctl, 6)
    for _ in range(2):
        fleetctl("load", *names)
        assert [row[0] for row in fleetctl.rows("list-units")] == names
        assert not active(fleetctl)
        fleetctl("unload", *names)
        assert not fleetctl.rows("list-units")


def test_35_unit_start(fleetctl: Fleetctl) -> None:
    names = hellos(fleetctl, 3)
    for _ in range(2):
        fleetctl("start", *names)
        assert active(fleetctl) == names
        fleetctl("stop", *names)
        assert not active(fleetctl)


def replaced(fleetctl: Fleetctl, verb: str, count: int) -> None:
    """Say a verb with the files of units, and again with other files of the same names."""
    names = hellos(fleetctl, count)
    fleetctl(verb, *names)
    before = [fleetctl("cat", name) for name in names]
    fleetctl.write("hello@.service", text=unit().replace("Hello", "Bye bye"))
    for name in names:
        fleetctl.write(name, text=unit().replace("Hello", "Bye bye"))
    fleetctl(verb, "--replace", *names)
    assert all("Bye bye" in fleetctl("cat", name) for name in names)
    assert all("Hello" in text for text in before)
    assert listed(fleetctl) == names


def test_36_unit_submit_replace(fleetctl: Fleetctl) -> None:
    replaced(fleetctl, "submit", 9)


def test_37_unit_load_replace(fleetctl: Fleetctl) -> None:
    replaced(fleetctl, "load", 6)


def test_38_unit_start_replace(fleetctl: Fleetctl) -> None:
    """What runs afterwards is the new text, and nothing else."""
    replaced(fleetctl, "start", 3)
    led = fleetctl.placing
    assert len(active(fleetctl)) == 3
    for name, host in fleetctl.where("hello@*").items():
        assert "Bye bye" in led.ask(host, f"systemctl show -P ExecStart {name}")


def test_39_unit_restart(fleetctl: Fleetctl) -> None:
    led = fleetctl.placing
    names = hellos(fleetctl, 3)
    for _ in range(2):
        fleetctl("start", *names)
        before = led.invocations("hello@*")
        fleetctl("restart", *names)
        assert active(fleetctl) == names
        assert not before & led.invocations("hello@*"), "each of them anew"
        fleetctl("stop", *names)
        assert not active(fleetctl)


def test_40_unit_ssh_actions(fleetctl: Fleetctl) -> None:
    """`ssh`, `status` and `journal` find the host of a unit by themselves."""
    fleetctl.start("hello.service")
    assert fleetctl("ssh", "hello.service", "--", "echo", "foo").endswith("foo\n")
    machine, *_ = fleetctl.rows("list-machines", "--full")[0]
    assert fleetctl("ssh", "--machine", machine, "--", "cat", "/etc/machine-id").endswith(f"{machine}\n")
    assert "active" in fleetctl("status", "hello.service")
    journal = ("journal", "--sudo", "hello.service")
    fleetctl.placing.until(lambda: "Hello, World!" in fleetctl(*journal), "it has said so")


def test_41_unit_cat(fleetctl: Fleetctl) -> None:
    name = fleetctl.write("hello.service")
    fleetctl("submit", name)
    assert fleetctl("cat", name) == (fleetctl.console.folder / name).read_text()


def test_42_unit_status(fleetctl: Fleetctl) -> None:
    fleetctl("load", fleetctl.write("hello.service"))
    assert "loaded" in fleetctl("status", "hello.service")


def test_43_list_unit_files_order(fleetctl: Fleetctl) -> None:
    names = hellos(fleetctl, 20)
    fleetctl("submit", *reversed(names[::2]), *names[1::2])
    assert listed(fleetctl) == sorted(names)

"""What the lab's hosts are: reachable, whole, and full of things to look at."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import Any

import pytest

from console.lab.lab import Lab
from tests.lab.truth import Truth
from tests.lab.waiting import until

HOSTS = ["docker1", "docker2", "podman1", "plain1"]
#: Each engine, the host that has it, and how its user calls it.
ENGINES = [("docker1", "docker"), ("podman1", "sudo -n podman")]


async def test_the_status_is_the_fleet_file_with_the_state_of_each_host(lab: Lab, truth: Truth) -> None:
    status = await lab.status()
    assert [(host.name, host.state) for host in status.hosts] == [(name, "running") for name in HOSTS]
    assert [(host.name, host.address) for host in status.hosts] == [
        (host.name, host.address) for host in truth.config.hosts
    ]
    assert [host.kind for host in status.hosts] == [host.labels["kind"] for host in truth.config.hosts]


@pytest.mark.parametrize("host", HOSTS)
def test_core_comes_in_over_ssh_and_may_become_root(truth: Truth, host: str) -> None:
    said = truth.ask(host, "hostname; id -nG; sudo -n id -u; cat /etc/machine-id").split("\n")
    assert said[:3] == [host, "core docker systemd-journal", "0"]
    assert len(said[3]) == 32


def test_guest_comes_in_and_may_do_nothing(truth: Truth) -> None:
    assert truth.ask("docker1", "id -nG", user="guest") == "guest\n"
    for refused in ("sudo -n true", "docker ps", "test -r /var/log/journal/*/system.journal"):
        truth.ask("docker1", f"! {refused} 2>/dev/null", user="guest")


STEADY = ("steady", "chatty", "db", "api", "worker", "web@1")


def shown(truth: Truth, host: str) -> dict[str, dict[str, str]]:
    """What systemd says of each sample service, by name without suffix."""
    units = " ".join((*STEADY, "failing", "crashloop", "flapping"))
    blocks = truth.ask(host, f"systemctl show -p Id,SubState,Result,NRestarts {units}").strip().split("\n\n")
    services = (dict(line.partition("=")[::2] for line in block.splitlines()) for block in blocks)
    return {service["Id"].removesuffix(".service"): service for service in services}


@pytest.mark.parametrize("host", HOSTS)
async def test_sample_services_do_what_they_are_there_for(truth: Truth, host: str) -> None:
    def as_meant() -> bool:
        services = shown(truth, host)
        return (
            all(services[name]["SubState"] == "running" for name in STEADY)
            and services["failing"]["Result"] == "exit-code"
            and services["crashloop"]["SubState"] == "failed"
            and int(services["flapping"]["NRestarts"]) > 0
        )

    await until(as_meant, "services run, fail, flap and have given up, each as its name says")


def test_stopping_what_others_need_stops_them(truth: Truth) -> None:
    truth.ask("plain1", "sudo systemctl stop db")
    states = truth.ask("plain1", "systemctl is-active db api worker; sudo systemctl start worker; true")
    assert states.split() == ["inactive", "inactive", "inactive"]
    assert shown(truth, "plain1")["db"]["SubState"] == "running"


def test_the_journal_is_on_disk_and_its_lines_have_priorities(truth: Truth) -> None:
    folder, machine_id = truth.ask("plain1", "ls /var/log/journal; cat /etc/machine-id").split()
    assert folder == machine_id
    lines = truth.ask("plain1", "journalctl -u chatty -o json --output-fields=PRIORITY,MESSAGE -n 400")
    entries = [json.loads(line) for line in lines.splitlines()]
    told = {entry["PRIORITY"]: entry["MESSAGE"] for entry in entries if ": priority " in entry["MESSAGE"]}
    assert told, "no line with a priority in front of it"
    for priority, message in told.items():
        assert message.endswith(f": priority {priority}")


def inspected(truth: Truth, host: str, engine: str, name: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = json.loads(truth.ask(host, f"{engine} inspect {name}"))
    return found[0]


@pytest.mark.parametrize(("host", "engine"), ENGINES)
async def test_sample_containers_do_what_they_are_there_for(truth: Truth, host: str, engine: str) -> None:
    def state(name: str) -> dict[str, Any]:
        found: dict[str, Any] = inspected(truth, host, engine, name)["State"]
        return found

    assert (state("oneshot")["Status"], state("oneshot")["ExitCode"]) == ("exited", 0)
    await until(lambda: state("web")["Health"]["Status"] == "healthy", "web is healthy")
    await until(lambda: state("sick")["Health"]["Status"] == "unhealthy", "sick is unhealthy")
    await until(
        lambda: inspected(truth, host, engine, "crashy")["RestartCount"] > 0, "crashy has been restarted", 60
    )
    for name in ("web", "sick", "crashy", "oneshot"):
        container = inspected(truth, host, engine, name)
        assert container["Config"]["Labels"]["app"] == name
        assert container["HostConfig"]["LogConfig"]["Type"] == "journald"


def test_a_container_speaks_to_the_journal(truth: Truth) -> None:
    line = truth.ask("docker1", "journalctl CONTAINER_NAME=oneshot -o cat -n 1")
    assert line == "migrated 12 tables\n"


def test_the_registry_has_a_second_version_that_differs(truth: Truth) -> None:
    registry = truth.ask("docker2", "cat /etc/lab/registry").strip()
    for version in ("1.0", "1.1"):
        image = f"{registry}/lab/busybox:{version}"
        released = truth.ask("docker2", f"docker run --rm --pull always --quiet {image} cat /etc/release")
        assert released == f"lab/busybox {version}\n"


def test_a_plain_host_has_no_engine_and_an_engines_host_has_no_other(truth: Truth) -> None:
    def has(host: str) -> str:
        programs = "docker dockerd containerd podman crun docker-registry etcd etcdctl"
        units = "'docker*' 'containerd*' 'podman*' 'lab-*' 'etcd*'"
        return truth.ask(
            host, f"command -v {programs}; systemctl list-unit-files --no-legend {units} | cut -d' ' -f1"
        )

    assert has("plain1") == ""
    assert "podman" not in has("docker1")
    assert "docker" not in has("podman1")
    assert "docker.service" in has("docker1")
    assert "podman.socket" in has("podman1")


async def test_exec_gives_the_commands_own_exit_code_and_output(
    lab: Lab, capfd: pytest.CaptureFixture[str]
) -> None:
    assert await lab.exec("plain1", ["sh", "-c", "hostname; id -u; exit 7"]) == 7
    assert capfd.readouterr().out == "plain1\n0\n"
    assert await lab.exec("plain1", ["sh", "-c", "kill -9 $$"]) == 137


async def test_exec_needs_no_sshd(breakable: Lab) -> None:
    assert await breakable.exec("plain1", ["systemctl", "stop", "ssh.service"]) == 0
    assert await breakable.exec("plain1", ["systemctl", "start", "ssh.service"]) == 0


async def test_a_host_that_reboots_comes_back_by_itself_with_what_it_had(lab: Lab, truth: Truth) -> None:
    before = truth.ask("docker2", "cat /proc/sys/kernel/random/boot_id; cat /etc/machine-id").split()
    assert await lab.exec("docker2", ["systemctl", "reboot"]) == 0

    def rebooted() -> bool:
        try:
            now = truth.ask("docker2", "cat /proc/sys/kernel/random/boot_id; cat /etc/machine-id").split()
        except AssertionError:
            return False
        return now[0] != before[0] and now[1] == before[1]

    await until(rebooted, "docker2 answers in another boot")
    await until(
        lambda: inspected(truth, "docker2", "docker", "web")["State"]["Running"] is True, "web runs again"
    )
    assert truth.ask("docker2", "journalctl --list-boots --no-pager --quiet | wc -l").strip() != "1"


async def test_a_program_run_in_a_host_does_not_hold_up_its_reboot(lab: Lab, truth: Truth) -> None:
    before = truth.ask("plain1", "cat /proc/sys/kernel/random/boot_id")
    running = asyncio.create_task(lab.exec("plain1", ["sleep", "1000"]))
    await until(lambda: "sleep 1000" in truth.ask("plain1", "ps -eo args"), "it runs")
    assert await lab.exec("plain1", ["systemctl", "reboot"]) == 0
    async with asyncio.timeout(30):
        assert await running in (128 + signal.SIGTERM, 128 + signal.SIGKILL)

    def rebooted() -> bool:
        try:
            return truth.ask("plain1", "cat /proc/sys/kernel/random/boot_id") != before
        except AssertionError:
            return False

    await until(rebooted, "plain1 answers in another boot")

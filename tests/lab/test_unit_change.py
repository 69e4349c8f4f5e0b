"""Each write on units, on real hosts: what it does there, its record, and its undo."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.changing import Writer
from tests.lab.truth import Truth


@pytest.fixture
def writer(truth: Truth, tmp_path: Path) -> Writer:
    return Writer(truth, tmp_path)


def active(truth: Truth, unit: str, host: str = "docker1") -> str:
    return truth.ask(host, f"systemctl is-active {unit} || true").strip()


def shown(truth: Truth, unit: str, member: str, host: str = "docker1") -> str:
    return truth.ask(host, f"systemctl show -P {member} {unit}").strip()


def running(truth: Truth, host: str = "docker1") -> set[str]:
    """The services, sockets and targets that run, but for those that come and go by themselves."""
    return {
        name
        for name, unit in truth.units(host).items()
        if unit[1] == "active"
        and name.endswith((".service", ".socket", ".target"))
        and not name.startswith(("user@", "user-runtime-dir@", "flapping"))
    }


@pytest.fixture
def dressed(truth: Truth) -> Iterator[None]:
    """docker1, with the sample units running as they should afterwards."""
    yield
    truth.ask(
        "docker1",
        "sudo systemctl unmask web@1.service; sudo systemctl daemon-reload;"
        " sudo systemctl start db api worker chatty web@1",
    )


@pytest.mark.usefixtures("dressed")
def test_stop_and_start_with_their_records_and_their_undo(truth: Truth, writer: Writer) -> None:
    assert writer.write("unit", "stop", "chatty", "--on", "docker1") == {
        "docker1/chatty.service": ("done", "")
    }
    assert active(truth, "chatty") == "inactive"
    record = writer.last()
    assert (record["line"], record["outcome"]) == ("unit stop chatty --on=docker1", "done")
    assert record["undo"] == ["unit start --on=docker1 chatty.service"]
    assert record["actor"]
    assert record["plan"]["steps"][0]["now"] == "active (running)"
    assert writer.undo_last() == {"docker1/chatty.service": ("done", "")}
    assert active(truth, "chatty") == "active"
    assert writer.last()["line"] == f"audit undo {record['id']}"
    assert writer.undo_last() == {"docker1/chatty.service": ("done", "")}
    assert active(truth, "chatty") == "inactive"


@pytest.mark.usefixtures("dressed")
def test_a_stop_names_in_its_plan_exactly_what_it_stops(truth: Truth, writer: Writer) -> None:
    before = running(truth)
    (step,) = writer.plan("unit", "stop", "db", "--on", "docker1")["steps"]
    assert running(truth) == before
    writer.write("unit", "stop", "db", "--on", "docker1")
    assert before - running(truth) == {"db.service", *step["touches"]}
    assert set(step["touches"]) == {"api.service", "worker.service"}
    writer.undo_last()
    assert [active(truth, name) for name in ("db", "api", "worker")] == ["active"] * 3


def test_what_nobody_needs_after_a_stop_is_in_its_plan_and_stops(truth: Truth, writer: Writer) -> None:
    """StopWhenUnneeded= (systemd.unit(5)): the helper stops with the last one that wants it."""
    folder = "/run/systemd/system"
    service = "printf '[Unit]\\n%s\\n[Service]\\nExecStart=sleep 900\\n'"
    truth.ask(
        "docker1",
        f"{service} 'StopWhenUnneeded=yes' | sudo tee {folder}/needed.service >/dev/null;"
        " for n in 1 2; do"
        f" {service} 'Wants=needed.service' | sudo tee {folder}/needs$n.service >/dev/null; done;"
        " sudo systemctl daemon-reload; sudo systemctl start needs1 needs2",
    )
    try:
        (step,) = writer.plan("unit", "stop", "needs1", "--on", "docker1")["steps"]
        assert step["touches"] == [], "another one still wants it"
        writer.write("unit", "stop", "needs1", "--on", "docker1")
        assert active(truth, "needed") == "active"
        (step,) = writer.plan("unit", "stop", "needs2", "--on", "docker1")["steps"]
        assert step["touches"] == ["needed.service"]
        writer.write("unit", "stop", "needs2", "--on", "docker1")
        assert active(truth, "needed") == "inactive"
    finally:
        names = "needed.service needs1.service needs2.service"
        truth.ask(
            "docker1",
            f"sudo systemctl stop {names}; cd {folder}; sudo rm {names}; sudo systemctl daemon-reload",
        )


def test_a_plan_changes_nothing(truth: Truth, writer: Writer) -> None:
    invocations = "systemctl show -P InvocationID db api worker chatty web@1"
    before = truth.ask("docker1", invocations)
    for verb in (
        "start",
        "stop",
        "restart",
        "try-restart",
        "reload",
        "kill",
        "reset-failed",
        "mask",
        "disable",
    ):
        writer.plan("unit", verb, "db", "api", "worker", "chatty", "web@1", "--on", "docker1")
    writer.plan("unit", "edit", "chatty", "--set", "Service.Nice=3", "--on", "docker1")
    assert truth.ask("docker1", invocations) == before
    assert json.loads(writer.run("audit", "list", "-o", "json").stdout) == []


def test_restart_and_try_restart_give_a_unit_a_new_life(truth: Truth, writer: Writer) -> None:
    for verb in ("restart", "try-restart"):
        before = shown(truth, "chatty", "InvocationID")
        assert writer.write("unit", verb, "chatty", "--on", "docker1") == {
            "docker1/chatty.service": ("done", "")
        }
        assert shown(truth, "chatty", "InvocationID") != before
        assert writer.last()["undo"] == []


def test_reload_and_kill_reach_the_process(truth: Truth, writer: Writer) -> None:
    before = shown(truth, "systemd-journald", "MainPID")
    assert (
        writer.write("unit", "reload", "chatty", "--on", "docker1", code=4)["docker1/chatty.service"][0]
        == "refused"
    )
    pid = shown(truth, "chatty", "MainPID")
    writer.write("unit", "kill", "chatty", "--on", "docker1", "--signal", "KILL", "--whom", "main")
    truth.ask("docker1", f"for i in $(seq 50); do test -d /proc/{pid} || exit 0; sleep 0.1; done; exit 1")
    assert shown(truth, "systemd-journald", "MainPID") == before
    assert writer.last()["line"] == "unit kill chatty --on=docker1 --signal=KILL --whom=main"


def test_reset_failed_makes_systemd_forget(truth: Truth, writer: Writer) -> None:
    truth.ask("docker1", "sudo systemctl start failing || true")
    assert active(truth, "failing") == "failed"
    writer.write("unit", "reset-failed", "failing", "--on", "docker1")
    assert active(truth, "failing") == "inactive"
    truth.ask("docker1", "sudo systemctl start failing || true")


@pytest.mark.parametrize(
    ("verb", "unit", "state"), [("disable", "chatty", "disabled"), ("mask", "containerd", "masked")]
)
def test_unit_files_and_their_undo(truth: Truth, writer: Writer, verb: str, unit: str, state: str) -> None:
    assert shown(truth, unit, "UnitFileState") == "enabled"
    writer.write("unit", verb, unit, "--on", "docker1")
    assert shown(truth, unit, "UnitFileState") == state
    assert active(truth, unit) == "active"
    writer.undo_last()
    assert shown(truth, unit, "UnitFileState") == "enabled"


@pytest.mark.usefixtures("dressed")
def test_an_edit_is_checked_by_the_host_kept_and_taken_back(truth: Truth, writer: Writer) -> None:
    edit = ("unit", "edit", "chatty", "--on", "docker1")
    drop_ins = "ls /etc/systemd/system/chatty.service.d/ 2>/dev/null || true"
    (refused,) = writer.write(*edit, "--set", "Service.Restrt=maybe", code=4).values()
    assert refused[0] == "failed"
    assert "Unknown key" in refused[1]
    assert truth.ask("docker1", drop_ins) == ""
    writer.write(*edit, "--set", "Service.Nice=3", "--set", 'Unit.Description=it\'s $(odd) %% "text"')
    assert shown(truth, "chatty", "Nice") == "3"
    assert shown(truth, "chatty", "Description") == 'it\'s $(odd) % "text"'
    first = writer.last()
    writer.write(*edit, "--set", "Service.Nice=5")
    assert shown(truth, "chatty", "Nice") == "5"
    writer.undo_last()
    assert shown(truth, "chatty", "Nice") == "3"
    writer.write("audit", "undo", first["id"])
    assert shown(truth, "chatty", "Nice") == "0"
    assert truth.ask("docker1", drop_ins) == ""
    assert truth.ask("docker1", "sudo sh -c 'ls -d /tmp/quarterdeck.* 2>/dev/null || true'") == ""


@pytest.mark.usefixtures("dressed")
def test_one_failing_of_three_hosts_is_a_result_like_the_others_and_exit_4(
    truth: Truth, writer: Writer
) -> None:
    hosts = [host.name for host in truth.config.hosts if host.name != "plain1"]
    truth.ask(
        "docker1",
        "d=/run/systemd/system/chatty.service.d; sudo mkdir -p $d; sudo tee $d/bad.conf <<'E'\n"
        "[Service]\nExecStartPre=/bin/false\nE\nsudo systemctl daemon-reload",
    )
    try:
        found = writer.write("unit", "restart", "chatty*", "--on", "kind!=plain", code=4)
        assert set(found) == {f"{host}/chatty.service" for host in hosts}
        assert {target: status for target, (status, _) in found.items()} == {
            f"{host}/chatty.service": "failed" if host == "docker1" else "done" for host in hosts
        }
        assert "unit why" in found["docker1/chatty.service"][1]
        assert writer.last()["outcome"] == "failed"
    finally:
        truth.ask("docker1", "sudo rm -r /run/systemd/system/chatty.service.d; sudo systemctl daemon-reload")
        truth.ask("docker1", "sudo systemctl reset-failed chatty")


@pytest.fixture
def slow(truth: Truth) -> Iterator[list[str]]:
    """Ten units on docker1: the first starts at once, the others take half a minute."""
    file = "/run/systemd/system/slow@.service"
    truth.ask(
        "docker1",
        f"sudo tee {file} <<'E'\n[Service]\nType=oneshot\nRemainAfterExit=yes\n"
        "ExecStart=/bin/sh -c 'test %i = 1 || sleep 30'\nE\nsudo systemctl daemon-reload",
    )
    yield [f"slow@{number}.service" for number in range(1, 11)]
    truth.ask("docker1", f"sudo systemctl stop 'slow@*'; sudo rm {file}; sudo systemctl daemon-reload")


def test_an_interruption_gives_a_true_account_of_ten_targets(
    truth: Truth, writer: Writer, slow: list[str]
) -> None:
    line = ("unit", "start", *slow, "--on", "docker1", "--yes", "--at-once", "3", "-o", "json")
    run = writer.start(line)
    changing = "systemctl list-units 'slow@*' --state=activating --no-legend | wc -l"
    truth.ask(
        "docker1",
        "for i in $(seq 200); do"
        f" systemctl is-active -q slow@1 && test $({changing}) = 3 && exit 0; sleep 0.1; done; exit 1",
    )
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=30)
    assert run.returncode == 130
    results = {result["target"].split("/")[1]: result["status"] for result in json.loads(out)}
    states = {name: shown(truth, name, "ActiveState") for name in slow}
    assert {name: "inactive" if status == "skipped" else "begun" for name, status in results.items()} == {
        name: "begun" if state in ("active", "activating") else "inactive" for name, state in states.items()
    }
    assert results["slow@1.service"] == "done"
    assert sorted(results.values()) == ["done"] + ["interrupted"] * 3 + ["skipped"] * 6
    assert "1 done, 3 interrupted, 6 skipped" in err
    assert writer.last()["outcome"] == "interrupted"
    assert writer.last()["undo"] == ["unit stop --on=docker1 slow@1.service"]


def test_without_a_terminal_and_without_yes_nothing_is_written(truth: Truth, writer: Writer) -> None:
    before = shown(truth, "chatty", "InvocationID")
    done = writer.run("unit", "restart", "chatty", "--on", "docker1", code=3)
    assert "--yes" in done.stderr
    assert writer.last()["outcome"] == "refused"
    assert shown(truth, "chatty", "InvocationID") == before


def test_a_write_without_a_selector_is_a_usage_error_and_one_that_selects_nothing_is_empty(
    writer: Writer,
) -> None:
    writer.run("unit", "restart", "chatty", "--yes", code=2)
    writer.run("unit", "restart", "chatty", "--on", "nobody", "--yes", code=5)
    writer.run("unit", "restart", "no-such-thing", "--on", "docker1", "--yes", code=5)


def test_nothing_to_do_is_said_and_is_success(writer: Writer) -> None:
    done = writer.run("unit", "start", "chatty", "--on", "docker1", "--yes")
    assert "nothing to do" in done.stderr


@pytest.mark.parametrize("name", ["it's", "$(touch /tmp/owned)", "a\nb", "--now", "é", "*'; rm -rf x; '"])
def test_odd_names_are_names_and_nothing_else(truth: Truth, writer: Writer, name: str) -> None:
    writer.run("unit", "restart", "--on", "docker1", "--yes", "--", name, code=5)
    assert truth.ask("docker1", "ls /tmp/owned 2>/dev/null || true") == ""

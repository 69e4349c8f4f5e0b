"""Macros on real hosts: what they do, what they leave in the record, and how they end."""

from __future__ import annotations

import asyncio
import json
import signal
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.fleet.config import load_config
from console.lab.lab import Lab
from tests.lab.changing import Writer
from tests.lab.truth import Truth


@pytest.fixture(autouse=True, scope="module")
def _no_start_limit(lab: Lab) -> Iterator[None]:
    """systemd gives up on a unit that is started five times in ten seconds, whoever starts it."""
    truth = Truth(load_config(asyncio.run(lab.status()).config))
    hosts, units = ("docker1", "docker2"), ("chatty.service", "web@1.service")
    folders = [f"/run/systemd/system/{unit}.d" for unit in units]
    put = " ".join(
        f"sudo mkdir -p {folder};"
        f" printf '[Unit]\\nStartLimitBurst=0\\n' | sudo tee {folder}/test.conf >/dev/null;"
        for folder in folders
    )
    for host in hosts:
        truth.ask(host, f"{put} sudo systemctl daemon-reload")
    yield
    for host in hosts:
        truth.ask(host, f"sudo rm -r {' '.join(folders)}; sudo systemctl daemon-reload")


@pytest.fixture
def writer(truth: Truth, tmp_path: Path) -> Writer:
    return Writer(truth, tmp_path / "state")


@pytest.fixture
def macro(tmp_path: Path) -> Any:
    """Writes a macro of some steps; its path."""

    def write(*steps: str, on_error: str = "stop") -> str:
        path = tmp_path / "evening.toml"
        path.write_text(f"on_error = {json.dumps(on_error)}\nsteps = {json.dumps(steps)}\n")
        return str(path)

    return write


def lives(truth: Truth, unit: str, *hosts: str) -> list[str]:
    return [truth.ask(host, f"systemctl show -P InvocationID {unit}").strip() for host in hosts]


def records(writer: Writer) -> list[dict[str, Any]]:
    found = json.loads(writer.run("audit", "list", "-o", "json").stdout)
    assert isinstance(found, list)
    return found


def steps(writer: Writer, *words: str, code: int = 0) -> list[tuple[str, str]]:
    """A macro run by a script: line and status of each step."""
    done = writer.run("macro", "run", *words, "--yes", "-o", "json", code=code)
    return [(step["line"], step["status"]) for step in json.loads(done.stdout)]


# -- those that come with Quarterdeck -------------------------------------------------------

ROLLING = ("rolling-restart", "--set", "unit=chatty.service", "--set", "hosts=docker*", "--set", "hold=100ms")


def test_a_rolling_restart_gives_every_unit_a_new_life_and_is_one_record_with_its_steps(
    truth: Truth, writer: Writer
) -> None:
    before = lives(truth, "chatty", "docker1", "docker2")
    assert [status for _, status in steps(writer, *ROLLING)] == ["done"] * 4
    after = lives(truth, "chatty", "docker1", "docker2")
    assert set(before).isdisjoint(after)
    whole, part = records(writer)
    assert (whole["part_of"], whole["outcome"]) == (None, "done")
    assert [result["status"] for result in whole["results"]] == ["done"] * 4
    assert (part["part_of"], part["line"].split()[:3]) == (whole["id"], ["unit", "restart", "chatty.service"])
    assert len(part["results"]) == 2


def test_a_plan_of_a_macro_touches_nothing(truth: Truth, writer: Writer) -> None:
    before = lives(truth, "chatty", "docker1", "docker2")
    done = writer.run("macro", "run", *ROLLING, "--plan", "-o", "json")
    first, *rest = json.loads(done.stdout)
    assert [step["host"] for step in first["steps"]] == ["docker1", "docker2"]
    assert [plan["notes"] for plan in rest] == [["changes nothing"]] * 3
    assert lives(truth, "chatty", "docker1", "docker2") == before
    assert records(writer) == []


def test_units_that_failed_are_shown_and_forgotten(truth: Truth, writer: Writer) -> None:
    truth.ask("docker1", "sudo systemd-run -q --unit=broken-by-test sh -c 'exit 3'")
    truth.ask("docker1", "until systemctl -q is-failed broken-by-test; do sleep 0.1; done")
    found = writer.run(
        *("macro", "run", "reset-failed", "--set", "hosts=docker1", "--set", "unit=broken-by-test.service"),
        *("--yes", "-o", "json"),
    )
    before, _, _, after = json.loads(found.stdout)
    assert "broken-by-test.service" in [unit["name"] for unit in before["output"]]
    assert "broken-by-test.service" not in [unit["name"] for unit in after["output"]]
    assert "broken-by-test" not in truth.ask("docker1", "systemctl list-units --state=failed --no-legend")


def test_a_unit_is_compared_over_hosts_on_a_read_only_console_too(truth: Truth, writer: Writer) -> None:
    file = "/etc/systemd/system/chatty.service.d/differs.conf"
    truth.ask(
        "docker2",
        f"sudo mkdir -p {Path(file).parent}; echo '[Service]' | sudo tee {file};"
        " sudo systemctl daemon-reload",
    )
    words = ("macro", "run", "compare-unit", "--set", "unit=chatty.service", "--set", "hosts=docker*")
    try:
        shown = writer.run(*words, "--read-only").stdout
    finally:
        truth.ask("docker2", f"sudo rm -r {Path(file).parent}; sudo systemctl daemon-reload")
    assert "differs.conf" in shown
    assert "docker1" in shown
    assert records(writer) == []


def test_an_incident_is_one_archive_that_only_its_owner_reads(writer: Writer, tmp_path: Path) -> None:
    to = tmp_path / "incident.tar.gz"
    words = ("incident-evidence", "--set", f"to={to}", "--set", "since=10m", "--set", "hosts=docker1")
    assert [status for _, status in steps(writer, *words)] == ["done", "done"]
    assert to.stat().st_mode & 0o777 == 0o600
    with tarfile.open(to) as archive:
        members = {member.name: member for member in archive.getmembers()}
        assert {member.mode for member in members.values()} == {0o600}
        for name, member in members.items():
            file = archive.extractfile(member)
            assert file is not None
            text = file.read().decode()
            for part in text.splitlines() if name.endswith(".jsonl") else [text]:
                json.loads(part)
    assert {"incident/about.json", "incident/hosts.json", "incident/troubles.json"} < members.keys()
    assert "incident/docker1/units/failing.service.json" in members
    # What is there is never written over.
    size = to.stat().st_size
    assert [status for _, status in steps(writer, *words, code=2)] == ["done", "failed"]
    assert to.stat().st_size == size


def test_a_host_is_cordoned_rebooted_waited_for_and_uncordoned(
    truth: Truth, breakable: Lab, writer: Writer
) -> None:
    boot = truth.ask("plain1", "cat /proc/sys/kernel/random/boot_id; systemctl show -P UserspaceTimestamp")
    done = steps(writer, "reboot-host", "--set", "host=plain1", "--set", "within=60s")
    assert [status for _, status in done] == ["done"] * 5
    again = truth.ask("plain1", "cat /proc/sys/kernel/random/boot_id; systemctl show -P UserspaceTimestamp")
    assert again != boot
    (host,) = json.loads(writer.run("host", "show", "plain1", "-o", "json").stdout)
    assert host["cordoned"] is False


# -- how they end ---------------------------------------------------------------------------


def test_a_step_that_fails_is_the_last_and_the_way_on_is_told(
    truth: Truth, writer: Writer, macro: Any
) -> None:
    file = macro(
        "unit restart chatty --on docker1",
        "assert unit --on docker1 -- failing active",
        "unit restart chatty --on docker1",
    )
    (before,) = lives(truth, "chatty", "docker1")
    done = writer.run("macro", "run", file, "--yes", code=4)
    (between,) = lives(truth, "chatty", "docker1")
    assert between != before
    assert "1 of 3 steps done; step 2 failed" in done.stderr
    assert f"quarterdeck macro run {file} --from=2" in done.stderr
    assert records(writer)[0]["outcome"] == "failed"
    assert [result["status"] for result in records(writer)[0]["results"]] == ["done", "failed", "skipped"]
    assert [status for _, status in steps(writer, file, "--from", "3")] == ["done"]
    assert lives(truth, "chatty", "docker1") != [between]


def test_what_was_done_is_taken_back_where_the_macro_says_so(
    truth: Truth, writer: Writer, macro: Any
) -> None:
    file = macro(
        "unit stop web@1 --on docker1",
        "unit stop chatty --on docker1",
        "assert unit --on docker1 -- chatty active",
        on_error="undo",
    )
    done = steps(writer, file, code=4)
    assert [status for _, status in done] == ["done", "done", "failed", "done", "done"]
    assert done[3][0].startswith("audit undo ")
    assert truth.ask("docker1", "systemctl is-active chatty web@1").split() == ["active", "active"]
    assert records(writer)[0]["undo"] == [], "nothing is left to take back"


def test_a_step_that_fails_is_passed_over_where_the_macro_says_so(
    truth: Truth, writer: Writer, macro: Any
) -> None:
    file = macro(
        "assert unit --on docker1 -- failing active", "unit restart chatty --on docker1", on_error="continue"
    )
    (before,) = lives(truth, "chatty", "docker1")
    assert [status for _, status in steps(writer, file, code=4)] == ["failed", "done"]
    assert lives(truth, "chatty", "docker1") != [before]


def test_an_interruption_gives_a_true_account(truth: Truth, writer: Writer, macro: Any) -> None:
    file = macro("unit restart chatty --on docker1", "wait 60s", "unit stop chatty --on docker1")
    run = writer.start(("macro", "run", file, "--yes", "-o", "json"))
    assert run.stderr is not None
    for line in run.stderr:
        if line.startswith("[2/3]"):
            break
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=30)
    assert run.returncode == 130
    assert [step["status"] for step in json.loads(out)] == ["done", "interrupted"]
    assert "interrupted: 1 of 3 steps done; step 2 interrupted" in err
    whole = records(writer)[0]
    assert whole["outcome"] == "interrupted"
    assert [result["status"] for result in whole["results"]] == ["done", "interrupted", "skipped"]
    assert truth.ask("docker1", "systemctl is-active chatty").strip() == "active"


# -- who may --------------------------------------------------------------------------------


def test_a_person_confirms_all_of_it_once(truth: Truth, writer: Writer, macro: Any) -> None:
    file = macro("unit restart chatty --on docker1", "unit restart web@1 --on docker1")
    before = lives(truth, "chatty", "docker1")
    code, shown = writer.typed(("macro", "run", file), "y")
    assert (code, "2 steps: type 2" in shown) == (3, True)
    assert lives(truth, "chatty", "docker1") == before
    code, shown = writer.typed(("macro", "run", file), "2")
    assert (code, shown.count("anything else: no")) == (0, 1)
    assert lives(truth, "chatty", "docker1") != before


@pytest.mark.parametrize(
    ("words", "why"), [((), "nobody is there to confirm it"), (("--read-only", "--yes"), "read-only")]
)
def test_one_that_writes_is_refused_where_a_write_would_be(
    truth: Truth, writer: Writer, macro: Any, words: tuple[str, ...], why: str
) -> None:
    file = macro("unit restart chatty --on docker1")
    before = lives(truth, "chatty", "docker1")
    assert why in writer.run("macro", "run", file, *words, code=3).stderr
    (record,) = records(writer)
    assert (record["outcome"], why in record["why"]) == ("refused", True)
    assert lives(truth, "chatty", "docker1") == before


# -- recording ------------------------------------------------------------------------------


@pytest.fixture
def config_home(tmp_path: Path) -> str:
    return str(tmp_path / "config")


def test_what_was_done_becomes_a_macro_that_leaves_the_same_lines(
    truth: Truth, writer: Writer, config_home: str
) -> None:
    writer.write("unit", "restart", "chatty", "--on", "docker*")
    writer.write("unit", "stop", "web@1", "--on", "docker1")
    writer.write("unit", "start", "web@1", "--on", "docker1")
    writer.run("unit", "restart", "chatty", "--on", "docker1", code=3)
    done = [record["line"] for record in records(writer) if record["outcome"] == "done"]
    writer.run("macro", "record", "evening", "--since", "10m", XDG_CONFIG_HOME=config_home)
    writer.run("macro", "run", "evening", "--yes", XDG_CONFIG_HOME=config_home)
    replayed = [record["line"] for record in records(writer) if record["part_of"]]
    assert replayed == done
    assert truth.ask("docker1", "systemctl is-active web@1").strip() == "active"

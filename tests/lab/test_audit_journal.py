"""A write's record in the journal of the machine that it was made from."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.lab.changing import Writer
from tests.lab.truth import Truth


def first_process(machine_id: str) -> int:
    """The process that is number 1 of a lab host, by its number here; another lab may run beside this one."""
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            numbers = next(line for line in status.read_text().splitlines() if line.startswith("NSpid"))
            name = (status.parent / "root/etc/machine-id").read_text().strip()
        except (OSError, StopIteration):
            continue  # it has just ended, or has no root to look into
        if numbers.split()[1:][-1] == "1" and len(numbers.split()) > 2 and name == machine_id:
            return int(status.parent.name)
    raise AssertionError(f"no lab host {machine_id}")


def test_a_record_is_in_the_journal_with_its_fields(truth: Truth, tmp_path: Path) -> None:
    pytest.importorskip("systemd.journal")
    writer = Writer(truth, tmp_path)
    # As if the console ran on docker2: among its processes, and where its journald listens.
    there = first_process(truth.ask("docker2", "cat /etc/machine-id").strip())
    socket = str(Path("/proc", str(there), "root", "run/systemd/journal"))
    script = (
        'mkdir -p /run/systemd; mount -t tmpfs none /run/systemd; ln -s "$0" /run/systemd/journal; exec "$@"'
    )
    argv = writer.argv("unit", "restart", "chatty", "--on", "docker1", "--yes")
    subprocess.run(
        ["nsenter", f"--target={there}", "--pid", "unshare", "--mount", "sh", "-c", script, socket, *argv],
        check=True,
        timeout=60,
        env=writer.environ,
    )
    record = writer.last()
    lines = truth.ask("docker2", f"sudo journalctl -o json QD_ID={record['id']}").splitlines()
    begun, ended = (json.loads(line) for line in lines)
    assert (begun["QD_PHASE"], ended["QD_PHASE"]) == ("begin", "end")
    assert begun["QD_LINE"] == ended["QD_LINE"] == "unit restart chatty --on=docker1"
    assert begun["QD_ACTOR"] == record["actor"]
    assert json.loads(begun["QD_PLAN"])["steps"][0]["object"] == "chatty.service"
    assert ended["QD_OUTCOME"] == "done"
    assert json.loads(ended["QD_RESULTS"])[0]["status"] == "done"
    assert begun["SYSLOG_IDENTIFIER"] == "quarterdeck"

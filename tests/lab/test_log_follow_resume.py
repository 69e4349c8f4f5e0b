"""`log follow --resume` as a script uses it: ended and begun again while hosts write, each line once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from console.lab.lab import Lab
from tests.lab.test_commands import argv
from tests.lab.truth import Truth
from tests.lab.waiting import until

HOSTS = ("docker1", "docker2", "plain1")
#: Of these, the one whose journald is killed.
KILLED = "docker1"
#: Says one number after the other under a name of its own, past journald's rate limit.
NUMBERED = """systemd-run --quiet --unit={0} -p SyslogIdentifier={0} -p LogRateLimitIntervalSec=0 sh -c '
i=0; while [ $i -lt {1} ]; do i=$((i+1)); echo $i; [ $((i % 20)) -ne 0 ] || sleep 0.05; done'"""


class Console:
    """One line of `log follow`, run again and again; what all runs wrote is one file."""

    def __init__(self, truth: Truth, folder: Path, tag: str) -> None:
        words = ("log", "follow", "--on", ",".join(HOSTS), "-t", tag, "-n", "0", "--resume", "-o", "json")
        self._argv = argv(truth, *words)
        self._environ = os.environ | {"XDG_STATE_HOME": str(folder)}
        self._file = folder / "lines"
        self._file.touch()
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        with self._file.open("ab") as out:
            self._process = subprocess.Popen(
                self._argv, stdout=out, stderr=subprocess.PIPE, env=self._environ
            )

    def end(self, how: signal.Signals = signal.SIGINT) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            _, err = self._process.communicate(timeout=30)
            assert b"Traceback" not in err
            self._process = None

    def rows(self) -> list[dict[str, Any]]:
        """What was written so far; a line that a kill broke off is none."""
        whole = self._file.read_bytes().rpartition(b"\n")[0]
        return [row for row in map(_row, whole.splitlines()) if row is not None]

    def said(self, host: str) -> list[str]:
        return [row["message"] for row in self.rows() if row["host"] == host]


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    assert isinstance(found, dict)
    return found


async def all_of(console: Console, what: Callable[[list[str]], bool], why: str) -> None:
    await until(lambda: all(what(console.said(host)) for host in HOSTS), why, 90)


async def listening(console: Console, truth: Truth, tag: str) -> None:
    """Begin, until each host was heard of: from then on nothing is before its time."""
    console.begin()

    def heard() -> bool:
        for host in HOSTS:
            if not console.said(host):
                truth.ask(host, f"logger -t {tag} here", user="root")
        return all(console.said(host) for host in HOSTS)

    await until(heard, "each host is heard", 60)


async def test_a_console_that_is_ended_and_begun_again_shows_each_line_of_each_host_once(
    breakable: Lab, truth: Truth, tmp_path: Path
) -> None:
    console = Console(truth, tmp_path, "resumed")
    try:
        await listening(console, truth, "resumed")
        for host in HOSTS:
            await inside(breakable, host, NUMBERED.format("resumed", 4000))
        for host, trouble in zip(
            (*HOSTS, *HOSTS),
            (
                "journalctl --rotate",
                "systemctl restart systemd-journald",
                "ss -K dst 0/0 sport = 22 >/dev/null 2>&1; true",
                "systemctl kill --signal=KILL systemd-journald",
                "systemctl restart ssh; kill -9 $(pidof sshd-session); true",
                "journalctl --rotate",
            ),
            strict=True,
        ):
            before = len(console.rows())
            await inside(breakable, host, trouble)
            await until(lambda: len(console.rows()) > before + 50, "lines come", 60)  # noqa: B023
            console.end()
            console.begin()
        await all_of(console, lambda said: "4000" in said, "each host is heard to the end")
    finally:
        console.end()
    for host in HOSTS:
        told = [line for line in console.said(host) if line != "here"]
        kept = truth.ask(host, "journalctl -q -o cat -t resumed", user="root").split()
        assert told == [line for line in kept if line != "here"]
        # A journald that is killed takes with it what it has read from a unit and not yet written.
        assert told == [str(i) for i in range(1, 4001)] or host == KILLED
    assert not [row for row in console.rows() if "gap" in row]


async def test_a_console_that_is_killed_loses_nothing(breakable: Lab, truth: Truth, tmp_path: Path) -> None:
    console = Console(truth, tmp_path, "killed")
    try:
        await listening(console, truth, "killed")
        for host in HOSTS:
            await inside(breakable, host, NUMBERED.format("killed", 2000))
        for _ in range(4):
            before = len(console.rows())
            await until(lambda: len(console.rows()) > before + 200, "lines come", 60)  # noqa: B023
            console.end(signal.SIGKILL)
            console.begin()
        await all_of(console, lambda said: "2000" in said, "each host is heard to the end")
    finally:
        console.end()
    for host in HOSTS:
        numbers = [int(line) for line in console.said(host) if line.isdigit()]
        assert sorted(set(numbers)) == list(range(1, 2001))
    assert not [row for row in console.rows() if "gap" in row]


async def test_what_was_vacuumed_while_no_console_ran_is_a_gap_between_its_neighbours(
    breakable: Lab, truth: Truth, tmp_path: Path
) -> None:
    console = Console(truth, tmp_path, "vacuumed")
    try:
        await listening(console, truth, "vacuumed")
        console.end()
        last = next(row for row in reversed(console.rows()) if row["host"] == "plain1")
        script = "seq 500 | systemd-cat -t vacuumed; journalctl --rotate; journalctl -q --vacuum-files=1"
        await inside(breakable, "plain1", script)
        await inside(breakable, "plain1", "logger -t vacuumed after")
        console.begin()
        await until(lambda: "after" in console.said("plain1"), "what came after is heard", 60)
    finally:
        console.end()
    rows = [row for row in console.rows() if row["host"] == "plain1"]
    (gap,) = [row for row in rows if "gap" in row]
    assert rows.index(gap) == len(rows) - 2
    assert gap["gap"]["after"] == last["cursor"]
    assert gap["gap"]["count"] >= 500


async def inside(lab: Lab, host: str, command: str) -> None:
    """Run a shell line as root on the host, past its network."""
    assert await lab.exec(host, ("sh", "-c", command)) == 0, command

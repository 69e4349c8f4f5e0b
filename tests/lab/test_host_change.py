"""Each write on hosts, on real ones: what it does there, its record, its undo."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from console.lab.lab import Lab
from tests.lab.changing import Writer
from tests.lab.truth import Truth


@pytest.fixture
def writer(truth: Truth, tmp_path: Path) -> Writer:
    return Writer(truth, tmp_path)


def boot(truth: Truth, host: str) -> str:
    return truth.ask(host, "cat /proc/sys/kernel/random/boot_id").strip()


def hosts(writer: Writer, *words: str, code: int = 0) -> dict[str, dict[str, Any]]:
    rows = json.loads(writer.run("host", "list", "-o", "json", *words, code=code).stdout or "[]")
    return {row["name"]: row for row in rows}


# -- power ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("breakable")
def test_a_reboot_is_done_once_the_host_is_live_in_another_boot(truth: Truth, writer: Writer) -> None:
    before = boot(truth, "docker2")
    plan = writer.plan("host", "reboot", "--on", "docker2")
    assert "web" in plan["steps"][0]["touches"]
    assert any("chatty" in note for note in plan["notes"])
    assert boot(truth, "docker2") == before, "a plan changes nothing"
    found = writer.write("host", "reboot", "--on", "docker2")
    assert found["docker2"][0] == "done"
    assert "back after" in found["docker2"][1]
    assert boot(truth, "docker2") != before
    record = writer.last()
    assert (record["line"], record["outcome"], record["undo"]) == ("host reboot --on=docker2", "done", [])


@pytest.mark.usefixtures("breakable")
def test_a_reboot_that_takes_too_long_has_failed(writer: Writer) -> None:
    found = writer.write("host", "reboot", "--on", "docker2", "--within", "300ms", code=4)
    assert found["docker2"][0] == "failed"
    assert "within 0.3 s" in found["docker2"][1]


@pytest.mark.usefixtures("breakable")
def test_a_poweroff_is_done_once_the_connection_is_gone(lab: Lab, writer: Writer) -> None:
    found = writer.write("host", "poweroff", "--on", "docker2")
    assert found == {"docker2": ("done", "the connection is gone")}
    assert writer.last()["undo"] == []
    assert hosts(writer, "--on", "docker2", code=4)["docker2"]["state"] == "unreachable"
    again = writer.write("host", "poweroff", "--on", "docker2", code=4)
    assert again["docker2"][0] == "unreachable"


# -- what is said of hosts ------------------------------------------------------------------


def test_labels_are_gone_by_at_once_and_taken_back(writer: Writer) -> None:
    before = hosts(writer)["docker1"]["labels"]
    found = writer.write("host", "label", "role=queue", "tier=a b $(x)", "zone-", "--on", "docker1")
    assert found == {"docker1": ("done", "")}
    after = hosts(writer, "--on", "role=queue,tier=a b*,zone!=*")
    assert set(after) == {"docker1"}
    assert after["docker1"]["labels"] == {
        "role": "queue",
        "tier": "a b $(x)",
        "kind": before["kind"],
    }
    record = writer.last()
    assert record["undo"] == [
        f"host label --on=docker1 role={before['role']} tier- zone={before['zone']}",
    ]
    writer.undo_last()
    assert hosts(writer)["docker1"]["labels"] == before


def test_what_is_labelled_so_already_is_nothing_to_do(writer: Writer) -> None:
    done = writer.run("host", "label", "kind=docker", "nonesuch-", "--on", "docker1", "--yes")
    assert "nothing to do" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("label", ["role", "a b=c", "=x", "role=", "role=a,b", "-"])
def test_what_is_no_label_is_a_usage_error(writer: Writer, label: str) -> None:
    writer.run("host", "label", label, "--on", "docker1", "--yes", code=2)


def test_cordon_and_uncordon(writer: Writer) -> None:
    assert writer.write("host", "cordon", "--on", "kind=docker") == {
        "docker1": ("done", ""),
        "docker2": ("done", ""),
    }
    assert {name for name, row in hosts(writer).items() if row["cordoned"]} == {"docker1", "docker2"}
    assert "cordoned,role=" in writer.run("host", "list", "--on", "docker1").stdout
    assert "nothing to do" in writer.run("host", "cordon", "--on", "docker1", "--yes").stderr
    writer.undo_last()
    assert not any(row["cordoned"] for row in hosts(writer).values())
    writer.undo_last()
    assert {name for name, row in hosts(writer).items() if row["cordoned"]} == {"docker1", "docker2"}
    writer.write("host", "uncordon", "--on", "*")
    assert not any(row["cordoned"] for row in hosts(writer).values())


def test_a_host_that_is_down_can_be_cordoned(truth: Truth, breakable: Lab, writer: Writer) -> None:
    writer.write("host", "poweroff", "--on", "docker2")
    assert writer.write("host", "cordon", "--on", "docker2") == {"docker2": ("done", "")}
    assert hosts(writer, "--on", "docker2", code=4)["docker2"]["cordoned"]


def test_a_broken_record_of_what_was_said_is_named_and_kept(writer: Writer) -> None:
    writer.write("host", "cordon", "--on", "docker1")
    (path,) = (writer.state / "quarterdeck" / "fleets").glob("*.json")
    path.write_text("{ broken")
    assert str(path) in writer.run("host", "list", code=1).stderr
    assert path.read_text() == "{ broken"


# -- by hand --------------------------------------------------------------------------------

ODD = ("it's", '"q" $(id) `id` $HOME', "two\nlines", "-x", "*", "ü", "a;b|c&d>e\\", "")


def test_exec_passes_every_word_on_as_it_is_to_every_host(truth: Truth, writer: Writer) -> None:
    script = 'for word in "$@"; do printf "<%s>" "$word"; done; echo wrong >&2'
    words = ("host", "exec", "--on", "*", "--yes", "-o", "json", "--", "sh", "-c", script, "sh", *ODD)
    found = {row["host"]: row for row in json.loads(writer.run(*words).stdout)}
    assert set(found) == {host.name for host in truth.config.hosts}
    for row in found.values():
        assert (row["code"], row["stderr"], row["truncated"]) == (0, "wrong\n", False)
        assert row["stdout"] == "".join(f"<{word}>" for word in ODD)
    record = writer.last()
    assert record["outcome"] == "done"
    assert len(record["results"]) == len(found)


def test_exec_says_which_host_said_what_and_one_failing_is_exit_4(truth: Truth, writer: Writer) -> None:
    script = 'echo "I am $(hostname)"; test $(hostname) != docker2'
    done = writer.run("host", "exec", "--on", "kind=docker", "--yes", "--", "sh", "-c", script, code=4)
    for host in ("docker1", "docker2"):
        assert f"{host} | I am {host}\n" in done.stdout
    assert "docker2 ✖ exit code 1" in done.stdout
    assert writer.last()["outcome"] == "failed"


def test_exec_as_root_and_what_it_writes_is_bounded(writer: Writer) -> None:
    done = writer.run("host", "exec", "--on", "docker1", "--yes", "--sudo", "--", "id", "-un")
    assert done.stdout == "docker1 | root\n"
    words = (
        "host",
        "exec",
        "--on",
        "docker1",
        "--yes",
        "-o",
        "json",
        "--",
        "head",
        "-c",
        "3000000",
        "/dev/zero",
    )
    (row,) = json.loads(writer.run(*words).stdout)
    assert (row["code"], row["truncated"], len(row["stdout"])) == (0, True, 1024 * 1024)


def test_exec_that_does_not_end_is_told(writer: Writer) -> None:
    words = ("host", "exec", "--on", "docker1", "--yes", "-o", "json", "--within", "500ms")
    (row,) = json.loads(writer.run(*words, "--", "sleep", "5", code=4).stdout)
    assert row["code"] is None
    assert "within 0.5 s" in row["error"]


def test_exec_plans_and_asks_like_every_write(writer: Writer) -> None:
    words = ("host", "exec", "--on", "docker1", "--plan", "-o", "json", "--", "touch", "/tmp/no")
    (step,) = json.loads(writer.run(*words).stdout)["steps"]
    assert (step["host"], step["verb"], step["undo"]) == ("docker1", "exec", None)
    writer.run("host", "exec", "--on", "docker1", "--", "touch", "/tmp/no", code=3)
    writer.run("host", "exec", "--yes", "--", "touch", "/tmp/no", code=2)
    writer.run("host", "exec", "--on", "docker1", "--yes", "--", "test", "!", "-e", "/tmp/no")


def test_exec_that_is_interrupted_gives_a_true_account(writer: Writer) -> None:
    line = "echo begun > /tmp/c-begun; sleep 30"
    running = writer.start(("host", "exec", "--on", "docker1", "--yes", "--", "sh", "-c", line))
    ask = "for i in $(seq 200); do test -e /tmp/c-begun && break; sleep 0.1; done; rm /tmp/c-begun"
    writer.truth.ask("docker1", ask)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert running.returncode == 130, err
    assert "docker1 ✖ interrupted: begun" in out
    assert "interrupted: 1 interrupted" in err
    assert writer.last()["outcome"] == "interrupted"


def test_a_shell_without_a_terminal_is_a_usage_error(writer: Writer) -> None:
    writer.run("host", "shell", "docker1", "--yes", code=2)
    writer.run("host", "shell", "docker1", code=3)
    writer.run("host", "shell", "docker1", "--read-only", code=3)


class Sitting:
    """Somebody at a terminal of 101 columns, who runs one line."""

    def __init__(self, writer: Writer, *words: str) -> None:
        self.master, self.slave = pty.openpty()
        termios.tcsetwinsize(self.slave, (33, 101))
        self.before = termios.tcgetattr(self.slave)
        self.shown = b""
        self.process = subprocess.Popen(
            writer.argv(*words),
            stdin=self.slave,
            stdout=self.slave,
            stderr=subprocess.PIPE,
            env={**writer.environ, "TERM": "vt100"},
            start_new_session=True,
            preexec_fn=_take_terminal,
        )

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def resize(self, rows: int, columns: int) -> None:
        termios.tcsetwinsize(self.slave, (rows, columns - 1))
        termios.tcsetwinsize(self.slave, (rows, columns))

    def until(self, wanted: str, again: Callable[[], None] = lambda: None) -> str:
        """What is shown from here on, up to where it holds `wanted`; `again` is done every two seconds."""
        end, next_time = time.monotonic() + 30, time.monotonic() + 2
        while wanted.encode() not in self.shown:
            if time.monotonic() > next_time:
                again()
                next_time += 2
            assert time.monotonic() < end, self.shown
            assert self.process.poll() is None or select.select([self.master], [], [], 0)[0], self.shown
            if select.select([self.master], [], [], 0.1)[0]:
                self.shown += os.read(self.master, 65536)
        text, _, self.shown = self.shown.partition(wanted.encode())
        return text.decode("utf-8", "replace")

    def ended(self) -> int:
        _, err = self.process.communicate(timeout=30)
        assert b"Traceback" not in err, err
        return self.process.returncode


def _take_terminal() -> None:
    """In the child: its stdin becomes the terminal that it is controlled by."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@contextmanager
def sitting(writer: Writer, *words: str) -> Iterator[Sitting]:
    person = Sitting(writer, *words)
    try:
        yield person
    finally:
        if person.process.poll() is None:
            person.process.kill()
        person.process.communicate()
        os.close(person.master)
        os.close(person.slave)


LINES = {
    "host": ("host", "shell", "docker1"),
    "docker": ("container", "exec", "web", "--on", "docker1", "--", "sh"),
    "podman": ("container", "exec", "web", "--on", "podman1", "--", "sh"),
}


@pytest.mark.parametrize("where", LINES)
def test_a_shell_has_our_terminals_kind_and_size_takes_ctrl_c_and_gives_its_exit_code(
    writer: Writer, where: str
) -> None:
    with sitting(writer, *LINES[where]) as person:
        person.type('echo here""1 $TERM; stty size\n')
        person.until("here1 vt100")
        person.until("33 101")
        person.resize(44, 99)
        # The size travels by itself; the shell is asked until it has come. docker's own command sets up what
        # hears of another size a moment after the shell runs: one that comes before that is lost to it.
        person.type('while test "$(stty size)" != "44 99"; do sleep 0.1; done; echo re""sized\n')
        person.until("resized", lambda: person.resize(44, 99))
        # It says so itself, and is then surely what Ctrl-C reaches: the shell has handed over the terminal.
        person.type("sh -c 'echo wait\"\"ing; exec sleep 1000'\n")
        person.until("waiting")
        person.type("\x03")
        person.type('echo inter""rupted; exit 9\n')
        person.until("interrupted")
        assert person.ended() == 9
        assert termios.tcgetattr(person.slave) == person.before
    record = writer.last()
    assert record["results"][0]["detail"] == "exit code 9"


def test_the_terminal_is_given_back_when_the_host_is_lost(
    truth: Truth, writer: Writer, breakable: Lab
) -> None:
    with sitting(writer, "host", "shell", "docker2") as person:
        person.type('echo here""1\n')
        person.until("here1")
        assert termios.tcgetattr(person.slave) != person.before
        truth.ask("docker2", "sudo systemctl poweroff --force --force || true", user="core")
        assert person.ended() == 4
        assert termios.tcgetattr(person.slave) == person.before
    assert writer.last()["outcome"] == "failed"


def test_the_terminal_is_given_back_when_we_are_ended(writer: Writer) -> None:
    with sitting(writer, "host", "shell", "docker1") as person:
        person.type('echo here""1\n')
        person.until("here1")
        person.process.terminate()
        assert person.ended() == 130
        assert termios.tcgetattr(person.slave) == person.before
    assert writer.last()["outcome"] == "interrupted"


def test_a_shell_is_for_exactly_one_host(writer: Writer) -> None:
    with sitting(writer, "host", "shell", "docker*") as person:
        _, err = person.process.communicate(timeout=30)
        assert person.process.returncode == 2
        assert b"2 hosts" in err

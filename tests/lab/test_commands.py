"""Each command of the command line, on real hosts, as scripts see it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.lab.truth import Truth


def argv(truth: Truth, *words: str) -> list[str]:
    return [sys.executable, "-m", "console.cli.main", "--config", str(truth.config.path), *words]


def qd(truth: Truth, *words: str, code: int = 0) -> str:
    """stdout of one run."""
    done = subprocess.run(argv(truth, *words), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, (words, done.returncode, done.stderr)
    assert "Traceback" not in done.stderr
    return done.stdout


def rows(truth: Truth, *words: str, code: int = 0) -> list[dict[str, Any]]:
    found = json.loads(qd(truth, *words, "-o", "json", code=code))
    assert isinstance(found, list)
    return found


class Running:
    """A command that goes on, read line by line."""

    def __init__(self, truth: Truth, *words: str) -> None:
        self._process = subprocess.Popen(
            argv(truth, *words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def until(self, wanted: str, seconds: float = 60) -> str:
        """The first line that holds `wanted`."""
        assert self._process.stdout
        late = threading.Timer(seconds, self._process.kill)
        late.start()
        try:
            for line in self._process.stdout:
                if wanted in line:
                    return line
        finally:
            late.cancel()
        raise AssertionError(f"ended, or was ended after {seconds:g} s, without {wanted!r}")

    def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        self._process.send_signal(signal.SIGINT)
        _, err = self._process.communicate(timeout=20)
        assert "Traceback" not in err
        return self._process.returncode


@contextmanager
def logging(truth: Truth, host: str, tag: str, text: str) -> Iterator[None]:
    """A line in the journal of `host` twice a second, for as long as the context lasts."""
    loop = f"while logger -t {tag} {text}; do echo; sleep 0.5; done"  # ends when nobody takes the echo
    writing = subprocess.Popen([*truth.argv(host), loop], stdout=subprocess.PIPE)
    try:
        yield
    finally:
        writing.kill()
        writing.communicate()


def test_fleet_status_tells_what_is_wrong(truth: Truth) -> None:
    text = qd(truth, "fleet", "status")
    assert f"{len(truth.config.hosts)} hosts" in text
    for trouble in ("failing.service", "crashloop.service", "container sick"):
        assert trouble in text
    assert {row["name"] for row in rows(truth, "fleet", "status")} == {h.name for h in truth.config.hosts}


def test_host_show_has_all_that_the_os_source_read(truth: Truth) -> None:
    (host,) = rows(truth, "host", "show", "docker1")
    assert host["machine_id"] == truth.ask("docker1", "cat /etc/machine-id").strip()
    assert host["memory_total"] > host["memory_available"] > 0
    assert host["disks"][0]["path"] == "/"
    assert abs(host["clock_offset_s"]) < 1


def test_unit_show_cat_and_deps(truth: Truth) -> None:
    (shown,) = rows(truth, "unit", "show", "api", "--on", "docker1")
    pid = truth.ask("docker1", "systemctl show -P MainPID api").strip()
    assert shown["properties"]["MainPID"] == int(pid)
    (file,) = rows(truth, "unit", "cat", "api", "--on", "docker1")
    assert file["text"] == truth.ask("docker1", "systemctl cat api")
    (deps,) = rows(truth, "unit", "deps", "api", "--on", "docker1")
    assert "db.service" in deps["requires"]
    assert deps["bound_by"] == ["worker.service"]
    assert "worker.service" in qd(truth, "unit", "deps", "api", "--on", "docker1")


def test_a_unit_that_nobody_has_is_an_empty_selection(truth: Truth) -> None:
    qd(truth, "unit", "show", "nonesuch", code=5)
    assert len(rows(truth, "unit", "show", "steady", "nonesuch")) == len(truth.config.hosts)


def test_unit_details_are_known_for_all_when_asked_for(truth: Truth) -> None:
    found = rows(truth, "unit", "list", "steady", "--details", "--on", "docker1")
    assert found[0]["restarts"] == 0
    assert found[0]["result"] == "success"
    assert found[0]["since"]


def test_container_show_and_stats(truth: Truth) -> None:
    (shown,) = rows(truth, "container", "show", "web", "--on", "docker1")
    assert shown["inspect"]["State"]["Pid"] > 0
    assert shown["restarts"] == 0
    stats = {row["name"]: row for row in rows(truth, "container", "stats", "--on", "docker1")}
    assert stats["web"]["memory"] is None or stats["web"]["memory"] >= 0
    assert "oneshot" not in stats
    podman = rows(truth, "container", "show", "web", "--on", "podman1")
    assert podman[0]["engine"] == "podman"


def test_a_watched_list_tells_each_change_as_one_object_a_line(truth: Truth) -> None:
    with Running(truth, "unit", "list", "web@watched", "steady", "--watch", "-o", "json") as watching:
        assert json.loads(watching.until("steady"))["op"] == "put"
        truth.ask("docker1", "sudo systemctl start web@watched")
        change = json.loads(watching.until("web@watched"))
        assert (change["op"], change["host"]) == ("put", "docker1")
        truth.ask("docker1", "sudo systemctl stop web@watched")
        assert json.loads(watching.until('"delete"'))["name"] == "web@watched.service"
        assert watching.interrupt() == 130


def test_log_follow_tells_what_comes_from_every_host(truth: Truth) -> None:
    words = ("log", "follow", "-t", "hello", "-n", "0", "-o", "json")
    with Running(truth, *words) as following:
        # The first line a host logs after the follower is there is the sign that it is.
        for host in truth.config.hosts:
            with logging(truth, host.name, "hello", f"from-{host.name}"):
                record = json.loads(following.until(f"from-{host.name}"))
            assert record["host"] == host.name
            assert record["trusted"] is True
        assert following.interrupt() == 130


def test_login_shows_what_we_may_do(truth: Truth) -> None:
    found = {row["host"]: row for row in rows(truth, "login")}
    assert found["docker1"]["user"] == "core"
    assert found["docker1"]["root"] is True
    assert "docker" in found["docker1"]["groups"]


def test_a_read_only_console_does_not_even_look_whether_it_could_be_root(truth: Truth) -> None:
    asked = "sudo journalctl -q -o cat SYSLOG_IDENTIFIER=sudo | grep -c COMMAND=/usr/bin/id"
    before = truth.ask("docker1", f"{asked} || true")
    (found,) = rows(truth, "--read-only", "login", "--on", "docker1")
    assert (found["root"], found["why_not"]) == (False, "this console is read-only: --read-only")
    assert truth.ask("docker1", f"{asked} || true") == before
    rows(truth, "login", "--on", "docker1")
    assert truth.ask("docker1", f"{asked} || true") != before


def test_selection_by_what_only_the_host_knows(truth: Truth) -> None:
    everybody = {host.name for host in truth.config.hosts}
    assert {row["name"] for row in rows(truth, "host", "list", "--on", "os=debian")} == everybody
    qd(truth, "host", "list", "--on", "os=flatcar", code=5)
    found = rows(truth, "host", "list", "--on", "kind=docker,name!=docker2")
    assert [row["name"] for row in found] == ["docker1"]


def test_nothing_of_a_command_is_left_behind_on_the_host(truth: Truth) -> None:
    followers = "grep -sl journalctl /proc/[0-9]*/comm | wc -l"
    before = truth.ask("docker2", followers)
    with Running(truth, "log", "follow", "--on", "docker2", "-n", "1", "-o", "json") as following:
        following.until("{")
        assert truth.ask("docker2", followers) != before
        assert following.interrupt() == 130
    wait = (
        f"for i in $(seq 100); do test $({followers}) = {before.strip()} && exit 0; sleep 0.1; done; exit 1"
    )
    truth.ask("docker2", wait)

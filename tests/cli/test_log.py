"""`log …` as a script uses it, on this machine's own connection and journals that the tests write."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.journal_files import JOURNALCTL, REMOTE, JournalFiles, journal_files, needs_journal_tools

pytestmark = needs_journal_tools

_FLEET = """[fleet]
name = "test"
[[host]]
name = "here"
transport = "local"
"""
_WITHIN_S = 60


class Shell:
    """Runs lines of the console; stdout and stderr apart."""

    def __init__(self, folder: Path, path: str) -> None:
        self.folder = folder
        config = folder / "fleet.toml"
        config.write_text(_FLEET)
        self._environ = os.environ | {
            "PATH": path,
            "XDG_STATE_HOME": str(folder / "state"),
            "QUARTERDECK_CONFIG": str(config),
        }
        (folder / "state").mkdir()

    def run(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        argv = [sys.executable, "-m", "console", *words]
        ended = subprocess.run(argv, env=self._environ, capture_output=True, timeout=_WITHIN_S)
        assert b"Traceback" not in ended.stderr
        return ended

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-m", "console", *words]
        return subprocess.Popen(argv, env=self._environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def rows(self, *words: str) -> list[dict[str, Any]]:
        ended = self.run(*words, "-o", "json")
        assert ended.returncode == 0, ended.stderr
        found = json.loads(ended.stdout)
        assert isinstance(found, list)
        return found

    def said(self, *words: str) -> list[str]:
        return [row["message"] for row in self.rows(*words)]


@pytest.fixture(name="journal")
def fixture_journal(tmp_path: Path) -> Iterator[JournalFiles]:
    with journal_files(tmp_path) as files:
        yield files


@pytest.fixture(name="shell")
def fixture_shell(journal: JournalFiles, tmp_path: Path) -> Shell:
    return Shell(tmp_path, journal.path)


def fill(journal: JournalFiles) -> None:
    for n in range(60):
        journal.write(f"request {n}", _SYSTEMD_UNIT=f"web@{n % 2}.service", PRIORITY="3" if n == 30 else "6")


def test_search_finds_the_newest_first_and_ends_at_its_count(journal: JournalFiles, shell: Shell) -> None:
    fill(journal)
    assert shell.said("log", "search", "Request", "--on", "here") == []
    found = shell.said("log", "search", r"request \d5", "--on", "here")
    assert found == [f"request {n}5" for n in (5, 4, 3, 2, 1)]
    assert shell.said("log", "search", "request", "--on", "here", "-n", "2") == ["request 59", "request 58"]
    assert shell.said("log", "search", "request", "--on", "here", "-p", "err") == ["request 30"]


def test_a_line_is_read_with_those_around_it(journal: JournalFiles, shell: Shell) -> None:
    fill(journal)
    (line,) = shell.rows("log", "search", "request 30", "--on", "here")
    around = shell.said("log", "context", line["cursor"], "-n", "2", "--on", "here")
    assert around == [f"request {n}" for n in (28, 29, 30, 31, 32)]
    filtered = shell.said("log", "context", line["cursor"], "-n", "2", "--on", "here", "-u", "web@1")
    assert filtered == [f"request {n}" for n in (27, 29, 30, 31, 33)]
    text = shell.run("log", "context", line["cursor"], "-n", "1", "--on", "here").stdout.decode()
    assert [row[0] for row in text.splitlines()] == [" ", "▶", " "]


def test_the_first_and_the_last_line_have_context_on_one_side(journal: JournalFiles, shell: Shell) -> None:
    fill(journal)
    first, *_, last = shell.rows("log", "show", "--on", "here", "-n", "60")
    assert shell.said("log", "context", first["cursor"], "-n", "1", "--on", "here") == [
        "request 0",
        "request 1",
    ]
    assert shell.said("log", "context", last["cursor"], "-n", "1", "--on", "here") == [
        "request 58",
        "request 59",
    ]


def test_a_cursor_that_no_journal_has_leads_nowhere(journal: JournalFiles, shell: Shell) -> None:
    fill(journal)
    foreign = f"s={'ab' * 16};i=5;b={'cd' * 16};m=1;t=1;x=1"
    ended = shell.run("log", "context", foreign, "--on", "here")
    assert ended.returncode == 5
    assert ended.stdout == b""
    assert b"no selected host has the line" in ended.stderr


def test_what_was_written_is_counted_by_who_wrote_it(journal: JournalFiles, shell: Shell) -> None:
    fill(journal)
    units = shell.rows("log", "stats", "--since", "2h", "--on", "here")
    assert [(row["unit"], row["lines"]) for row in units] == [("web@0.service", 30), ("web@1.service", 30)]
    assert [row["priorities"]["err"] for row in units] == [1, 0]
    assert all(sum(row["buckets"]) == row["lines"] for row in units)
    assert units[0]["per_s"] == pytest.approx(30 / 7200, abs=1e-3)
    (host,) = shell.rows("log", "stats", "--since", "2h", "--on", "here", "--by", "host", "--grep", r"\d\d")
    assert (host["lines"], host["unit"]) == (50, None)


ODD = [b"plain", b"two\n\nlines", bytes(range(256)), "größer".encode(), b"\xff\xfe", b"y" * 100_000]


def test_an_export_makes_the_same_journal_of_itself_again(
    journal: JournalFiles, shell: Shell, tmp_path: Path
) -> None:
    journal.write(*ODD, REPEATED=["one", "two"], _SYSTEMD_UNIT="web.service")
    target = tmp_path / "kept.export"
    ended = shell.run("log", "export", "--on", "here", "--to", str(target))
    assert ended.returncode == 0, ended.stderr
    again = tmp_path / "again.journal"
    subprocess.run([REMOTE, "-o", again, target], stderr=subprocess.DEVNULL, check=True)

    def entries(*where: str) -> list[dict[str, Any]]:
        argv = ["journalctl", "-q", "--no-pager", "-a", "-o", "json", *where]
        text = subprocess.run(argv, capture_output=True, check=True).stdout
        found = [json.loads(line) for line in text.splitlines()]
        return [
            {k: v for k, v in entry.items() if k not in ("__CURSOR", "_SYSTEMD_UNIT_")} for entry in found
        ]

    assert entries("--file", str(again)) == entries("-D", str(journal.folder))
    assert target.stat().st_mode & 0o777 == 0o600


def test_an_export_is_filtered_and_is_never_written_over_a_file(
    journal: JournalFiles, shell: Shell, tmp_path: Path
) -> None:
    fill(journal)
    ended = shell.run("log", "export", "--on", "here", "-g", "request 3$", "--to", "-")
    assert b"MESSAGE=request 3\n" in ended.stdout
    assert ended.stdout.count(b"__CURSOR=") == 1
    few = shell.run("log", "export", "--on", "here", "-g", "request .5", "-n", "2", "--to", "-").stdout
    assert [line for line in few.splitlines() if line.startswith(b"MESSAGE=")] == [
        b"MESSAGE=request 45",
        b"MESSAGE=request 55",
    ]
    text = shell.run("log", "export", "--on", "here", "-n", "2", "-f", "text", "--to", "-").stdout.decode()
    assert [line.split(" ", 4)[-1].split(" ", 1)[-1] for line in text.splitlines()] == [
        "request 58",
        "request 59",
    ]
    lines = shell.run("log", "export", "--on", "here", "-n", "2", "-f", "json", "--to", "-").stdout
    assert [json.loads(line)["message"] for line in lines.splitlines()] == ["request 58", "request 59"]
    there = tmp_path / "there"
    there.write_text("mine")
    assert shell.run("log", "export", "--to", str(there)).returncode == 2
    assert there.read_text() == "mine"


def test_an_archive_accounts_for_each_of_its_files(
    journal: JournalFiles, shell: Shell, tmp_path: Path
) -> None:
    fill(journal)
    target = tmp_path / "incident.tar.gz"
    ended = shell.run("log", "export", "-f", "archive", "-p", "err", "--to", str(target))
    assert ended.returncode == 0, ended.stderr
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(target.read_bytes()))) as tar:
        files = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    manifest = json.loads(files["incident/manifest.json"])
    assert [host["host"] for host in manifest["hosts"]] == ["here"]
    assert "--priority=err" in manifest["line"]
    for host in manifest["hosts"]:
        data = files[f"incident/{host['file']}"]
        assert (host["bytes"], host["entries"]) == (len(data), 1)
        assert host["sha256"] == hashlib.sha256(data).hexdigest()
        assert f"{host['sha256']}  {host['file']}".encode() in files["incident/SHA256SUMS"]
    assert hashlib.sha256(target.read_bytes()).hexdigest().encode() in ended.stderr


def test_what_the_host_cannot_finish_leaves_no_archive_and_no_silence(
    journal: JournalFiles, shell: Shell, tmp_path: Path
) -> None:
    fill(journal)
    journal.say('case "$*" in *export*) exit 1;; esac')
    target = tmp_path / "incident.tar.gz"
    ended = shell.run("log", "export", "--on", "here", "-f", "archive", "--to", str(target))
    assert ended.returncode == 4
    with tarfile.open(target) as tar:
        manifest = json.load(tar.extractfile("incident/manifest.json"))  # type: ignore[arg-type]
    assert manifest["hosts"] == []
    assert "here" in manifest["not_read"][0]


def test_a_mistake_in_the_text_is_told_before_any_host_is_asked(shell: Shell) -> None:
    for words in (
        ("log", "search", "("),
        ("log", "search", "x", "--grep", "y"),
        ("log", "context", "c", "--since", "5m"),
        ("log", "export", "--grep", "(", "--to", "x"),
        ("log", "export"),
        ("log", "verify", "--key-file", str(shell.folder / "fleet.toml")),
    ):
        ended = shell.run(*words)
        assert ended.returncode == 2, words
        assert ended.stdout in (b"", b"[]\n")


def test_colours_are_kept_on_a_terminal_that_asks_for_them_and_nothing_else_of_a_terminals(
    journal: JournalFiles, shell: Shell
) -> None:
    journal.write(b"\x1b[31mred\x1b[0m \x1b]0;owned\x07\x1b[2Jtext\n\x1b[1mmore")
    kept = shell.run("--color", "always", "log", "show", "--on", "here", "--keep-color").stdout.decode()
    assert "\x1b[31mred\x1b[0m ␛]0;owned␇␛[2Jtext" in kept
    assert "\n    \x1b[1mmore\x1b[0m" in kept
    for words in (("--color", "never"), ("--color", "always")):
        plain = shell.run(*words, "log", "show", "--on", "here", "-n", "1").stdout.decode()
        assert "red ␛]0;owned␇␛[2Jtext" in plain
    never = shell.run("--color", "never", "log", "show", "--on", "here", "--keep-color").stdout.decode()
    assert "\x1b" not in never


def test_what_is_interrupted_leaves_no_half_of_a_file(
    journal: JournalFiles, shell: Shell, tmp_path: Path
) -> None:
    fill(journal)
    began = tmp_path / "began"
    journal.say(
        f'case "$*" in *--lines=1*) exec {JOURNALCTL} -D {journal.folder} "$@";; esac\n'
        f'{JOURNALCTL} -D {journal.folder} "$@"; touch {began}; exec sleep 60'
    )
    for form in ("export", "json", "archive"):
        target = tmp_path / f"kept.{form}"
        began.unlink(missing_ok=True)
        process = shell.start("log", "export", "--on", "here", "-f", form, "--to", str(target))
        deadline = time.monotonic() + _WITHIN_S
        while not began.exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=_WITHIN_S)
        assert process.returncode == 130
        assert b"Traceback" not in err
        assert not target.exists()

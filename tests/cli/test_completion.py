"""Completion in real shells, and what it must never do there."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from console.cli.completion import BASH, ZSH, answer
from console.cli.registry import all_commands

FLEET = """
[[host]]
name = "web1"
address = "127.0.0.1"
labels = { role = "web", note = "$(touch pwned)" }
[[host]]
name = "web2"
address = "127.0.0.1"
labels = { role = "web" }
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folders, with a fleet and a macro, and `quarterdeck` on the path."""
    config = tmp_path / "config" / "quarterdeck"
    (config / "macros").mkdir(parents=True)
    (config / "fleets").mkdir()
    (config / "fleet.toml").write_text(FLEET)
    (config / "fleets" / "lab.toml").write_text(FLEET)
    (config / "macros" / "evening.toml").write_text(
        'steps = ["unit list ${unit}"]\n[params]\nunit = { type = "unit" }\n'
    )
    program = tmp_path / "bin" / "quarterdeck"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m console.cli.main "$@"\n')
    program.chmod(0o755)
    for name, value in (
        ("XDG_CONFIG_HOME", str(tmp_path / "config")),
        ("XDG_STATE_HOME", str(tmp_path / "state")),
        ("PATH", f"{program.parent}:{os.environ['PATH']}"),
        ("HOME", str(tmp_path)),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("QUARTERDECK_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_names_of_the_fleet_are_known_without_a_word_to_its_hosts(home: Path) -> None:
    registry = all_commands()
    assert answer(["--bash", "=:", "quarterdeck host show "], registry) == ["web1", "web2"]
    assert answer(["--bash", "=:", "quarterdeck unit list --on=role"], registry) == ["role=web"]
    assert answer(["--bash", "=:", "quarterdeck unit list --on role=w"], registry) == ["web"]
    assert answer(["--bash", "=:", "quarterdeck --fleet l"], registry) == ["lab"]
    assert "evening" in answer(["--bash", "=:", "quarterdeck macro run "], registry)
    assert answer(["--bash", "=:", "quarterdeck macro run evening --set "], registry) == ["unit="]
    assert answer(["--zsh", "host", "show", "web1"], registry) == ["web1\trole=web,note=$(touch pwned)"]
    assert not (home / "state").exists(), "completing leaves nothing behind"


def test_what_a_shell_would_read_as_something_else_is_left_out(home: Path) -> None:
    found = answer(["--bash", "=:", "quarterdeck unit list --on note"], all_commands())
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "quarterdeck --config /nowhere unit list --on ",
        "quarterdeck unit list 'ha",
        'quarterdeck unit list "a b" --on w',
        "quarterdeck macro run nothing-like-it --set ",
        "quarterdeck --fleet ../../etc unit list --on ",
        "",
    ],
)
def test_a_line_that_is_not_right_yet_is_no_error(home: Path, line: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "console.cli.main", "complete", "--bash", "=:", line],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


BASH_ASKS = """
source <(quarterdeck completion bash)
COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:'
COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=($1) COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
compopt() { echo "compopt $*"; }
_quarterdeck
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("quarterdeck host show w", ["web1", "web2"]),
        ("quarterdeck unit restart --on=web1,w", ["web1,web1", "web1,web2"]),
        ("quarterdeck unit restart --wav", ["compopt -o nospace", "--wave="]),
    ],
)
def test_bash_completes(home: Path, line: str, found: list[str]) -> None:
    done = subprocess.run(
        ["bash", "--norc", "-c", BASH_ASKS, "bash", line], capture_output=True, text=True, check=True
    )
    assert (done.stdout.split("\n")[:-1], done.stderr) == (found, "")


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh")
def test_zsh_completes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / ".zshrc").write_text(
        "autoload -Uz compinit && compinit -u -D\nsource <(quarterdeck completion zsh)\nPS1='next> '\n"
    )
    monkeypatch.setenv("ZDOTDIR", str(home))
    monkeypatch.setenv("TERM", "dumb")
    child, terminal = pty.fork()
    if child == 0:
        os.execvp("zsh", ["zsh", "-i"])
    shown = b""

    def until(wanted: bytes) -> None:
        nonlocal shown
        end = time.monotonic() + 60
        while wanted not in shown:
            assert time.monotonic() < end, shown
            if select.select([terminal], [], [], 0.1)[0]:
                shown += os.read(terminal, 65536)
        shown = shown.partition(wanted)[2]

    try:
        until(b"next> ")
        for typed, becomes in (
            (b"quarterdeck hos\t", b"host "),
            (b"sho\t", b"show "),
            (b"w\t", b"web"),
            # What may follow is listed, and what it is.
            (b"\t", b"role=web"),
        ):
            os.write(terminal, typed)
            until(becomes)
        # The line is printed, not run.
        os.write(terminal, b"1 --output=j\t\x01echo seen: \n")
        until(b"seen: quarterdeck host show web1 --output=json")
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)


def test_the_scripts_are_printed_as_they_are(home: Path) -> None:
    for shell, script in (("bash", BASH), ("zsh", ZSH)):
        done = subprocess.run(
            ["quarterdeck", "completion", shell], capture_output=True, text=True, check=True
        )
        assert done.stdout == script
    refused = subprocess.run(
        ["quarterdeck", "completion", "fish"], capture_output=True, text=True, check=False
    )
    assert refused.returncode == 2
    assert "no completion for fish" in refused.stderr

"""Where faults are kept, also where nothing can be."""

from __future__ import annotations

import logging
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from console.cli.report import keep_log, write_report


@pytest.fixture
def no_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for the state folder at which none can be made."""
    place = tmp_path / "state"
    place.write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(place))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return place


def test_a_report_goes_to_a_temporary_folder_where_there_is_no_other(no_state: Path) -> None:
    path = write_report(ValueError("broken"), "unit list")
    assert "broken" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_log_that_cannot_be_kept_is_silent(
    no_state: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])
    keep_log()
    logging.getLogger("some.library").warning("something")
    assert capfd.readouterr().err == ""


def test_a_write_that_cannot_be_recorded_does_not_happen(no_state: Path, tmp_path: Path) -> None:
    config = tmp_path / "fleet.toml"
    config.write_text('[[host]]\nname = "here"\ntransport = "local"\nbecome = "none"\n')
    happened = tmp_path / "happened"
    argv = [sys.executable, "-m", "console.cli.main", "--config", str(config), "host", "exec", "--on", "here"]
    done = subprocess.run(
        [*argv, "--yes", "--", "touch", str(happened)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "the state folder cannot be made: Not a directory" in done.stderr
    assert "Traceback" not in done.stderr
    assert not happened.exists()


def test_a_command_that_a_signal_ended_has_the_code_that_a_shell_gives_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    config = tmp_path / "fleet.toml"
    config.write_text('[[host]]\nname = "here"\ntransport = "local"\nbecome = "none"\n')
    argv = [sys.executable, "-m", "console.cli.main", "--config", str(config), "host", "exec", "--on", "here"]
    done = subprocess.run(
        [*argv, "--yes", "--", "sh", "-c", "kill -9 $$"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 4
    assert "exit code 137" in done.stdout

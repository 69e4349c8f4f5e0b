"""Lines to exit codes, words on the right stream, and never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from console import __version__

FLEET = """
[fleet]
name = "t"
[[host]]
name = "nobody"
address = "127.0.0.1"
port = 1
"""


def qd(tmp_path: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """One run of the command line, with folders of its own and nobody to ask."""
    home = {
        "HOME": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CONFIG_HOME": str(tmp_path),
    }
    return subprocess.run(
        [sys.executable, "-m", "console.cli.main", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, **home, **environ},
    )


@pytest.fixture
def config(tmp_path: Path) -> str:
    (tmp_path / "fleet.toml").write_text(FLEET)
    return str(tmp_path / "fleet.toml")


def test_version_and_help_go_to_stdout(tmp_path: Path) -> None:
    assert qd(tmp_path, "--version").stdout == f"quarterdeck {__version__}\n"
    for words in (["--help"], ["unit", "--help"], ["unit", "list", "--help"], ["help", "unit", "list"]):
        done = qd(tmp_path, *words)
        assert done.returncode == 0
        assert done.stdout.startswith("usage: quarterdeck")
        assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["unti", "list"], 2, "did you mean unit"),
        (["unit", "list", "--on", "a=,b"], 2, "--on"),
        (["--config", "/nonexistent", "host", "list"], 1, "no such file"),
        (["--read-only", "host", "import", "--ssh-config", "/x"], 3, "read-only"),
        (["host", "import"], 2, "--ssh-config"),
        (["unit", "list", "--engine"], 2, "does not wait for an engine"),
        (["service", "start", "a.service", "--engine", "--no-wait"], 2, "leave out --no-wait"),
        (["engine", "run", "--metrics", "nowhere"], 2, "like 127.0.0.1:9101"),
    ],
)
def test_what_goes_wrong_has_its_code_and_one_line(
    tmp_path: Path, words: list[str], code: int, says: str
) -> None:
    done = qd(tmp_path, *words)
    assert done.returncode == code
    assert says in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_read_only_by_the_environment_refuses_before_anything_is_read(tmp_path: Path) -> None:
    line = ["--config", "/nonexistent", "host", "import", "--ansible", "/x"]
    done = qd(tmp_path, *line, QUARTERDECK_READ_ONLY="1")
    assert done.returncode == 3
    assert "$QUARTERDECK_READ_ONLY" in done.stderr


def test_a_read_only_fleet_keeps_writes_from_its_hosts_and_not_from_the_lab(tmp_path: Path) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text('[fleet]\nname = "x"\nread_only = true\n[[host]]\nname = "a"\naddress = "127.0.0.1"\n')
    refused = qd(tmp_path, "--config", str(file), "unit", "restart", "x", "--on", "a", "--yes")
    assert (refused.returncode, str(file) in refused.stderr) == (3, True)
    lab = qd(tmp_path, "--config", str(file), "lab", "kill", "nobody-of-this-lab")
    assert "read-only" not in lab.stderr
    assert lab.returncode == 1


def test_every_problem_of_a_configuration_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text('[fleet]\nnmae = "x"\n[[host]]\nname = "a"\nport = "ssh"\n')
    done = qd(tmp_path, "--config", str(tmp_path / "bad.toml"), "host", "list")
    assert done.returncode == 1
    assert "bad.toml:2:" in done.stderr
    assert "bad.toml:5:" in done.stderr


def test_an_empty_selection_is_5_and_names_what_there_is(tmp_path: Path, config: str) -> None:
    done = qd(tmp_path, "--config", config, "host", "list", "--on", "web1")
    assert done.returncode == 5
    assert "nobody" in done.stderr


def test_an_unreachable_host_is_a_row_with_the_reason_and_4(tmp_path: Path, config: str) -> None:
    done = qd(tmp_path, "--config", config, "host", "list")
    assert done.returncode == 4
    assert "unreachable" in done.stdout
    rows = json.loads(qd(tmp_path, "--config", config, "host", "list", "-o", "json").stdout)
    assert rows[0]["state"] == "unreachable"
    assert "127.0.0.1:1" in rows[0]["reason"]
    units = qd(tmp_path, "--config", config, "unit", "list", "-o", "json")
    assert (json.loads(units.stdout), units.returncode) == ([], 4)


def test_yaml_is_the_same_as_json(tmp_path: Path, config: str) -> None:
    import yaml

    as_json = json.loads(qd(tmp_path, "--config", config, "host", "list", "-o", "json").stdout)
    as_yaml = yaml.safe_load(qd(tmp_path, "--config", config, "host", "list", "-o", "yaml").stdout)
    assert [row["name"] for row in as_yaml] == [row["name"] for row in as_json]
    assert as_yaml[0].keys() == as_json[0].keys()


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    line = f"{sys.executable} -m console.cli.main --help | head -n 1"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout.startswith("usage")
    assert done.stderr == ""

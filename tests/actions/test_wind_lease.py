"""What is sent to wind a lease, and what a host's answer is taken for; the script itself, in a shell."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from console.actions import wind_lease
from console.actions.wind_lease import Wound, read_wound, spoken
from console.errors import HostFailure


def test_what_may_run_and_what_is_asked_about_has_a_line_each() -> None:
    assert spoken({"b.service", "a.service"}, {"c.service"}) == (
        b"hold a.service\nhold b.service\ndrop c.service\n"
    )


def test_an_answer_says_what_became_of_it_by_the_hosts_clock() -> None:
    said = "wound 12345 b1 m1\ndown c.service\nend\n"
    assert read_wound(said, "h1") == Wound("wound", 12345, "b1", "m1", frozenset({"c.service"}))
    for word in ("rebooted", "overtaken", "late"):
        assert read_wound(f"{word} 1 b1 m1\nend\n", "h1").outcome == word
    assert read_wound("foreign f-2\nend\n", "h1").foreign == "f-2"
    assert read_wound("superseded 12\nend\n", "h1").revision == 12


@pytest.mark.parametrize(
    "said", ["", "wound 1 b1 m1\n", "wound x b1 m1\nend\n", "wound 1\nend\n", "fault no\n", "end\n"]
)
def test_half_an_answer_is_none(said: str) -> None:
    with pytest.raises(HostFailure):
        read_wound(said, "h1")


class Shell:
    """The script against a folder that stands for the host's, with a systemctl that writes down its words."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        for name in ("run/systemd/system", "etc", "proc/sys/kernel/random", "bin"):
            (folder / name).mkdir(parents=True)
        (folder / "etc/machine-id").write_text("m1\n")
        (folder / "proc/sys/kernel/random/boot_id").write_text("b1\n")
        self.uptime(100.0)
        (folder / "bin/systemctl").write_text(
            f'#!/bin/sh\necho "$*" >>{folder}/said\n'
            'case $1 in --version) echo "systemd 257 (257)" ;; show) echo ActiveState=inactive ;; esac\n'
        )
        (folder / "bin/systemctl").chmod(0o755)
        script = Path(wind_lease.__file__).with_suffix(".sh").read_text()
        for name in ("/run/", "/etc/", "/proc/"):
            script = script.replace(name, f"{folder}{name}")
        self.script = script.replace("PATH=", f"PATH={folder}/bin:")

    def uptime(self, seconds: float) -> None:
        (self.root / "proc/uptime").write_text(f"{seconds:.2f} 1.00\n")

    def wind(
        self, deadline: int, *units: str, revision: int = 5, boot: str = "b1", fleet: str = "f-1"
    ) -> list[str]:
        done = subprocess.run(
            ["sh", "-c", self.script, "x", fleet, str(revision), boot, str(deadline)],
            input=spoken(units, ()),
            capture_output=True,
            check=True,
        )
        assert done.stderr == b""
        return done.stdout.decode().splitlines()

    @property
    def lease(self) -> list[str]:
        return (self.root / "run/quarterdeck/lease").read_text().splitlines()

    def held(self, unit: str) -> bool:
        script = self.root / "run/quarterdeck/lease.sh"
        return subprocess.run(["sh", str(script), "held", unit], check=False).returncode == 0


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    if shutil.which("flock") is None:
        pytest.skip("needs flock")
    return Shell(tmp_path)


def test_a_lease_names_units_and_holds_for_them_until_its_deadline(shell: Shell) -> None:
    assert shell.wind(11_000, "a\\x2d.service") == ["wound 10000 b1 m1", "end"]
    assert shell.lease == ["5 11000", "a\\x2d.service"]
    assert shell.held("a\\x2d.service")
    assert not shell.held("b.service")
    shell.uptime(109.99)
    assert shell.held("a\\x2d.service")
    shell.uptime(110.0)
    assert not shell.held("a\\x2d.service")


def test_a_wind_that_comes_too_late_or_of_who_was_replaced_changes_nothing(shell: Shell) -> None:
    shell.wind(11_000, "a.service")
    assert shell.wind(11_000, "b.service") == ["overtaken 10000 b1 m1", "end"]
    assert shell.wind(10_900, "b.service") == ["overtaken 10000 b1 m1", "end"]
    assert shell.wind(99_000, "b.service", revision=4) == ["superseded 5", "end"]
    assert shell.wind(99_000, "b.service", boot="b0") == ["rebooted 10000 b1 m1", "end"]
    assert shell.wind(99_000, "b.service", fleet="f-2") == ["foreign f-1", "end"]
    shell.uptime(120.0)
    assert shell.wind(11_500, "b.service") == ["late 12000 b1 m1", "end"]
    assert shell.lease == ["5 11000", "a.service"]
    (shell.root / "run/quarterdeck/revision").write_text("7\n")
    assert shell.wind(99_000, "b.service", revision=6) == ["superseded 7", "end"]


def test_one_elected_later_may_shorten_it(shell: Shell) -> None:
    shell.wind(19_000, "a.service")
    assert shell.wind(11_000, "b.service", revision=6) == ["wound 10000 b1 m1", "end"]
    assert shell.lease == ["6 11000", "b.service"]


def test_what_had_stopped_with_the_lease_is_started_again_and_nothing_else(shell: Shell) -> None:
    units = shell.root / "run/quarterdeck/units"
    units.mkdir(parents=True)
    (units / "a.service").write_text("f-1 a.service 1 1 launched\n")
    (units / "b.service").write_text("f-1 b.service 1 1 loaded\n")
    (units / "c.service").write_text("f-1 c.service 1 1 launched\n")
    shell.wind(11_000, "a.service", "b.service")
    said = (shell.root / "said").read_text().splitlines()
    assert [line for line in said if "start" in line] == ["--no-block start -- a.service"]
    (shell.root / "run/quarterdeck/lease.kept").touch()
    shell.wind(11_100, "a.service")
    assert (shell.root / "said").read_text().count("start") == 1, "it is being kept"


def test_with_nothing_on_it_only_whose_wind_was_the_last_stays(shell: Shell) -> None:
    shell.wind(11_000, "a.service")
    shell.wind(11_100)
    assert shell.lease == ["5 11100"]
    assert not (shell.root / "run/quarterdeck/lease.sh").exists()
    assert not (shell.root / "run/systemd/system/quarterdeck-lease.service").exists()

"""QoS classes as systemd's settings."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from console.placement.qos import drop_in
from console.placement.unit_file import parse
from tests.placement.build import GIB, spec


def made(name: str, *lines: str, own: str = "") -> dict[str, str]:
    """The drop-in's settings, `Section.Name` to value."""
    found = spec(name, *lines)
    text = drop_in(found.name, found.policy, f"{found.text}\n{own}")
    return {f"{each.section}.{each.name}": each.value for each in parse(text or "").options}


@pytest.mark.parametrize(
    ("lines", "settings"),
    [
        ((), {}),
        (("QoS=burstable",), {}),
        (
            ("QoS=guaranteed", "CPU=500m", "Memory=1G"),
            {
                "Service.CPUWeight": "500",
                "Service.MemoryMin": str(GIB),
                "Service.MemoryMax": str(GIB),
                "Service.OOMPolicy": "stop",
                "Service.OOMScoreAdjust": "-500",
            },
        ),
        (
            ("CPU=2", "Memory=1G"),
            {"Service.CPUWeight": "200", "Service.MemoryLow": str(GIB), "Service.MemoryHigh": str(2 * GIB)},
        ),
        (
            ("QoS=best-effort", "Memory=1G"),
            {
                "Service.CPUWeight": "10",
                "Service.MemoryHigh": str(GIB),
                "Service.MemoryMax": str(2 * GIB),
                "Service.OOMPolicy": "kill",
                "Service.OOMScoreAdjust": "500",
            },
        ),
        # what CPUWeight= takes
        (("CPU=1m",), {"Service.CPUWeight": "1"}),
        (("CPU=200",), {"Service.CPUWeight": "10000"}),
    ],
)
def test_a_class_is_these_settings(lines: tuple[str, ...], settings: dict[str, str]) -> None:
    assert made("web", *lines) == settings


def test_what_the_unit_says_itself_is_left_to_it_and_unit_keys_win() -> None:
    lines = ("CPU=2", "Memory=1G", "UnitService.MemoryHigh=3G", "UnitUnit.After=x.service")
    settings = made("web", *lines, own="[Service]\nCPUWeight=7\n")
    assert "Service.CPUWeight" not in settings
    assert settings["Service.MemoryHigh"] == "3G"
    assert settings["Unit.After"] == "x.service"


def test_a_socket_has_no_oom_policy_and_a_slice_executes_nothing() -> None:
    assert set(made("a.socket", "QoS=best-effort")) == {"Socket.CPUWeight", "Socket.OOMScoreAdjust"}
    assert set(made("a.slice", "QoS=best-effort")) == {"Slice.CPUWeight"}


def test_a_section_is_opened_once() -> None:
    found = spec("web", "CPU=1", "UnitUnit.After=a.service", "UnitService.Nice=1", "UnitUnit.Wants=a.service")
    text = drop_in(found.name, found.policy, found.text)
    assert text is not None
    assert re.findall(r"\[.*\]", text) == ["[Service]", "[Unit]"]
    assert text.startswith("# Made by Quarterdeck from web.service")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize(
    "lines",
    [
        ("QoS=guaranteed", "CPU=500m", "Memory=1G"),
        ("CPU=2", "Memory=1G"),
        ("QoS=best-effort", "CPU=1", "Memory=1G"),
    ],
)
def test_systemd_finds_no_fault_with_it(lines: tuple[str, ...], tmp_path: Path) -> None:
    found = spec("qd-verified", *lines)
    text = drop_in(found.name, found.policy, found.text)
    assert text is not None
    (tmp_path / found.name).write_text(found.text)
    folder = tmp_path / f"{found.name}.d"
    folder.mkdir()
    (folder / "80-quarterdeck.conf").write_text(text)
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(tmp_path / found.name)],
        capture_output=True,
        text=True,
        check=False,
        env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:", "LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )
    assert "80-quarterdeck" not in said.stderr
    assert "Unknown" not in said.stderr

"""Finding the control groups on either kind of machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.lab import cgroup
from console.lab.cells import FolderCells, SystemdCells, cells_for

HYBRID = """\
30 23 0:26 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
31 30 0:27 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
40 30 0:36 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw
"""
UNIFIED = "35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"


def test_the_unified_hierarchy_is_found_wherever_it_is_mounted() -> None:
    assert cgroup.mount_point(HYBRID) == Path("/sys/fs/cgroup/unified")
    assert cgroup.mount_point(UNIFIED) == Path("/sys/fs/cgroup")
    assert cgroup.mount_point("") is None


def test_the_own_group_is_the_one_of_the_unified_hierarchy() -> None:
    assert cgroup.own_path("4:memory:/jobs/1\n0::/qdlab1.slice/x.service\n") == "qdlab1.slice/x.service"
    assert cgroup.own_path("0::/\n") == ""


def test_a_group_is_frozen_when_the_kernel_says_that_all_of_it_is(tmp_path: Path) -> None:
    (tmp_path / "cgroup.freeze").touch()
    (tmp_path / "cgroup.events").write_text("populated 1\nfrozen 0\n")
    cgroup.freeze(tmp_path, True)
    assert (tmp_path / "cgroup.freeze").read_text() == "1"
    assert not cgroup.frozen(tmp_path)
    (tmp_path / "cgroup.events").write_text("populated 1\nfrozen 1\n")
    assert cgroup.frozen(tmp_path)
    cgroup.freeze(tmp_path, False)
    assert (tmp_path / "cgroup.freeze").read_text() == "0"


def test_a_group_that_is_not_there_is_not_frozen(tmp_path: Path) -> None:
    cgroup.freeze(tmp_path / "gone", True)
    assert not cgroup.frozen(tmp_path / "gone")


def test_the_machines_pid_1_decides_where_cells_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroup, "mounted", lambda: Path("/cg"))
    monkeypatch.setattr(Path, "is_dir", lambda path: path == Path("/run/systemd/system"))
    with_systemd = cells_for("abc123")
    monkeypatch.setattr(Path, "is_dir", lambda path: False)
    without = cells_for("abc123")
    assert isinstance(with_systemd, SystemdCells)
    assert with_systemd.folder("docker1") == Path("/cg/qdlababc123.slice/qdlababc123-docker1.service")
    assert isinstance(without, FolderCells)
    assert without.folder("docker1") == Path("/cg/quarterdeck-lab-abc123/docker1")

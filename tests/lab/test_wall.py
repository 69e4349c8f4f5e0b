"""The wall in a real terminal, on real hosts: what is lost is LOST, what is old is STALE, and it heals."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.lab.lab import Lab
from tests.tui.tmux import Tmux


@pytest.fixture
def wall(lab: Lab, tmp_path: Path) -> Iterator[Tmux]:
    config = asyncio.run(lab.status()).config
    opened = Tmux(tmp_path / "tmux", config, "wall", "--pages", "troubles,hosts", "--rotate", "2s")
    try:
        opened.until("failing.service")
        yield opened
    finally:
        opened.close()


def test_hosts_that_are_cut_off_are_lost_all_of_them_are_stale_and_it_heals_by_itself(
    breakable: Lab, wall: Tmux
) -> None:
    shown = wall.until("UNIT")
    assert "STALE" not in shown
    asyncio.run(breakable.cut("docker2"))
    shown = wall.until("1 HOST LOST", 40)
    assert "STALE" not in shown
    for host in ("docker1", "podman1", "plain1"):
        asyncio.run(breakable.cut(host))
    shown = wall.until("no host is heard since", 60)
    assert "╱╱ STALE ╱╱" in shown
    for host in ("docker1", "docker2", "podman1", "plain1"):
        asyncio.run(breakable.heal(host))
    wall.until(" FAILING", 90)
    assert "STALE" not in wall.screen()


def test_it_is_left_by_q_twice_leaving_nothing_and_writes_nothing(wall: Tmux, tmp_path: Path) -> None:
    wall.press("q")
    wall.until("leave? q again")
    wall.press("q")
    wall.until("ended with 0")
    assert [line for line in wall.children() if "console" in line or "ssh" in line] == []
    assert not list(tmp_path.rglob("audit*"))

"""The terminal and etcd, as processes: what another console says is on the screen; nothing is left behind."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from console.commands.recall import FOLDER
from console.engine.present import read_leader
from console.store.client import open_etcd
from console.store.schema import Keys
from tests.store.cluster import needs_etcd, running_cluster
from tests.store.embedding import etcds
from tests.tui.tmux import Tmux

pytestmark = needs_etcd

#: Nobody listens there, which is told at once.
_HOST = '[[host]]\nname = "web1"\naddress = "127.0.0.1"\nport = 1\n'


def fleet(folder: Path, *endpoints: str) -> Path:
    file = folder / "fleet.toml"
    etcd = f"[etcd]\nendpoints = {list(endpoints)}\n" if endpoints else ""
    file.write_text(f'[fleet]\nname = "prod"\n{etcd}{_HOST}')
    return file


@asynccontextmanager
async def terminal(folder: Path, config: Path, *options: str) -> AsyncIterator[Tmux]:
    opened = await asyncio.to_thread(Tmux, folder / "tmux", config, *options)
    try:
        await asyncio.to_thread(opened.until, "› watch")
        yield opened
    finally:
        opened.close()


async def command(config: Path, folder: Path, *words: str) -> None:
    """Run one on another console, whose state is in `folder`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "console", "--config", config, *words, "--yes",
        env={**os.environ, "XDG_STATE_HOME": str(folder)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert await process.wait() == 0


async def test_what_another_console_says_is_on_the_screen_and_an_etcd_that_dies_is_said_to_be_away(
    tmp_path: Path,
) -> None:
    for name in ("etcd", "ours", "theirs"):
        (tmp_path / name).mkdir()
    async with running_cluster(tmp_path / "etcd") as cluster:
        config = fleet(tmp_path, cluster.members[0].url)
        async with terminal(tmp_path / "ours", config) as screen:
            screen.press("H")
            await asyncio.to_thread(screen.until, "› hosts")
            screen.press("i")
            await asyncio.to_thread(screen.until, "prod › web1")
            await command(config, tmp_path / "theirs", "host", "label", "tier=gold", "--on", "web1")
            await asyncio.to_thread(screen.until, "tier=gold")
            await command(config, tmp_path / "theirs", "host", "cordon", "--on", "web1")
            await asyncio.to_thread(screen.until, "cordoned")
            screen.press("A")
            await asyncio.to_thread(screen.until, "host cordon --on=web1")
            await cluster.members[0].kill()
            await asyncio.to_thread(screen.until, "[etcd: unreachable ")
            await cluster.members[0].start()
            screen.press("E")
            shown = await asyncio.to_thread(screen.until, "● live 1 member")
            assert "etcd: unreachable" not in shown.splitlines()[0]
            screen.press("C-q")
            await asyncio.to_thread(screen.until, "ended with 0")


async def test_without_an_etcd_the_terminal_starts_its_own_and_ends_it_when_it_is_left(
    tmp_path: Path,
) -> None:
    config = fleet(tmp_path)
    folder = tmp_path / "quarterdeck" / FOLDER
    async with terminal(tmp_path, config) as screen:
        await asyncio.to_thread(screen.until, "etcd: embedded")
        assert len(etcds(folder)) == 1
        screen.press("C-q")
        await asyncio.to_thread(screen.until, "ended with 0")
        assert etcds(folder) == []


async def test_an_engine_in_the_terminal_leads_while_it_is_open_and_says_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "etcd").mkdir()
    async with running_cluster(tmp_path / "etcd") as cluster:
        config = fleet(tmp_path, cluster.members[0].url)
        async with terminal(tmp_path, config, "--engine") as screen, open_etcd(cluster.config()) as etcd:
            keys = Keys("/quarterdeck/")
            await asyncio.to_thread(screen.until, "[ENGINE leads]")
            leader = await etcd.get(keys.leader)
            assert leader is not None
            assert read_leader(leader).embedded
            screen.press("C-q")
            await asyncio.to_thread(screen.until, "ended with 0")
            assert await etcd.get(keys.leader) is None
            assert not (await etcd.list(keys.under("engine/present"))).entries


async def test_a_terminal_that_is_read_only_has_no_engine(tmp_path: Path) -> None:
    config = fleet(tmp_path)
    opened = await asyncio.to_thread(Tmux, tmp_path / "tmux", config, "--engine", "--read-only")
    try:
        shown = await asyncio.to_thread(opened.until, "ended with 3")
        assert "read-only" in shown
    finally:
        opened.close()

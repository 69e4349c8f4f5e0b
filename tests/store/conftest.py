"""Clusters and embedded etcds for the store's tests, and that nothing of them is left."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.store.cluster import Cluster, Options, running_cluster
from tests.store.embedding import etcds


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where an embedded etcd may live. After the test none does: that is part of every test.

    Its path is short, unlike pytest's own, so that other programs can name the socket in it.
    """
    root = Path(tempfile.mkdtemp(prefix="qd-test-"))
    try:
        yield root / "etcd"
        left = etcds(root / "etcd")
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert not left, "an etcd is left running"
    finally:
        shutil.rmtree(root)


def processes_in(folder: Path) -> list[str]:
    """Command lines of processes that were told of a file in `folder`."""
    found = []
    for proc in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = proc.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue  # it has ended
        if str(folder) in words:
            found.append(words)
    return found


@pytest.fixture
def options() -> Options:
    """How `cluster` is to be: tests that want it otherwise parametrize this."""
    return Options()


@pytest.fixture
async def cluster(tmp_path: Path, options: Options) -> AsyncIterator[Cluster]:
    """A cluster of the test's own. Of it, of its clients and of their tasks nothing is left behind."""
    async with running_cluster(tmp_path, options) as cluster:
        yield cluster
    assert not processes_in(tmp_path)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[tuple[asyncio.AbstractEventLoop, Cluster]]:
    """A cluster for all the examples of a test that is not asynchronous itself, with its loop."""
    with asyncio.Runner() as runner:
        running = running_cluster(tmp_path)
        cluster = runner.run(running.__aenter__())
        yield runner.get_loop(), cluster
        runner.run(running.__aexit__(None, None, None))

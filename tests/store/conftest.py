"""Clusters for the store's tests, and that nothing of them is left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.store.cluster import Cluster, Options, running_cluster


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

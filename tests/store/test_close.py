"""Closing and cancelling, in any state: nothing is left, nothing hangs, nothing is said over the screen."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import signal
import subprocess
import sys
import textwrap
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import pytest

from console.errors import QuarterdeckError, StoreError
from console.store import guarded
from console.store.claim import claimed
from console.store.client import Etcd, open_etcd
from console.store.lease import leased
from console.store.mirror import mirror
from console.store.values import Put, Span
from console.store.watch import watch
from tests.store.cluster import Cluster, Options, needs_etcd

pytestmark = needs_etcd

KEY = "/quarterdeck/key"
NOBODY = "http://127.0.0.1:1"


def _sockets() -> int:
    """Sockets of this process."""
    found = 0
    for fd in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found += os.readlink(fd).startswith("socket:")
    return found


async def _watches(etcd: Etcd) -> None:
    async with aclosing(watch(etcd, Span.under("/"), 0)) as batches:
        async for _ in batches:
            pass


async def _mirrors(etcd: Etcd) -> None:
    async with aclosing(mirror(etcd, Span.under("/"), {})) as batches:
        async for _ in batches:
            pass


async def _leases(etcd: Etcd) -> None:
    async with leased(etcd, 5) as lease:
        await lease.lost.wait()


async def _claims(etcd: Etcd) -> None:
    async with claimed(etcd, KEY + "/leader", b"", 5) as claim:
        await claim.lease.lost.wait()


async def _writes(etcd: Etcd) -> None:
    while True:
        await etcd.write([Put(KEY, b"")])


async def _changes(etcd: Etcd) -> None:
    while True:
        await guarded.change(etcd, KEY + "2", lambda entry: (entry.value if entry else b"")[-9:] + b"x")


async def _lists(etcd: Etcd) -> None:
    while True:
        await etcd.list(Span.under("/"))


_ALL: tuple[Any, ...] = (_watches, _mirrors, _leases, _claims, _claims, _writes, _changes, _lists)


async def _cancelled_in_the_middle(cluster: Cluster) -> None:
    """All there is, begun together and cancelled a moment later."""
    async with open_etcd(cluster.config()) as etcd:
        tasks = [asyncio.create_task(each(etcd)) for each in _ALL]
        await asyncio.sleep(random.random() * 0.15)
        random.shuffle(tasks)
        for task in tasks:
            task.cancel()
            if random.random() < 0.3:
                await asyncio.sleep(0)
        async with asyncio.timeout(20):
            await asyncio.wait(tasks)
        assert all(task.cancelled() for task in tasks), [task for task in tasks if not task.cancelled()]


@pytest.mark.parametrize("options", [Options(members=3)])
async def test_whatever_is_cancelled_whenever_it_is_ends_at_once_and_leaves_nothing(cluster: Cluster) -> None:
    asyncio.get_running_loop().set_debug(True)
    random.seed(8)
    sockets = _sockets()
    for _ in range(10):
        for trouble in (None, None, cluster.members[0].freeze, None, cluster.members[0].thaw, None):
            if trouble:
                trouble()
            await _cancelled_in_the_middle(cluster)
            assert asyncio.all_tasks() == {asyncio.current_task()}
    async with asyncio.timeout(20):
        while _sockets() > sockets:
            gc.collect()  # calls of gRPC are in circles, and a socket stays until the last on it is gone
            await asyncio.sleep(0.05)


async def test_whoever_still_uses_a_client_that_is_closed_is_told_so(cluster: Cluster) -> None:
    for pause in (0.0, 0.001, 0.01, 0.1, 0.3):
        async with open_etcd(cluster.config()) as etcd:
            tasks = [asyncio.create_task(each(etcd)) for each in _ALL if each not in (_leases, _claims)]
            await asyncio.sleep(pause)
        async with asyncio.timeout(20):
            await asyncio.wait(tasks)
        for task in tasks:
            error = task.exception()
            assert isinstance(error, StoreError), error
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_client_is_closed_at_once_while_etcd_is_frozen(cluster: Cluster) -> None:
    async with asyncio.timeout(30), open_etcd(cluster.config(), patience=3600) as etcd:
        await etcd.get(KEY)
        watching = asyncio.create_task(_watches(etcd))
        cluster.members[0].freeze()
        await asyncio.sleep(0.1)
        asking = asyncio.create_task(etcd.get(KEY))
        await asyncio.sleep(0.1)
    for task in (watching, asking):
        with pytest.raises(QuarterdeckError, match="closed"):
            await task
    cluster.members[0].thaw()


_SCRIPT = """
    import asyncio, sys
    from contextlib import aclosing
    from console.errors import StoreError
    from console.model.config import EtcdConfig
    from console.store.client import open_etcd
    from console.store.mirror import mirror
    from console.store.values import Span

    async def main():
        async with open_etcd(EtcdConfig(tuple(sys.argv[1:]))) as etcd:
            async with aclosing(mirror(etcd, Span.under("/"), {})) as batches:
                print("begins", flush=True)
                async for _ in batches:
                    print("stands", flush=True)

    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(130)
"""


def _run(*endpoints: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-X", "dev", "-c", textwrap.dedent(_SCRIPT), *endpoints]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        words, stdout=pipe, stderr=pipe, text=True, env=os.environ | {"PYTHONWARNINGS": ""}
    )


def _interrupted(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit code, and all that it has said to stderr."""
    process.send_signal(signal.SIGINT)
    try:
        _, complaints = process.communicate(timeout=20)
    finally:
        process.kill()
    return process.returncode, complaints


def test_ctrl_c_ends_a_program_that_waits_for_an_etcd_that_is_not_there_and_nothing_is_said() -> None:
    with _run(NOBODY, "https://127.0.0.1:1", "http://nowhere.invalid:1") as process:
        assert process.stdout
        assert process.stdout.readline() == "begins\n"
        assert _interrupted(process) == (130, "")


async def test_nothing_is_said_over_the_screen_when_a_server_dies_and_comes_back(cluster: Cluster) -> None:
    member = cluster.members[0]
    with _run(member.url) as process:
        assert process.stdout
        lines = [await asyncio.to_thread(process.stdout.readline) for _ in range(2)]
        assert lines == ["begins\n", "stands\n"]
        for _ in range(3):
            await member.kill()
            await asyncio.sleep(0.5)
            await member.start()
            async with open_etcd(cluster.config()) as etcd:
                await etcd.write([Put(KEY, b"")])
            assert await asyncio.to_thread(process.stdout.readline) == "stands\n"
        member.freeze()
        await asyncio.sleep(1)
        assert await asyncio.to_thread(_interrupted, process) == (130, "")
        member.thaw()

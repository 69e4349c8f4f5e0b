"""What the consoles of a fleet have in common, on a real etcd."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.fleet.config import parse_config
from console.fleet.memory import Memory, open_memory
from console.fleet.overlay import HostOverlay, overlaid, read_overlay
from console.model.memory import Acting
from console.store.values import Put
from tests.store.cluster import Cluster, needs_etcd, running_cluster

pytestmark = needs_etcd

SINCE = datetime(2026, 11, 27, 3, 12, tzinfo=UTC)
FLEET = '[ssh]\nuser = "core"\n[[host]]\nname = "web1"\naddress = "198.51.100.1"\n'


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    (tmp_path / "etcd").mkdir()
    async with running_cluster(tmp_path / "etcd") as cluster:
        yield cluster


@asynccontextmanager
async def console(cluster: Cluster, folder: Path) -> AsyncIterator[Memory]:
    """A console whose state is in `folder`."""
    async with open_memory(
        cluster.config(), folder / "fleet.toml", folder / "hosts.json", folder / "macros"
    ) as memory:
        yield memory


@asynccontextmanager
async def following(memory: Memory) -> AsyncIterator[Callable[[Callable[[], bool]], Awaitable[None]]]:
    """Follow, and wait for what shall come of it."""
    news = asyncio.Event()
    task = asyncio.create_task(memory.follow(lambda kind, names: news.set()))

    async def until(shown: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not shown():
                news.clear()
                await news.wait()

    try:
        yield until
    finally:
        task.cancel()
        await asyncio.wait((task,))


async def test_what_one_console_says_of_a_host_another_sees_as_it_is_said(
    cluster: Cluster, tmp_path: Path
) -> None:
    async with (
        console(cluster, tmp_path / "a") as one,
        console(cluster, tmp_path / "b") as other,
        following(other) as until,
    ):
        await one.change_host("web1", lambda said: replace(said, labels={"role": "web"}))
        await until(lambda: "web1" in other.hosts)
        assert other.hosts["web1"].labels == {"role": "web"}
        await one.change_host("web1", lambda said: replace(said, cordoned=SINCE))
        await until(lambda: other.hosts["web1"].cordoned == SINCE)
        kept = {"web1": HostOverlay({"role": "web"}, SINCE)}
        await until(lambda: read_overlay(tmp_path / "b/hosts.json") == kept)
        await one.change_host("web1", lambda said: HostOverlay())
        await until(lambda: "web1" not in other.hosts)


async def test_two_consoles_that_change_a_host_at_once_lose_neither_word(
    cluster: Cluster, tmp_path: Path
) -> None:
    def labelled(key: str) -> Callable[[HostOverlay], HostOverlay]:
        return lambda said: replace(said, labels={**said.labels, key: "1"})

    async with console(cluster, tmp_path / "a") as one, console(cluster, tmp_path / "b") as other:
        await asyncio.gather(
            *(memory.change_host("web1", labelled(f"{name}{number}"))
              for number in range(3) for name, memory in (("a", one), ("b", other)))
        )  # fmt: skip
        await one.read()
        assert sorted(one.hosts["web1"].labels) == ["a0", "a1", "a2", "b0", "b1", "b2"]


async def test_what_is_said_of_many_hosts_at_once_is_kept_of_all_of_them(
    cluster: Cluster, tmp_path: Path
) -> None:
    names = [f"h{number}" for number in range(20)]
    async with console(cluster, tmp_path) as memory:
        await asyncio.gather(
            *(memory.change_host(name, lambda said: replace(said, cordoned=SINCE)) for name in names)
        )
    assert set(read_overlay(tmp_path / "hosts.json")) == set(names)


async def test_what_cannot_be_read_is_told_and_the_rest_is_known(cluster: Cluster, tmp_path: Path) -> None:
    async with console(cluster, tmp_path) as memory:
        host = memory.keys.host
        await memory.etcd.write(
            [
                Put(host("web1"), b'{"labels": {"role": "web"}}'),
                Put(host("web2"), b'{"labels": {"role": "a,b"}}'),
                Put(host("web3"), b"\xff\x00 not json"),
                Put(memory.keys.acting("web1", "a-1"), b'{"actor": 3}'),
            ]
        )
        await memory.read()
        assert list(memory.hosts) == ["web1"]
        assert set(memory.problems) == {host("web2"), host("web3"), memory.keys.acting("web1", "a-1")}
        await memory.etcd.write([Put(host("web2"), b'{"labels": {}}')])
        await memory.read()
        assert host("web2") not in memory.problems


async def test_hosts_that_only_etcd_has_are_the_fleets_and_the_file_counts_for_its_own(
    cluster: Cluster, tmp_path: Path
) -> None:
    config = parse_config(FLEET, tmp_path / "fleet.toml")
    async with console(cluster, tmp_path) as memory:
        await memory.change_host("web9", lambda _: HostOverlay({"role": "web"}, address="198.51.100.9"))
        await memory.change_host("web1", lambda _: HostOverlay(address="198.51.100.77"))
        web1, web9 = overlaid(config, memory.hosts).hosts
        assert (web9.name, web9.address, web9.user, web9.labels) == (
            "web9", "198.51.100.9", "core", {"role": "web"},
        )  # fmt: skip
        assert web1.address == "198.51.100.1"
        assert web1.conflict == (
            "address is 198.51.100.77 in etcd, and 198.51.100.1 in the fleet's file, which counts"
        )


async def test_macros_are_kept_as_files_under_names_that_are_names(cluster: Cluster, tmp_path: Path) -> None:
    async with console(cluster, tmp_path) as memory:
        await memory.put_text("macros", "restart", "[macro]\n")
        await memory.put_text("macros", "../../evil", "x")
        await memory.read()
        assert [path.name for path in (tmp_path / "macros").iterdir()] == ["restart.toml"]
        await memory.put_text("macros", "restart", None)
        await memory.read()
        assert not list((tmp_path / "macros").iterdir())


def acting(host: str) -> Acting:
    return Acting(host, "a-1", "alice", "desk", "unit restart web --on '*'", SINCE)


async def test_who_acts_on_hosts_is_seen_for_as_long_as_it_lasts(cluster: Cluster, tmp_path: Path) -> None:
    hosts = [f"h{number}" for number in range(200)]  # more than etcd takes in one transaction
    async with console(cluster, tmp_path / "a") as one, console(cluster, tmp_path / "b") as other:
        untold: list[str] = []
        async with one.acting_on(map(acting, hosts), untold.append):
            await other.read()
            assert all(other.acting(host) == (acting(host),) for host in hosts)
        await other.read()
        assert not any(other.acting(host) for host in hosts)
        assert untold == []


async def test_work_goes_on_where_etcd_does_not_answer_and_that_is_told(
    cluster: Cluster, tmp_path: Path
) -> None:
    async with console(cluster, tmp_path) as memory:
        await memory.read()
        await cluster.members[0].kill()
        untold: list[str] = []
        async with memory.acting_on([acting("web1")], untold.append):
            assert len(untold) == 1
            assert "does not answer" in untold[0]

"""An etcd for the tests of what rollouts keep in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from console.store.client import Etcd, open_etcd
from console.store.schema import Keys
from tests.store.cluster import Cluster, running_cluster


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    (tmp_path / "etcd").mkdir()
    async with running_cluster(tmp_path / "etcd") as cluster:
        yield cluster


@pytest.fixture
async def etcd(cluster: Cluster) -> AsyncIterator[Etcd]:
    async with open_etcd(cluster.config()) as etcd:
        yield etcd


@pytest.fixture
def keys(etcd: Etcd) -> Keys:
    return Keys(etcd.prefix)

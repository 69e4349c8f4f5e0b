"""An etcd for the tests of what an engine keeps there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from console.store.client import Etcd, open_etcd
from tests.store.cluster import running_cluster


@pytest.fixture
async def etcd(tmp_path: Path) -> AsyncIterator[Etcd]:
    """A client of an etcd of the test's own."""
    async with running_cluster(tmp_path) as cluster, open_etcd(cluster.config()) as client:
        yield client

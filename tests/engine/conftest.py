"""An etcd for the tests of what an engine keeps there, and what an engine works with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from console.engine.term import Setting
from console.store.client import Etcd, open_etcd
from tests.engine.one_engine import setting_of
from tests.store.cluster import running_cluster


@pytest.fixture
async def etcd(tmp_path: Path) -> AsyncIterator[Etcd]:
    """A client of an etcd of the test's own."""
    async with running_cluster(tmp_path) as cluster, open_etcd(cluster.config()) as client:
        yield client


@pytest.fixture
def told() -> list[str]:
    """What an operator was told."""
    return []


@pytest.fixture
def setting(etcd: Etcd, tmp_path: Path, told: list[str]) -> Setting:
    """What an engine of a fleet without hosts works with."""
    return setting_of(etcd, tmp_path, told.append)

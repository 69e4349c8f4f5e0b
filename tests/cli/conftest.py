"""What tests of the command line share: an etcd of their own, alone or with simulated hosts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cli.services_fleet import Fleet, services_fleet
from tests.store.cluster import Cluster, running_cluster


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    (tmp_path / "etcd").mkdir()
    async with running_cluster(tmp_path / "etcd") as cluster:
        yield cluster


@pytest.fixture
async def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Fleet]:
    """Three simulated hosts; lines are typed in a folder that unit files can be written to."""
    async with services_fleet(tmp_path) as fleet:
        monkeypatch.chdir(fleet.console.folder)
        yield fleet

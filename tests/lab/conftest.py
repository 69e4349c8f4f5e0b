"""The lab that the tests in this folder share.

Every test here is marked `lab`, and skipped with the reason where a lab cannot run. The shared lab has
two docker hosts, one podman and one plain. A test that breaks something takes `breakable`, which mends
it afterwards.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from console.fleet.config import load_config
from console.lab.lab import Lab, default_cache, default_root, missing_requirements
from tests.lab.truth import Truth
from tests.store.cluster import ETCD, ETCDCTL, running_cluster

HERE = Path(__file__).parent

#: The hosts of the shared lab.
SHARED = {"docker": 2, "podman": 1, "plain": 1}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = missing_requirements()
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.lab)
            if missing:
                item.add_marker(pytest.mark.skip(reason="; ".join(missing)))


def narrate(line: str) -> None:
    """What the lab says while it works; pytest shows it when a test fails."""
    print(f"lab: {line}", file=sys.stderr)


@contextmanager
def lab_of(kinds: Mapping[str, int], called: str = "") -> Iterator[Lab]:
    """A lab of these hosts, running. What an earlier run left behind goes first.

    Its folder is the first of ten that no other test run on this machine holds.

    :param called: tells it from the other labs of one run.
    """
    base = default_root().with_name("lab-tests")
    base.mkdir(parents=True, exist_ok=True)
    for slot in range(10):
        held = os.open(base / f"{called}{slot}.lock", os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            os.close(held)
    else:
        pytest.fail(f"ten test runs hold the folders in {base}")
    made = Lab(base / f"{called}{slot}", default_cache(), narrate)
    try:
        asyncio.run(made.down())
        asyncio.run(made.up(kinds, exact=True))
        yield made
    finally:
        asyncio.run(made.down())
        os.close(held)


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The shared lab."""
    with lab_of(SHARED) as shared:
        yield shared


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An etcd of these tests' own."""
    if ETCD is None or ETCDCTL is None:
        pytest.skip("needs etcd-server and etcd-client")
    with asyncio.Runner() as runner:
        running = running_cluster(tmp_path_factory.mktemp("etcd"))
        cluster = runner.run(running.__aenter__())
        yield cluster.members[0].url
        runner.run(running.__aexit__(None, None, None))


@pytest.fixture
def spare(lab: Lab) -> Iterator[Lab]:
    """A second lab beside the shared one, empty; what the test makes of it is taken down."""
    root = asyncio.run(lab.status()).config.parent
    second = Lab(root.with_name(f"{root.name}-spare"), default_cache(), narrate)
    asyncio.run(second.down())
    yield second
    asyncio.run(second.down())


@pytest.fixture
def truth(lab: Lab) -> Truth:
    """The shared lab's hosts, asked past the product."""
    return Truth(load_config(asyncio.run(lab.status()).config))


@pytest.fixture
def breakable(lab: Lab) -> Iterator[Lab]:
    """The shared lab for a test that breaks hosts; all of them run and are whole again afterwards."""
    yield lab
    asyncio.run(lab.up(SHARED, exact=True))

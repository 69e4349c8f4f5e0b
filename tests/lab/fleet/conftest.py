"""Three hosts, an etcd and engines: what the tests of placement share."""

from __future__ import annotations

import asyncio
import fcntl
import itertools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from console.fleet.config import load_config
from console.lab.lab import Lab, default_cache, default_root
from tests.lab.conftest import narrate
from tests.lab.fleet.placing import Placing
from tests.lab.truth import Truth
from tests.store.cluster import ETCD, ETCDCTL, running_cluster

HOSTS = 3

_PREFIXES = itertools.count(1)


@pytest.fixture(scope="session")
def hosts() -> Iterator[Lab]:
    """Three plain hosts, running."""
    yield from lab_of({"plain": HOSTS})


def lab_of(kinds: Mapping[str, int]) -> Iterator[Lab]:
    """Hosts of some kinds, running, in the first folder that no other test run holds."""
    base = default_root().with_name("lab-tests")
    base.mkdir(parents=True, exist_ok=True)
    for slot in range(10):
        held = os.open(base / f"fleet-{slot}.lock", os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            os.close(held)
    else:
        pytest.fail(f"ten test runs hold the folders in {base}")
    lab = Lab(base / f"fleet-{slot}", default_cache(), narrate)
    try:
        asyncio.run(lab.down())
        asyncio.run(lab.up(kinds, exact=True))
        yield lab
    finally:
        asyncio.run(lab.down())
        os.close(held)


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
def placing(hosts: Lab, endpoint: str, tmp_path: Path) -> Iterator[Placing]:
    """The fleet, with nothing wanted of it yet; afterwards nothing is left of what was."""
    truth = Truth(load_config(asyncio.run(hosts.status()).config))
    names = tuple(host.name for host in truth.config.hosts)
    made = Placing(hosts, truth, endpoint, f"/fleet{next(_PREFIXES)}/", tmp_path, names)
    yield made
    made.close()

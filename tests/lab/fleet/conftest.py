"""Three hosts, an etcd and engines: what the tests of placement share."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.fleet.config import load_config
from console.lab.lab import Lab
from tests.lab.conftest import lab_of
from tests.lab.fleet.placing import Placing
from tests.lab.truth import Truth

HOSTS = 3

_PREFIXES = itertools.count(1)


@pytest.fixture(scope="session")
def hosts() -> Iterator[Lab]:
    """Three plain hosts, running."""
    with lab_of({"plain": HOSTS}, "fleet-") as made:
        yield made


@pytest.fixture
def placing(hosts: Lab, endpoint: str, tmp_path: Path) -> Iterator[Placing]:
    """The fleet, with nothing wanted of it yet; afterwards nothing is left of what was."""
    truth = Truth(load_config(asyncio.run(hosts.status()).config))
    names = tuple(host.name for host in truth.config.hosts)
    made = Placing(hosts, truth, endpoint, f"/fleet{next(_PREFIXES)}/", tmp_path, names)
    yield made
    made.close()

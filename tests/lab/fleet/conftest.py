"""Three hosts, an etcd and engines: what the tests of placement share."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from console.fleet.config import load_config
from console.lab.lab import Lab
from tests.cli.services_fleet import Console
from tests.lab.conftest import lab_of
from tests.lab.fleet.fleetctl import Fleetctl
from tests.lab.fleet.leased import NAMES, SHORT
from tests.lab.fleet.placing import Placing
from tests.lab.fleet.witness import forget
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
    made = _placing(hosts, endpoint, tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def led(hosts: Lab, endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Placing]:
    """The fleet with an engine that leads, for all tests of a module."""
    made = _placing(hosts, endpoint, tmp_path_factory.mktemp("led"))
    made.leading()
    yield made
    made.close()


@pytest.fixture
def fleetctl(led: Placing, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleetctl]:
    """fleetctl's lines, on a fleet that has nothing else to do, and again afterwards."""
    folder = Path(mkdtemp(dir=led.folder))
    shutil.copy(led.config, folder)
    monkeypatch.chdir(folder)
    yield Fleetctl(led, Console(folder))
    led.empty()


def _placing(hosts: Lab, endpoint: str, folder: Path) -> Placing:
    truth = Truth(load_config(asyncio.run(hosts.status()).config))
    names = tuple(host.name for host in truth.config.hosts)
    return Placing(hosts, truth, endpoint, f"/fleet{next(_PREFIXES)}/", folder, names)


@pytest.fixture
def leased(placing: Placing) -> Placing:
    """The fleet with short leases, and nothing written down of what ran before."""
    placing.fleet_lines = SHORT.lines
    forget(placing, NAMES)
    return placing

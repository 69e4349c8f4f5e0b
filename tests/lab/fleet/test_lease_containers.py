"""At most once, for what docker runs: its containers are no unit's, and go with their unit all the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.fleet.config import load_config
from console.lab.lab import Lab
from console.placement.exclusive import with_removal
from tests.campaign.records import overlap
from tests.lab.conftest import lab_of
from tests.lab.fleet.leased import AFTER_S, DEFAULT, SHORT, Lasting
from tests.lab.fleet.placing import Placing
from tests.lab.fleet.witness import beat, container_lives, doubled, forget, journal_lives, lives, uptime
from tests.lab.truth import Truth

pytestmark = pytest.mark.full


UNIT = """\
[Service]
ExecStartPre=-/usr/bin/docker rm -f boxed
ExecStart=/usr/bin/docker run --name boxed -v /var/tmp:/var/tmp {image} sh -c '{beat}'
[X-Quarterdeck]
Exclusive=yes
Prefer=100 name={host}
"""


@pytest.fixture(scope="module")
def docker_hosts() -> Iterator[Lab]:
    with lab_of({"docker": 2}, "boxes-") as made:
        yield made


@pytest.fixture
def boxing(docker_hosts: Lab, endpoint: str, tmp_path: Path) -> Iterator[Placing]:
    truth = Truth(load_config(asyncio.run(docker_hosts.status()).config))
    names = tuple(host.name for host in truth.config.hosts)
    made = Placing(docker_hosts, truth, endpoint, f"/{tmp_path.name}/", tmp_path, names)

    forget(made, ("boxed",))
    yield made
    made.close()


@pytest.mark.parametrize("lasting", [SHORT, DEFAULT], ids=["short", "default"])
def test_a_container_on_a_host_that_is_cut_off_is_gone_before_another_host_starts_it(
    boxing: Placing, lasting: Lasting
) -> None:
    boxing.fleet_lines = lasting.lines
    since = time.time()
    victim, other = boxing.hosts
    image = boxing.ask(victim, "docker inspect web --format '{{.Config.Image}}'").strip()
    text = with_removal(UNIT.format(image=image, beat=beat("boxed"), host=victim))
    boxing.leading()
    boxing.until_all_live()
    boxing.submit({"boxed.service": text})
    boxing.until(lambda: lives(boxing, "boxed"), "it runs", 60)
    asyncio.run(boxing.lab.cut(victim))
    at = uptime()
    boxing.until(lambda: boxing.active("boxed.service", other), "it runs elsewhere", lasting.ttl + 40)
    boxing.until(
        lambda: "boxed" in boxing.ask(other, "docker ps --format '{{.Names}}'"), "docker says so", 20
    )
    boxing.until(lambda: uptime() - at > 2 * lasting.ttl, "it is cut off for as long", 2 * lasting.ttl + 5)
    asyncio.run(boxing.lab.heal(victim))
    boxing.until(lambda: not boxing.files("boxed.service", victim), "nothing of it is left there", 40)
    assert doubled(boxing, ("boxed",)) == {}
    assert overlap(container_lives(boxing, "boxed")) == 0, "by what both dockers tell"
    assert overlap(journal_lives(boxing, "boxed.service", since)) == 0
    first, second = lives(boxing, "boxed")
    said = boxing.ask(other, "systemctl show -P InactiveExitTimestampMonotonic boxed.service")
    started = int(said) / 1e6  # docker takes its time from then on
    print(f"boxed: ended {first.ended - at:.1f} s after the cut, was started {started - at:.1f} s after it")
    assert (first.host, second.host) == (victim, other)
    assert started - at < lasting.ttl + AFTER_S
    assert first.ended > at, "it ran on while it was cut off"
    assert "boxed" not in boxing.ask(victim, "docker ps -a --format '{{.Names}}'")

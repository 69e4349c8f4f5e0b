"""One image over the three hosts of the lab, wave by wave, to each version's right end."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from console.lab.lab import Lab
from tests.lab.changing import Writer
from tests.lab.containers_host import EngineHost
from tests.lab.shop import Shop, shop_on
from tests.lab.truth import Truth

PORT = 18081


@pytest.fixture
def shops(lab: Lab, truth: Truth, tmp_path: Path) -> Iterator[list[Shop]]:
    """Both docker hosts and the podman host, each with its replica of 1.0."""
    writer = Writer(truth, tmp_path)
    with ExitStack() as stack:
        found = []
        for config in truth.config.hosts:
            engine = config.labels["kind"]
            if engine in ("docker", "podman"):
                host = EngineHost(lab, truth, config, engine)
                found.append(stack.enter_context(shop_on(lab, writer, engine, host)))
        for shop in found:
            shop.make("c-shop", "-p", f"{PORT}:80", "--restart", "always")
        yield found


def answers(address: str) -> bool:
    """Whether a replica serves its page."""
    connection = http.client.HTTPConnection(address, PORT, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


@contextmanager
def probed(addresses: list[str]) -> Iterator[list[str]]:
    """Ask the replicas all the time, as a client that goes on to the next; the rounds that none answered."""
    over, missed = threading.Event(), []

    def ask() -> None:
        rounds = 0
        while not over.is_set():
            rounds += 1
            # The first once more: the second may have gone while the first was waited for, and come back.
            if not any(answers(address) for address in (*addresses, addresses[0])):
                missed.append(f"round {rounds}")
        assert rounds

    prober = threading.Thread(target=ask)
    prober.start()
    try:
        yield missed
    finally:
        over.set()
        prober.join(60)
    assert not prober.is_alive()


def line(shops: list[Shop], version: str, *more: str) -> tuple[str, ...]:
    names = ",".join(shop.name for shop in shops)
    image = f"--image={shops[0].repository}:{version}"
    return ("container", "update", "c-shop", "--on", names, image, "--gate=1s", *more)


def test_in_waves_a_good_image_comes_everywhere_and_replicas_are_never_all_away(shops: list[Shop]) -> None:
    writer = shops[0].writer
    addresses = [shop.host.config.address or "" for shop in shops[:2]]
    with probed(addresses) as missed:
        done = writer.write(*line(shops, "1.1", "--wave", "1,2,100%"))
    assert {status for status, _ in done.values()} == {"done"}
    assert not missed
    for shop in shops:
        assert shop.there() == {"c-shop": "1.1 runs", "c-shop.before": "1.0"}


def test_the_first_wave_of_a_bad_image_is_the_last_and_goes_back(shops: list[Shop]) -> None:
    writer = shops[0].writer
    done = writer.write(*line(shops, "1.2", "--wave", "1,100%"), code=4)
    assert [status for status, _ in done.values()] == ["failed", "skipped", "skipped"]
    for shop in shops:
        assert shop.there()["c-shop"] == "1.0 runs"
    (denied,) = json.loads(writer.run("denied", "list", "-o", "json").stdout)
    assert "its health check says unhealthy" in denied["why"]
    # On no host is it tried again, whichever asks.
    refused = writer.run(*line(shops, "1.2", "--yes"), code=3)
    assert "denied by" in refused.stderr
    writer.run("denied", "remove", "container", denied["version"], "--yes")


def test_an_image_that_is_not_there_changes_no_host(shops: list[Shop]) -> None:
    done = shops[0].writer.run(*line(shops, "1.4", "--yes"), code=4)
    assert "manifest unknown" in done.stderr + done.stdout
    for shop in shops:
        assert shop.there() == {"c-shop": "1.0 runs"}

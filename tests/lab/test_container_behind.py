"""What tags stand for in a registry now, against what runs, on real hosts of both engines."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.lab.lab import Lab
from tests.lab.changing import Writer
from tests.lab.shop import Shop, shop_on
from tests.lab.truth import Truth

_TYPE = "application/vnd.docker.distribution.manifest.v2+json"


@pytest.fixture
def writer(truth: Truth, tmp_path: Path) -> Writer:
    return Writer(truth, tmp_path)


@pytest.fixture
def shops(lab: Lab, writer: Writer) -> Iterator[dict[str, Shop]]:
    with shop_on(lab, writer, "docker") as docker, shop_on(lab, writer, "podman") as podman:
        yield {"docker": docker, "podman": podman}


def tagged(shop: Shop, tag: str, version: str) -> str:
    """Have a tag stand for a version; the digest."""
    address, _, path = shop.repository.partition("/")
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request("GET", f"/v2/{path}/manifests/{version}", headers={"Accept": _TYPE})
        manifest = connection.getresponse().read()
        connection.request("PUT", f"/v2/{path}/manifests/{tag}", manifest, {"Content-Type": _TYPE})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 201, answer.status
        digest = answer.getheader("Docker-Content-Digest")
    finally:
        connection.close()
    assert digest is not None
    return digest


def rows(writer: Writer, *words: str, code: int = 0) -> dict[str, dict[str, Any]]:
    told = json.loads(writer.run("container", "behind", *words, "-o", "json", code=code).stdout)
    return {f"{row['host']}/{row['name']}": row for row in told}


def test_a_tag_that_moves_leaves_what_runs_behind_on_both_engines(
    shops: dict[str, Shop], writer: Writer
) -> None:
    first = tagged(shops["docker"], "moving", "1.0")
    for shop in shops.values():
        shop.make("c-shop", version="moving")
        shop.make("c-fixed", version="1.0")
    found = rows(writer, "c-*")
    assert {row["behind"] for row in found.values()} == {False}
    second = tagged(shops["docker"], "moving", "1.1")
    for shop in shops.values():
        row = rows(writer, "c-*")[f"{shop.name}/c-shop"]
        assert (row["digest"], row["now"], row["behind"]) == (first, second, True)
    assert set(rows(writer, "c-*", "--state", "behind")) == {f"{shop.name}/c-shop" for shop in shops.values()}
    where = ",".join(shop.name for shop in shops.values())
    updated = writer.write("container", "update", "c-shop", "--on", where, "--gate=1s")
    assert {status for status, _ in updated.values()} == {"done"}
    assert {row["behind"] for row in rows(writer, "c-*").values()} == {False}


def test_what_cannot_be_known_says_why(shops: dict[str, Shop], writer: Writer) -> None:
    docker, podman = shops["docker"], shops["podman"]
    docker.make("c-named")
    engine = docker.host.engine
    made = f"{engine} tag {docker.repository}:1.0 {docker.repository}:nowhere"
    asyncio.run(docker.host.root(f"{made}; {engine} run -d --name c-nowhere {docker.repository}:nowhere"))
    asyncio.run(
        docker.host.root(f"{engine} run -d --name c-id $({engine} inspect -f '{{{{.Image}}}}' c-named)")
    )
    podman.make("c-alone")
    found = rows(writer, "c-*")
    assert found[f"{docker.name}/c-nowhere"]["behind"] is None
    assert "there is no image" in found[f"{docker.name}/c-nowhere"]["why"]
    assert "made from an image's id" in found[f"{docker.name}/c-id"]["why"]
    alone = rows(writer, "c-alone", "--on", podman.name)[f"{podman.name}/c-alone"]
    assert (alone["behind"], "podman cannot be asked" in alone["why"]) == (None, True)


def test_nothing_is_pulled_to_find_out(shops: dict[str, Shop], writer: Writer) -> None:
    docker = shops["docker"]
    tagged(docker, "moving", "1.0")
    docker.make("c-shop", version="moving")
    digest = tagged(docker, "moving", "1.3")
    asyncio.run(docker.host.root(f"docker image rm -f {docker.repository}:1.3 || true"))
    images = "docker images --digests --no-trunc | sort"
    before = docker.say(images)
    assert rows(writer, "c-shop", "--on", docker.name)[f"{docker.name}/c-shop"]["now"] == digest
    assert docker.say(images) == before

"""Containers that units make, updated through them, on real hosts of both engines."""

from __future__ import annotations

import asyncio
import json
import shlex
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from console.lab.lab import Lab
from tests.lab.changing import Writer
from tests.lab.shop import Shop, shop_on
from tests.lab.truth import Truth
from tests.lab.waiting import until

NAME, UNIT = "c-unit", "c-unit.service"
_SERVICE = """\
[Service]
Environment=IMAGE={image}
ExecStartPre=-/usr/bin/{engine} rm -f c-unit
ExecStart=/usr/bin/{engine} run --rm --name c-unit -e "MINE=50%% off" -p 18083:80 {said}
ExecStop=/usr/bin/{engine} stop -t 1 c-unit
Restart=always
RestartSec=200ms
"""
_QUADLET = """\
[Container]
ContainerName=c-unit
Image={said}
Environment="MINE=50%% off"
PublishPort=18083:80
[Service]
Restart=always
"""


@dataclass
class UnitShop:
    """A unit on one host that makes a container."""

    shop: Shop
    path: str
    text: str
    drop_in: str

    def begin(self, said: str | None = None) -> None:
        """Write the unit and start it. :param said: what stands for the image."""
        image = f"{self.shop.repository}:1.0"
        text = self.text.format(engine=self.shop.host.engine, image=image, said=said or image)
        lines = f"mkdir -p {self.path.rpartition('/')[0]}; printf %s {shlex.quote(text)} >{self.path}"
        asyncio.run(self.shop.host.root(f"{lines}; systemctl daemon-reload; systemctl start {UNIT}"))
        asyncio.run(until(lambda: self.version() == "1.0", "its container runs"))

    def end(self) -> None:
        folder = self.drop_in.rpartition("/")[0]
        line = f"systemctl stop {UNIT}; rm -rf {self.path} {folder}; systemctl daemon-reload"
        asyncio.run(self.shop.host.root(f"{line}; systemctl reset-failed {UNIT} 2>/dev/null || true"))

    def inspected(self) -> dict[str, Any]:
        told = self.shop.say(f"{self.shop.host.engine} inspect --type container {NAME} 2>/dev/null || true")
        found = json.loads(told or "[]")
        return found[0] if found else {}

    def version(self) -> str | None:
        """Of the container that runs; None while there is none."""
        now = self.inspected()
        if not now.get("State", {}).get("Running"):
            return None
        label: str = now["Config"]["Labels"]["org.opencontainers.image.version"]
        return label

    def active(self) -> str:
        return self.shop.say(f"systemctl is-active {UNIT} || true").strip()


@pytest.fixture(params=["docker run", pytest.param("podman run", marks=pytest.mark.full), "quadlet"])
def unit(lab: Lab, truth: Truth, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[UnitShop]:
    engine = "docker" if request.param == "docker run" else "podman"
    with shop_on(lab, Writer(truth, tmp_path), engine) as shop:
        if request.param == "quadlet":
            path, text = f"/etc/containers/systemd/{NAME}.container", _QUADLET
        else:
            path, text = f"/etc/systemd/system/{UNIT}", _SERVICE
        made = UnitShop(shop, path, text, f"{path}.d/60-quarterdeck-image.conf")
        try:
            yield made
        finally:
            made.end()


def test_it_is_updated_through_its_unit_and_goes_back_the_same_way(unit: UnitShop) -> None:
    unit.begin()
    shop = unit.shop
    plan = shop.writer.plan(*shop.words(NAME, "1.1"))
    assert f"through {UNIT}, which makes it: {unit.drop_in}" in plan["steps"][0]["then"]
    assert UNIT in plan["steps"][0]["touches"]
    assert shop.update(NAME, "1.1")[0] == "done"
    now = unit.inspected()
    assert {"MINE=50% off", "APP_VERSION=1.1"} <= set(now["Config"]["Env"])
    assert (unit.version(), unit.active()) == ("1.1", "active")
    # The unit itself makes it so from now on.
    asyncio.run(shop.host.root(f"systemctl restart {UNIT}"))
    asyncio.run(until(lambda: unit.version() == "1.1", "it is there again"))
    ((status, detail),) = shop.writer.undo_last().values()
    assert (status, f"again, by {UNIT}" in detail) == ("done", True)
    assert (unit.version(), unit.active()) == ("1.0", "active")
    # What its tag stands for is what was asked for before that.
    left = shop.writer.run("container", "update", NAME, "--on", shop.name, "--yes")
    assert "runs that image already" in left.stdout + left.stderr
    assert shop.update(NAME, "1.1")[0] == "done"
    assert unit.version() == "1.1"
    rows = json.loads(shop.writer.run("container", "history", NAME, "-o", "json").stdout)
    # podman cannot be asked beforehand: there, an update that finds nothing to do is one too.
    moved = [row for row in rows if row["record"] and row["detail"] != "it runs that image already"]
    assert [(row["what"], row["outcome"]) for row in moved] == [
        ("update", "done"), ("rollback", "done"), ("update", "done"),
    ]  # fmt: skip
    (kept,) = (row for row in rows if row["what"] == "kept")
    assert kept["to"].startswith(f"{shop.repository}@sha256:")


def test_one_that_is_never_healthy_gives_its_place_back(unit: UnitShop) -> None:
    unit.begin()
    shop = unit.shop
    status, detail = shop.update(NAME, "1.2", code=4)
    assert status == "failed"
    assert "its health check says unhealthy" in detail
    assert "again, which its drop-in says" in detail
    assert (unit.version(), unit.active()) == ("1.0", "active")
    (denied,) = json.loads(shop.writer.run("denied", "list", "-o", "json").stdout)
    shop.writer.run("denied", "remove", "container", denied["version"], "--yes")
    assert shop.update(NAME, "1.1")[0] == "done"
    assert unit.version() == "1.1"


@pytest.mark.full
def test_whoever_asked_for_it_may_die_once_the_unit_was_told(unit: UnitShop) -> None:
    unit.begin()
    shop = unit.shop
    running = shop.writer.start(shop.words(NAME, "1.1", "--gate=1s", "--yes"))
    told = f"test -e {unit.drop_in} && echo yes || true"
    asyncio.run(until(lambda: shop.say(told).strip() == "yes", "the unit was told"))
    running.send_signal(signal.SIGKILL)
    running.communicate(timeout=30)
    asyncio.run(until(lambda: unit.version() is not None, "old or new runs"))
    shop.writer.write(*shop.words(NAME, "1.1", "--gate=1s"))
    assert (unit.version(), unit.active()) == ("1.1", "active")


@pytest.mark.parametrize("unit", ["docker run"], indirect=True)
def test_an_image_that_the_unit_has_from_a_variable_is_refused_with_the_file_to_change(
    unit: UnitShop,
) -> None:
    unit.begin("${IMAGE}")
    status, detail = unit.shop.update(NAME, "1.1", code=4)
    assert status == "refused"
    assert f"change the image where {unit.path} has it from" in detail
    assert unit.version() == "1.0"

"""What runs where, by image, and all that is known of a container, on the screen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast

import pytest
from textual.pilot import Pilot

from console.commands import clock
from console.tui.acting.menu import ActionMenu
from console.tui.app import QuarterdeckApp
from console.tui.views import Kind, View
from tests.tui.image_fleet import API, BAD, BOXES, ImageFleet, digest
from tests.tui.remembering import FakeRemembering
from tests.tui.small_fleet import NOW, app_on, screen, until
from tests.tui.test_app import shows, table
from tests.tui.test_pictures import Comparison, _look_at, at_every_size


@pytest.fixture(autouse=True)
def _stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.delenv("NO_COLOR", raising=False)


def memory() -> Any:
    told = FakeRemembering()
    told.memory.denied = (BAD,)
    return cast("Any", told)


@asynccontextmanager
async def looked_at(
    fleet: ImageFleet, size: tuple[int, int] = (200, 40)
) -> AsyncIterator[tuple[QuarterdeckApp, Pilot[int]]]:
    app = app_on(fleet, remembering=memory())
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: bool(app.main.query("#main")) and app.main.focused is not None)
        await pilot.press("I")
        await shows((app, pilot), "1 denied")
        yield app, pilot


def line(app: QuarterdeckApp, *words: str) -> str:
    return next(text for text in screen(app).splitlines() if all(word in text for word in words))


async def test_what_is_denied_comes_first_and_then_what_is_behind() -> None:
    async with looked_at(ImageFleet()) as (app, _):
        keys = list(table(app).list.keys)
        assert keys[:2] == [(API, digest("e")), (API, digest("a"))]
        assert "✖ denied" in line(app, API, "e" * 12)
        assert "▲ behind" in line(app, API, "a" * 12)
        assert "● current" in line(app, API, "b" * 12, "1/1")
        assert "not known" in line(app, "worker:1", "2/2")


async def test_each_tag_is_asked_about_once_and_again_when_told_to() -> None:
    fleet = ImageFleet()
    async with looked_at(fleet) as (_, pilot):

        def asked() -> int:
            return sum(engine.asked.count(API) for engine in fleet.engines.values())

        assert asked() == 1
        await pilot.press("ctrl+r")
        await until(pilot, lambda: asked() == 2)


async def test_a_container_that_is_updated_goes_to_its_new_image() -> None:
    fleet = ImageFleet()
    async with looked_at(fleet) as (app, pilot):
        fleet.update("web2", "shop-api", API, "b")
        await until(pilot, lambda: (API, digest("a")) not in table(app).list.keys)
        row = table(app).list.get((API, digest("b")))
        assert row is not None
        assert row.hosts == ("web1", "web2")


async def test_enter_leads_to_the_containers_of_an_image_and_from_there_to_one_of_them() -> None:
    async with looked_at(ImageFleet()) as (app, pilot):
        table(app).move_to((API, digest("a")))
        await pilot.press("enter")
        await shows((app, pilot), "images › api:1.4 › containers")
        assert list(table(app).list.keys) == [box.key for box in BOXES if box.digest == digest("a")]


async def test_what_is_offered_of_an_image_is_offered_of_its_containers() -> None:
    async with looked_at(ImageFleet()) as (app, pilot):
        table(app).move_to((API, digest("a")))
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ActionMenu))
        assert "update" in screen(app)
        assert "web2" in screen(app)


PAGE = View(Kind.PAGE, "web2", container=BOXES[1].id, label="shop-api", question="properties")


async def test_a_containers_page_tells_its_image_owner_health_and_hides_secrets() -> None:
    app = app_on(ImageFleet(), remembering=memory())
    async with app.run_test(size=(160, 60), notifications=True) as pilot:
        await _look_at(PAGE, "behind", pilot)
        await shows((app, pilot), "/etc/systemd/system/shop-api.service")
        shown = screen(app)
        assert digest("a") in shown
        assert digest("b") in shown
        assert "exit code 1 wget: server returned 503" in shown
        assert "DB_PASSWORD=•••" in shown
        assert "hunter2" not in shown


VIEWS = {
    "images": (View(Kind.IMAGES), "1 denied"),
    "a container's page": (PAGE, "newer"),
}


@at_every_size
@pytest.mark.parametrize("view", VIEWS)
def test_a_picture_of_images(snap_compare: Comparison, view: str, size: tuple[int, int]) -> None:
    app = app_on(ImageFleet(), remembering=memory())
    assert snap_compare(app, terminal_size=size, run_before=partial(_look_at, *VIEWS[view]))

"""Pictures of every screen at three sizes, compared with those that were looked at by eye."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, cast

import pytest
from textual.pilot import Pilot

from console.commands import clock
from console.model.state import State
from console.tui.app import QuarterdeckApp
from console.tui.views import Kind, View
from tests.tui.picture_fleet import PictureFleet
from tests.tui.remembering import LIVE, NO_QUORUM, FakeRemembering
from tests.tui.services import remembering, shop
from tests.tui.small_fleet import NOW, app_on, until
from tests.tui.test_app import shows

#: What is looked at, and what is on the screen once it is all there.
VIEWS = {
    "watch": (View(Kind.WATCH), "unreachable"),
    "hosts": (View(Kind.HOSTS), "edge-frankfurt-1"),
    "units": (View(Kind.UNITS), "postgres.service"),
    "containers": (View(Kind.CONTAINERS), "shop-worker"),
    "logs": (View(Kind.LOGS), "/healthz"),
    "a host's page": (View(Kind.PAGE, "web1"), "rpm-ostree"),
    "a unit's log": (View(Kind.LOGS, "db1", "postgres.service"), "exit-code"),
    "a unit's page": (View(Kind.PAGE, "db1", "postgres.service", question="properties"), "shop.target"),
    "a unit's file": (View(Kind.PAGE, "db1", "postgres.service", question="file"), "[Install]"),
    "what a unit needs": (View(Kind.PAGE, "db1", "postgres.service", question="dependencies"), "RequiredBy"),
}
SIZES = [(80, 24), (120, 40), (200, 60)]

Comparison = Callable[..., bool]


@pytest.fixture(autouse=True)
def _stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.delenv("NO_COLOR", raising=False)


at_every_size = pytest.mark.parametrize("size", SIZES, ids="{0[0]}x{0[1]}".format)


@at_every_size
@pytest.mark.parametrize("view", VIEWS)
def test_a_picture(snap_compare: Comparison, view: str, size: tuple[int, int]) -> None:
    app = app_on(PictureFleet())
    assert snap_compare(app, terminal_size=size, run_before=partial(_look_at, *VIEWS[view]))


async def _look_at(view: View, there: str, pilot: Pilot[int]) -> None:
    app = pilot.app
    assert isinstance(app, QuarterdeckApp)
    await until(pilot, lambda: app.main.shown is not None)
    app.main.show(view)
    await until(pilot, lambda: app.main.shown is not None and app.main.shown.view == view)
    await shows((app, pilot), there)
    await pilot.pause()


ETCD_VIEWS = {
    "etcd": (View(Kind.ETCD), "addresses, labels"),
    "keys": (View(Kind.KEYS, key="hosts"), "hosts/web1"),
    "a key": (View(Kind.KEY, key="hosts/db1"), "it was made at"),
}


@at_every_size
@pytest.mark.parametrize("view", ETCD_VIEWS)
def test_a_picture_of_etcd(snap_compare: Comparison, view: str, size: tuple[int, int]) -> None:
    app = app_on(PictureFleet(), remembering=cast("Any", FakeRemembering()))
    assert snap_compare(app, terminal_size=size, run_before=partial(_look_at, *ETCD_VIEWS[view]))


@at_every_size
@pytest.mark.parametrize(
    ("kind", "there"), [(Kind.WATCH, "✖ no quorum"), (Kind.ETCD, "✖ down")], ids=["watch", "etcd"]
)
def test_a_picture_of_an_etcd_without_a_quorum(
    snap_compare: Comparison, kind: Kind, there: str, size: tuple[int, int]
) -> None:
    silent = replace(LIVE, state=State.STALE, reason=NO_QUORUM.problem, contact=NOW - timedelta(seconds=12))
    app = app_on(PictureFleet(), remembering=cast("Any", FakeRemembering(silent, NO_QUORUM)))
    assert snap_compare(app, terminal_size=size, run_before=partial(_look_at, View(kind), there))


SERVICE_VIEWS = {
    "services": (View(Kind.SERVICES), "backup.service"),
    "a service": (View(Kind.SERVICE, service="web@.service"), "▲ failing"),
    "why an instance is there": (View(Kind.PAGE, service="web@2.service", question="why"), "needs role=web"),
    "revisions": (View(Kind.PAGE, service="web@.service", question="revisions"), "--port 8080"),
}


@at_every_size
@pytest.mark.parametrize("view", SERVICE_VIEWS)
def test_a_picture_of_services(snap_compare: Comparison, view: str, size: tuple[int, int]) -> None:
    fleet = PictureFleet()
    app = app_on(fleet, remembering=cast("Any", remembering(fleet.model, shop())))
    assert snap_compare(app, terminal_size=size, run_before=partial(_look_at, *SERVICE_VIEWS[view]))


@at_every_size
def test_a_picture_of_watch_with_no_engine(snap_compare: Comparison, size: tuple[int, int]) -> None:
    fleet = PictureFleet()
    app = app_on(fleet, remembering=cast("Any", remembering(fleet.model, shop(leader=None))))
    look = partial(_look_at, View(Kind.WATCH), "[no engine]")
    assert snap_compare(app, terminal_size=size, run_before=look)


def _keys(view: View, there: str, *keys: str) -> Callable[[Pilot[int]], Awaitable[None]]:
    async def press(pilot: Pilot[int]) -> None:
        await _look_at(view, there, pilot)
        await pilot.press(*keys)
        await pilot.pause()

    return press


@at_every_size
@pytest.mark.parametrize("where", ["units", "logs", "a unit's page"])
def test_a_picture_of_help(snap_compare: Comparison, where: str, size: tuple[int, int]) -> None:
    press = _keys(*VIEWS[where], "question_mark")
    assert snap_compare(app_on(PictureFleet()), terminal_size=size, run_before=press)


def test_a_picture_of_marks_and_a_filter(snap_compare: Comparison) -> None:
    press = _keys(*VIEWS["units"], "slash", *"shop", "enter", "space", "j", "j", "V")
    assert snap_compare(app_on(PictureFleet()), terminal_size=(80, 24), run_before=press)


def test_a_picture_of_the_columns_to_choose(snap_compare: Comparison) -> None:
    press = _keys(*VIEWS["units"], "c")
    assert snap_compare(app_on(PictureFleet()), terminal_size=(80, 24), run_before=press)


@pytest.mark.parametrize(
    "theme", ["light", "high-contrast", "okabe-ito-dark", "okabe-ito-light", "production"]
)
def test_a_picture_of_watch_in_a_theme(snap_compare: Comparison, theme: str) -> None:
    app = app_on(PictureFleet(), theme=theme)
    assert snap_compare(app, terminal_size=(80, 24), run_before=partial(_look_at, *VIEWS["watch"]))

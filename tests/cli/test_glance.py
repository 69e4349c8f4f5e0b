"""The fleet at one glance, at every size."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime

import pytest

from console.cli.glance import glance
from console.cli.screen import Screen
from console.commands.fitting import width_of
from console.commands.picture import take
from console.fleet.model import FleetModel
from console.model.config import HostConfig
from console.model.events import HostChanged, SourceChanged, UnitsListed
from console.model.state import Source, State, Status
from console.model.unit import Health, Unit

NOW = datetime.now(UTC)


def fleet(hosts: int, failing: int) -> FleetModel:
    """A fleet whose last host is lost, and whose others have failing units."""
    model = FleetModel([HostConfig(f"web{n:03}") for n in range(hosts)])
    for n in range(hosts):
        name = f"web{n:03}"
        if n == hosts - 1:
            model.apply(HostChanged(name, Status(State.UNREACHABLE, NOW, "no route to host")))
            continue
        model.apply(HostChanged(name, Status(State.LIVE, NOW)))
        model.apply(SourceChanged(name, Source.UNITS, Status(State.LIVE, NOW)))
        units = [
            Unit(name, f"app{u}.service", "loaded", "failed", "failed", "An app", health=Health.FAILED)
            for u in range(failing)
        ]
        model.apply(UnitsListed(name, tuple(units)))
    return model


@pytest.mark.parametrize(("width", "height"), [(60, 15), (80, 24), (120, 40), (200, 60)])
@pytest.mark.parametrize(("hosts", "failing"), [(1, 0), (3, 2), (50, 1), (500, 20)])
def test_the_picture_fits_and_what_is_left_out_is_counted(
    width: int, height: int, hosts: int, failing: int
) -> None:
    model = fleet(hosts, failing)
    lines = glance(take("prod", model, model.hosts()), width, height)
    assert len(lines) <= height
    assert all(width_of(line) <= width for line in lines)
    text = "\n".join(lines)
    assert f"{hosts} hosts" in text
    # What is worst is always on it.
    assert "unreachable" in text
    if hosts * failing > height:
        assert re.search(r"… \d+ more troubles", text)


def test_a_fleet_without_trouble_says_so() -> None:
    model = FleetModel([HostConfig("web1")])
    model.apply(HostChanged("web1", Status(State.LIVE, NOW)))
    assert "● nothing is wrong" in "\n".join(glance(take("prod", model, model.hosts()), 80, 24))


def test_only_lines_that_changed_are_written_and_the_terminal_is_given_back() -> None:
    out = io.StringIO()
    screen = Screen(out)
    screen.show(["one", "two"], 80)
    out.truncate(0)
    screen.show(["one", "zwei"], 80)
    assert "zwei" in out.getvalue()
    assert "one" not in out.getvalue()
    screen.close()
    assert "\x1b[?1049l" in out.getvalue()
    assert out.getvalue().endswith("one\nzwei\n")

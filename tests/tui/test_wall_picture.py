"""What a wall's band says of a fleet."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from console.commands.picture import troubles_of
from console.commands.rows import Tone
from console.model.config import HostConfig
from console.model.events import HostChanged
from console.model.memory import Ack
from console.model.state import State, Status
from console.tui.shown.map import tone_of
from console.tui.wall.picture import Band, band, stale
from console.tui.wall.signs import signs
from tests.tui.remembering import LIVE
from tests.tui.small_fleet import BEFORE, NOW, FakeFleet, SmallFleet


def seen(fleet: FakeFleet) -> Band:
    model = fleet.model
    troubles = [one for host in model.hosts() for one in troubles_of(model, host)]
    return band(model.hosts(), troubles, (), LIVE, NOW)


def well() -> FakeFleet:
    fleet = FakeFleet(HostConfig(name, "198.18.0.1") for name in ("a", "b"))
    for name in ("a", "b"):
        fleet.model.apply(HostChanged(name, Status(State.LIVE, BEFORE)))
    return fleet


def test_a_fleet_that_is_well_says_so() -> None:
    told = seen(well())
    assert (told.tone, told.verdict, told.worst, told.stale) == (Tone.GOOD, "all well", "", "")
    assert told.figures == ((2, "sound", Tone.GOOD), (0, "ailing", Tone.FAINT), (0, "LOST", Tone.FAINT))


def test_what_is_wrong_is_counted_in_words_and_the_worst_is_named() -> None:
    told = seen(SmallFleet())
    assert told.tone is Tone.BAD
    assert told.verdict == "1 host lost, 1 unit failing, 2 containers unhealthy"
    assert told.worst.startswith("✖ ")
    assert " for 5m" in told.worst
    assert [count for count, _, _ in told.figures] == [0, 2, 1]


def test_what_somebody_looks_after_is_no_verdict() -> None:
    fleet = well()
    fleet.model.apply(HostChanged("a", Status(State.UNREACHABLE, BEFORE, "no route")))
    model = fleet.model
    troubles = [
        replace(one, ack=Ack("a", "alice", "moved away", NOW))
        for host in model.hosts()
        for one in troubles_of(model, host)
    ]
    assert band(model.hosts(), troubles, (), None, NOW).verdict == "all well"


def test_before_any_host_has_answered_nothing_is_well() -> None:
    told = seen(FakeFleet([HostConfig("a", "198.18.0.1"), HostConfig("b", "198.18.0.2")]))
    assert (told.tone, told.verdict) == (Tone.PLAIN, "connecting: 0 of 2 hosts are there")
    assert seen(FakeFleet(())).verdict == "no hosts"


def test_half_of_the_hosts_silent_is_stale_and_less_is_not() -> None:
    fleet = well()
    fleet.model.apply(HostChanged("a", Status(State.UNREACHABLE, BEFORE, "no route")))
    assert stale(fleet.model.hosts(), LIVE, NOW) == "1 of 2 hosts are not heard since 02:55:00 UTC, 5m ago"
    fleet.model.apply(HostChanged("b", Status(State.STALE, NOW, "no answer")))
    assert stale(fleet.model.hosts(), LIVE, NOW).startswith("no host is heard since 03:00:00 UTC")
    third = [*fleet.model.hosts(), *well().model.hosts()]
    fleet.model.apply(HostChanged("b", Status(State.LIVE, NOW)))
    assert stale([*fleet.model.hosts(), third[-1]], LIVE, NOW) == ""


def test_an_etcd_that_is_silent_is_stale_after_a_moment() -> None:
    hosts = well().model.hosts()
    silent = replace(LIVE, state=State.STALE, reason="connection refused", contact=NOW - timedelta(seconds=9))
    assert stale(hosts, silent, NOW) == ""
    assert stale(hosts, silent, NOW + timedelta(seconds=1)) == (
        "etcd does not answer since 02:59:51 UTC, 10s ago"
    )
    assert stale(hosts, None, NOW) == ""


@pytest.mark.parametrize(("width", "height", "parts"), [(60, 10, 1), (12, 3, 1), (4, 2, 3)])
def test_every_host_is_on_its_page_whatever_the_size(width: int, height: int, parts: int) -> None:
    hosts = FakeFleet(
        HostConfig(f"edge-frankfurt-rack-17-{n:02}", "198.18.0.1") for n in range(10)
    ).model.hosts()
    found = signs(hosts, tone_of, width, height)
    assert len(found) == parts
    assert all(len(part) <= height for part in found)
    glyphs = [cell for part in found for line in part for cell in line if cell.text == "○"]
    assert len(glyphs) == 10
    for line in (line for part in found for line in part):
        assert len(" ".join(cell.text for cell in line).rstrip()) <= width


def test_a_long_name_is_cut_in_its_middle() -> None:
    name = "edge-frankfurt-rack-17-node-0042"
    ((line,),) = signs(FakeFleet([HostConfig(name, "198.18.0.1")]).model.hosts(), tone_of, 80, 5)
    text = line[1].text.strip()
    assert len(text) == 24
    assert text.startswith("edge-frank")
    assert text.endswith("node-0042")

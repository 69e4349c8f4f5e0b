"""What a host is short of, and from where on that is told."""

from __future__ import annotations

import pytest

from console.commands.picture import troubles_of
from console.commands.rows import Tone
from console.commands.strain import strains
from console.fleet.model import FleetModel
from console.model.config import HostConfig, WatchConfig
from console.model.events import FactsRead, HostChanged, SourceChanged
from console.model.host import Disk, OsFacts, Pressure
from console.model.state import Source, State, Status
from tests.tui.small_fleet import NOW

GIB = 2**30


def told(facts: OsFacts, limits: WatchConfig = WatchConfig()) -> list[tuple[str, str]]:  # noqa: B008
    return [(what, how.text) for what, how, _ in strains(facts, limits)]


@pytest.mark.parametrize(
    ("left", "tone"), [(11, None), (10, Tone.WARN), (4, Tone.WARN), (3, Tone.BAD), (0, Tone.BAD)]
)
def test_a_disk_is_told_from_its_limits_on(left: int, tone: Tone | None) -> None:
    found = list(strains(OsFacts(disks=(Disk("/var", 100 * GIB, left * GIB),)), WatchConfig()))
    assert [how.tone for _, how, _ in found] == ([] if tone is None else [tone])
    assert all(what == "disk /var" for what, _, _ in found)


def test_memory_is_told_by_what_is_left_and_by_what_waits_for_it() -> None:
    short = OsFacts(memory_total=8 * GIB, memory_available=GIB // 4)
    assert told(short) == [("memory", "▲ 97% used")]
    stalls = OsFacts(
        pressure=(
            Pressure("memory", "some", 90, 90),
            Pressure("io", "full", 90, 90),
            Pressure("memory", "full", 0, 25),
        )
    )
    assert told(stalls) == [("memory pressure", "▲ 25% stalled")]


@pytest.mark.parametrize(("offset", "words"), [(6.2, "▲ 6 s ahead"), (-61.0, "▲ 61 s behind"), (4.9, None)])
def test_a_clock_that_is_off_is_told(offset: float, words: str | None) -> None:
    assert told(OsFacts(clock_offset_s=offset)) == ([] if words is None else [("clock", words)])


def test_no_limit_tells_nothing_and_neither_does_what_is_not_known() -> None:
    worst = OsFacts(
        memory_total=GIB,
        memory_available=0,
        disks=(Disk("/", GIB, 0), Disk("/empty", 0, 0)),
        pressure=(Pressure("memory", "full", 100, 100),),
        clock_offset_s=1e6,
    )
    assert len(told(worst)) == 4
    assert told(worst, WatchConfig(0, 0, 0, 0, 0)) == []
    assert told(OsFacts()) == []


def test_what_was_read_before_a_host_fell_silent_is_not_told_as_if_it_were_so_now() -> None:
    model = FleetModel([HostConfig("a", "198.18.0.1")])
    model.apply(HostChanged("a", Status(State.LIVE, NOW)))
    model.apply(SourceChanged("a", Source.OS, Status(State.LIVE, NOW)))
    model.apply(FactsRead("a", OsFacts(disks=(Disk("/", 100, 0),))))
    assert [one.what for one in troubles_of(model, model.host("a"))] == ["disk /"]
    model.apply(SourceChanged("a", Source.OS, Status(State.STALE, NOW)))
    assert [one.what for one in troubles_of(model, model.host("a"))] == ["os"]

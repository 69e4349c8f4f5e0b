"""The header: it may not say that data is fresher than it is, however narrow the terminal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from rich.cells import cell_len

from console.fleet.model import FleetModel
from console.model.config import HostConfig
from console.model.events import ContainersListed, HostChanged, SourceChanged, UnitsListed
from console.model.host import Host
from console.model.state import Source, State, Status
from console.model.store import StoreStatus
from console.tui.tables import holds
from console.tui.widgets.bars import data_age, header_text, store_badges
from tests.tui.small_fleet import box, unit

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def before(**span: float) -> datetime:
    return NOW - timedelta(**span)


def host(name: str, state: State = State.LIVE, **sources: tuple[State, datetime]) -> Host:
    """A host, and sources of it with their state and since when; the others are live."""
    told = {source: Status(State.LIVE, before(hours=9)) for source in Source} | {
        Source(source): Status(*status) for source, status in sources.items()
    }
    return Host(name, "198.18.0.1", {}, Status(state, before(hours=8)), told)


def age(*hosts: Host, holds: bool = True) -> str:
    return data_age(hosts, lambda host, source: holds, NOW)


def test_where_every_source_is_live_so_is_the_data_however_long_nothing_has_happened() -> None:
    assert age(host("a"), host("b")) == "data live"


def test_a_live_host_with_a_source_that_is_lost_makes_the_data_as_old_as_that() -> None:
    stale = host("b", units=(State.STALE, before(minutes=4)), os=(State.STALE, before(minutes=11)))
    assert age(host("a"), stale) == "data from 11m ago"
    assert age(stale, host("c", containers=(State.STALE, before(hours=2)))) == "data from 2h ago"


@pytest.mark.parametrize("state", [State.STALE, State.FAILED, State.REFUSED, State.ABSENT, State.UNREACHABLE])
def test_whatever_state_a_source_is_in_what_is_still_shown_of_it_is_old(state: State) -> None:
    assert age(host("a", units=(state, before(minutes=4)))) == "data from 4m ago"


def test_a_source_of_which_nothing_is_shown_makes_nothing_old() -> None:
    assert age(host("a", journal=(State.REFUSED, before(hours=6))), holds=False) == "data live"


def test_a_host_that_is_lost_is_told_by_its_state_and_not_by_the_age() -> None:
    lost = host("b", State.UNREACHABLE, units=(State.STALE, before(days=1)))
    assert age(host("a"), lost) == "data live"
    assert age(lost) == "no live data"


def test_what_has_not_answered_yet_makes_the_data_incomplete() -> None:
    assert age(host("a"), host("b", State.CONNECTING)) == "data incomplete"
    assert age(host("a", containers=(State.CONNECTING, NOW))) == "data incomplete"
    connecting = host("b", units=(State.STALE, before(minutes=4)), os=(State.CONNECTING, NOW))
    assert age(connecting) == "data from 4m ago", "that some is old weighs more"


def test_what_is_shown_is_what_the_model_still_holds() -> None:
    model = FleetModel([HostConfig("a", "198.18.0.1")])
    model.apply(HostChanged("a", Status(State.LIVE, before(hours=8))))

    def shown() -> str:
        return data_age(model.hosts(), lambda host, source: holds(model, host, source), NOW)

    refused = Status(State.REFUSED, before(minutes=7), "not in the group docker")
    for source in (Source.UNITS, Source.CONTAINERS):
        model.apply(SourceChanged("a", source, refused))
    assert shown() == "data live", "nothing was ever shown of them"
    model.apply(ContainersListed("a", (box("a", "api"),)))
    assert shown() == "data from 7m ago"
    model.apply(ContainersListed("a", ()))
    model.apply(UnitsListed("a", (unit("a", "x.service"),)))
    assert shown() == "data from 7m ago"
    model.apply(SourceChanged("a", Source.UNITS, Status(State.LIVE, NOW)))
    assert shown() == "data live"


def head(width: int, *, read_only: bool = False) -> str:
    hosts = [*(host(f"n{n}") for n in range(5)), host("lost", State.UNREACHABLE)]
    hosts[0] = host("n0", units=(State.STALE, before(minutes=4)))
    return header_text(
        "production", hosts, lambda host, source: True, NOW, width, badges=["READ-ONLY"] if read_only else []
    )


@pytest.mark.parametrize("width", range(60, 121))
@pytest.mark.parametrize("read_only", [False, True])
def test_in_every_width_it_says_what_is_lost_and_how_old_the_data_is(width: int, read_only: bool) -> None:
    text = head(width, read_only=read_only)
    assert cell_len(text) == width
    assert "1 ✖ unreachable" in text
    assert "data from 4m ago" in text
    assert "03:00:00" in text
    assert ("[READ-ONLY]" in text) is read_only


def test_what_does_not_fit_goes_in_order() -> None:
    assert head(100).startswith(" production  6 hosts: 5 ● live, 1 ✖ unreachable  data from 4m ago ")
    assert head(100).endswith(" 03:00:00 UTC ")
    assert head(70).startswith(" production  5 ● live, 1 ✖ unreachable  data from 4m ago ")
    assert head(60).startswith(" 5 ● live, 1 ✖ unreachable  data from 4m ago ")
    assert head(60, read_only=True).startswith(" 1 ✖ unreachable  data from 4m ago [READ-ONLY] ")


def etcd(
    state: State = State.STALE,
    reason: str | None = "connection refused",
    *,
    embedded: bool = False,
    **contact: float,
) -> StoreStatus:
    return StoreStatus(
        state, before(minutes=3), reason, None, before(**contact) if contact else None, embedded
    )


def test_an_etcd_that_answers_is_not_worth_a_word() -> None:
    assert store_badges(None, NOW) == ()
    assert store_badges(etcd(State.LIVE, None, seconds=1), NOW) == ()
    assert store_badges(etcd(State.CONNECTING, None), NOW) == (), "nobody has asked it yet"


def test_an_etcd_that_does_not_answer_is_told_with_the_time_since_it_last_did() -> None:
    assert store_badges(etcd(seconds=12), NOW) == ("etcd: unreachable 12s", "etcd ✖ 12s")
    assert (
        store_badges(etcd(reason="no quorum: it has no leader", seconds=72), NOW)[0]
        == "etcd: no quorum 1m12s"
    )
    assert store_badges(etcd(State.CONNECTING), NOW)[0] == "etcd: unreachable 3m", "it never has"


@pytest.mark.parametrize("width", range(80, 161))
@pytest.mark.parametrize("badges", [(), ("READ-ONLY",)])
def test_in_every_width_from_80_on_it_says_that_etcd_does_not_answer(
    width: int, badges: tuple[str, ...]
) -> None:
    hosts = [*(host(f"n{n}") for n in range(5)), host("lost", State.UNREACHABLE)]
    hosts[0] = host("n0", units=(State.STALE, before(minutes=4)))
    text = header_text(
        "production", hosts, lambda host, source: True, NOW, width, badges=badges, store=etcd(seconds=12)
    )
    assert cell_len(text) == width
    assert "[etcd: unreachable 12s]" in text or "[etcd ✖ 12s]" in text
    assert "1 ✖ unreachable" in text
    assert "data from 4m ago" in text
    assert "03:00:00" in text


def test_at_the_narrowest_etcd_is_worth_more_than_the_clock() -> None:
    hosts = [host("a"), host("lost", State.UNREACHABLE)]
    text = header_text(
        "prod", hosts, lambda host, source: True, NOW, 60, badges=["READ-ONLY"], store=etcd(seconds=12)
    )
    assert text.startswith(" 1 ✖ unreachable  data live [READ-ONLY] [etcd ✖ 12s] ")


def test_the_consoles_own_etcd_is_told_quietly_and_is_the_first_to_go() -> None:
    own = etcd(State.LIVE, None, embedded=True, seconds=1)

    def shown(width: int) -> str:
        return header_text("prod", [host("a")], lambda host, source: True, NOW, width, store=own)

    assert shown(80).startswith(" prod  1 host: 1 ● live  data live  etcd: embedded ")
    assert shown(60).startswith(" prod  1 host: 1 ● live  data live ")
    assert "etcd" not in shown(60)

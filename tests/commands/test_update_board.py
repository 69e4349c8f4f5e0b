"""Which hosts are out of line with those of their kind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from console.commands import clock
from console.commands.update_board import UpdateBoard
from console.fleet import model as fleet_model
from console.fleet.model import FleetModel
from console.model.config import HostConfig
from console.model.deployment import Deployment, UpdateStatus
from console.model.events import FactsRead, UpdatesRead
from console.model.host import OsFacts

NOW = datetime(2026, 11, 27, 3, 12, tzinfo=UTC)


def said(
    version: str, *, channel: str = "stable", staged: str | None = None, error: str | None = None
) -> UpdateStatus:
    waiting = (Deployment("n", version=staged, next=True, staged=True),) if staged else ()
    return UpdateStatus((*waiting, Deployment("b", version=version, booted=True)), channel, error=error)


class Fleet:
    """A model and its board, told of one host at a time."""

    def __init__(self, *versions: str) -> None:
        self.names = [f"web{n}" for n in range(1, len(versions) + 1)]
        self.model = FleetModel(HostConfig(name) for name in self.names)
        self.board = UpdateBoard(self.model)
        for name, version in zip(self.names, versions, strict=True):
            self.say(name, said(version))

    def say(
        self, name: str, status: UpdateStatus, *, driver: str = "ostree", system: str = "fedora"
    ) -> set[str]:
        self.model.apply(FactsRead(name, OsFacts(os=system)))
        self.model.apply(UpdatesRead(name, driver, status))
        return self.board.update([name])

    def out(self) -> dict[str, tuple[str, ...]]:
        rows = {name: self.board.look_up(name) for name in self.names}
        return {name: row.out_of_line for name, row in rows.items() if row is not None and row.out_of_line}


def test_a_host_that_runs_another_version_than_most_of_its_kind_is_out_of_line() -> None:
    assert Fleet("1.1", "1.1", "1.0").out() == {"web3": ("most of its kind run 1.1",)}


def test_where_no_version_has_more_than_half_nobody_is() -> None:
    assert Fleet("1.1", "1.1", "1.0", "1.0").out() == {}
    assert Fleet("1.1", "1.0", "0.9").out() == {}
    assert Fleet("1.1", "1.0").out() == {}, "of two none is the measure of the other"


def test_other_systems_updaters_and_channels_are_other_kinds() -> None:
    fleet = Fleet("1.1", "1.1", "1.1", "1.1")
    fleet.say("web2", said("2.0", channel="testing"))
    assert fleet.out() == {}
    fleet.say("web3", said("2.0"), driver="bootc")
    fleet.say("web4", said("2.0"), system="flatcar")
    assert fleet.out() == {}


def test_the_rows_of_a_kind_change_when_its_measure_does() -> None:
    fleet = Fleet("1.0", "1.0", "1.0")
    assert fleet.say("web1", said("1.1")) == {"web1"}
    assert fleet.out() == {"web1": ("most of its kind run 1.0",)}
    assert fleet.say("web2", said("1.1")) == {"web1", "web2", "web3"}
    assert fleet.out() == {"web3": ("most of its kind run 1.1",)}
    assert fleet.say("web3", said("1.1")) == {"web3"}
    assert fleet.out() == {}


def test_a_host_that_goes_counts_no_more() -> None:
    fleet = Fleet("1.0", "1.1", "1.1", "1.1")
    fleet.model.remove("web4")
    fleet.model.remove("web3")
    assert fleet.board.update(["web3", "web4"]) == {"web1", "web2", "web3", "web4"}
    assert fleet.out() == {}
    assert fleet.board.look_up("web4") is None


def test_a_version_that_waits_long_for_its_reboot_is_out_of_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_model, "_now", lambda: NOW)
    fleet = Fleet("1.0")
    fleet.say("web1", said("1.0", staged="1.1"))
    monkeypatch.setattr(fleet_model, "_now", lambda: NOW + timedelta(hours=20))
    fleet.say("web1", said("1.0", staged="1.1"))  # the same is told again
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(hours=23))
    assert fleet.out() == {}
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(hours=25))
    assert fleet.out() == {"web1": ("waits for its reboot since 2026-11-27 03:12Z",)}
    fleet.say("web1", said("1.1"))
    assert fleet.out() == {}


def test_the_worst_is_told_first() -> None:
    fleet = Fleet("1.1", "1.1", "1.1")
    fleet.say("web1", said("1.0", error="no space left on device"))
    assert fleet.out() == {"web1": ("no space left on device", "most of its kind run 1.1")}


def test_a_thousand_hosts_of_which_one_reboots_cost_the_look_at_one() -> None:
    fleet = Fleet(*["1.1"] * 1000)
    assert fleet.say("web500", said("1.2")) == {"web500"}

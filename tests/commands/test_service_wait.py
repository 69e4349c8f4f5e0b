"""What is waited for, and when there is nothing to wait for any more."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any, cast

from console.commands.service_wait import Before, ServiceWait, progress
from console.engine.brake import Pulled
from console.engine.following import Seen
from console.engine.manifest import Manifest
from console.model.host import Host
from console.model.unit import Unit
from tests.engine.desired import SINCE, assigned, failed, hosts, manifest, service, unit

DB = "db.service"


class Model:
    """The part of the live model that is asked."""

    def __init__(self, fleet: list[Host], *units: Unit) -> None:
        self._hosts = fleet
        self.there = {one.key: one for one in units}

    def hosts(self) -> list[Host]:
        return self._hosts

    def host(self, name: str) -> Host:
        return next(one for one in self._hosts if one.name == name)

    def unit(self, key: tuple[str, str]) -> Unit | None:
        return self.there.get(key)


class Waited:
    """A wait for one service on two hosts, and what it has told."""

    def __init__(self, *were: Before, known: tuple[str, ...] = (), engine_comes: bool = False) -> None:
        self.model = Model(hosts(2))
        self.notes: list[str] = []
        view = cast("Any", type("View", (), {"fleet": type("Fleet", (), {"model": self.model})}))
        out = cast("Any", type("Out", (), {"note": self.notes.append}))
        self._waiting = ServiceWait(
            partial(progress, view, {DB}, were), known, out, engine_comes=engine_comes
        )

    def look(self, what: Manifest, *units: Unit) -> bool:
        self.model.there = {one.key: one for one in units}
        return self._waiting.look(what)

    def see(self, seen: Seen) -> bool:
        return self._waiting.see(seen)

    def results(self) -> list[tuple[str, str, str]]:
        return [(one.target, one.status.value, one.detail) for one in self._waiting.results("too late")]


AT_H1 = assigned("db.service=h1")


def test_each_change_is_told_once_and_the_end_is_when_it_runs() -> None:
    waited = Waited()
    assert not waited.look(manifest(service("db")))
    assert not waited.look(manifest(service("db")))
    assert not waited.look(manifest(service("db"), at=AT_H1))
    assert not waited.look(manifest(service("db"), at=AT_H1), failed("h1", DB))
    assert waited.results() == [("h1/db.service", "failed", "failed: exit-code; too late")]
    assert waited.look(manifest(service("db"), at=AT_H1), unit("h1", DB))
    assert waited.notes == [
        "db.service: pending: to be placed on h1",
        "h1/db.service: placed",
        "h1/db.service: failed: exit-code",
        "h1/db.service: running",
    ]
    assert waited.results() == [("h1/db.service", "done", "running")]


def test_without_an_engine_there_is_nothing_to_wait_for_and_one_that_goes_has_a_successor() -> None:
    assert Waited().look(manifest(service("db"), engine=False))
    waited = Waited()
    assert not waited.look(manifest(service("db")))
    assert not waited.look(manifest(service("db"), engine=False))
    assert not waited.look(manifest(service("db"), engine=False))
    assert waited.notes[1:] == ["the engine is gone: waiting for the next one"]


def test_an_engine_that_is_on_its_way_is_waited_for() -> None:
    waited = Waited(engine_comes=True)
    assert not waited.look(manifest(service("db"), engine=False))
    assert not waited.look(manifest(service("db")))
    assert "the engine is gone: waiting for the next one" not in waited.notes


def test_what_no_host_will_have_is_not_waited_for_and_not_told_twice() -> None:
    big = manifest(service("db", "Memory=64G"))
    waited = Waited()
    assert waited.look(big)
    assert waited.notes == ["db.service: pending: memory on 2"]
    assert waited.results() == [("db.service", "refused", "pending: memory on 2")]
    told_already = Waited(known=(DB,))
    assert told_already.look(big)
    assert (told_already.notes, told_already.results()) == ([], [])


def test_what_is_taken_away_is_waited_for_until_it_has_ended_and_its_placement_is_gone() -> None:
    gone = service("db", desired="inactive")
    waited = Waited(Before(DB, "h1", 1, None))
    assert not waited.look(manifest(gone, at=AT_H1), unit("h1", DB))
    assert not waited.look(manifest(gone), unit("h1", DB))
    assert not waited.look(manifest(gone, at=AT_H1))
    assert waited.look(manifest(gone))
    assert waited.look(manifest(), unit("h1", DB, "inactive", "dead")), "destroyed, and no longer known"
    assert waited.results() == [("h1/db.service", "done", "stopped")]


def test_another_revision_runs_once_its_unit_has_begun_another_life_whatever_the_record_says() -> None:
    later = SINCE + timedelta(seconds=5)
    second = service("db", revision=2)
    written = assigned("db.service=h1", revision=2)
    for first, then in ((None, later), (SINCE, later)):
        waited = Waited(Before(DB, "h1", 1, first))
        assert not waited.look(manifest(second, at=AT_H1), unit("h1", DB, since=first))
        assert not waited.look(manifest(second, at=written), unit("h1", DB, since=first))
        assert waited.results() == [("h1/db.service", "failed", "revision 1 still runs; too late")]
        assert waited.look(manifest(second, at=written), unit("h1", DB, since=then))
        assert waited.results() == [("h1/db.service", "done", "running")]


def test_a_brake_that_holds_everything_up_is_told_once_each_time() -> None:
    waited = Waited()
    what = manifest(service("db"), at=AT_H1)
    pulled = Pulled("3 of 4 hosts fell silent", SINCE)
    for brake in (pulled, pulled, None, pulled):
        assert not waited.see(Seen(what, brake=brake))
    held = "3 of 4 hosts fell silent: nothing is moved or stopped until `quarterdeck engine resume`"
    assert [note for note in waited.notes if "silent" in note] == [held, held]

"""What is known of hosts, from what they tell and from what was done there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from console.actions.apply_units import Applied
from console.engine.contacts import DEAD_AFTER_S
from console.engine.inspecting import Inspected
from console.engine.world import FRESH_S, World
from console.fleet.model import Changes, FleetModel
from console.model.config import HostConfig
from console.model.events import HostChanged, SourceChanged
from console.model.state import Source, State, Status
from console.placement.candidate import Standing
from console.placement.mark import Mark
from console.placement.reconcile import Step, Todo, Want

WEB = "web@1.service"
WANT = Want("web@.service", WEB, "h1", 2, 3, True)
MARK = Mark("f-1", "web@.service", 3, 2, True, "/run")


class Seen:
    """A world of one host, and how that is."""

    def __init__(self) -> None:
        self.model = FleetModel([HostConfig("h1")])
        self.world = World(self.model, "f-1")

    def state(self, state: State, units: State = State.LIVE) -> None:
        now = datetime.now(UTC)
        self.model.apply(HostChanged("h1", Status(state, now)))
        self.model.apply(SourceChanged("h1", Source.UNITS, Status(units, now)))
        self.world.look(0)

    def inspected(self, marks: dict[str, Mark] | None = None, fleet: str | None = "f-1") -> None:
        self.world.inspected("h1", self.world.connection("h1"), Inspected(fleet, marks or {}))
        self.world.look(0)

    def apply(self, step: Step, applied: Applied | None = None) -> None:
        want = None if step in (Step.STOP, Step.REMOVE) else WANT
        self.world.applied("h1", [Todo(WEB, step, want)], applied or Applied({}), 0)

    @property
    def marks(self) -> dict[str, Mark]:
        return dict(self.world.marks().get("h1", {}))


@pytest.fixture
def seen() -> Seen:
    made = Seen()
    made.state(State.LIVE)
    return made


def test_a_host_is_acted_on_once_it_was_read(seen: Seen) -> None:
    assert seen.world.unread() == ["h1"]
    assert seen.world.standing == {"h1": Standing.SILENT}
    assert not seen.world.settled
    seen.inspected()
    assert seen.world.unread() == []
    assert seen.world.standing == {"h1": Standing.LIVE}
    assert seen.world.settled


def test_another_connection_is_read_anew(seen: Seen) -> None:
    seen.inspected()
    seen.state(State.UNREACHABLE)
    seen.state(State.LIVE)
    assert seen.world.unread() == ["h1"]


def test_what_was_read_over_an_earlier_connection_does_not_count(seen: Seen) -> None:
    earlier = seen.world.connection("h1")
    seen.state(State.UNREACHABLE)
    seen.state(State.LIVE)
    seen.world.inspected("h1", earlier, Inspected("f-1", {}))
    assert seen.world.unread() == ["h1"]


def test_only_marks_of_this_fleet_count(seen: Seen) -> None:
    seen.inspected({WEB: MARK, "odd.service": replace(MARK, fleet="f-2")})
    assert seen.marks == {WEB: MARK}


@pytest.mark.parametrize("fleet", ["f-2", None])
def test_a_host_of_another_fleet_is_foreign_and_one_of_none_is_not(seen: Seen, fleet: str | None) -> None:
    seen.inspected(fleet=fleet)
    assert (seen.world.standing["h1"] is Standing.FOREIGN) == (fleet is not None)
    seen.world.look_again()
    assert (seen.world.unread() == ["h1"]) == (fleet is not None)


def test_what_was_done_is_known_without_asking(seen: Seen) -> None:
    seen.inspected()
    seen.apply(Step.START)
    assert seen.marks == {WEB: MARK}
    (sight,) = seen.world.sights([])
    assert sight.fresh == {WEB}
    seen.world.look(FRESH_S + 1)
    (sight,) = seen.world.sights([])
    assert sight.fresh == frozenset()
    seen.apply(Step.REMOVE)
    assert seen.marks == {}


def test_what_was_refused_is_known_and_how_far_it_came_is_read(seen: Seen) -> None:
    seen.inspected()
    seen.apply(Step.START, Applied({WEB: "Refusing."}))
    assert seen.world.unread() == ["h1"]
    (sight,) = seen.world.sights([])
    assert sight.refused == {(WEB, 3, 2): "Refusing."}
    seen.world.start_again("h1", WEB)
    (sight,) = seen.world.sights([])
    assert sight.refused == {}
    assert sight.again == {WEB}


def test_only_units_of_ours_and_changes_that_count_wake_the_engine(seen: Seen) -> None:
    seen.inspected({WEB: MARK})
    seen.world.concerned(Changes(hosts={"h1"}))
    assert not seen.world.concerned(Changes(hosts={"h1"}, units={("h1", "cron.service")}))
    assert seen.world.concerned(Changes(units={("h1", WEB)}))
    seen.model.apply(HostChanged("h1", Status(State.UNREACHABLE, datetime.now(UTC))))
    assert seen.world.concerned(Changes(hosts={"h1"}))
    seen.model.remove("h1")
    assert seen.world.concerned(Changes(hosts={"h1"}))


def test_one_machine_under_two_names_is_acted_on_under_the_first() -> None:
    model = FleetModel([HostConfig("h1"), HostConfig("h2"), HostConfig("h3")])
    world = World(model, "f-1")
    now = datetime.now(UTC)
    for name in ("h1", "h2", "h3"):
        model.apply(HostChanged(name, Status(State.LIVE, now)))
        model.apply(SourceChanged(name, Source.UNITS, Status(State.LIVE, now)))
    world.look(0)
    for name, boot in {"h1": "boot-1", "h2": "boot-1", "h3": "boot-2"}.items():
        world.inspected(name, world.connection(name), Inspected("f-1", {WEB: MARK}, boot))
    world.look(0)
    assert world.twins == {"h2": "h1"}
    assert world.standing["h2"] is Standing.FOREIGN
    assert world.marks().keys() == {"h1", "h3"}
    model.apply(HostChanged("h1", Status(State.UNREACHABLE, now)))
    world.look(0)
    assert world.marks().keys() == {"h2", "h3"}, "the second is as good as the first"


def test_what_a_host_ran_when_it_was_lost_may_run_there_until_it_is_read_again(seen: Seen) -> None:
    loaded = replace(MARK, launched=False)
    seen.inspected({WEB: MARK, "web@2.service": loaded})
    assert seen.world.left == {}
    seen.state(State.UNREACHABLE)
    assert seen.world.left == {"h1": {WEB}}
    seen.state(State.LIVE)
    assert seen.world.left == {"h1": {WEB}}, "it has not said yet what it has"
    seen.inspected()
    assert seen.world.left == {}


def test_hosts_that_wait_behind_others_are_not_given_up_while_those_come_and_are_when_none_does() -> None:
    names = [f"h{number}" for number in range(20)]
    model = FleetModel([HostConfig(name) for name in names])
    world = World(model, "f-1")

    def tell(name: str, state: State) -> None:
        model.apply(HostChanged(name, Status(state, datetime.now(UTC))))

    for name in names:
        tell(name, State.UNREACHABLE)
    world.look(0, waiting=names)
    at, dead = 0, names[-1]
    for name in names[:-1]:
        at += 1
        tell(name, State.LIVE)
        world.look(at, waiting=[dead])
    assert world.standing[dead] is Standing.SILENT
    for _ in range(int(DEAD_AFTER_S)):
        at += 1
        world.look(at, waiting=[dead])
    assert world.standing[dead] is Standing.LOST


def test_no_host_is_given_up_for_what_was_not_heard(seen: Seen) -> None:
    seen.inspected()
    seen.state(State.UNREACHABLE)
    seen.world.look(now=10 * DEAD_AFTER_S, heard=1)
    assert seen.world.standing == {"h1": Standing.SILENT}
    seen.world.look(now=11 * DEAD_AFTER_S, heard=DEAD_AFTER_S)
    assert seen.world.standing == {"h1": Standing.LOST}

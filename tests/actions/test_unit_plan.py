"""What becomes of each unit that a line names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from console.actions.plan import Effect
from console.actions.unit_plan import Drawn, HostView, Wish, asked_next, draw
from console.actions.units import UnitJob, UnitKill
from console.commands.everything import core_registry
from console.commands.grammar import parse_line
from console.model.unit import Unit, UnitDependencies
from console.model.unit_facts import UnitFacts


def facts(name: str = "web.service", active: str = "active", **more: Any) -> UnitFacts:
    relations = {
        key: more.pop(key) for key in list(more) if isinstance(more[key], tuple) and key != "drop_ins"
    }
    base = UnitFacts(
        UnitDependencies("h", name, **relations),
        active=active,
        sub="running",
        fragment="/etc/x",
        file_state="enabled",
    )
    return replace(base, **more)


def drawn(verb: str, *units: UnitFacts, targets: list[str] | None = None) -> Drawn:
    known: Mapping[str, UnitFacts] = {one.name: one for one in units}
    return draw(Wish(verb), [HostView("h", targets or [units[0].name], known, {}, "boot")])


def test_a_step_says_what_is_what_will_be_what_else_and_what_takes_it_back() -> None:
    (step,) = drawn("stop", facts("db.service", bound_by=("api.service",)), facts("api.service")).steps
    assert (step.host, step.object, step.verb) == ("h", "db.service", "stop")
    assert (step.now, step.then) == ("active (running)", "inactive")
    assert step.touches == (Effect("api.service", "stops"),)
    assert step.undo == "unit start --on=h db.service api.service"


@pytest.mark.parametrize("verb", ["start", "stop", "enable", "disable", "mask", "unmask"])
def test_an_undo_line_is_a_line_of_the_grammar(verb: str) -> None:
    states = {
        "start": facts("-.mount", "inactive"),
        "enable": facts("-.mount", file_state="disabled"),
        "unmask": facts("-.mount", file_state="masked"),
    }
    (step,) = drawn(verb, states.get(verb, facts("-.mount"))).steps
    assert step.undo
    command = parse_line(step.undo, core_registry()).command
    assert command is not None
    assert getattr(command, "patterns", None) == ("-.mount",)


@pytest.mark.parametrize(
    ("verb", "unit"),
    [
        ("start", facts()),
        ("stop", facts(active="inactive")),
        ("stop", facts(active="failed", sub="failed")),
        ("try-restart", facts(active="inactive")),
        ("try-restart", facts(active="failed")),
        ("reset-failed", facts()),
        ("enable", facts()),
        ("disable", facts(file_state="static")),
        ("mask", facts(file_state="masked")),
        ("unmask", facts()),
    ],
)
def test_where_there_is_nothing_to_do_there_is_no_step(verb: str, unit: UnitFacts) -> None:
    found = drawn(verb, unit)
    assert (found.steps, found.refused) == ([], [])
    assert len(found.idle) == 1


@pytest.mark.parametrize(
    ("verb", "unit", "says"),
    [
        ("start", facts(active="inactive", load="masked"), "unmask"),
        ("restart", facts(load="error"), "cannot be used"),
        ("start", facts(active="inactive", no_manual_start=True), "only by another"),
        ("stop", facts(no_manual_stop=True), "only by another"),
        ("reload", facts(), "ExecReload"),
        ("reload", facts(active="inactive", can_reload=True), "does not run"),
        ("kill", facts(active="inactive"), "does not run"),
        ("enable", facts(file_state=""), "no unit file"),
    ],
)
def test_what_systemd_would_not_do_is_refused_before_it_is_tried(
    verb: str, unit: UnitFacts, says: str
) -> None:
    found = drawn(verb, unit)
    assert found.steps == []
    assert says in found.refused[0].why


def test_a_unit_that_has_no_file_is_lacking_and_can_be_stopped_for_as_long_as_it_runs() -> None:
    gone = facts(load="not-found", active="inactive")
    assert [one.why for one in drawn("start", gone).lacking] == ["no such unit"]
    assert [one.why for one in drawn("stop", gone).lacking] == ["no such unit"]
    assert len(drawn("stop", facts(load="not-found")).steps) == 1


def test_a_failed_unit_is_stopped_while_it_waits_for_its_next_start() -> None:
    (step,) = drawn("stop", facts(active="activating", sub="auto-restart")).steps
    assert isinstance(step.act, UnitJob)


def test_an_alias_and_its_unit_are_one_target() -> None:
    unit = facts("dbus-broker.service")
    view = HostView(
        "h", ["dbus.service", "dbus-broker.service"], dict.fromkeys(("dbus.service", unit.name), unit), {}
    )
    (step,) = draw(Wish("restart"), [view]).steps
    assert step.object == "dbus-broker.service"


def test_targets_that_were_not_looked_up_are_planned_by_the_model_and_say_that_the_rest_is_not_known() -> (
    None
):
    units = {"web.service": Unit("h", "web.service", "loaded", "active", "running", "")}
    found = draw(Wish("restart"), [HostView("h", ["web.service", "gone.service"], None, units)])
    assert [step.touches for step in found.steps] == [None]
    assert [one.object for one in found.lacking] == ["gone.service"]


def test_a_signal_goes_to_the_processes_that_were_named() -> None:
    view = HostView("h", ["web.service"], {"web.service": facts()}, {})
    (step,) = draw(Wish("kill", whom="main", signal=10), [view]).steps
    assert isinstance(step.act, UnitKill)
    assert (step.act.whom, step.act.signal, step.undo) == ("main", 10, None)


def test_what_has_still_to_be_asked_for_ends_with_the_last_dependant() -> None:
    known: dict[str, UnitFacts] = {}
    asked: set[str] = set()
    world = {
        "db": facts("db", required_by=("api",)),
        "api": facts("api", required_by=("ui", "db")),
        "ui": facts("ui"),
    }
    rounds = []
    while wanted := asked_next("stop", ["db"], known.get, asked):
        rounds.append(wanted)
        known.update({name: world[name] for name in wanted})
    assert rounds == [["db"], ["api"], ["ui"]]


def test_a_start_does_not_ask_on_over_what_runs() -> None:
    known = {"api": facts("api", "inactive", requires=("net",)), "net": facts("net", requires=("hw",))}
    asked: set[str] = set()
    assert set(asked_next("start", ["api"], known.get, asked)) == {"api", "net"}
    assert asked_next("start", ["api"], known.get, asked) == []


def test_what_nobody_needs_any_more_stops_too_where_its_unit_says_so() -> None:
    app = facts("app.service", wants=("helper.service", "shared.service", "plain.service"))
    helper = facts(
        "helper.service", stop_when_unneeded=True, wanted_by=("app.service",), requires=("deep.service",)
    )
    deep = facts("deep.service", stop_when_unneeded=True, required_by=("helper.service",))
    shared = facts("shared.service", stop_when_unneeded=True, wanted_by=("app.service", "other.service"))
    plain = facts("plain.service", wanted_by=("app.service",))
    other = facts("other.service", wants=("shared.service",))
    (step,) = drawn("stop", app, helper, deep, shared, plain, other, targets=["app.service"]).steps
    assert step.touches == (Effect("helper.service", "stops"), Effect("deep.service", "stops"))
    rested = replace(other, active="inactive")
    (step,) = drawn("stop", app, helper, deep, shared, plain, rested, targets=["app.service"]).steps
    assert Effect("shared.service", "stops") in (step.touches or ())


def test_what_is_kept_up_is_looked_up_and_gone_on_with_only_where_it_may_stop() -> None:
    known = {
        "app.service": facts("app.service", wants=("helper.service", "basic.target")),
        "helper.service": facts("helper.service", stop_when_unneeded=True, wanted_by=("other.service",)),
        "basic.target": facts("basic.target", wants=("everything.service",)),
        "other.service": facts("other.service", wants=("far.service",)),
    }
    asked: set[str] = set()
    answered: dict[str, UnitFacts] = {}
    rounds = []
    while wanted := asked_next("stop", ["app.service"], answered.get, asked):
        rounds.append(sorted(wanted))
        answered |= {name: known[name] for name in wanted}
    assert rounds == [["app.service"], ["basic.target", "helper.service"], ["other.service"]]

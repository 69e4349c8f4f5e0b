"""What becomes of each container that a line names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.actions.container_plan import (
    VERBS,
    ContainerHost,
    ContainerWish,
    DrawnContainers,
    Seen,
    draw_containers,
    reference,
    seen_of,
)
from console.actions.containers import ContainerStamp, ContainerStop
from console.commands.container_change import ChangeContainers
from console.commands.everything import core_registry
from console.commands.grammar import parse_line
from console.model.container import Container
from console.model.selector import NamePatterns

BOOT = "0" * 32
REGISTRY = core_registry()


def web(state: str = "running", **more: Any) -> Container:
    return Container(
        "h", **({"name": "web", "id": "a" * 64, "image": "i", "image_id": "", "state": state} | more)
    )


def drawn(wish: ContainerWish | str, *containers: Container | Seen, **host: Any) -> DrawnContainers:
    seen = [one if isinstance(one, Seen) else Seen(one) for one in containers]
    wish = ContainerWish(wish) if isinstance(wish, str) else wish
    return draw_containers(wish, [ContainerHost("h", seen, boot=BOOT, **host)])


def test_a_step_says_what_is_what_will_be_and_what_takes_it_back() -> None:
    (step,) = drawn("stop", web(health="healthy")).steps
    assert (step.target, step.verb) == ("h/web", "stop")
    assert (step.now, step.then) == ("running, healthy", "exited")
    assert step.undo == "container start --on=h web"


@pytest.mark.parametrize(
    ("verb", "state", "undo"),
    [
        ("start", "exited", "container stop --on=h web"),
        ("stop", "running", "container start --on=h web"),
        ("pause", "running", "container unpause --on=h web"),
        ("unpause", "paused", "container pause --on=h web"),
        ("restart", "running", None),
        ("kill", "running", None),
        ("remove", "exited", None),
    ],
)
def test_the_way_back_of_each(verb: str, state: str, undo: str | None) -> None:
    found = drawn(verb, web(state))
    assert found.steps[0].undo == undo
    assert found.grave is (verb == "remove")
    if undo:
        assert isinstance(parse_line(undo, REGISTRY).command, ChangeContainers)


@pytest.mark.parametrize(
    ("verb", "state", "why"),
    [
        ("start", "running", "runs already"),
        ("start", "restarting", "runs already"),
        ("stop", "exited", "does not run: exited (3)"),
        ("pause", "paused", "is paused already"),
        ("unpause", "running", "is not paused"),
        ("remove", "removing", "is being removed"),
    ],
)
def test_what_is_so_already_is_nothing_to_do(verb: str, state: str, why: str) -> None:
    found = drawn(verb, web(state, exit_code=3))
    assert (found.steps, found.refused) == ([], [])
    assert found.idle == [f"h/web: {why}"]


@pytest.mark.parametrize(
    ("verb", "state", "why"),
    [
        ("start", "paused", "`container unpause` first"),
        ("restart", "paused", "`container unpause` first"),
        ("kill", "exited", "does not run"),
        ("pause", "created", "does not run"),
        ("unpause", "exited", "does not run"),
        ("pause", "restarting", "restarting"),
        ("remove", "running", "--force"),
        ("remove", "paused", "--force"),
        ("stop", "removing", "being removed"),
    ],
)
def test_what_the_daemon_would_not_do_is_refused(verb: str, state: str, why: str) -> None:
    found = drawn(verb, web(state))
    assert (found.steps, found.idle) == ([], [])
    assert why in found.refused[0].why


def test_docker_stops_a_paused_one_and_podman_does_not() -> None:
    assert drawn("stop", web("paused")).steps
    assert "podman" in drawn("stop", web("paused", engine="podman")).refused[0].why


def test_force_removes_one_that_runs() -> None:
    (step,) = drawn(ContainerWish("remove", force=True, volumes=True), web()).steps
    assert step.then == "removed, with its anonymous volumes"


def test_one_made_with_rm_is_gone_when_it_stops_and_nothing_takes_that_back() -> None:
    found = drawn("stop", Seen(web(), auto_remove=True))
    assert found.grave
    assert found.steps[0].undo is None
    assert "--rm" in found.steps[0].then
    assert not drawn(ContainerWish("kill", signal="HUP"), Seen(web(), auto_remove=True)).grave


def test_the_daemon_gets_as_long_as_the_container_may_take() -> None:
    def act(wish: ContainerWish, seen: Seen) -> ContainerStop:
        found = drawn(wish, seen).steps[0].act
        assert isinstance(found, ContainerStop)
        return found

    own = act(ContainerWish("stop"), Seen(web(), stop_timeout=300.0))
    said = act(ContainerWish("stop", time=2.0), Seen(web(), stop_timeout=300.0))
    assert own.grace is None
    assert own.patience > 300
    assert said.grace == 2.0
    assert said.patience < 300


@pytest.mark.parametrize(
    ("verb", "policy", "says", "line"),
    [
        ("stop", "always", "will start it again (Restart=always)", "unit stop --on=h app.service"),
        ("stop", "on-failure", "may start it again (Restart=on-failure)", "unit stop --on=h app.service"),
        ("stop", "no", "ends with it", "unit stop --on=h app.service"),
        ("stop", None, "may start it again", "unit stop --on=h app.service"),
        ("restart", "always", "will start it again", "unit restart --on=h app.service"),
        ("remove", "always", "will start it again", "unit stop --on=h app.service"),
        ("kill", "always", "will start it again", "unit stop --on=h app.service"),
    ],
)
def test_the_unit_that_owns_it_is_named_with_the_line_that_fits(
    verb: str, policy: str | None, says: str, line: str
) -> None:
    known = {"app.service": policy} if policy else {}
    state = "exited" if verb == "remove" else "running"
    (note,) = drawn(verb, web(state, unit="app.service"), restarts=known).notes
    assert "app.service owns it" in note
    assert says in note
    assert f"`{line}`" in note


def test_a_pause_is_no_business_of_the_unit() -> None:
    assert drawn("pause", web(unit="app.service")).notes == []


@pytest.mark.parametrize(
    ("before", "now", "boot", "moved"),
    [
        ("up", "running", BOOT, None),
        ("up", "restarting", BOOT, None),
        ("up", "exited", BOOT, "it is exited (1) now, and was up when planned"),
        ("down", "created", BOOT, None),
        ("paused", "running", BOOT, "it is running now, and was paused when planned"),
        ("up", "running", "1" * 32, "the host has rebooted since the plan"),
    ],
)
def test_a_target_that_moved_on_is_named(before: str, now: str, boot: str, moved: str | None) -> None:
    found = web(now, exit_code=1 if now == "exited" else None)
    assert ContainerStamp("a" * 64, "docker", before, BOOT).moved(found, boot) == moved


@settings(deadline=None)  # a busy machine is no fault of a line
@given(st.text(min_size=1, max_size=40), st.sampled_from(["start", "stop", "pause", "unpause"]))
def test_an_undo_line_means_this_container_and_no_other_whatever_its_name_is(name: str, verb: str) -> None:
    state = {"start": "exited", "unpause": "paused"}.get(verb, "running")
    target = web(state, name=name, names=(name,))
    other = web(state, name="innocent", names=("innocent",), id="b" * 64)
    (step,) = drawn(verb, target).steps
    assert step.undo
    command = parse_line(step.undo, REGISTRY).command
    assert isinstance(command, ChangeContainers)
    named = NamePatterns.parse(command.patterns)
    assert named.matches_container(target)
    assert not named.matches_container(other)


def test_a_name_that_docker_and_podman_both_have_is_no_reference() -> None:
    assert reference(web(), {"web": 1}) == "web"
    assert reference(web(), {"web": 2}) == "a" * 12


@pytest.mark.parametrize(
    "said", [{}, {"HostConfig": 3, "Config": []}, {"HostConfig": {}, "Config": {"StopTimeout": "9"}}]
)
def test_an_inspection_that_makes_no_sense_says_nothing(said: dict[str, object]) -> None:
    assert seen_of(web(), said) == Seen(web())


def test_what_an_inspection_says() -> None:
    said = {"HostConfig": {"AutoRemove": True}, "Config": {"StopTimeout": 30}}
    assert seen_of(web(), said) == Seen(web(), True, 30.0)


def test_each_verb_can_be_drawn() -> None:
    for verb in VERBS:
        for state in ("created", "running", "paused", "restarting", "removing", "exited", "dead", "weird"):
            found = drawn(verb, replace(web(), state=state))
            assert len(found.steps) + len(found.refused) + len(found.idle) == 1

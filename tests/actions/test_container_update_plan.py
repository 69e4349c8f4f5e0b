"""What becomes of each container that is to have another image, or is to go back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from console.actions.container_gate import Gate
from console.actions.container_owner import Owned
from console.actions.container_update import ContainerRollback, Image
from console.actions.container_update_plan import (
    Drawn,
    Inspected,
    UpdateHost,
    UpdateWish,
    draw_rollbacks,
    draw_updates,
)
from console.actions.inspected import Json
from console.actions.plan import Effect
from console.actions.successor import BEFORE, REPLACED, RESTART
from console.actions.unit_image import UnitRollback, UnitUpdate, pinned
from console.model.container import Container
from console.model.image import Reference
from console.model.unit_start import ExecStart, UnitStart

DIGEST = f"sha256:{'b' * 64}"
BEFORE_IMAGE = f"registry/shop@sha256:{'a' * 64}"


def box(name: str = "shop", state: str = "running", **more: Any) -> Container:
    known = {"id": f"{name:<64}".replace(" ", "0"), "image": "registry/shop:1.0", "image_id": "", **more}
    return Container("h", name=name, state=state, **known)


async def _never(_: str) -> None:
    return None


async def _unheard(digest: str, why: str) -> None:
    raise AssertionError((digest, why))


def updated(container: Container, **more: Any) -> Drawn:
    async def wish() -> UpdateWish:
        image = Image(Reference("registry/shop", "1.1"), DIGEST, _never)
        return UpdateWish(image, Gate(), lambda target, text: None, _unheard)

    details: Json = {"HostConfig": {}, "Config": {}, "NetworkSettings": {}}
    seen = Inspected(container, details, {}, **more)
    return draw_updates(asyncio.run(wish()), [UpdateHost("h", [seen], {container.name: container})])


def by_unit(*words: str) -> Owned:
    start = ExecStart("/usr/bin/docker", ("/usr/bin/docker", "run", "--name", "shop", *words))
    return Owned(UnitStart("shop.service", (start,), "/etc/systemd/system/shop.service"), start, "run")


def test_one_that_a_unit_makes_is_updated_through_it_and_the_plan_says_so() -> None:
    touches = (Effect("proxy.service", "restarts"),)
    (step,) = updated(box(), owned=by_unit("registry/shop:1.0"), touches=touches).steps
    assert isinstance(step.act, UnitUpdate)
    assert "through shop.service, which makes it: /etc/systemd/system/shop.service.d/" in step.then
    assert [(each.object, each.what) for each in step.touches or ()] == [
        ("shop.service", "restarts"),
        ("proxy.service", "restarts"),
    ]
    assert step.undo == "container rollback shop --on=h"


def test_one_of_a_unit_may_be_made_to_be_removed() -> None:
    drawn = updated(box(), owned=by_unit("--rm", "registry/shop:1.0"))
    assert not drawn.refused


def test_one_whose_unit_is_none_of_the_systems_is_refused() -> None:
    (refused,) = updated(box(unit="shop.service")).refused
    assert "is no unit of the system's" in refused.why


def test_one_of_a_compose_project_says_whose_it_is() -> None:
    drawn = updated(box(labels={"com.docker.compose.project": "shop"}))
    assert len(drawn.steps) == 1
    assert any("belongs to the compose project shop" in note for note in drawn.notes)


def rolled_back(*containers: Container, units: tuple[UnitStart, ...] = ()) -> Drawn:
    host = UpdateHost("h", (), {each.name: each for each in containers}, None, units)
    return draw_rollbacks([host], [("h", "shop")], lambda target, text: None)


def way_back(drawn: Drawn) -> ContainerRollback:
    (step,) = drawn.steps
    assert isinstance(step.act, ContainerRollback)
    return step.act


MADE = {REPLACED: box().id, RESTART: "always"}


@pytest.mark.parametrize(
    "there",
    [
        # The old one has left, and its successor has not come.
        (box("shop.leaving", "exited"), box("shop.next", "created", labels=MADE)),
        # A way back was broken off: the one that was to go has left, the kept one has not come.
        (box("shop.before", "exited"), box("shop.after", "exited", labels=MADE)),
    ],
    ids=["update", "rollback"],
)
def test_a_place_that_nobody_has_keeps_its_restart_policy(there: tuple[Container, ...]) -> None:
    act = way_back(rolled_back(*there))
    assert act.stamp is None
    assert (act.kept, act.policy) == (there[0].id, "always")


def test_one_that_an_update_has_stopped_and_no_more_is_started_again() -> None:
    act = way_back(rolled_back(box(state="exited"), box("shop.next", "created", labels=MADE)))
    assert act.stamp is None
    assert (act.kept, act.policy) == (box().id, "always")


def test_one_that_was_stopped_by_a_person_is_not_taken_for_that() -> None:
    other = {REPLACED: "f" * 64, RESTART: "always"}
    drawn = rolled_back(box(state="exited"), box("shop.next", "created", labels=other))
    assert "has kept anything" in drawn.refused[0].why


def test_without_a_label_the_policy_is_not_known() -> None:
    assert way_back(rolled_back(box("shop.leaving", "exited"))).policy is None


def test_a_units_container_goes_back_by_what_its_command_line_tells_also_where_it_is_gone() -> None:
    told = by_unit("--label", f"{BEFORE}={BEFORE_IMAGE}", f"registry/shop@{DIGEST}")
    for there in ((box(),), ()):
        (step,) = rolled_back(*there, units=(told.unit,)).steps
        assert isinstance(step.act, UnitRollback)
        assert step.then.startswith(f"{BEFORE_IMAGE}; through shop.service")


def test_a_unit_that_no_update_has_told_anything_has_no_way_back() -> None:
    (refused,) = rolled_back(box(), units=(by_unit("registry/shop:1.0").unit,)).refused
    assert "no update through shop.service" in refused.why


def test_an_image_is_found_again_by_its_digest_and_without_one_by_its_id() -> None:
    image = {"Id": f"sha256:{'1' * 64}", "RepoDigests": [f"other/shop@{DIGEST}", f"registry/shop@{DIGEST}"]}
    assert pinned(image, "registry/shop:1.0") == f"registry/shop@{DIGEST}"
    assert pinned({"Id": f"sha256:{'1' * 64}", "RepoDigests": []}, "x") == "1" * 64

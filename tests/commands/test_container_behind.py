"""Containers against what their tags stand for, and images over the fleet."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from console.actions.successor import ASKED
from console.commands.container_behind import behind, judged
from console.commands.container_standing import Standing, is_id, standing, tag_of
from console.commands.core import View
from console.commands.image_board import ImageBoard
from console.commands.rows.container_images import BEHIND
from console.commands.rows.image_line import image_cell
from console.errors import Absent, HostFailure
from console.fleet.model import FleetModel
from console.model.config import HostConfig
from console.model.container import Container
from console.model.events import ContainersChanged, ContainersListed, HostChanged, SourceChanged
from console.model.image import Reference
from console.model.state import Source, State, Status
from tests.tui.small_fleet import NOW

OLD, NEW = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


def box(host: str = "web1", name: str = "shop", **more: Any) -> Container:
    known = {"image": "registry/shop:1", "image_id": f"sha256:{'1' * 64}", "digest": OLD, **more}
    return Container(host, name, f"{host}{name}".ljust(64, "0"), state="running", **known)


class FakeEngine:
    """Tells what tags stand for, and what digests images have."""

    def __init__(self, host: str, kind: str = "docker", digest: str | Exception | None = NEW) -> None:
        self.host = host
        self.kind = kind
        self.asked: list[str] = []
        self._digest = digest
        self.digests: list[str] = []

    async def digest(self, name: str) -> str | None:
        self.asked.append(name)
        if isinstance(self._digest, Exception):
            raise self._digest
        return self._digest

    async def image(self, name: str) -> dict[str, Any]:
        return {"RepoDigests": self.digests}


def view_of(*engines: FakeEngine, boxes: Iterable[Container] = ()) -> View:
    hosts = dict.fromkeys(engine.host for engine in engines)
    model = FleetModel(HostConfig(name, "198.18.0.1") for name in hosts)
    for name in hosts:
        model.apply(HostChanged(name, Status(State.LIVE, NOW)))
        model.apply(SourceChanged(name, Source.CONTAINERS, Status(State.LIVE, NOW)))
        model.apply(ContainersListed(name, tuple(each for each in boxes if each.host == name)))

    def source(host: str, source: Source) -> Any:
        return SimpleNamespace(engines=[engine for engine in engines if engine.host == host])

    return View(cast("Any", SimpleNamespace(model=model, source=source)), None)


TAG = Reference("registry/shop", "1")


async def test_a_tag_is_asked_about_on_a_host_that_runs_it() -> None:
    first, second = FakeEngine("db1"), FakeEngine("web1")
    assert await standing(view_of(first, second), TAG, [box("web1")]) == Standing(NEW)
    assert (first.asked, second.asked) == ([], ["registry/shop:1"])


async def test_another_docker_host_tells_for_podman() -> None:
    podman, docker = FakeEngine("web1", "podman"), FakeEngine("db1")
    assert (await standing(view_of(podman, docker), TAG, [box("web1")])).digest == NEW
    told = await standing(view_of(podman), TAG, [box("web1")])
    assert told.digest is None
    assert "podman cannot be asked" in told.why


async def test_a_host_that_cannot_tell_is_followed_by_another_and_then_says_why() -> None:
    silent = FakeEngine("web1", digest=HostFailure("registry: timeout", host="web1"))
    assert (await standing(view_of(silent, FakeEngine("web2")), TAG, [box("web1")])).digest == NEW
    more = [FakeEngine(f"web{n}", digest=HostFailure("timeout", host=f"web{n}")) for n in range(5)]
    told = await standing(view_of(*more), TAG, [box("web0")])
    assert (told.digest, told.why) == (None, "web1: timeout")
    assert sum(len(engine.asked) for engine in more) == 2


async def test_a_tag_that_its_registry_does_not_have_is_asked_for_once() -> None:
    none, other = FakeEngine("web1", digest=Absent("there is no image")), FakeEngine("web2")
    assert (await standing(view_of(none, other), TAG, [box("web1")])).why == "there is no image"
    assert not other.asked


async def test_each_tag_is_asked_about_once_for_all_that_follow_it() -> None:
    boxes = [box(f"web{n}") for n in range(3)]
    engines = [FakeEngine(f"web{n}") for n in range(3)]
    rows = await behind(view_of(*engines, boxes=boxes), boxes, {NEW: "by r-1: it fell over"})
    assert [row.behind for row in rows] == [True] * 3
    assert [row.denied for row in rows] == ["by r-1: it fell over"] * 3
    assert sum(len(engine.asked) for engine in engines) == 1


async def test_an_image_of_several_platforms_has_more_than_one_digest() -> None:
    engine = FakeEngine("web1")
    engine.digests = [f"registry/shop@{OLD}", f"registry/shop@{NEW}"]
    (row,) = await behind(view_of(engine, boxes=[box()]), [box()], {})
    assert row.behind is False


@pytest.mark.parametrize(
    ("container", "now", "word", "why"),
    [
        (box(), Standing(NEW), "behind", ""),
        (box(), Standing(OLD), "current", ""),
        (box(), Standing(None, "it is silent"), "unknown", "it is silent"),
        (box(digest=None), Standing(NEW), "unknown", "it has no digest"),
        (box(image="1" * 64), None, "unknown", "from an image's id"),
        (box(image=f"registry/shop@{OLD}"), Standing(OLD), "current", "its digest was asked for"),
    ],
)
def test_what_is_said_of_one(container: Container, now: Standing | None, word: str, why: str) -> None:
    row = judged(container, now)
    assert row.word == word
    assert why in row.why
    fields = BEHIND.fields(row)
    assert fields["behind"] is {"behind": True, "current": False, "unknown": None}[word]


def test_what_a_container_follows_is_what_its_update_was_asked_for() -> None:
    pinned = box(image=f"registry/shop@{OLD}", labels={ASKED: "registry/shop:1"})
    assert tag_of(pinned) == TAG
    assert tag_of(box(image="1" * 64)) is None
    assert is_id(f"sha256:{'1' * 64}")


def board_of(*boxes: Container) -> tuple[FleetModel, ImageBoard]:
    model = view_of(FakeEngine("web1"), FakeEngine("web2"), boxes=boxes).fleet.model
    board = ImageBoard(model)
    board.update(each.key for each in boxes)
    return model, board


def test_containers_of_one_image_are_one_row_whatever_their_hosts() -> None:
    _, board = board_of(box("web1"), box("web2"), box("web2", "other", digest=NEW))
    row = board.look_up(("registry/shop:1", OLD))
    assert row is not None
    assert (row.hosts, row.running) == (("web1", "web2"), 2)
    assert board.look_up(("registry/shop:1", NEW)) is not None


def test_a_container_that_is_updated_moves_to_its_new_image_and_the_old_one_goes() -> None:
    model, board = board_of(box())
    model.apply(ContainersChanged("web1", (box(digest=NEW),), ()))
    assert board.update([box().key]) == {("registry/shop:1", OLD), ("registry/shop:1", NEW)}
    assert board.look_up(("registry/shop:1", OLD)) is None
    model.apply(ContainersChanged("web1", (), (box().id,)))
    board.update([box().key])
    assert board.look_up(("registry/shop:1", NEW)) is None


def test_a_row_says_what_is_worst_of_it() -> None:
    _, board = board_of(box())
    key = ("registry/shop:1", OLD)

    def said() -> str:
        row = board.look_up(key)
        assert row is not None
        return image_cell(row).text

    assert said() == "○ –"
    assert set(board.unasked()) == {TAG}
    assert board.told({TAG: Standing(NEW)}) == {key}
    assert not board.unasked()
    assert said() == "▲ behind"
    assert board.deny({NEW: "by r-1"}) == {key}
    assert said() == "▲ newer denied"
    assert board.deny({OLD: "by r-1"}) == {key}
    assert said() == "✖ denied"
    assert board.deny({OLD: "by r-1"}) == set()
    board.told({TAG: Standing(OLD)})
    board.deny({})
    assert said() == "● current"

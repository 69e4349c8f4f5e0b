"""Who keeps a host drained: said, taken back, and checked against the plan."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from console.actions.drain import HostDrain, HostUndrain, drain, undrain
from console.actions.hands import Hands
from console.actions.hosts import SaidInFile
from console.errors import Unreachable
from console.fleet.overlay import overlay_path, read_overlay
from console.hosts.transport import Transport
from console.model.config import HostConfig


def nobody() -> Hands:
    """A host that must not be asked."""

    def reach() -> Transport:
        raise Unreachable("no answer", host="web1")

    return Hands("web1", reach, AsyncExitStack())


@pytest.fixture
def said(tmp_path: Path) -> SaidInFile:
    file = tmp_path / "fleet.toml"
    return SaidInFile(overlay_path(tmp_path, file), file, HostConfig("web1"), lambda _: None)


async def who(said: SaidInFile) -> list[str]:
    return sorted((await said.now()).drained)


async def test_a_host_is_drained_for_as_long_as_anybody_keeps_it_so(said: SaidInFile) -> None:
    for by in ("alice", "r-2f9c"):
        await HostDrain(said, by).do(nobody())
    before = (await said.now()).drained
    await HostDrain(said, "alice").do(nobody())
    assert (await said.now()).drained == before, "since when is not told anew"
    assert await who(said) == ["alice", "r-2f9c"]
    released = HostUndrain(said, frozenset({"r-2f9c"}))
    assert await released.check(nobody()) is None
    assert await released.do(nobody()) == "still drained by alice"
    assert await released.check(nobody()) == "it is not drained any more"
    assert await HostUndrain(said, frozenset({"alice"})).do(nobody()) == ""
    assert read_overlay(said.path) == {}


async def test_its_steps_say_who_drains_it_and_what_takes_it_back(said: SaidInFile) -> None:
    assert undrain(said, {}) is None
    step = drain(said, {}, by="r-2f9c\x1b[2J")
    assert (step.now, step.then, step.undo) == ("not drained", "drained", "host undrain --on=web1")
    await step.act.do(nobody())
    drained = (await said.now()).drained
    assert [name.isprintable() for name in drained] == [True]
    await HostDrain(said, "alice").do(nobody())
    drained = (await said.now()).drained
    own = undrain(said, drained, by="alice")
    assert own is not None
    assert own.now.startswith("drained by alice, r-2f9c")
    assert own.then.startswith("drained by r-2f9c")
    every = undrain(said, drained)
    assert every is not None
    assert (every.then, every.undo) == ("not drained", "host drain --on=web1")
    assert undrain(said, drained, by="bob") is None

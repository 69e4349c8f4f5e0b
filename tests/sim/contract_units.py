"""What an engine's change does to a host's units and says of it, the same on a simulated host and a real one.

Goes with `contract.py`, which has what a host does besides.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from console.actions.apply_units import Applied, ApplyUnits, UnitFiles, UnitWork
from console.actions.hands import Permit, open_hands
from console.engine.inspecting import inspect
from console.errors import AccessRefused, HostFailure
from console.model.unit import Unit
from console.placement.mark import Mark, Root
from tests.hosts.unit_listener import Listener
from tests.sim.contract import Check, Subject, connected, followed

_UNIT = "contract-work.service"
_FLEET, _OTHERS = "f-contract", "f-others"
_TEXT = "[Unit]\nDescription=the first text\n[Service]\nExecStart=/bin/sleep infinity\n"


def mark(revision: int = 1, *, launched: bool = True, root: Root = "/run") -> Mark:
    return Mark(_FLEET, _UNIT, revision, 1, launched, root)


def files(text: str = _TEXT, *, drop_in: str | None = None, root: Root = "/run") -> UnitFiles:
    return UnitFiles(root, text, drop_in, mark(root=root).line, root == "/etc", None)


async def apply(subject: Subject, *work: UnitWork, fleet: str = _FLEET, revision: int = 7) -> Applied:
    """Have a host be changed; what it said. :raises HostError: as the engine is told."""
    said: list[Applied] = []
    async with (
        connected(subject) as transport,
        open_hands(transport.host, lambda: transport, Permit("the contract")) as hands,
    ):
        await ApplyUnits(fleet, revision, work, said.append).do(hands)
    return said[0]


async def marks(subject: Subject) -> dict[str, Mark]:
    async with connected(subject) as transport:
        return (await inspect(transport)).marks


async def seen(told: Listener, wanted: Callable[[Unit], bool]) -> None:
    await told.until(lambda: _UNIT in told.units and wanted(told.units[_UNIT]))


async def a_unit_that_is_written_and_started_runs_and_bears_its_mark(subject: Subject) -> None:
    async with followed(subject) as told:
        assert await apply(subject, UnitWork(_UNIT, files(), "start")) == Applied({})
        await seen(told, lambda unit: (unit.load, unit.active, unit.sub) == ("loaded", "active", "running"))
        assert told.units[_UNIT].description == "the first text"
    assert await marks(subject) == {_UNIT: mark()}
    async with connected(subject) as transport:
        assert (await inspect(transport)).fleet == _FLEET
        shown = await transport.run(("systemctl", "cat", _UNIT))
        assert shown.stdout.decode() == f"# /run/systemd/system/{_UNIT}\n{_TEXT}"


async def a_unit_that_is_only_written_is_there_and_does_not_run(subject: Subject) -> None:
    async with followed(subject) as told:
        assert await apply(subject, UnitWork(_UNIT, files())) == Applied({})
        assert await marks(subject) == {_UNIT: mark()}
        assert _UNIT not in told.units or told.units[_UNIT].active == "inactive"


async def a_new_text_counts_for_a_unit_that_runs(subject: Subject) -> None:
    async with followed(subject) as told:
        await apply(subject, UnitWork(_UNIT, files(), "start"))
        await seen(told, lambda unit: unit.sub == "running")
        other = files(_TEXT.replace("first", "second"), drop_in="[Service]\nCPUWeight=50\n")
        assert await apply(subject, UnitWork(_UNIT, other)) == Applied({})
        await seen(told, lambda unit: (unit.description, unit.sub) == ("the second text", "running"))
    async with connected(subject) as transport:
        shown = (await transport.run(("systemctl", "cat", _UNIT))).stdout.decode()
        assert f"# /run/systemd/system/{_UNIT}.d/80-quarterdeck.conf\n[Service]\nCPUWeight=50\n" in shown


async def what_is_stopped_and_taken_away_is_gone(subject: Subject) -> None:
    async with followed(subject) as told:
        await apply(subject, UnitWork(_UNIT, files(), "start"))
        await seen(told, lambda unit: unit.sub == "running")
        assert await apply(subject, UnitWork(_UNIT, job="stop")) == Applied({})
        await told.until(lambda: _UNIT not in told.units or told.units[_UNIT].active == "inactive")
        assert await apply(subject, UnitWork(_UNIT, remove=True)) == Applied({})
        await told.until(lambda: _UNIT not in told.units)
    assert await marks(subject) == {}


async def a_unit_may_move_from_memory_to_the_disk(subject: Subject) -> None:
    await apply(subject, UnitWork(_UNIT, files(), "start"))
    assert await apply(subject, UnitWork(_UNIT, files(root="/etc"), "start")) == Applied({})
    assert await marks(subject) == {_UNIT: mark(root="/etc")}
    async with connected(subject) as transport:
        shown = await transport.run(("systemctl", "cat", _UNIT))
        assert shown.stdout.decode() == f"# /etc/systemd/system/{_UNIT}\n{_TEXT}"


async def an_engine_that_was_replaced_and_another_fleets_are_turned_away(subject: Subject) -> None:
    await apply(subject, UnitWork(_UNIT, files(), "start"), revision=8)
    with pytest.raises(AccessRefused, match=r"elected later \(at 8\)"):
        await apply(subject, UnitWork(_UNIT, remove=True), revision=7)
    with pytest.raises(AccessRefused, match=f"of the fleet {_FLEET}, and this is {_OTHERS}"):
        await apply(subject, UnitWork(_UNIT, remove=True), revision=9, fleet=_OTHERS)
    assert await marks(subject) == {_UNIT: mark()}


async def a_unit_of_the_hosts_own_is_left_alone(subject: Subject) -> None:
    path = "/usr/lib/systemd/system/dbus.service"
    with pytest.raises(HostFailure, match=f"dbus.service: {path} is there, and is not this fleet's"):
        await apply(subject, UnitWork("dbus.service", files(), "start"))
    assert await marks(subject) == {}


async def a_unit_that_systemd_does_not_take_is_told_in_its_words(subject: Subject) -> None:
    words = f"Unit {_UNIT} has a bad unit file setting. {_UNIT}: Service has no ExecStart="
    with pytest.raises(HostFailure, match=words):
        await apply(subject, UnitWork(_UNIT, files("[Service]\nRestart=no\n"), "start"))
    assert await marks(subject) == {_UNIT: mark(launched=False)}


WORK_CHECKS: tuple[Check, ...] = (
    a_unit_that_is_written_and_started_runs_and_bears_its_mark,
    a_unit_that_is_only_written_is_there_and_does_not_run,
    a_new_text_counts_for_a_unit_that_runs,
    what_is_stopped_and_taken_away_is_gone,
    a_unit_may_move_from_memory_to_the_disk,
    an_engine_that_was_replaced_and_another_fleets_are_turned_away,
    a_unit_of_the_hosts_own_is_left_alone,
    a_unit_that_systemd_does_not_take_is_told_in_its_words,
)

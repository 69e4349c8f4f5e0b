"""What a wind does to a host's lease and to what runs on it, the same on a simulated host and a real one.

Goes with `contract_units.py`, which has how units get there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from console.actions.apply_units import UnitWork
from console.actions.hands import Permit, open_hands
from console.actions.wind_lease import WindLease, Wound
from console.engine.inspecting import Inspected, inspect
from console.errors import HostError
from console.model.unit import Unit
from console.placement.exclusive import LEASE_UNIT, drop_in
from console.placement.unit_file import parse
from tests.hosts.unit_listener import Listener
from tests.sim.contract import Check, Subject, connected, followed
from tests.sim.contract_units import apply, files

_UNIT, _OTHER = "contract-work.service", "contract-other.service"
_FLEET = "f-contract"
_TEXT = "[Unit]\nDescription=exclusive\n[Service]\nExecStart=/bin/sleep infinity\n"
#: As the product writes it.
_DROP_IN = "".join(
    f"[{option.section}]\n{option.name}={option.value}\n" for option in drop_in(parse(_TEXT), ())
)

#: Long enough for what is tried under it, whatever the machine is busy with; and one that is soon over, which
#: only a later engine's may be. Seconds.
_LONG_S, _SOON_S = 300.0, 1.0


async def clock(subject: Subject) -> Inspected:
    async with connected(subject) as transport:
        return await inspect(transport)


async def wind(
    subject: Subject,
    holds: Iterable[str],
    seconds: float,
    *,
    drops: Iterable[str] = (),
    revision: int = 7,
    fleet: str = _FLEET,
    boot: str | None = None,
) -> Wound:
    """Wind for so many seconds of the host's own clock from now on; what it said."""
    at = await clock(subject)
    assert at.uptime is not None
    assert at.boot is not None
    return await wind_until(
        subject,
        holds,
        at.uptime + int(seconds * 100),
        drops=drops,
        revision=revision,
        fleet=fleet,
        boot=boot or at.boot,
    )


async def wind_until(
    subject: Subject,
    holds: Iterable[str],
    deadline: int,
    *,
    boot: str,
    drops: Iterable[str] = (),
    revision: int = 7,
    fleet: str = _FLEET,
) -> Wound:
    said: list[Wound] = []
    act = WindLease(fleet, revision, boot, deadline, frozenset(holds), frozenset(drops), said.append)
    async with (
        connected(subject) as transport,
        open_hands(transport.host, lambda: transport, Permit("the contract")) as hands,
    ):
        with suppress(HostError):  # of a wind that was not taken
            await act.do(hands)
    return said[0]


async def launch(subject: Subject) -> None:
    await apply(subject, UnitWork(_UNIT, files(_TEXT, drop_in=_DROP_IN), "start"))


async def seen(told: Listener, name: str, wanted: Callable[[Unit], bool]) -> None:
    await told.until(lambda: name in told.units and wanted(told.units[name]))


def _down(told: Listener, name: str) -> bool:
    return name not in told.units or told.units[name].active == "inactive"


async def what_is_named_in_a_lease_starts_and_what_keeps_it_is_up(subject: Subject) -> None:
    async with followed(subject) as told:
        assert (await wind(subject, {_UNIT}, _LONG_S)).outcome == "wound"
        await launch(subject)
        await seen(told, _UNIT, lambda unit: unit.active == "active")
        await seen(told, LEASE_UNIT, lambda unit: unit.active == "active")


async def what_is_not_named_in_it_does_not_start(subject: Subject) -> None:
    async with followed(subject) as told:
        await wind(subject, {_OTHER}, _LONG_S)
        await launch(subject)
        await seen(told, LEASE_UNIT, lambda unit: unit.active == "active")
        await told.until(lambda: _down(told, _UNIT))
        assert (await wind(subject, {_OTHER}, _LONG_S, drops={_UNIT})).down == {_UNIT}


async def without_a_lease_nothing_starts(subject: Subject) -> None:
    async with followed(subject) as told:
        with suppress(HostError):  # systemd has no unit that it could be bound to
            await launch(subject)
        await told.until(lambda: _down(told, _UNIT))


async def once_it_is_over_what_runs_on_it_stops_and_the_next_starts_it_again(subject: Subject) -> None:
    async with followed(subject) as told:
        await wind(subject, {_UNIT}, _LONG_S)
        await launch(subject)
        await seen(told, _UNIT, lambda unit: unit.active == "active")
        await wind(subject, {_UNIT}, _SOON_S, revision=8)
        await told.until(lambda: _down(told, _UNIT) and _down(told, LEASE_UNIT))
        await wind(subject, {_UNIT}, _LONG_S, revision=8)
        await seen(told, _UNIT, lambda unit: unit.active == "active")


async def what_is_dropped_is_told_to_be_down_only_when_it_is(subject: Subject) -> None:
    async with followed(subject) as told:
        await wind(subject, {_UNIT, _OTHER}, _LONG_S)
        await launch(subject)
        await seen(told, _UNIT, lambda unit: unit.active == "active")
        assert (await wind(subject, {_OTHER}, _LONG_S, drops={_UNIT})).down == frozenset()
        await apply(subject, UnitWork(_UNIT, job="stop"))
        await told.until(lambda: _down(told, _UNIT))
        assert (await wind(subject, {_OTHER}, _LONG_S, drops={_UNIT})).down == {_UNIT}


async def winds_that_are_late_overtaken_of_another_boot_or_engine_or_fleet_change_nothing(
    subject: Subject,
) -> None:
    first = await wind(subject, {_UNIT}, _LONG_S, revision=8)
    boot, up = first.boot, first.uptime
    longer = up + int(2 * _LONG_S * 100)
    turned_away = (
        (await wind_until(subject, {_UNIT}, up + 1000, boot=boot, revision=8), "overtaken"),
        (await wind_until(subject, {_UNIT}, up, boot=boot, revision=9), "late"),
        (await wind_until(subject, {_UNIT}, longer, boot="another", revision=9), "rebooted"),
        (await wind_until(subject, {_UNIT}, longer, boot=boot, revision=7), "superseded"),
        (await wind_until(subject, {_UNIT}, longer, boot=boot, fleet="f-others"), "foreign"),
    )
    assert [said.outcome for said, _ in turned_away] == [word for _, word in turned_away]
    assert turned_away[3][0].revision == 8
    again = await wind_until(subject, {_UNIT}, up + int(_LONG_S * 100) + 1, boot=boot, revision=8)
    assert again.outcome == "wound", "a hundredth later than the first, which is the one that counts"


async def a_change_by_an_engine_that_has_not_wound_it_is_turned_away(subject: Subject) -> None:
    await wind(subject, {_UNIT}, _LONG_S, revision=9)
    with suppress(HostError):
        await apply(subject, UnitWork(_UNIT, files(_TEXT, drop_in=_DROP_IN), "start"), revision=8)
    assert (await clock(subject)).marks == {}


async def a_lease_that_names_nothing_leaves_nothing_behind(subject: Subject) -> None:
    async with followed(subject) as told:
        await wind(subject, {_UNIT}, _LONG_S)
        await launch(subject)
        await seen(told, LEASE_UNIT, lambda unit: unit.active == "active")
        await wind(subject, (), _LONG_S)
        await told.until(lambda: _down(told, _UNIT) and _down(told, LEASE_UNIT))


LEASE_CHECKS: tuple[Check, ...] = (
    what_is_named_in_a_lease_starts_and_what_keeps_it_is_up,
    what_is_not_named_in_it_does_not_start,
    without_a_lease_nothing_starts,
    once_it_is_over_what_runs_on_it_stops_and_the_next_starts_it_again,
    what_is_dropped_is_told_to_be_down_only_when_it_is,
    winds_that_are_late_overtaken_of_another_boot_or_engine_or_fleet_change_nothing,
    a_change_by_an_engine_that_has_not_wound_it_is_turned_away,
    a_lease_that_names_nothing_leaves_nothing_behind,
)

"""The units source on real hosts that are reloaded, restarted and closed under it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from console.errors import HostFailure, Unreachable
from console.hosts.units import UnitsSource
from console.lab.lab import Lab
from console.model.events import UnitsListed
from tests.hosts.unit_listener import Listener
from tests.lab.units_host import OnHost, equal, followed, on_first, service, unit_file


@pytest.fixture
async def host(lab: Lab) -> OnHost:
    return await on_first(lab)


def lists(told: Listener) -> int:
    return sum(isinstance(event, UnitsListed) for event in told.events)


async def test_daemon_reload_is_listed_again(host: OnHost) -> None:
    async with (
        unit_file(host, "u-reload.service", service("/bin/sleep 1000")) as name,
        followed(host.config) as run,
    ):
        await host.root(f"systemctl start {name}")
        await run.told.until(lambda: name in run.told.units)
        before = lists(run.told)
        await host.root(f"sed -i s/=ours/=yours/ /run/systemd/system/{name}; systemctl daemon-reload")
        await run.told.until(lambda: run.told.units[name].description == "yours")
        await equal(host, run.told)
        assert lists(run.told) > before
        assert not run.task.done()


async def test_daemon_reexec_is_listed_again_and_changes_still_arrive(host: OnHost) -> None:
    async with (
        unit_file(host, "u-reexec.service", service("/bin/sleep 1000")) as name,
        followed(host.config) as run,
    ):
        await host.root(f"systemctl start {name}")
        await run.told.until(lambda: name in run.told.units)
        before = lists(run.told)
        await host.root("systemctl daemon-reexec")
        await run.told.until(lambda: lists(run.told) > before, within=20)
        await host.root(f"systemctl stop {name}")
        await run.told.until(lambda: name not in run.told.units or run.told.units[name].active == "inactive")
        await equal(host, run.told)
        assert not run.task.done()


async def test_many_reloads_end_at_the_truth(host: OnHost) -> None:
    async with followed(host.config) as run:
        start = "systemd-run --quiet --unit=u-many$n sleep 1000"
        await host.root(f"for n in 1 2 3 4 5; do {start}; systemctl daemon-reload; done")
        await run.told.until(lambda: "u-many5.service" in run.told.units)
        await equal(host, run.told)
        await host.root("systemctl stop 'u-many*'")
        await run.told.until(lambda: not any(name.startswith("u-many") for name in run.told.units))


async def test_a_killed_dbus_ends_the_source_and_the_next_run_shows_the_truth(host: OnHost) -> None:
    async with followed(host.config) as run:
        await host.root("systemctl kill --signal=KILL dbus.service")
        error = await run.fault()
        assert isinstance(error, HostFailure)
        assert error.message == "the system bus closed the connection"
        # systemd needs a moment to come back to the new bus; the next run waits for it.
        told = Listener()
        again = asyncio.create_task(UnitsSource(host.config.name).run(run.transport, told.emit, told.live))
        again.add_done_callback(lambda _: told.wake())
        try:
            await told.until(lambda: told.lives > 0 or again.done(), within=20)
            assert not again.done(), again.exception()
            await equal(host, told)
        finally:
            again.cancel()
            await asyncio.gather(again, return_exceptions=True)


async def test_a_lost_connection_is_unreachable(host: OnHost) -> None:
    async with followed(host.config) as run:
        run.transport.connection.abort()
        assert isinstance(await run.fault(), Unreachable)


@pytest.fixture
async def unforwarded(host: OnHost) -> AsyncIterator[OnHost]:
    """The host with an sshd that forwards no unix sockets."""
    drop_in = "/etc/ssh/sshd_config.d/00-u-unforwarded.conf"
    reload = "systemctl reload ssh 2>/dev/null || systemctl reload sshd 2>/dev/null || true"
    await host.root(f"echo 'AllowStreamLocalForwarding no' > {drop_in}; {reload}")
    try:
        yield host
    finally:
        await host.root(f"rm {drop_in}; {reload}")


async def test_a_host_that_forwards_no_sockets_is_followed_by_the_relay(unforwarded: OnHost) -> None:
    async with (
        unit_file(unforwarded, "u-relayed.service", service("/bin/sleep 1000")) as name,
        followed(unforwarded.config) as run,
    ):
        assert not run.transport.forwards_sockets
        await equal(unforwarded, run.told)
        await unforwarded.root(f"systemctl start {name}")
        await run.told.until(lambda: name in run.told.units and run.told.units[name].active == "active")
        assert (await run.manager.properties(name))["Id"] == name

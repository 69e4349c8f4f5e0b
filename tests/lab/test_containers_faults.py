"""Daemons that die, hang or are closed to us: the source says so, and its next run is right."""

from __future__ import annotations

import pytest

from console.errors import HostError, HostFailure
from console.hosts import container_feed
from console.lab.lab import Lab
from tests.lab.containers_host import EngineHost, cleared, engine_host, followed, steady

ENGINES = ("docker", "podman")
NO_FORWARDING = "/etc/ssh/sshd_config.d/05-no-forwarding.conf"


@pytest.fixture(params=ENGINES)
async def host(request: pytest.FixtureRequest, breakable: Lab) -> EngineHost:
    return await engine_host(breakable, request.param)


async def as_told(host: EngineHost) -> None:
    """A new run shows what the engine says."""
    async with followed(host) as watched:
        says = {key: row for key, row in (await host.told()).items() if row[0] != "crashy"}
        assert steady(watched.now) == says


async def test_the_daemon_is_restarted(host: EngineHost) -> None:
    unit = "docker.service" if host.engine == "docker" else "podman.service"
    async with followed(host) as watched:
        await host.root(f"systemctl restart {unit}")
        with pytest.raises(HostFailure, match=host.engine):
            await watched.end(15)
    await as_told(host)


async def test_the_daemon_is_killed(host: EngineHost) -> None:
    unit = "docker.service" if host.engine == "docker" else "podman.service"
    async with followed(host) as watched:
        await host.root(f"systemctl kill -s KILL {unit}")
        with pytest.raises(HostFailure, match=host.engine):
            await watched.end(15)
    await host.root(f"until {host.engine} info; do sleep 0.2; done 2>/dev/null")
    await as_told(host)


async def test_the_daemon_hangs(host: EngineHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container_feed, "PING_EVERY", 0.2)
    unit = "docker.service" if host.engine == "docker" else "podman.service"
    async with followed(host) as watched:
        await host.root(f"systemctl kill -s STOP --kill-whom=main {unit}")
        try:
            with pytest.raises(HostFailure, match="has not answered"):
                await watched.end(15)
        finally:
            await host.root(f"systemctl kill -s CONT --kill-whom=main {unit}")
    await as_told(host)


async def test_sshd_goes_away(host: EngineHost) -> None:
    async with followed(host) as watched:
        await host.root("pkill -KILL sshd-session || pkill -KILL -f 'sshd: core'")
        with pytest.raises(HostError):
            await watched.end(15)
    await as_told(host)


async def test_without_socket_forwarding_a_relay_serves(host: EngineHost) -> None:
    # Restarted, not reloaded: who is told to reload says nothing of when sshd listens again.
    await host.root(f"echo AllowStreamLocalForwarding no > {NO_FORWARDING}; systemctl restart ssh")
    try:
        async with cleared(host), followed(host) as watched:
            await host.make("c-relayed")
            await watched.until(lambda: "c-relayed" in watched.now)
            await watched.source.engines[0].inspect("c-relayed")
            relays = await host.say("pgrep -fc 'dial-stdi[o]'")
            assert int(relays) > 0
    finally:
        await host.root(f"rm {NO_FORWARDING}; systemctl restart ssh")


async def test_docker_without_the_group_is_read_through_sudo(breakable: Lab) -> None:
    host = await engine_host(breakable, "docker")
    await host.root("chmod 600 /run/docker.sock")
    try:
        async with cleared(host), followed(host) as watched:
            await host.make("c-private")
            await watched.until(lambda: "c-private" in watched.now)
    finally:
        await host.root("chmod 660 /run/docker.sock")

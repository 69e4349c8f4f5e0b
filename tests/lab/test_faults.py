"""Whatever happens to a host is told within 15 seconds, heals by itself, and then is the truth again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from console.fleet.config import load_config
from console.fleet.fleet import Fleet, open_fleet
from console.hosts.links import Links
from console.lab.lab import Lab
from console.model.host import Host
from console.model.state import Source, State
from console.model.wants import EVERYTHING
from tests.lab.truth import Truth

#: How soon a fault must be told, from the issue; and how long a host may take to come back.
TOLD_WITHIN = 15.0
BACK_WITHIN = 60.0

#: Units that come and go by themselves between two looks, and those that our own looking makes.
_RESTLESS = ("session-", "user@", "user-", "run-", "flapping.", "podman", "-healthcheck", "sshd@")


class Observed:
    """The product's view of the lab, and questions to both."""

    def __init__(self, lab: Lab, fleet: Fleet, truth: Truth) -> None:
        self.lab = lab
        self.fleet = fleet
        self.truth = truth

    def host(self, name: str) -> Host:
        return self.fleet.model.host(name)

    async def until(self, condition: Callable[[], bool], within: float, what: str) -> float:
        """Wait for the model to say so; the seconds it took."""
        feed = self.fleet.model.feed()
        start = time.monotonic()
        try:
            async with asyncio.timeout(within):
                while not condition():
                    await feed.batch(pause=0, idle=0.5)
        except TimeoutError:
            hosts = {host.name: (host.status, dict(host.sources)) for host in self.fleet.model.hosts()}
            pytest.fail(f"not within {within} s: {what}\n{hosts}")
        finally:
            self.fleet.model.leave(feed)
        return time.monotonic() - start

    async def all_live(self, name: str, within: float = BACK_WITHIN) -> None:
        """Wait until the host and each source that it has is live."""

        def live() -> bool:
            host = self.host(name)
            states = [status.state for status in host.sources.values()]
            return host.state is State.LIVE and all(s in (State.LIVE, State.ABSENT) for s in states)

        await self.until(live, within, f"{name} is live with all its sources")

    async def equal(self, name: str) -> None:
        """Wait until the model shows what the host says; both move, so a few looks are taken."""
        differs = ""
        for _ in range(20):
            told = await asyncio.to_thread(self.truth.units, name)
            seen = {u.name: (u.load, u.active, u.sub, u.description) for u in self.fleet.model.units(name)}
            names = {n for n in told.keys() | seen.keys() if not any(part in n for part in _RESTLESS)}
            wrong = {n: (told.get(n), seen.get(n)) for n in names if told.get(n) != seen.get(n)}
            boxes = await self._containers(name)
            if not wrong and not boxes:
                return
            differs = f"units {wrong}, containers {boxes}"
            await asyncio.sleep(0.5)
        pytest.fail(f"{name} differs from the host: {differs}")

    async def _containers(self, name: str) -> dict[str, Any]:
        kind = next(c.labels["kind"] for c in self.truth.config.hosts if c.name == name)
        if kind == "plain":
            return {}
        told = await asyncio.to_thread(self.truth.containers, name, kind)
        seen = {c.id: (c.name, c.state) for c in self.fleet.model.containers(name)}
        # A container that restarts for ever is in another state at each look.
        return {
            key: (told.get(key), seen.get(key))
            for key in told.keys() | seen.keys()
            if told.get(key) != seen.get(key) and "crashy" not in (told.get(key) or seen.get(key) or ("",))[0]
        }

    async def inside(self, name: str, *argv: str) -> None:
        """Run a command on the host past its network."""
        assert await self.lab.exec(name, argv) == 0


@pytest.fixture
async def observed(breakable: Lab) -> AsyncIterator[Observed]:
    config = load_config((await breakable.status()).config)
    async with open_fleet(config.hosts, EVERYTHING, Links()) as fleet:
        missing = await fleet.settled(30)
        assert not missing
        yield Observed(breakable, fleet, Truth(config))


async def test_sshd_killed(observed: Observed) -> None:
    kill = (
        "for p in /proc/[0-9]*; do read comm < $p/comm; "
        "case $comm in sshd*) kill -9 ${p#/proc/};; esac; done; systemctl restart ssh"
    )
    killing = asyncio.create_task(observed.inside("docker1", "sh", "-c", kill))
    await observed.until(
        lambda: (
            observed.host("docker1").state is State.UNREACHABLE
            and observed.host("docker1").sources[Source.UNITS].state is State.STALE
        ),
        TOLD_WITHIN,
        "docker1 is unreachable and its units are stale",
    )
    await killing
    await observed.all_live("docker1")
    await observed.equal("docker1")


async def test_dockerd_restarted(observed: Observed) -> None:
    seen: set[State] = set()

    def note() -> bool:
        seen.add(observed.host("docker1").sources[Source.CONTAINERS].state)
        return State.STALE in seen

    restart = asyncio.create_task(observed.inside("docker1", "systemctl", "restart", "docker"))
    await observed.until(note, TOLD_WITHIN, "the containers are stale")
    assert observed.host("docker1").sources[Source.UNITS].state is State.LIVE
    await restart
    await observed.all_live("docker1")
    await observed.equal("docker1")


async def test_dbus_restarted(observed: Observed) -> None:
    restart = asyncio.create_task(
        observed.inside("docker1", "sh", "-c", "systemctl kill -s KILL dbus; sleep 1; systemctl start dbus")
    )
    await observed.until(
        lambda: observed.host("docker1").sources[Source.UNITS].state is State.STALE,
        TOLD_WITHIN,
        "units are stale",
    )
    await restart
    assert observed.host("docker1").state is State.LIVE
    await observed.all_live("docker1")
    await observed.equal("docker1")


@pytest.mark.parametrize("verb", ["daemon-reload", "daemon-reexec"])
async def test_systemd_reads_its_files_anew(observed: Observed, verb: str) -> None:
    unit = f"born-by-{verb}.service"
    text = "[Unit]\\nDescription=born\\n[Service]\\nExecStart=/usr/bin/sleep infinity\\n"
    await observed.inside("docker1", "sh", "-c", f"printf '{text}' > /run/systemd/system/{unit}")
    await observed.inside("docker1", "systemctl", verb)
    await observed.inside("docker1", "systemctl", "start", unit)
    await observed.until(
        lambda: (
            (found := observed.fleet.model.unit(("docker1", unit))) is not None and found.active == "active"
        ),
        TOLD_WITHIN,
        f"{unit} is shown active",
    )
    await observed.equal("docker1")
    await observed.inside(
        "docker1",
        "sh",
        "-c",
        f"systemctl stop {unit}; rm /run/systemd/system/{unit}; systemctl daemon-reload",
    )
    await observed.until(
        lambda: observed.fleet.model.unit(("docker1", unit)) is None, TOLD_WITHIN, f"{unit} is gone"
    )


async def test_journal_rotated_and_vacuumed(observed: Observed) -> None:
    feed = observed.fleet.model.feed(logs=None)
    # Not on docker1: others look for what its containers said when they started.
    await observed.inside("docker2", "logger", "-p", "user.err", "-t", "fault", "before")
    await observed.inside("docker2", "journalctl", "--rotate")
    await observed.inside("docker2", "journalctl", "--vacuum-time=1s")
    await observed.inside("docker2", "logger", "-p", "user.err", "-t", "fault", "after")
    messages: list[str] = []
    async with asyncio.timeout(BACK_WITHIN):
        while "after" not in messages:
            batch = await feed.batch(pause=0)
            messages += [getattr(r, "message", "gap") for r in batch.logs if r.host == "docker2"]
    observed.fleet.model.leave(feed)
    assert [m for m in messages if m in ("before", "after")] == ["before", "after"]
    await observed.all_live("docker2")


async def test_host_rebooted(observed: Observed) -> None:
    boot = observed.host("docker2").facts.boot_id
    await observed.inside("docker2", "systemctl", "reboot")
    await observed.until(
        lambda: observed.host("docker2").state is State.UNREACHABLE, TOLD_WITHIN, "docker2 is unreachable"
    )
    await observed.all_live("docker2")
    await observed.until(
        lambda: observed.host("docker2").facts.boot_id not in (None, boot), BACK_WITHIN, "a new boot id"
    )
    await observed.equal("docker2")


@pytest.mark.full  # shorter cuts are in test_journal_follow.py and test_log_follow_view.py
async def test_host_cut_for_a_minute(observed: Observed) -> None:
    await observed.lab.cut("plain1")
    await observed.until(
        lambda: observed.host("plain1").state is State.UNREACHABLE, TOLD_WITHIN, "plain1 is unreachable"
    )
    stale = observed.host("plain1").sources[Source.UNITS]
    assert stale.state is State.STALE
    assert observed.host("plain1").units_failed is not None
    assert observed.host("docker1").state is State.LIVE
    await asyncio.sleep(60)  # the length of the cut is what is tested
    assert observed.host("plain1").sources[Source.UNITS].since == stale.since
    await observed.lab.heal("plain1")
    await observed.all_live("plain1")
    await observed.equal("plain1")


async def test_power_cut(observed: Observed) -> None:
    await observed.lab.kill("plain1")
    await observed.until(
        lambda: observed.host("plain1").state is State.UNREACHABLE, TOLD_WITHIN, "plain1 is unreachable"
    )
    await observed.lab.start("plain1")
    await observed.all_live("plain1")
    await observed.equal("plain1")

"""Real hosts that allow little: what still works, and what is said about the rest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

from console.errors import AccessRefused
from console.fleet.fleet import Fleet, open_fleet
from console.hosts.connect import Connector
from console.hosts.links import Links
from console.lab.lab import Lab
from console.model.config import HostConfig
from console.model.state import Source, State
from console.model.wants import EVERYTHING
from tests.lab.truth import Truth


def config_of(truth: Truth, host: str) -> HostConfig:
    return next(config for config in truth.config.hosts if config.name == host)


@asynccontextmanager
async def fleet_of(*configs: HostConfig) -> AsyncIterator[Fleet]:
    async with open_fleet(configs, EVERYTHING, Links()) as fleet:
        await fleet.settled(30)
        yield fleet


def states(fleet: Fleet, host: str) -> dict[Source, State]:
    return {source: status.state for source, status in fleet.model.host(host).sources.items()}


class Sshd:
    """A lab host's sshd settings, changed for one test."""

    def __init__(self, lab: Lab, host: str) -> None:
        self._lab = lab
        self._host = host

    def set(self, *lines: str) -> None:
        text = "\\n".join(lines)
        self._inside(f"printf '{text}\\n' > /etc/ssh/sshd_config.d/00-test.conf && systemctl restart ssh")

    def unset(self) -> None:
        self._inside("rm -f /etc/ssh/sshd_config.d/00-test.conf && systemctl restart ssh")

    def _inside(self, script: str) -> None:
        assert asyncio.run(self._lab.exec(self._host, ["sh", "-c", script])) == 0


@pytest.fixture
def sshd(lab: Lab) -> Iterator[Sshd]:
    settings = Sshd(lab, "docker2")
    yield settings
    settings.unset()


def test_two_sessions_are_enough_for_everything(truth: Truth, sshd: Sshd) -> None:
    sshd.set("MaxSessions 2")

    async def look() -> None:
        async with fleet_of(config_of(truth, "docker2")) as fleet:
            assert set(states(fleet, "docker2").values()) == {State.LIVE}

    asyncio.run(look())


def test_without_forwarding_everything_goes_by_commands(truth: Truth, sshd: Sshd) -> None:
    sshd.set("AllowStreamLocalForwarding no", "DisableForwarding yes")

    async def look() -> None:
        async with fleet_of(config_of(truth, "docker2")) as fleet:
            assert set(states(fleet, "docker2").values()) == {State.LIVE}
            seen = {unit.name for unit in fleet.model.units("docker2")}
            assert {"steady.service", "-.mount"} <= seen
            assert {box.name for box in fleet.model.containers()} >= {"web", "sick", "oneshot"}

    asyncio.run(look())


def test_a_user_without_groups_and_sudo_sees_what_anybody_may_and_is_told_the_rest(truth: Truth) -> None:
    guest = replace(config_of(truth, "docker1"), user="guest")

    async def look() -> None:
        async with fleet_of(guest) as fleet:
            found = states(fleet, "docker1")
            assert found[Source.UNITS] is State.LIVE
            assert found[Source.OS] is State.LIVE
            assert found[Source.CONTAINERS] is State.REFUSED
            assert found[Source.JOURNAL] is State.REFUSED
            reasons = {s: status.reason for s, status in fleet.model.host("docker1").sources.items()}
            assert "docker" in (reasons[Source.CONTAINERS] or "")
            assert "systemd-journal" in (reasons[Source.JOURNAL] or "")

    asyncio.run(look())


async def test_sudo_that_says_no_is_a_refusal_in_sudos_words(truth: Truth) -> None:
    link = await Connector(ssh_config=()).connect(replace(config_of(truth, "docker1"), user="guest"))
    try:
        with pytest.raises(AccessRefused, match="sudo: "):
            await link.run(["id"], privileged=True)
    finally:
        await link.close()


async def test_become_none_never_calls_sudo(truth: Truth) -> None:
    link = await Connector(ssh_config=()).connect(replace(config_of(truth, "docker1"), become="none"))
    try:
        with pytest.raises(AccessRefused, match='become is "none"'):
            await link.run(["id"], privileged=True)
    finally:
        await link.close()


async def test_become_sudo_is_root(truth: Truth) -> None:
    link = await Connector(ssh_config=()).connect(config_of(truth, "docker1"))
    try:
        assert (await link.run(["id", "-u"], privileged=True)).stdout == b"0\n"
    finally:
        await link.close()


async def test_a_host_without_containers_is_absent_and_not_failed(truth: Truth) -> None:
    async with fleet_of(config_of(truth, "plain1")) as fleet:
        assert states(fleet, "plain1") == {
            Source.UNITS: State.LIVE,
            Source.CONTAINERS: State.ABSENT,
            Source.JOURNAL: State.LIVE,
            Source.OS: State.LIVE,
        }


async def test_a_changed_host_key_is_refused_by_the_fleet(truth: Truth, tmp_path: Path) -> None:
    config = config_of(truth, "plain1")
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    (tmp_path / "known_hosts").write_text(f"{config.address} {other}")
    async with fleet_of(replace(config, known_hosts=tmp_path / "known_hosts")) as fleet:
        host = fleet.model.host("plain1")
        assert host.state is State.REFUSED
        assert "HOST KEY CHANGED" in (host.status.reason or "")


async def test_a_host_is_reached_through_another(truth: Truth, tmp_path: Path) -> None:
    far, jump = config_of(truth, "plain1"), config_of(truth, "docker1")
    (tmp_path / "config").write_text(
        f"Host far\n  HostName {far.address}\n  User core\n  ProxyJump core@{jump.address}\n"
        f"Host *\n  IdentityFile {far.identity[0]}\n  UserKnownHostsFile {far.known_hosts}\n"
    )
    link = await Connector(ssh_config=[tmp_path / "config"]).connect(HostConfig("far"))
    try:
        done = await link.run(["sh", "-c", "hostname; echo $SSH_CONNECTION"])
        assert done.stdout.decode().split()[:2] == ["plain1", jump.address]
    finally:
        await link.close()


async def test_leaving_a_stream_ends_the_remote_command(truth: Truth) -> None:
    link = await Connector(ssh_config=()).connect(config_of(truth, "plain1"))
    try:
        async with link.stream(["sh", "-c", "echo $$; exec journalctl -f"]) as reading:
            pid = (await reading.read(64)).split()[0].decode()
            assert (await link.run(["test", "-d", f"/proc/{pid}"])).code == 0
        async with asyncio.timeout(10):
            gone = f"while test -d /proc/{pid}; do sleep 0.1; done"
            assert (await link.run(["sh", "-c", gone])).code == 0
    finally:
        await link.close()

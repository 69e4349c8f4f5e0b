"""Hosts taken down and brought back, and what is said of them, without a host."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from console.actions import hosts
from console.actions.hands import Hands
from console.actions.hosts import HostCordon, HostLabel, HostPoweroff, HostReboot, SaidInFile
from console.errors import AccessRefused, HostError, HostFailure, Unreachable
from console.fleet.overlay import HostOverlay, change_overlay, overlay_path, read_overlay
from console.hosts.transport import Completed, Transport
from console.model.config import HostConfig

OLD, NEW = "1" * 32, "2" * 32


@dataclass
class Machine:
    """A host as its connections see it. `told` is what becomes of `systemctl reboot`."""

    boot: str = OLD
    told: Callable[[Machine], int | HostError] = lambda machine: 0
    up: bool = True
    asked: list[str] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    def go_down(self) -> int:
        self.up = False
        self.closed.set()
        return 0

    def reach(self) -> Transport:
        if not self.up:
            self.asked.append("no answer")
            if self.asked.count("no answer") == 2:
                self.up, self.boot = True, NEW
            raise Unreachable("no answer", host="h")
        return cast(Transport, Connection(self))

    def hands(self) -> Hands:
        return Hands("h", self.reach, AsyncExitStack())


@dataclass
class Connection:
    machine: Machine
    host: str = "h"

    async def run(self, argv: Sequence[str], *, limit: int = 0, privileged: bool = False) -> Completed:
        line = " ".join(("sudo", *argv) if privileged else argv)
        self.machine.asked.append(line)
        if argv[0] == "cat":
            return Completed(tuple(argv), 0, f"{self.machine.boot}\n".encode(), b"")
        ended = self.machine.told(self.machine)
        if isinstance(ended, HostError):
            raise ended
        return Completed(tuple(argv), ended, b"", b"inhibited by a backup\n")

    async def wait_closed(self) -> str:
        await self.machine.closed.wait()
        return "gone"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "_ASK_EVERY_S", 0)


async def test_a_reboot_goes_as_root_and_is_done_in_another_boot() -> None:
    machine = Machine(told=Machine.go_down)
    act = HostReboot(OLD, 5)
    hands = machine.hands()
    assert await act.check(hands) is None
    assert "back after" in await act.do(hands)
    assert "sudo systemctl --no-ask-password reboot" in machine.asked
    assert machine.asked.count("no answer") == 2


async def test_a_connection_lost_before_the_answer_is_what_was_asked_for() -> None:
    def cut(machine: Machine) -> HostError:
        machine.go_down()
        return Unreachable("the connection was lost", host="h")

    assert "back after" in await HostReboot(OLD, 5).do(Machine(told=cut).hands())


async def test_a_host_that_reconnects_in_the_same_boot_is_not_back() -> None:
    def flap(machine: Machine) -> int:
        machine.closed.set()
        return 0

    with pytest.raises(HostFailure, match="has not come back within"):
        await HostReboot(OLD, 0.05).do(Machine(told=flap).hands())


@pytest.mark.parametrize("act", [HostReboot(OLD, 0.05), HostPoweroff(OLD, 0.05)])
async def test_one_that_stays_up_has_failed(act: HostReboot | HostPoweroff) -> None:
    with pytest.raises(HostFailure, match="has not gone down within"):
        await act.do(Machine().hands())


async def test_systemds_own_reason_is_told() -> None:
    with pytest.raises(HostFailure, match="systemctl poweroff: inhibited by a backup"):
        await HostPoweroff(OLD, 5).do(Machine(told=lambda _: 1).hands())
    with pytest.raises(AccessRefused):
        await HostReboot(OLD, 5).do(Machine(told=lambda _: AccessRefused("sudo: no", host="h")).hands())


async def test_one_that_has_rebooted_since_the_plan_is_left_alone() -> None:
    machine = Machine(boot=NEW)
    assert await HostReboot(OLD, 5).check(machine.hands()) == "the host has rebooted since the plan"
    assert not [line for line in machine.asked if "systemctl" in line]


# -- what is said of hosts ------------------------------------------------------------------


def nobody() -> Hands:
    """Hands on a host that gives no answer: what is said of it needs none."""

    def reach() -> Transport:
        raise Unreachable("no answer", host="web1")

    return Hands("web1", reach, AsyncExitStack())


@pytest.fixture
def said(tmp_path: Path) -> SaidInFile:
    file = tmp_path / "fleet.toml"
    host = HostConfig("web1", labels={"role": "web"})
    return SaidInFile(overlay_path(tmp_path, file), file, host, lambda _: None)


async def test_a_label_is_checked_against_the_plan_and_told(said: SaidInFile) -> None:
    told: list[HostConfig] = []
    act = HostLabel(
        SaidInFile(said.path, said.config, said.host, told.append), {"role": "db"}, {"role": "web"}
    )
    assert await act.check(nobody()) is None
    await act.do(nobody())
    assert [host.labels for host in told] == [{"role": "db"}]
    assert await act.check(nobody()) == "its label role is db now, and was web when planned"


async def test_a_cordon_is_checked_against_the_plan(said: SaidInFile) -> None:
    cordon, uncordon = HostCordon(said, on=True), HostCordon(said, on=False)
    assert await uncordon.check(nobody()) == "it is not cordoned any more"
    assert await cordon.check(nobody()) is None
    await cordon.do(nobody())
    assert (await said.now()).cordoned is not None
    assert await cordon.check(nobody()) == "it is cordoned already"
    await uncordon.do(nobody())
    assert read_overlay(said.path) == {}


async def test_others_keep_what_was_said_of_them(said: SaidInFile) -> None:
    other = HostOverlay(cordoned=datetime(2026, 1, 1, tzinfo=UTC))
    change_overlay(said.path, said.config, lambda _: {"web2": other})
    await HostLabel(said, {"role": "db"}, {"role": "web"}).do(nobody())
    assert read_overlay(said.path) == {"web1": HostOverlay({"role": "db"}), "web2": other}


async def test_what_cannot_be_read_is_the_hosts_failure_with_the_file(said: SaidInFile) -> None:
    said.path.parent.mkdir()
    said.path.write_text("{")
    with pytest.raises(HostFailure, match="not JSON"):
        await HostCordon(said, on=True).check(nobody())
    with pytest.raises(HostFailure, match="not JSON"):
        await HostCordon(said, on=True).do(nobody())

"""update_engine told to update over its bus, and followed by its signals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from console.errors import HostFailure
from console.hosts.update_engine import INTERFACE, PATH, STATUS
from console.model.deployment import UpdateStatus
from console.updates.driver import Driver, Progress, Target
from console.updates.updater import updater_of
from tests.hosts.bus_peer import Peer, Refusal, peer
from tests.updates.asked_host import AskedHost

RELEASE = "NAME=Flatcar\nVERSION_ID=4459.2.0\n"
SLOTS = "/dev/sda3 2 0 1\n/dev/sda4 1 0 1\n"


class EngineHost(AskedHost):
    """A host whose update_engine is `engine`, on a bus; it tells whatever it is made to go through."""

    def __init__(self, engine: Peer, path: Path) -> None:
        self.engine = engine
        self.path = path
        super().__init__()
        self.be("IDLE")
        engine.answers["GetStatus"] = lambda call: (STATUS, self.now)
        engine.answers["AttemptUpdate"] = lambda call: ("", [])

    def be(self, name: str, progress: float = 0.0, version: str = "0.0.0", checked: int = 1) -> None:
        self.now = [checked, progress, f"UPDATE_STATUS_{name}", version, 4096]
        text = f"CURRENT_OP=UPDATE_STATUS_{name}\nPROGRESS={progress}\nNEW_VERSION={version}\n"
        self.answers = {"update-engine": text, "release": RELEASE, "usr": "/dev/sda3\n", "slots": SLOTS}

    def go(self, name: str, progress: float = 0.0, version: str = "0.0.0") -> None:
        """Enter a state and tell so."""
        self.be(name, progress, version)
        self.engine.signal(PATH, INTERFACE, "StatusUpdate", STATUS, self.now)

    @asynccontextmanager
    async def socket(
        self, remote: str, *, relay: Sequence[str] = (), privileged: bool = False
    ) -> AsyncIterator[Path]:
        assert privileged
        yield self.path

    async def wait_closed(self) -> str:
        await asyncio.Event().wait()
        return ""


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[EngineHost]:
    async with peer(tmp_path) as (engine, transport):
        yield EngineHost(engine, transport.path)


def stage(host: EngineHost, heard: list[Progress]) -> asyncio.Task[UpdateStatus]:
    updater = updater_of(Driver.UPDATE_ENGINE, host.transport)
    return asyncio.create_task(updater.stage(Target(), heard.append))


async def test_it_is_told_to_update_and_heard_until_it_wants_a_reboot(host: EngineHost) -> None:
    heard: list[Progress] = []
    async with asyncio.timeout(10):
        staging = stage(host, heard)
        await host.engine.until_asked("AttemptUpdate")
        host.go("CHECKING_FOR_UPDATE")
        host.go("DOWNLOADING", 0.5, "4459.2.1")
        host.go("UPDATED_NEED_REBOOT", 0.0, "4459.2.1")
        status = await staging
    assert [(each.text, each.percent) for each in heard] == [
        ("checking for update", None),
        ("downloading 4459.2.1", 50.0),
        ("updated need reboot 4459.2.1", None),
    ]
    assert status.extra["operation"] == "UPDATED_NEED_REBOOT"
    assert not host.engine.asked("Introspect")


async def test_one_that_is_at_it_is_joined_and_not_told_again(host: EngineHost) -> None:
    host.be("DOWNLOADING", 0.2, "4459.2.1")
    async with asyncio.timeout(10):
        staging = stage(host, [])
        await host.engine.until_asked("GetStatus")
        host.go("UPDATED_NEED_REBOOT", 0.0, "4459.2.1")
        await staging
    assert not host.engine.asked("AttemptUpdate")


async def test_no_update_is_an_answer_and_an_error_a_failure(host: EngineHost) -> None:
    async with asyncio.timeout(10):
        staging = stage(host, [])
        await host.engine.until_asked("AttemptUpdate")
        host.go("CHECKING_FOR_UPDATE")
        host.go("IDLE")
        assert (await staging).pending is None
        staging = stage(host, [])
        await host.engine.until_asked("AttemptUpdate", 2)
        host.go("CHECKING_FOR_UPDATE")
        host.go("REPORTING_ERROR_EVENT")
        host.go("IDLE")
        with pytest.raises(HostFailure, match="update_engine failed"):
            await staging


@pytest.mark.parametrize(
    "error", ["org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.AccessDenied"]
)
async def test_where_the_bus_says_no_its_client_does_it(host: EngineHost, error: str) -> None:
    def refuse(call: Any) -> Any:
        raise Refusal(error)

    host.engine.answers["GetStatus"] = refuse
    async with asyncio.timeout(10):
        await stage(host, [])
    assert host.ran == ["stage the newest: update_engine_client -update"]


async def test_a_version_by_its_name_is_another_programs_affair(host: EngineHost) -> None:
    host.on_command = lambda _: host.be("UPDATED_NEED_REBOOT", 0.0, "4459.2.1")
    updater = updater_of(Driver.UPDATE_ENGINE, host.transport)
    with pytest.raises(HostFailure, match=r"4459.2.1 was staged, and its next boot takes 4459.2.0"):
        await updater.stage(Target(version="4459.2.1"), lambda _: None)
    assert host.ran == ["stage 4459.2.1: flatcar-update --to-version 4459.2.1"]


async def test_the_end_of_the_connection_is_heard_at_once(host: EngineHost) -> None:
    async with asyncio.timeout(5):  # it would be asked again after ten seconds
        staging = stage(host, [])
        await host.engine.until_asked("AttemptUpdate")
        host.engine.hang_up()
        with pytest.raises(HostFailure, match="the system bus closed the connection"):
            await staging

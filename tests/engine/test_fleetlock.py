"""FleetLock over real HTTP, its slots in a real etcd."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from console.actions.audit import Audit, Who
from console.actions.hands import Permit
from console.engine import naming
from console.engine.applying import LINE
from console.engine.fleetlock import WHY, fleetlock
from console.engine.naming import name_holders
from console.engine.term import Setting, Term
from console.errors import StoreRefused
from console.fleet.fleet import open_fleet
from console.fleet.memory import Memory
from console.hosts.links import Links
from console.hosts.secrets import Keyring
from console.model.config import EtcdConfig, FleetConfig, HostConfig
from console.model.events import FactsRead
from console.model.host import OsFacts
from console.model.locks import LockState
from console.model.wants import Wants
from console.rollouts.reboot_lock import RebootLock
from console.store.claim import claimed
from console.store.client import Etcd, open_etcd
from console.store.schema import Keys
from console.store.values import Put
from tests.store.cluster import Cluster, needs_etcd, running_cluster

pytestmark = needs_etcd

HEADERS = {"fleet-lock-protocol": "true", "content-type": "application/json"}

#: A machine's id, and what systemd-id128 makes of it for Zincati.
MACHINE, ZINCATIS = "0123456789abcdef0123456789abcdef", "583627a932274834a8ebd99f4ed41c0d"


@dataclass(frozen=True)
class Said:
    """An answer."""

    status: int
    body: bytes

    @property
    def kind(self) -> str:
        """Of an error; both of its texts have to be there."""
        found = json.loads(self.body)
        assert set(found) == {"kind", "value"}
        assert found["value"]
        return str(found["kind"])


@dataclass(frozen=True)
class Served:
    """Where it is served."""

    address: tuple[str, int]

    async def ask(
        self,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        *,
        method: str = "POST",
    ) -> Said:
        reader, writer = await asyncio.open_connection(*self.address)
        try:
            sent = {
                "host": "lock",
                "content-length": str(len(body or b"")),
                **(HEADERS if headers is None else headers),
            }
            head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
            writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + (body or b""))
            answer = await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()
        head_, _, rest = answer.partition(b"\r\n\r\n")
        return Said(int(head_.split()[1]), rest)

    async def pre_reboot(self, identity: Any, group: Any = "default") -> Said:
        return await self.ask("/v1/pre-reboot", params(identity, group))

    async def steady_state(self, identity: Any, group: Any = "default") -> Said:
        return await self.ask("/v1/steady-state", params(identity, group))


def params(identity: Any, group: Any) -> bytes:
    return json.dumps({"client_params": {"id": identity, "group": group}}).encode()


def setting(etcd: Etcd, folder: Path, told: Callable[[str], None] = lambda text: None) -> Setting:
    memory = Memory(etcd, folder / "fleet.toml", folder / "kept", folder / "macros", embedded=False)
    audit = Audit((), Who("ann", "console1"), lambda: datetime.now(UTC))
    return Setting(memory, FleetConfig(folder / "fleet.toml", "f", ()), Permit(LINE), audit, told)


@asynccontextmanager
async def serving(of: Setting) -> AsyncIterator[Served]:
    """An engine's FleetLock, at a free port."""
    bound: asyncio.Future[tuple[str, int]] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(fleetlock(("127.0.0.1", 0), bound.set_result)(of))
    try:
        yield Served(await bound)
    finally:
        running.cancel()
        await asyncio.wait((running,))


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    (tmp_path / "etcd").mkdir()
    async with running_cluster(tmp_path / "etcd") as cluster:
        yield cluster


@pytest.fixture
async def etcd(cluster: Cluster) -> AsyncIterator[Etcd]:
    async with open_etcd(cluster.config(), 2.0) as etcd:
        yield etcd


@pytest.fixture
def lock(etcd: Etcd) -> RebootLock:
    return RebootLock(etcd, Keys(etcd.prefix))


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
async def served(etcd: Etcd, tmp_path: Path, told: list[str]) -> AsyncIterator[Served]:
    async with serving(setting(etcd, tmp_path, told.append)) as served:
        yield served


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[Served]:
    """Served where there is no etcd: what is answered there otherwise than by 503 was never asked of one."""
    async with (
        open_etcd(EtcdConfig(("http://127.0.0.1:9",)), 0.2) as etcd,
        serving(setting(etcd, tmp_path)) as served,
    ):
        yield served


async def state(lock: RebootLock, group: str = "default") -> LockState:
    found = await lock.find(group)
    assert found is not None
    return found


async def test_a_host_gets_a_slot_the_next_waits_until_it_is_up_again(
    served: Served, lock: RebootLock, told: list[str]
) -> None:
    assert await served.pre_reboot("one") == Said(200, b"")
    (holder,) = (await state(lock)).holders
    assert (holder.id, holder.why) == ("one", WHY)

    full = await served.pre_reboot("two")
    assert (full.status, full.kind) == (423, "failed_lock_semaphore_full")
    assert "1 of 1 slots held: one" in json.loads(full.body)["value"]

    assert (await served.steady_state("one")).status == 200
    assert (await served.pre_reboot("two")).status == 200
    assert told[1:] == [
        "FleetLock: one may reboot: it has a slot of default",
        "FleetLock: one is up: its slot of default is free",
        "FleetLock: two may reboot: it has a slot of default",
    ]


async def test_asking_again_and_giving_back_again_is_answered_as_the_first_time(
    served: Served, lock: RebootLock
) -> None:
    assert (await served.steady_state("one")).status == 200, "at its start a host asks so, always"
    for _ in range(3):
        assert (await served.pre_reboot("one")).status == 200
    before = await state(lock)
    assert len(before.holders) == 1
    for _ in range(3):
        assert (await served.steady_state("one")).status == 200
    assert (await state(lock)).holders == ()


async def test_nobody_gives_back_anothers_slot(served: Served, lock: RebootLock) -> None:
    await served.pre_reboot("one")
    assert (await served.steady_state("two")).status == 200
    assert [holder.id for holder in (await state(lock)).holders] == ["one"]


async def test_a_frozen_lock_is_told_and_who_has_a_slot_keeps_it(served: Served, lock: RebootLock) -> None:
    await served.pre_reboot("one")
    await lock.set_max("default", 2)
    await lock.freeze("default", by="alice", why="storm", now=datetime.now(UTC))
    said = await served.pre_reboot("two")
    assert (said.status, said.kind) == (423, "failed_lock_frozen")
    assert (await served.pre_reboot("one")).status == 200


async def test_each_group_has_slots_of_its_own_and_none_is_made_by_asking(
    served: Served, lock: RebootLock
) -> None:
    said = await served.pre_reboot("one", "workers")
    assert (said.status, said.kind) == (400, "unknown_group")
    assert "lock set-max workers N" in json.loads(said.body)["value"]
    assert (await served.steady_state("one", "workers")).kind == "unknown_group"
    await lock.set_max("workers", 2)
    for identity in ("one", "two"):
        assert (await served.pre_reboot(identity, "workers")).status == 200
    assert (await served.pre_reboot("three", "workers")).status == 423
    assert (await served.pre_reboot("three")).status == 200


@pytest.mark.parametrize("path", ["/v1/pre-reboot", "/v1/steady-state", "/some/base/v1/pre-reboot"])
@pytest.mark.parametrize("value", [None, "false", "True", "1", ""])
async def test_without_its_header_nothing_is_done(alone: Served, path: str, value: str | None) -> None:
    headers = {} if value is None else {"fleet-lock-protocol": value}
    said = await alone.ask(path, params("one", "default"), headers)
    assert (said.status, said.kind) == (400, "invalid_fleet_lock_header")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "invalid_request_body"),
        (b"{", "invalid_request_body"),
        (b"[]", "invalid_request_body"),
        (b"\xff\xfe\x00", "invalid_request_body"),
        (b"[" * 20_000, "invalid_request_body"),
        (b'{"client_params": null}', "invalid_request_body"),
        (b'{"client_params": {"id": "one"}}', "invalid_request_body"),
        (params("", "default"), "invalid_client_identity"),
        (params(7, "default"), "invalid_client_identity"),
        (params("one\n", "default"), "invalid_client_identity"),
        (params("\x1b[2J", "default"), "invalid_client_identity"),
        (params("x" * 201, "default"), "invalid_client_identity"),
        (params("one", ""), "invalid_client_identity"),
        (params("one", "a/b"), "invalid_client_identity"),
        (params("one", "../default"), "invalid_client_identity"),
        (params("one", ["default"]), "invalid_client_identity"),
    ],
)
async def test_a_body_that_does_not_say_who_asks_is_refused(alone: Served, body: bytes, kind: str) -> None:
    said = await alone.ask("/v1/pre-reboot", body)
    assert (said.status, said.kind) == (400, kind)


async def test_more_in_the_body_than_is_needed_is_passed_over(served: Served) -> None:
    body = json.dumps({"client_params": {"id": "one", "group": "default", "boot": 1}, "new": []}).encode()
    assert (await served.ask("/v1/pre-reboot", body)).status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/v1/pre-reboot", 405, "method_not_allowed"),
        ("PUT", "/v1/steady-state", 405, "method_not_allowed"),
        ("POST", "/v1/pre-reboot/x", 404, "not_found"),
        ("POST", "/", 404, "not_found"),
    ],
)
async def test_other_methods_and_paths_are_told_so(
    alone: Served, method: str, path: str, status: int, kind: str
) -> None:
    said = await alone.ask(path, params("one", "default"), method=method)
    assert (said.status, said.kind) == (status, kind)


async def test_a_base_before_the_path_and_a_query_behind_it_do_not_matter(served: Served) -> None:
    assert (await served.ask("/base/v1/pre-reboot?x=1", params("one", "default"))).status == 200


async def test_without_an_etcd_a_host_is_told_to_ask_again(alone: Served) -> None:
    assert (await alone.pre_reboot("one")).kind == "failed_store"


async def test_an_etcd_that_is_away_is_an_error_and_the_host_may_ask_again(
    served: Served, cluster: Cluster
) -> None:
    await served.pre_reboot("one")
    await cluster.members[0].kill()
    said = await served.pre_reboot("one")
    assert (said.status, said.kind) == (503, "failed_store")
    await cluster.members[0].start()
    await cluster.ready()
    assert (await served.pre_reboot("one")).status == 200


async def test_a_lock_that_cannot_be_read_is_an_error(served: Served, etcd: Etcd) -> None:
    await etcd.write([Put(Keys(etcd.prefix).reboot_lock("default"), b"?")])
    assert (await served.pre_reboot("one")).kind == "failed_store"
    assert (await served.steady_state("one")).kind == "failed_store"


async def test_of_fifty_hosts_at_once_at_two_engines_no_more_than_max_are_down_and_all_get_their_turn(
    cluster: Cluster, lock: RebootLock, tmp_path: Path
) -> None:
    most = 3
    await lock.set_max("default", most)
    down, peak, waited = set[str](), 0, 0

    async def host(engine: Served, identity: str) -> None:
        nonlocal peak, waited
        while (said := await engine.pre_reboot(identity)).status != 200:
            assert said.kind == "failed_lock_semaphore_full"
            waited += 1
            await asyncio.sleep(0.05)
        down.add(identity)
        peak = max(peak, len(down))
        assert len((await state(lock)).holders) <= most
        down.remove(identity)
        assert (await engine.steady_state(identity)).status == 200

    async with AsyncExitStack() as stack:
        engines = []
        for _ in range(2):
            client = await stack.enter_async_context(open_etcd(cluster.config()))
            engines.append(await stack.enter_async_context(serving(setting(client, tmp_path))))
        async with asyncio.timeout(120):
            await asyncio.gather(*(host(engines[n % 2], f"host{n}") for n in range(50)))
    assert peak <= most
    assert waited > 0
    assert (await state(lock)).holders == ()


async def test_naming_begins_anew_where_etcd_says_no(
    etcd: Etcd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuses(*asked: Any) -> AsyncIterator[Any]:
        if asked:
            raise StoreRefused("permission denied")
        yield ()

    monkeypatch.setattr(naming, "mirror", refuses)
    wants = Wants(units=False, containers=False, os=False, connect=False)
    async with (
        open_fleet([HostConfig("web1")], wants, Links(Keyring(None))) as fleet,
        claimed(etcd, Keys(etcd.prefix).leader, b"", 15) as claim,
    ):
        # As itself, and not in a group: a duty that ends so is begun again.
        with pytest.raises(StoreRefused, match="permission denied"):
            await name_holders(Term(setting(etcd, tmp_path), claim, fleet, "f-1"))


async def test_who_asks_by_zincatis_id_is_shown_by_its_host(
    served: Served, etcd: Etcd, lock: RebootLock, tmp_path: Path
) -> None:
    hosts = [HostConfig(name) for name in ("web1", "web2")]
    wants = Wants(units=False, containers=False, os=False, connect=False)
    keys = Keys(etcd.prefix)

    async def until(true: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(20):
            while not await true():  # noqa: ASYNC110 - another's write, which no event here tells of
                await asyncio.sleep(0.02)

    async def holder_is(host: str | None) -> bool:
        return [one.host for one in (await state(lock)).holders] == [host]

    async with (
        open_fleet(hosts, wants, Links(Keyring(None))) as fleet,
        claimed(etcd, keys.leader, b"", 15) as claim,
    ):
        naming = asyncio.create_task(name_holders(Term(setting(etcd, tmp_path), claim, fleet, "f-1")))
        await served.pre_reboot(ZINCATIS)
        assert await holder_is(None)
        fleet.model.apply(FactsRead("web2", OsFacts(machine_id=MACHINE)))
        await until(lambda: holder_is("web2"))
        assert (await served.pre_reboot(ZINCATIS)).status == 200
        assert await holder_is("web2")
        await served.steady_state(ZINCATIS)
        await served.pre_reboot(ZINCATIS)
        await until(lambda: holder_is("web2"))
        naming.cancel()
        await asyncio.wait((naming,))

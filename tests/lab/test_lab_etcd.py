"""The lab's etcd: one cluster over TLS, whose members are hosts that can be cut, killed and frozen."""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from console.fleet.config import load_config
from console.lab import etcd_member
from console.lab.lab import Lab, default_cache
from console.lab.layout import Layout
from tests.lab.conftest import narrate
from tests.lab.test_lab_faults import state_of
from tests.lab.truth import Truth
from tests.lab.waiting import until

#: How long silence must last to count; a member that runs answers in milliseconds.
SILENCE = 2.0
MEMBERS = ["etcd1", "etcd2", "etcd3"]


@dataclass
class Etcd:
    """The only hosts of `lab`; `said` is what the lab told a person."""

    lab: Lab
    config: Path
    said: list[str]

    @property
    def truth(self) -> Truth:
        return Truth(load_config(self.config))

    def ctl(self, host: str, *command: str) -> str:
        """What Debian's etcdctl prints on a host, to which the member there is `localhost`."""
        files = "--cacert /etc/etcd/ca.pem --cert /etc/etcd/member.pem --key /etc/etcd/member.key"
        return self.truth.ask(
            host, f"sudo etcdctl {files} --endpoints https://localhost:2379 {' '.join(command)}"
        )

    def put(self, host: str, key: str) -> None:
        assert self.ctl(host, "put", key, "here") == "OK\n"

    def has(self, host: str, key: str) -> bool:
        """Whether the member has `key` on its own disk."""
        return self.ctl(host, "get", "--consistency=s", key) == f"{key}\nhere\n"

    def members(self, host: str) -> list[str]:
        listed = json.loads(self.ctl(host, "member", "list", "-w", "json"))["members"]
        assert not any(member.get("isLearner") for member in listed)
        return sorted(member["name"] for member in listed)

    def health(self, endpoint: str, *, certificate: bool = True) -> dict[str, Any]:
        """What a client on this machine is told, by what the fleet file says and nothing else."""
        etcd = self.truth.config.etcd
        assert etcd is not None
        context = ssl.create_default_context(cafile=etcd.ca)
        if certificate:
            assert etcd.cert is not None
            context.load_cert_chain(etcd.cert, etcd.key)
        connection = http.client.HTTPSConnection(
            endpoint.removeprefix("https://"), timeout=SILENCE, context=context
        )
        try:
            connection.request("GET", "/health")
            told: dict[str, Any] = json.loads(connection.getresponse().read())
            return told
        finally:
            connection.close()

    async def has_leader(self, number: int) -> None:
        """Wait until the member answers, so has a leader that runs: before, a write's fate is not known."""

        def answers() -> bool:
            try:
                return bool(self.health(self.endpoints[number - 1])["health"] == "true")
            except OSError:
                return False

        await until(answers, f"etcd{number} has a leader")

    @property
    def endpoints(self) -> tuple[str, ...]:
        etcd = self.truth.config.etcd
        assert etcd is not None
        return etcd.endpoints


@pytest.fixture(scope="module")
def three_hosts(lab: Lab) -> Iterator[Etcd]:
    root = asyncio.run(lab.status()).config.parent
    said: list[str] = []

    def report(line: str) -> None:
        narrate(line)
        said.append(line)

    own = Lab(root.with_name(f"{root.name}-etcd"), default_cache(), report)
    asyncio.run(own.down())
    try:
        yield Etcd(own, asyncio.run(own.status()).config, said)
    finally:
        asyncio.run(own.down())


@pytest.fixture
def etcd(three_hosts: Etcd) -> Etcd:
    """A lab of three members and nothing else, all of them running and whole."""
    asyncio.run(three_hosts.lab.up({"etcd": 3}))
    three_hosts.said.clear()
    return three_hosts


def test_the_fleet_file_leads_to_members_that_are_healthy(etcd: Etcd) -> None:
    assert len(etcd.endpoints) == 3
    assert [etcd.health(endpoint)["health"] for endpoint in etcd.endpoints] == ["true"] * 3
    assert etcd.members("etcd2") == MEMBERS
    assert "is healthy" in etcd.ctl("etcd1", "endpoint", "health", "--cluster")
    for host in etcd.truth.config.hosts:
        assert host.labels["kind"] == "etcd"
        assert etcd.truth.ask(host.name, "systemctl show -P Type -P Restart etcd") == "notify\non-failure\n"


def test_a_client_without_a_certificate_is_refused(etcd: Etcd) -> None:
    with pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED"):
        etcd.health(etcd.endpoints[0], certificate=False)


def test_nobody_but_root_reads_a_members_key(etcd: Etcd) -> None:
    assert etcd.truth.ask("etcd1", "! cat /etc/etcd/member.key 2>/dev/null") == ""
    assert etcd.truth.ask("etcd1", "sudo -u etcd cat /etc/etcd/member.key 2>&1; true").endswith("denied\n")


async def test_a_killed_member_comes_back_with_its_data_and_what_it_missed(etcd: Etcd) -> None:
    etcd.put("etcd1", "before")
    await etcd.lab.kill("etcd3")
    await etcd.has_leader(1)
    etcd.put("etcd1", "meanwhile")
    await etcd.lab.start("etcd3")
    for key in ("before", "meanwhile"):
        await until(lambda key=key: etcd.has("etcd3", key), f"etcd3 has {key}")  # type: ignore[misc]
    assert etcd.members("etcd3") == MEMBERS


async def test_a_member_that_reboots_comes_back_with_its_data(etcd: Etcd) -> None:
    etcd.put("etcd1", "booted")
    boot_id = "cat /proc/sys/kernel/random/boot_id"
    before = etcd.truth.ask("etcd2", boot_id)
    await etcd.lab.exec("etcd2", ["systemctl", "reboot"])

    def again() -> bool:
        try:
            return etcd.truth.ask("etcd2", boot_id) != before and etcd.has("etcd2", "booted")
        except AssertionError:
            return False

    await until(again, "etcd2 has its data in another boot")


async def test_members_that_are_all_off_are_started_one_by_one(etcd: Etcd) -> None:
    etcd.put("etcd1", "kept")
    for name in MEMBERS:
        await etcd.lab.kill(name)
    await etcd.lab.start("etcd1")
    assert etcd.said[0] == "etcd1: etcd waits for others, 1 of 3 members run"
    await etcd.lab.start("etcd2")
    assert etcd.has("etcd2", "kept")
    await etcd.lab.start("etcd3")
    assert "waits" not in "".join(etcd.said[1:])


async def test_a_cut_member_is_silent_to_clients_and_peers_and_catches_up(etcd: Etcd) -> None:
    await etcd.lab.cut("etcd1")
    with pytest.raises(TimeoutError):
        etcd.health(etcd.endpoints[0])
    # Past the network: it has noticed that it is by itself.
    alone = "etcdctl --cacert /etc/etcd/ca.pem --cert /etc/etcd/member.pem --key /etc/etcd/member.key"
    write = f"! {alone} --endpoints https://localhost:2379 --command-timeout=3s put lost x 2>/dev/null"
    assert await etcd.lab.exec("etcd1", ["sh", "-c", write]) == 0
    await etcd.has_leader(2)
    etcd.put("etcd2", "cut")
    await etcd.lab.heal("etcd1")
    await until(lambda: etcd.has("etcd1", "cut"), "etcd1 has what was written without it")


async def test_a_slow_line_is_for_ssh_and_etcd_goes_past_it(etcd: Etcd) -> None:
    await etcd.lab.slow("etcd1", stall=True)
    assert etcd.health(etcd.endpoints[0])["health"] == "true"


async def test_a_frozen_member_hangs_and_goes_on_when_it_is_thawed(etcd: Etcd) -> None:
    pid = etcd.truth.ask("etcd1", "systemctl show -P MainPID etcd")
    await etcd.lab.freeze("etcd1")
    assert await state_of(etcd.lab, "etcd1") == "frozen"
    with pytest.raises(TimeoutError):  # the kernel takes the connection, and nobody speaks
        etcd.health(etcd.endpoints[0])
    await etcd.has_leader(2)
    etcd.put("etcd2", "frozen")
    await etcd.lab.thaw("etcd1")
    assert await state_of(etcd.lab, "etcd1") == "running"
    await until(lambda: etcd.has("etcd1", "frozen"), "etcd1 has what was written without it")
    assert etcd.truth.ask("etcd1", "systemctl show -P MainPID etcd") == pid


@pytest.mark.full
async def test_an_etcd_shrinks_and_grows_with_its_data_and_an_up_that_was_cut_short_is_completed(
    etcd: Etcd,
) -> None:
    etcd.put("etcd3", "old")
    await etcd.lab.up({"etcd": 1}, exact=True)
    assert etcd.members("etcd1") == ["etcd1"]
    assert len(etcd.endpoints) == 1

    layout = Layout.here(etcd.config.parent)
    growing = asyncio.create_task(etcd.lab.up({"etcd": 3}))
    let_in = etcd_member.environment_file(layout.host("etcd2"))
    await until(let_in.exists, "etcd2 is being let in")
    growing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await growing
    etcd.put("etcd1", "new")  # the majority was never at stake

    await etcd.lab.up({"etcd": 3})
    assert etcd.members("etcd3") == MEMBERS
    for key in ("old", "new"):
        await until(lambda key=key: etcd.has("etcd3", key), f"etcd3 has {key}")  # type: ignore[misc]

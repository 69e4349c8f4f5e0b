"""The lab's etcd: what a member is told, what it says, and what an interrupted command left of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from console.lab import etcd_api, etcd_member
from console.lab.etcd_cluster import EtcdCluster
from console.lab.guest import Guest
from console.lab.layout import Layout
from console.lab.plan import Place, Subnet

SUBNET = Subnet(7)
FIRST, SECOND = Place("etcd1", "etcd", 11), Place("etcd2", "etcd", 12)
URLS = {"etcd1": "https://198.19.7.11:2380", "etcd2": "https://198.19.7.12:2380"}


def settings(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


def test_a_member_listens_where_cut_reaches_and_asks_everybody_for_a_certificate() -> None:
    told = settings(etcd_member.environment(SECOND, SUBNET, URLS, "qd1", founding=True))
    assert told["ETCD_NAME"] == "etcd2"
    assert told["ETCD_ADVERTISE_CLIENT_URLS"] == etcd_member.endpoint(SECOND, SUBNET)
    assert told["ETCD_LISTEN_PEER_URLS"] == told["ETCD_INITIAL_ADVERTISE_PEER_URLS"] == URLS["etcd2"]
    assert told["ETCD_CLIENT_CERT_AUTH"] == told["ETCD_PEER_CLIENT_CERT_AUTH"] == "true"
    assert etcd_member.endpoint(SECOND, SUBNET) == "https://198.19.7.12:2379"


def test_founders_make_a_new_cluster_and_others_join_it() -> None:
    founder = settings(etcd_member.environment(FIRST, SUBNET, URLS, "qd1", founding=True))
    joiner = settings(etcd_member.environment(FIRST, SUBNET, URLS, "qd1", founding=False))
    listed = "etcd1=https://198.19.7.11:2380,etcd2=https://198.19.7.12:2380"
    assert founder["ETCD_INITIAL_CLUSTER"] == joiner["ETCD_INITIAL_CLUSTER"] == listed
    assert (founder["ETCD_INITIAL_CLUSTER_STATE"], joiner["ETCD_INITIAL_CLUSTER_STATE"]) == (
        "new",
        "existing",
    )


def test_the_files_named_to_a_member_are_those_that_it_gets() -> None:
    files = etcd_member.certificate_files("CA", "CERT")
    told = settings(etcd_member.environment(FIRST, SUBNET, URLS, "qd1", founding=True))
    assert files[told["ETCD_TRUSTED_CA_FILE"].lstrip("/")] == "CA"
    assert files[told["ETCD_PEER_CERT_FILE"].lstrip("/")] == "CERT"
    unit = files["etc/systemd/system/etcd.service.d/lab.conf"]
    assert f"LoadCredential=key:/{etcd_member.KEY_FILE}\n" in unit
    assert "ETCD_KEY_FILE=%d/key ETCD_PEER_KEY_FILE=%d/key" in unit


def test_a_majority_is_more_than_half() -> None:
    assert [etcd_member.majority(count) for count in (1, 3, 5)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "said", "early"),
    [
        (
            '{"error":"x","code":9,"message":"etcdserver: unhealthy cluster"}',
            "etcdserver: unhealthy cluster",
            1,
        ),
        (
            '{"code":9,"message":"can only promote a learner member which is in sync with leader"}',
            "can only",
            1,
        ),
        ('{"code":5,"message":"etcdserver: member not found"}', "etcdserver: member not found", 0),
        ("<html>", "<html>", 0),
        ("[]", "[]", 0),
    ],
)
def test_a_refusal_is_told_in_etcds_words_and_some_pass(text: str, said: str, early: int) -> None:
    assert etcd_api.refusal(text).startswith(said)
    assert etcd_api.too_early(etcd_api.refusal(text)) is bool(early)


class Recorded(Guest):
    """A host that is only a folder; what is removed is noted."""

    def __init__(self, place: Place, root: Path, removed: list[str]) -> None:
        super().__init__(place, SUBNET, Layout(root), cast(Any, None), cast(Any, None))
        self._removed = removed

    async def remove(self) -> None:
        self._removed.append(self.name)

    def has(self, *, environment: bool, data: bool) -> None:
        file = etcd_member.environment_file(self.folder)
        file.parent.mkdir(parents=True, exist_ok=True)
        if environment:
            file.write_text("as it was\n")
        if data:
            (self.folder / "upper/var/lib/etcd/default/member").mkdir(parents=True)


@pytest.fixture
def removed() -> list[str]:
    return []


@pytest.fixture
def hosts(tmp_path: Path, removed: list[str]) -> tuple[Recorded, Recorded]:
    return Recorded(FIRST, tmp_path, removed), Recorded(SECOND, tmp_path, removed)


async def test_members_that_never_ran_start_over_together(
    hosts: tuple[Recorded, Recorded], removed: list[str]
) -> None:
    hosts[0].has(environment=True, data=False)
    cluster = EtcdCluster(hosts, (), SUBNET, "qd1")
    await cluster.clear()
    assert removed == ["etcd1", "etcd2"]
    cluster.found()
    for guest in hosts:
        told = settings(etcd_member.environment_file(guest.folder).read_text())
        assert (told["ETCD_NAME"], told["ETCD_INITIAL_CLUSTER_STATE"]) == (guest.name, "new")
        assert told["ETCD_INITIAL_CLUSTER"] == ",".join(f"{name}={url}" for name, url in URLS.items())
        assert not cluster.later(guest)


async def test_a_cluster_that_has_run_is_left_as_it_is_and_who_is_new_waits(
    hosts: tuple[Recorded, Recorded], removed: list[str]
) -> None:
    hosts[0].has(environment=True, data=True)
    cluster = EtcdCluster(hosts, (), SUBNET, "qd1")
    await cluster.clear()
    cluster.found()
    assert removed == []
    assert etcd_member.environment_file(hosts[0].folder).read_text() == "as it was\n"
    assert [cluster.later(guest) for guest in hosts] == [False, True]


async def test_a_founder_that_was_cut_short_before_it_ran_is_still_a_founder(
    hosts: tuple[Recorded, Recorded], removed: list[str]
) -> None:
    hosts[0].has(environment=True, data=True)
    hosts[1].has(environment=True, data=False)
    cluster = EtcdCluster(hosts, (), SUBNET, "qd1")
    await cluster.clear()
    assert removed == []
    assert not cluster.later(hosts[1])


async def test_a_member_that_had_left_and_is_wanted_again_comes_without_its_data(
    hosts: tuple[Recorded, Recorded], removed: list[str]
) -> None:
    hosts[0].has(environment=True, data=True)
    hosts[1].has(environment=False, data=True)
    await EtcdCluster(hosts, (), SUBNET, "qd1").clear()
    assert removed == ["etcd2"]


def test_who_goes_says_goodbye_only_where_somebody_stays(hosts: tuple[Recorded, Recorded]) -> None:
    for guest in hosts:
        guest.has(environment=True, data=True)
    assert EtcdCluster(hosts[:1], hosts[1:], SUBNET, "qd1").leaving == [hosts[1]]
    assert EtcdCluster((), hosts, SUBNET, "qd1").leaving == []

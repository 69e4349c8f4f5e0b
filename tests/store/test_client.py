"""Asking etcd: listings of any length, members that do not answer, and every kind of no."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from console.errors import StoreError, StoreRefused, StoreUnreachable
from console.model.state import State
from console.store import guarded
from console.store.client import PAGE, Compacted, Etcd, open_etcd
from console.store.values import Delete, Put, SameLife, Span, Unchanged
from tests.store.certificates import Authority
from tests.store.cluster import ALICE, BOB, ROOT, Cluster, Options, needs_etcd

pytestmark = needs_etcd

KEY = "/quarterdeck/key"
FOLDER = Span.under("/quarterdeck/many/")
NOBODY = "http://127.0.0.1:1"


async def test_a_listing_of_many_pages_is_of_one_revision_whatever_is_written_meanwhile(
    cluster: Cluster,
) -> None:
    keys = [f"{FOLDER.key}{number:05}" for number in range(2 * PAGE + 1)]
    async with open_etcd(cluster.config()) as etcd, open_etcd(cluster.config()) as other:
        await guarded.in_pages(etcd, (Put(key, b"old") for key in keys))
        listed = await etcd.list(FOLDER)

        async def overwrite() -> None:
            await guarded.in_pages(other, (Put(key, b"new") for key in keys))
            await other.write([Delete(FOLDER)])

        again, _ = await asyncio.gather(etcd.list(FOLDER, listed.revision), overwrite())
        assert [entry.key for entry in listed.entries] == keys
        assert again == listed
        assert (await etcd.list(FOLDER)).entries == ()


async def test_a_key_that_is_not_text_neither_ends_a_listing_nor_hides_another(cluster: Cluster) -> None:
    raw = b"/quarterdeck/many/\xff\x80"
    async with open_etcd(cluster.config()) as etcd:
        name = raw.decode("utf-8", "surrogateescape")
        await guarded.in_pages(etcd, (Put(f"{FOLDER.key}{number:05}", b"") for number in range(PAGE - 1)))
        await etcd.write([Put(name, b"stranger"), Put(name + "\udcff", b"another")])
        found = (await etcd.list(FOLDER)).entries
        assert [entry.value for entry in found[-2:]] == [b"stranger", b"another"]
        assert len(found) == PAGE + 1
        await etcd.write([Delete(Span(name))])
        assert await etcd.get(name) is None


async def test_an_earlier_revision_can_be_read_until_it_is_compacted(cluster: Cluster) -> None:
    async with open_etcd(cluster.config()) as etcd:
        first = (await etcd.write([Put(KEY, b"1")])).revision
        second = (await etcd.write([Put(KEY, b"2")])).revision
        assert (await etcd.list(Span(KEY), first)).entries[0].value == b"1"
        await cluster.compact(second)
        with pytest.raises(Compacted):
            await etcd.list(Span(KEY), first)


async def test_guards_that_do_not_hold_leave_all_as_it_was(cluster: Cluster) -> None:
    async with open_etcd(cluster.config()) as etcd:
        revision = (await etcd.write([Put(KEY, b"1")], [Unchanged(KEY, 0)])).revision
        for guard in (Unchanged(KEY, 0), Unchanged(KEY, revision - 1), SameLife(KEY, revision + 1)):
            assert not (await etcd.write([Put(KEY, b"2"), Put(KEY + "2", b"")], [guard])).done
        assert (await etcd.write([Put(KEY, b"2")], [SameLife(KEY, revision)])).done
        assert [entry.value for entry in (await etcd.list(Span.under(KEY))).entries] == [b"2"]


@pytest.mark.parametrize("size", [1_600_000, 3_000_000])
async def test_a_value_that_is_too_large_is_refused_for_certain(cluster: Cluster, size: int) -> None:
    async with open_etcd(cluster.config()) as etcd:
        with pytest.raises(StoreError, match="too large") as refusal:
            await etcd.write([Put(KEY, b"x" * size)])
        assert type(refusal.value) is StoreError
        assert etcd.health.status.state is State.LIVE


async def test_endpoints_that_nobody_is_at_are_passed_over(cluster: Cluster) -> None:
    there = cluster.members[0].url.replace("127.0.0.1", "localhost")
    endpoints = (NOBODY, "http://nowhere.invalid:2379", there)
    async with open_etcd(cluster.config(endpoints=endpoints)) as etcd:
        assert (await etcd.write([Put(KEY, b"")])).done
        assert etcd.health.status.endpoint == there


async def test_where_nobody_answers_it_is_said_why_and_a_write_is_known_not_to_be_done(
    cluster: Cluster,
) -> None:
    async with open_etcd(cluster.config(endpoints=(NOBODY,)), patience=1.0) as etcd:
        results = await asyncio.gather(
            etcd.get(KEY),
            etcd.write([Put(KEY, b"")]),
            *(etcd.get(KEY) for _ in range(20)),
            return_exceptions=True,
        )
        for result in results:
            assert isinstance(result, StoreUnreachable)
            assert "etcd does not answer: connection refused" in str(result)
        assert etcd.health.status.reason == "connection refused"


@pytest.mark.parametrize("options", [Options(members=3)])
async def test_a_lost_quorum_is_told_from_a_lost_network(cluster: Cluster) -> None:
    async with open_etcd(cluster.config(), patience=4.0) as etcd:
        await etcd.write([Put(KEY, b"")])
        for member in cluster.members[:2]:
            await member.kill()
        with pytest.raises(StoreUnreachable, match="no quorum"):
            await etcd.get(KEY)
        assert etcd.health.status.no_quorum
        for member in cluster.members[:2]:
            await member.start()
        assert await etcd.get(KEY)
        assert etcd.health.status.state is State.LIVE


# -- users --------------------------------------------------------------------------------------

USERS = [Options(token_ttl=300)]


@pytest.mark.parametrize("options", USERS)
async def test_a_user_may_do_what_his_role_says_and_is_told_so(cluster: Cluster) -> None:
    async with open_etcd(cluster.config(ALICE)) as alice, open_etcd(cluster.config(BOB)) as bob:
        await alice.write([Put(KEY, b"1")])
        assert await bob.get(KEY)
        with pytest.raises(StoreRefused, match=r"permission denied .*no such right"):
            await bob.write([Put(KEY, b"2")])
        with pytest.raises(StoreRefused, match="permission denied"):
            await alice.get("/elsewhere")
        assert bob.health.status.state is State.LIVE  # etcd has answered


@pytest.mark.parametrize("options", USERS)
async def test_who_gives_a_wrong_password_or_none_is_told_what_to_check(cluster: Cluster) -> None:
    wrong = ("alice", "wrong")
    async with open_etcd(cluster.config(wrong)) as etcd:
        with pytest.raises(StoreRefused, match=r"authentication failed.*\(check user and password_file"):
            await etcd.get(KEY)
    async with open_etcd(cluster.config(user=None, password=None)) as etcd:
        with pytest.raises(StoreRefused, match=r"asks who we are \(give user and password_file"):
            await etcd.get(KEY)


@pytest.mark.parametrize("options", [Options(token_ttl=1), Options(token_ttl=300, jwt=True)])
async def test_a_token_that_etcd_no_longer_takes_is_renewed_once_for_all_who_need_one(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    authenticate = Etcd._authenticate

    async def counted(self: Etcd, *args: Any) -> str:
        nonlocal asked
        asked += 1
        return await authenticate(self, *args)

    monkeypatch.setattr(Etcd, "_authenticate", counted)
    monkeypatch.setattr("console.store.health.PROBE_EVERY_S", 3600)
    async with open_etcd(cluster.config()) as etcd:
        await etcd.get(KEY)
        if cluster.options.jwt:
            await cluster.etcdctl("role", "add", "another", user=ROOT)  # of an older state of the users
        else:
            await asyncio.sleep(3)  # it runs out
        await asyncio.gather(*(etcd.get(KEY) for _ in range(20)))
    assert asked == 2


async def test_a_user_is_no_hindrance_where_etcd_asks_for_none(cluster: Cluster) -> None:
    async with open_etcd(cluster.config(ALICE)) as etcd:
        assert (await etcd.write([Put(KEY, b"")])).done
        await cluster.ask_for_users()
        assert await etcd.get(KEY)


# -- TLS ----------------------------------------------------------------------------------------

TLS = [Options(tls=True)]


@pytest.mark.parametrize("options", TLS)
async def test_over_tls_a_client_with_a_certificate_gets_in_by_name_and_by_address(cluster: Cluster) -> None:
    url = cluster.members[0].url
    for endpoint in (url, url.replace("127.0.0.1", "localhost")):
        async with open_etcd(cluster.config(endpoints=(endpoint,))) as etcd:
            assert (await etcd.write([Put(KEY, b"")])).done


@pytest.mark.parametrize("options", TLS)
@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("another's authority", r"TLS: its certificate is not of an authority that we trust \(check ca"),
        ("no authority", r"TLS: its certificate is not of an authority that we trust \(check ca"),
        ("no certificate", r"TLS: it does not take our certificate, or asks for one \(check cert and key"),
        ("another's certificate", r"TLS: it does not take our certificate, or asks for one \(check cert"),
        ("no key of the certificate's", r"TLS: our certificate and key cannot be used \(check cert and key"),
    ],
)
async def test_a_handshake_that_comes_to_nothing_is_told_at_once(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, words: str
) -> None:
    monkeypatch.setattr("console.store.client._PAUSE_S", float("inf"))  # there is no second try
    other = Authority(tmp_path, "other")
    pair = other.pair("stranger")
    replaced: dict[str, dict[str, Any]] = {
        "another's authority": {"ca": other.ca},
        "no authority": {"ca": None},
        "no certificate": {"cert": None, "key": None},
        "another's certificate": {"cert": pair.cert, "key": pair.key},
        "no key of the certificate's": {"key": pair.key},
    }
    async with open_etcd(cluster.config(**replaced[given])) as etcd:
        with pytest.raises(StoreRefused, match=words):
            await etcd.get(KEY)


async def test_https_to_a_member_that_speaks_http_is_told_as_such(cluster: Cluster) -> None:
    url = cluster.members[0].url
    async with open_etcd(cluster.config(endpoints=(url.replace("http:", "https:"),)), patience=1.0) as etcd:
        with pytest.raises(StoreUnreachable, match="does it speak https"):
            await etcd.get(KEY)

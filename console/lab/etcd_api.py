"""Asking a member of the lab's etcd: is it healthy, who are the members, and changing who they are.

Protocol: etcd 3.5's JSON gateway for its gRPC API (dev-guide, "api_grpc_gateway"; messages of rpc.proto),
and `/health`, over TLS with the lab's client certificate.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.errors import LabError
from console.lab.certificates import Authority, write_private
from console.lab.etcd_member import CLIENT_PORT

_ANSWERS_WITHIN = 10.0  # seconds; a member that finds no leader says so after seven
_READY_WITHIN = 60.0  # members must know each other for five seconds before etcd lets another in
_READ = "list"
_MOST = 1 << 20  # bytes of an answer; a list of five members has two thousand


@dataclass(frozen=True, slots=True)
class Credentials:
    """The files in `folder` that a client of the lab's etcd needs."""

    folder: Path

    @property
    def authority(self) -> Authority:
        return Authority(self.folder)

    @property
    def certificate(self) -> Path:
        return self.folder / "client.pem"

    @property
    def key(self) -> Path:
        return self.folder / "client.key"

    def ensure(self, lab: str) -> None:
        """Have the authority of the lab called `lab`, and a client's certificate from it."""
        self.authority.ensure(f"{lab} etcd")
        if not self.certificate.exists():
            client = self.authority.issue("quarterdeck")
            write_private(self.key, client.key)
            self.certificate.write_text(client.certificate)

    def context(self) -> ssl.SSLContext:
        """TLS that trusts the lab's authority alone, and shows the client's certificate."""
        context = ssl.create_default_context(cafile=self.authority.certificate)
        context.load_cert_chain(self.certificate, self.key)
        return context


@dataclass(frozen=True, slots=True)
class Member:
    """One member as the cluster knows it. `name` is empty until it has run once; a learner has no vote."""

    id: str
    name: str
    peer_url: str
    learner: bool


class EtcdApi:
    """One member at `address`, called `host`."""

    def __init__(self, host: str, address: str, credentials: Credentials) -> None:
        self._host = host
        self._address = address
        self._tls = credentials.context()

    async def healthy(self) -> bool:
        """Whether the member answers a linearizable read, so has a majority of the cluster behind it."""
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            status, text = await asyncio.to_thread(self._ask, "GET", "/health", "")
            return status == 200 and json.loads(text).get("health") == "true"
        return False

    async def until_healthy(self) -> None:
        """Wait until it is."""
        while True:
            if await self.healthy():
                return
            await asyncio.sleep(0.05)

    async def members(self) -> list[Member]:
        """Who the members are, by a linearizable read.

        :raises LabError: no answer, or the cluster has no majority.
        """
        return _members(await self._call(_READ, {"linearizable": True}))

    async def add_learner(self, peer_url: str) -> list[Member]:
        """Make room for a member at `peer_url`; all members then.

        :raises LabError: no answer, or a refusal.
        """
        return _members(await self._call("add", {"peerURLs": [peer_url], "isLearner": True}))

    async def promote(self, member: Member) -> None:
        """Give a learner its vote, as soon as it has caught up.

        :raises LabError: no answer, a refusal, or it does not catch up.
        """
        await self._call("promote", {"ID": member.id})

    async def remove(self, member: Member) -> None:
        """Take a member out of the cluster, for ever; what it has on its disk is of no more use.

        :raises LabError: no answer, or a refusal.
        """
        await self._call("remove", {"ID": member.id})

    async def _call(self, verb: str, message: dict[str, Any]) -> dict[str, Any]:
        """One request; asked again if it is a read, or was refused as too early, which changes nothing."""
        deadline = time.monotonic() + _READY_WITHIN
        while True:
            status, text = await self._answer(verb, json.dumps(message))
            if status == 200:
                answer: dict[str, Any] = json.loads(text)
                return answer
            said = refusal(text)
            if time.monotonic() > deadline or not (verb == _READ or too_early(said)):
                raise LabError(f"etcd refused member {verb}: {said}", host=self._host)
            await asyncio.sleep(0.2)

    async def _answer(self, verb: str, body: str) -> tuple[int, str]:
        try:
            return await asyncio.to_thread(self._ask, "POST", f"/v3/cluster/member/{verb}", body)
        except (OSError, http.client.HTTPException) as error:
            raise LabError(f"etcd gave no answer to member {verb}: {error!r}", host=self._host) from error

    def _ask(self, method: str, path: str, body: str) -> tuple[int, str]:
        connection = http.client.HTTPSConnection(
            self._address, CLIENT_PORT, timeout=_ANSWERS_WITHIN, context=self._tls
        )
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            return response.status, response.read(_MOST).decode("utf-8", "replace")
        finally:
            connection.close()


def refusal(text: str) -> str:
    """Why etcd refused, from the text of its answer. Pure."""
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text[:200]


def too_early(said: str) -> bool:
    """Whether etcd will take the change a little later (words of api/v3rpc/rpctypes/error.go). Pure."""
    return any(
        words in said for words in ("unhealthy cluster", "in sync with leader", "not enough started members")
    )


def _members(answer: dict[str, Any]) -> list[Member]:
    listed: Sequence[dict[str, Any]] = answer.get("members", ())
    return [
        # The gateway leaves out what is empty, false or 0.
        Member(one["ID"], one.get("name", ""), one["peerURLs"][0], one.get("isLearner", False))
        for one in listed
    ]

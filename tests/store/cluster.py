"""Real etcd on the loopback: one member or three, which tests kill, freeze, cut off and start again.

async with running_cluster(folder, members=3) as cluster:
    async with open_etcd(cluster.config()) as etcd: …
    (await cluster.leader()).freeze()
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from console.model.config import EtcdConfig
from tests.conftest import REQUIRE_LAB
from tests.store.certificates import Authority, Pair, private_pem, public_pem
from tests.store.network import Link

#: The programs; another etcd than the system's is tried by naming its folder.
_FOLDER = os.environ.get("QUARTERDECK_TEST_ETCD")
ETCD = shutil.which("etcd", path=_FOLDER)
ETCDCTL = shutil.which("etcdctl", path=_FOLDER)

#: Where the lab must run, as in CI, etcd is there too: without it these tests fail, and are not passed over.
needs_etcd = pytest.mark.skipif(
    (ETCD is None or ETCDCTL is None) and not os.environ.get(REQUIRE_LAB),
    reason="needs etcd-server and etcd-client",
)

#: Until a cluster takes writes, or has a leader again. Seconds.
_SETTLES_S = 20.0

ROOT = ("root", "root's own")
ALICE = ("alice", "wonderland")  # may do everything below the prefix
BOB = ("bob", "builder")  # may read there


@dataclass(frozen=True)
class Options:
    """How a cluster is to be.

    :param tls: clients have to show a certificate.
    :param token_ttl: seconds after which a user's token ends; users are asked for where it is given.
    :param jwt: tokens end at that time, however much they are used.
    :param proxied: links can be cut.
    """

    members: int = 1
    tls: bool = False
    token_ttl: int | None = None
    jwt: bool = False
    proxied: bool = False
    durable: bool = False
    more: Sequence[str] = ()


@dataclass
class Member:
    """One etcd process. `identity` is its id in hexadecimal, as members write it."""

    name: str
    argv: list[str]
    url: str
    client_port: int
    log: Path
    identity: str = ""
    links: list[Link] = field(default_factory=list)
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        assert self.process is None
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.argv, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
            )

    async def kill(self) -> None:
        """As a power cut does."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            await process.wait()

    def freeze(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGCONT)


class Cluster:
    """Made by `running_cluster`."""

    def __init__(self, options: Options, members: list[Member], authority: Authority | None) -> None:
        self.options = options
        self.members = members
        self.authority = authority
        self._apart: set[str] = set()
        self.client: Pair | None = authority.pair("client") if authority else None

    def config(self, who: tuple[str, str] | None = None, **more: Any) -> EtcdConfig:
        """How a client reaches it."""
        given: dict[str, Any] = {"endpoints": tuple(member.url for member in self.members)}
        if self.authority and self.client:
            given |= {"ca": self.authority.ca, "cert": self.client.cert, "key": self.client.key}
        if self.options.token_ttl is not None and who is None:
            who = ALICE
        if who is not None:
            given |= {"user": who[0], "password": who[1]}
        return EtcdConfig(**(given | more))

    @asynccontextmanager
    async def way(self) -> AsyncIterator[tuple[tuple[Link, ...], tuple[str, ...]]]:
        """A client's own links to all members, and the endpoints at their beginnings."""
        async with AsyncExitStack() as stack:
            links = [await stack.enter_async_context(Link(one.client_port).open()) for one in self.members]
            scheme = "https" if self.options.tls else "http"
            yield tuple(links), tuple(f"{scheme}://127.0.0.1:{link.port}" for link in links)

    # -- what befalls it --------------------------------------------------------------------

    def apart(self, source: str, target: str) -> bool:
        """Whether a connection between these two members is cut."""
        return source != target and bool(self._apart & {source, target})

    @asynccontextmanager
    async def partition(self, member: Member) -> AsyncIterator[None]:
        """Neither members nor clients get through to `member`, nor it to them."""
        assert self.options.proxied
        for link in member.links:
            link.cut()
        self._apart.add(member.identity)
        try:
            yield
        finally:
            # What lost something on its way is reset before anything new gets through.
            for one in self.members:
                for link in one.links:
                    link.heal()
            self._apart.clear()

    async def restart(self) -> None:
        """All members die at once, and come back."""
        for member in self.members:
            await member.kill()
        for member in self.members:
            await member.start()

    async def compact(self, revision: int) -> None:
        """Forget what was before `revision`."""
        await self.etcdctl(
            "compact", str(revision), user=ROOT if self.options.token_ttl is not None else None
        )

    # -- what it says -----------------------------------------------------------------------

    async def etcdctl(self, *words: str, endpoint: str = "", user: tuple[str, str] | None = None) -> bytes:
        """etcd's own client. :raises RuntimeError: it has failed."""
        process = await asyncio.create_subprocess_exec(
            *self.etcdctl_argv(*words, endpoint=endpoint, user=user),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=os.environ | {"ETCDCTL_API": "3"},
        )
        said, complaint = await process.communicate()
        if process.returncode:
            raise RuntimeError(complaint.decode())
        return said

    def etcdctl_argv(
        self, *words: str, endpoint: str = "", user: tuple[str, str] | None = None
    ) -> Sequence[str]:
        assert ETCDCTL
        argv = [ETCDCTL, f"--endpoints={endpoint or ','.join(member.url for member in self.members)}"]
        argv += ["--command-timeout=2s", "--dial-timeout=1s"]
        if self.authority and self.client:
            argv += [
                f"--cacert={self.authority.ca}",
                f"--cert={self.client.cert}",
                f"--key={self.client.key}",
            ]
        if user is not None:
            argv += [f"--user={user[0]}:{user[1]}"]
        return [*argv, *words]

    async def leader(self, but: Member | None = None) -> Member:
        """The leader in the eyes of any member other than `but`, waited for."""
        async with asyncio.timeout(_SETTLES_S):
            while True:
                for member in self.members:
                    if member is but or member.process is None:
                        continue
                    leader = await self._leader_of(member)
                    for one in self.members:
                        if one.identity == leader and one is not but:
                            return one
                await asyncio.sleep(0.1)

    async def ready(self) -> None:
        """All members are known and agree."""
        async with asyncio.timeout(_SETTLES_S):
            for member in self.members:
                while not await self._leader_of(member):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)

    async def _leader_of(self, member: Member) -> str:
        """Whom it takes for the leader; empty: nobody, or it does not say."""
        try:
            said = json.loads(await self.etcdctl("endpoint", "status", "-w", "json", endpoint=member.url))
        except RuntimeError:
            return ""
        status = said[0]["Status"]
        member.identity = f"{status['header']['member_id']:x}"
        return f"{status['leader']:x}" if status.get("leader") else ""

    async def ask_for_users(self) -> None:
        """root, ALICE and BOB, and nobody gets in without saying who he is."""
        for words in (
            ("user", "add", ":".join(ROOT)),
            ("user", "grant-role", "root", "root"),
            ("role", "add", "all"),
            ("role", "grant-permission", "all", "readwrite", "--prefix=true", "/quarterdeck/"),
            ("role", "add", "reads"),
            ("role", "grant-permission", "reads", "read", "--prefix=true", "/quarterdeck/"),
            ("user", "add", ":".join(ALICE)),
            ("user", "grant-role", ALICE[0], "all"),
            ("user", "add", ":".join(BOB)),
            ("user", "grant-role", BOB[0], "reads"),
            ("auth", "enable"),
        ):
            await self.etcdctl(*words)


@asynccontextmanager
async def running_cluster(folder: Path, options: Options | None = None) -> AsyncIterator[Cluster]:
    """A cluster that takes writes; nothing is left of it afterwards but its files."""
    options = options or Options()
    cluster = Cluster(options, [], Authority(folder) if options.tls else None)
    async with AsyncExitStack() as stack:
        ports = _free_ports(2 * options.members)
        places = [_Place(f"m{at}", ports[2 * at], ports[2 * at + 1]) for at in range(options.members)]
        if options.proxied:
            for place in places:
                await place.proxied(cluster, stack)
        scheme = "https" if options.tls else "http"
        together = ",".join(f"{place.name}=http://127.0.0.1:{place.peer_outside}" for place in places)
        for place in places:
            argv = _argv(folder, cluster, place, together)
            cluster.members.append(
                Member(
                    place.name,
                    argv,
                    f"{scheme}://127.0.0.1:{place.client_outside}",
                    place.client,
                    folder / f"{place.name}.log",
                    links=place.links,
                )
            )
        try:
            for member in cluster.members:
                await member.start()
            await cluster.ready()
            if options.token_ttl is not None:
                await cluster.ask_for_users()
            yield cluster
        finally:
            for member in cluster.members:
                await member.kill()


@dataclass
class _Place:
    """Where a member listens, and where others find it."""

    name: str
    peer: int
    client: int
    links: list[Link] = field(default_factory=list)

    @property
    def peer_outside(self) -> int:
        return self.links[0].port if self.links else self.peer

    @property
    def client_outside(self) -> int:
        return self.links[1].port if self.links else self.client

    async def proxied(self, cluster: Cluster, stack: AsyncExitStack) -> None:
        def apart(source: str) -> bool:
            here = next((one.identity for one in cluster.members if one.name == self.name), "")
            return cluster.apart(source, here)

        self.links = [
            await stack.enter_async_context(Link(self.peer, apart).open()),
            await stack.enter_async_context(Link(self.client).open()),
        ]


def _argv(folder: Path, cluster: Cluster, place: _Place, together: str) -> list[str]:
    options = cluster.options
    assert ETCD
    scheme = "https" if options.tls else "http"
    argv = [
        ETCD,
        f"--name={place.name}",
        f"--data-dir={folder / place.name}",
        f"--listen-client-urls={scheme}://127.0.0.1:{place.client}",
        f"--advertise-client-urls={scheme}://127.0.0.1:{place.client_outside}",
        f"--listen-peer-urls=http://127.0.0.1:{place.peer}",
        f"--initial-advertise-peer-urls=http://127.0.0.1:{place.peer_outside}",
        f"--initial-cluster={together}",
        "--logger=zap",
        *options.more,
    ]
    if options.members == 1:
        argv += ["--heartbeat-interval=10", "--election-timeout=100"]  # it has nobody to wait for
    if not options.durable:
        argv.append("--unsafe-no-fsync")
    if cluster.authority:
        pair = cluster.authority.pair(place.name)
        argv += [f"--cert-file={pair.cert}", f"--key-file={pair.key}", "--client-cert-auth"]
        argv += [f"--trusted-ca-file={cluster.authority.ca}"]
    if options.token_ttl is not None:
        argv += ["--bcrypt-cost=4", f"--auth-token-ttl={options.token_ttl}"]
        if options.jwt:
            argv.append(f"--auth-token={_jwt(folder, options.token_ttl)}")
    return argv


def _jwt(folder: Path, ttl: int) -> str:
    """What makes etcd's tokens end after `ttl` seconds, whether they are used or not."""
    private, public = folder / "jwt-key.pem", folder / "jwt.pem"
    if not private.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        private.write_bytes(private_pem(key))
        public.write_bytes(public_pem(key))
    return f"jwt,pub-key={public},priv-key={private},sign-method=ES256,ttl={ttl}s"


def _free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody listens on just now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()

"""The lab: real hosts on one machine, made, broken and taken away.

A lab is a state folder, a bridge, and a cell for each host (cells.py). Every command first looks at
what is there, so that one which was interrupted or killed is mended by the next.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from console.errors import LabError
from console.lab import cells, etcd_member, ostree_repo, registry, state
from console.lab import engine as lab_engine
from console.lab.etcd_api import Credentials
from console.lab.etcd_cluster import EtcdCluster
from console.lab.fleetfile import Etcd, fleet_toml, known_hosts_text
from console.lab.guest import Guest
from console.lab.image import Image, ImageCache
from console.lab.layout import Layout, default_cache, default_root
from console.lab.limits import raise_limits
from console.lab.lock import locked
from console.lab.network import Network
from console.lab.plan import DEFAULT_HOSTS, ETCD, KINDS, LAYERED, Place, Subnet, converge
from console.lab.requirements import missing_requirements
from console.lab.run import run

__all__ = [
    "DEFAULT_HOSTS",
    "KINDS",
    "Lab",
    "LabHost",
    "LabStatus",
    "default_cache",
    "default_root",
    "missing_requirements",
]

_BOOT_AT_ONCE = 4  # hosts; more only wait for each other's disk and processor


@dataclass(frozen=True, slots=True)
class LabHost:
    """One host. `state` is `running`, `off`, `frozen`, `cut` (off the network) or `slow`."""

    name: str
    address: str
    kind: str
    state: str


@dataclass(frozen=True, slots=True)
class LabStatus:
    """The lab as it is.

    :param config: its fleet file; it exists while the lab has hosts.
    :param engine: whether its engine runs; None where it is to have none.
    """

    config: Path
    hosts: tuple[LabHost, ...]
    engine: bool | None = None


class Lab:
    """The lab whose state is in `root`, its image in `cache`; `report` gets lines for a person."""

    def __init__(self, root: Path, cache: Path, report: Callable[[str], None]) -> None:
        self._layout = Layout.here(root.resolve())
        self._images = ImageCache(cache.resolve(), report)
        self._network = Network(self._layout, report)
        self._report = report

    async def up(
        self, wanted: Mapping[str, int], *, exact: bool = False, engine: Sequence[str] = ()
    ) -> LabStatus:
        """Have at least `wanted` hosts of each kind (`exact`: that many, no others), all running and whole.

        Returns when each answers over SSH, its systemd has booted, its engine answers and its sample
        containers exist, and the etcd of the etcd hosts is healthy. An etcd that grows or shrinks keeps its
        data. Hosts made from an older image are made anew.

        :param engine: how the program is started that is to be the lab's engine, up to `--config FILE`; it
            runs where the lab has an etcd. None is there without it.
        :raises LabError: this machine cannot, or a host does not come up; what is up stays.
        """
        self._check()
        converge((), wanted, exact=exact)  # a wrong wish is refused before anything is touched
        async with self._alone():
            image = await self._images.image()
            before = self._load()
            if before is not None and self._images.claimed(self._layout.id) != image:
                lost = ", and etcd without its data" if _members(before.hosts) else ""
                self._report(f"the image has changed: making the hosts anew{lost}")
                await self._clear()
                before = None
            subnet = await self._network.ensure(before.subnet if before else None)
            plan = converge(before.hosts if before else (), wanted, exact=exact)
            await asyncio.to_thread(raise_limits, len(plan.hosts), self._report)
            state.save(self._layout.state, subnet, (*plan.hosts, *plan.removed))
            self._images.claim(self._layout.id, self._layout.state, image)
            await self._make_key()
            if _members(plan.hosts):
                await asyncio.to_thread(Credentials(self._layout.etcd).ensure, self._layout.bridge)
            if await registry.ensure(self._cells, image, self._layout.registry, subnet.registry):
                self._report(f"registry: {subnet.registry}/{registry.REPOSITORY}")
            guests, removed = self._guests(plan.hosts, subnet), self._guests(plan.removed, subnet)
            cluster = EtcdCluster(guests, removed, subnet, self._layout.bridge)
            for guest in removed:
                if guest not in cluster.leaving:
                    lost = ", and etcd's data with it" if etcd_member.has_data(guest.folder) else ""
                    await guest.remove()
                    self._report(f"{guest.name}: removed{lost}")
            if any(place.kind not in LAYERED for place in plan.hosts):
                await self._publish(image, subnet)
            there = (*plan.hosts, *(guest.place for guest in cluster.leaving))
            await self._tidy(there)
            await cluster.clear()
            for guest in guests:
                await guest.prepare(image)
            cluster.found()
            state.save(self._layout.state, subnet, there)
            self._write_files(guests, plan.hosts, subnet)
            present = [guest for guest in (*guests, *cluster.leaving) if not cluster.later(guest)]
            await self._bring_up(present, image)
            await cluster.settle(lambda guest: self._boot(guest, image), self._report)
            state.save(self._layout.state, subnet, plan.hosts)
            await self._engine(engine if _members(plan.hosts) else ())
            return await self.status()

    async def down(self) -> None:
        """Take everything away: processes, network, files. Nothing there: nothing to do.

        :raises LabError: not allowed to, or a process does not end.
        """
        self._check()
        async with self._alone():
            await self._clear()
            self._layout.lock.unlink()
            self._layout.root.rmdir()

    async def status(self) -> LabStatus:
        """What there is, and in which state."""
        now = self._load()
        if now is None:
            return LabStatus(self._layout.config, ())
        hosts = [
            LabHost(guest.name, guest.address, guest.place.kind, await guest.state())
            for guest in self._guests(now.hosts, now.subnet)
        ]
        engine = cells.alive(self._cells, lab_engine.CELL) if self._layout.engine.exists() else None
        return LabStatus(self._layout.config, tuple(hosts), engine)

    async def exec(self, host: str, argv: Sequence[str]) -> int:
        """Run `argv` as root inside `host`, past its network and sshd, on our stdio; its exit code."""
        self._check()
        return await self._guest(host).exec(argv)

    async def kill(self, host: str) -> None:
        """Cut the host's power: all in it ends at once, nothing is flushed, cut and slow are forgotten."""
        async with self._one(host) as guest:
            await guest.power_cut()

    async def start(self, host: str) -> None:
        """Boot a host that is off, and wait for it as `up` does. A host that runs is left alone.

        :raises LabError: it is frozen, or does not come up.
        """
        async with self._one(host) as guest:
            image = self._claimed()
            if await guest.state() == "frozen":
                raise LabError("is frozen", host=host, hint=f"lab thaw {host}")
            if guest.leader() is None:
                await self._boot(guest, image, alone=await self._outnumbered(guest))

    async def release(self, version: str) -> None:
        """From now on the lab's atomic hosts find `version` when they look for an update.

        :raises LabError: there is no such version, or no lab.
        """
        self._check()
        async with self._alone():
            ostree = ostree_repo.Ostree(self._claimed().folder)
            await ostree_repo.release(ostree, self._layout.updates, version)

    async def cut(self, host: str) -> None:
        """Take the host off the network while it runs: packets vanish in both directions.

        Established connections hang; new ones time out (never "refused", never "no route to host").
        """
        async with self._one(host) as guest:
            await guest.cut()

    async def heal(self, host: str) -> None:
        """Undo `cut` and `slow`. Connections that hung through a cut go on; slow ones are reset."""
        async with self._one(host) as guest:
            await guest.heal()

    async def freeze(self, host: str) -> None:
        """Stop every process of the host where it is: connections hang, its clock goes on, nothing is lost.

        As long as it lasts the kernel answers for it: it acknowledges packets and takes new connections.
        """
        async with self._one(host) as guest:
            await guest.freeze()

    async def thaw(self, host: str) -> None:
        """Undo `freeze`; a host that is not frozen is left alone."""
        async with self._one(host) as guest:
            await guest.thaw()

    async def slow(
        self, host: str, *, delay: float = 0.0, rate: float | None = None, stall: bool = False
    ) -> None:
        """Make the host's SSH slow: `delay` seconds one way, `rate` bytes per second each way.

        With `stall` connections are accepted and then nothing comes. Connections that are open now are
        reset, and the line counts for those made after; on a host that is slow already it changes under
        those there are. Other ports of the public address do not answer.
        """
        if delay < 0 or (rate is not None and rate <= 0):
            raise LabError("a line has a delay of 0 s or more and a rate above 0 bytes per second", host=host)
        async with self._one(host) as guest:
            await guest.slow(delay, rate, stall)

    @property
    def _cells(self) -> cells.Cells:
        return cells.cells_for(self._layout.id)

    def _check(self) -> None:
        if problems := missing_requirements():
            raise LabError("the lab cannot run here: " + "; ".join(problems))

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        with _told():
            async with locked(self._layout.lock, "another lab command", self._report):
                yield

    @asynccontextmanager
    async def _one(self, host: str) -> AsyncIterator[Guest]:
        self._check()
        self._guest(host)
        async with self._alone():
            yield self._guest(host)

    def _claimed(self) -> Image:
        """The image that the lab was made from."""
        image = self._images.claimed(self._layout.id)
        if image is None:
            why = f"there is no lab in {self._layout.root}, or its image is gone"
            raise LabError(why, hint="lab up makes it anew")
        return image

    def _load(self) -> state.State | None:
        with _told():
            return state.load(self._layout.state)

    def _guest(self, host: str) -> Guest:
        now = self._load()
        if now is None:
            raise LabError(f"there is no lab in {self._layout.root}", hint="lab up makes one")
        return self._guests((now.host(host),), now.subnet)[0]

    def _guests(self, places: Iterable[Place], subnet: Subnet) -> list[Guest]:
        return [Guest(place, subnet, self._layout, self._cells, self._network) for place in places]

    async def _make_key(self) -> None:
        key = self._layout.key
        if not key.with_suffix(".pub").exists():
            key.unlink(missing_ok=True)
            comment = ["-C", "quarterdeck lab"]
            await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", *comment, "-f", str(key)])

    async def _publish(self, image: Image, subnet: Subnet) -> None:
        ostree = ostree_repo.Ostree(image.folder)
        await ostree_repo.publish(ostree, self._layout.updates)
        if await ostree_repo.serve(self._cells, self._layout.updates, subnet.updates):
            self._report(f"updates: http://{subnet.updates}, branch {ostree_repo.BRANCH}")

    async def _tidy(self, places: Iterable[Place]) -> None:
        """Remove host folders that an interrupted command left."""
        keep = {place.name for place in places}
        self._layout.hosts.mkdir(exist_ok=True)
        for folder in list(self._layout.hosts.iterdir()):
            if folder.name not in keep:
                await asyncio.to_thread(ostree_repo.remove, folder)

    def _write_files(self, guests: Iterable[Guest], places: Iterable[Place], subnet: Subnet) -> None:
        layout = self._layout
        keys = [(guest.address, guest.host_key.read_text()) for guest in guests]
        state.replace(layout.known_hosts, known_hosts_text(keys))
        endpoints = tuple(etcd_member.endpoint(place, subnet) for place in _members(places))
        client = Credentials(layout.etcd)
        etcd = Etcd(endpoints, client.authority.certificate, client.certificate, client.key)
        text = fleet_toml(places, subnet, layout.key, layout.known_hosts, etcd if endpoints else None)
        state.replace(layout.config, text)

    async def _engine(self, program: Sequence[str]) -> None:
        """Have the lab's engine run as `program`, or have none."""
        layout = self._layout
        if not program:
            await lab_engine.end(self._cells)
            await asyncio.to_thread(shutil.rmtree, layout.engine, ignore_errors=True)
            return
        argv = [*program, "--config", str(layout.config), "--batch", "engine", "run"]
        if await lab_engine.ensure(self._cells, argv, layout.engine, (layout.config, layout.known_hosts)):
            self._report(f"an engine: {layout.engine / 'log'} is what it says")

    async def _bring_up(self, guests: Iterable[Guest], image: Image) -> None:
        slots = asyncio.Semaphore(_BOOT_AT_ONCE)

        async def one(guest: Guest) -> None:
            async with slots:
                # Without its supervisor a host would not come back from a reboot.
                if guest.leader() is not None and guest.supervised():
                    await guest.thaw()
                    await guest.heal()
                    await guest.ready()
                else:
                    await self._boot(guest, image)

        try:
            async with asyncio.TaskGroup() as group:
                for guest in guests:
                    group.create_task(one(guest))
        except* LabError as errors:
            raise _first(errors) from None

    async def _outnumbered(self, guest: Guest) -> bool:
        """Whether the guest, when it runs, has no majority of its etcd with it; says so."""
        now = self._load()
        if now is None or guest.place.kind != ETCD:
            return False
        members = self._guests(_members(now.hosts), now.subnet)
        others = [await other.state() for other in members if other.name != guest.name]
        with_it = 1 + sum(word in ("running", "slow") for word in others)
        if with_it >= etcd_member.majority(len(members)):
            return False
        self._report(f"{guest.name}: etcd waits for others, {with_it} of {len(members)} members run")
        return True

    async def _boot(self, guest: Guest, image: Image, *, alone: bool = False) -> None:
        started = time.monotonic()
        await guest.boot(image)
        await guest.ready(alone=alone)
        self._report(f"{guest.name}: booted in {time.monotonic() - started:.1f} s")

    async def _clear(self) -> None:
        """Leave nothing of the lab but the lock that we hold."""
        await self._cells.kill_all()
        await self._network.remove()
        self._images.release(self._layout.id)
        await self._tidy(())
        # The state goes last: what is interrupted here is still known to the next command.
        for path in sorted(self._layout.root.iterdir(), key=lambda path: path == self._layout.state):
            if path.is_dir():
                await asyncio.to_thread(shutil.rmtree, path)
            elif path != self._layout.lock:
                path.unlink()


def _members(places: Iterable[Place]) -> list[Place]:
    return [place for place in places if place.kind == ETCD]


@contextmanager
def _told() -> Iterator[None]:
    """What the operating system refuses (no space, no permission) is the lab's to say."""
    try:
        yield
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise LabError(f"{where}{error.strerror or error}") from error


def _first(errors: ExceptionGroup[LabError]) -> LabError:
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error

"""One host of the lab: its folder, its power, and whether it is ready.

What is true is read from the machine (its cell, its init, its cable), never from a file of ours, so a
command that was killed half-way leaves nothing that is believed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath

from console.errors import LabError
from console.lab import cgroup, etcd_member, ostree_repo, recipe
from console.lab.boot import BootSpec
from console.lab.cells import Cells, alive
from console.lab.certificates import write_private
from console.lab.etcd_api import Credentials, EtcdApi
from console.lab.image import Image
from console.lab.layout import Layout
from console.lab.network import Network
from console.lab.plan import ETCD, LAYERED, Place, Subnet
from console.lab.proxy import SSH_PORT, ProxySpec
from console.lab.run import outcome, run

#: Where each engine keeps images and containers: on a real file system, since overlays do not stack on one.
_STORAGE = {"docker": "/var/lib/docker", "podman": "/var/lib/containers"}
_SOCKET = {"docker": "/run/docker.sock", "podman": "/run/podman/podman.sock"}
#: What is in a host's folder: with an overlay for a root, and with deployments.
_LAYERED_PARTS = ("root", "upper/etc", "work", "storage")
_BOOTED_PARTS = ("root", "sysroot")
_BOOTS_WITHIN = 120.0  # seconds, on a busy machine; three are usual
_ALL_SPACES = ("mount", "uts", "ipc", "net", "pid", "cgroup")
_RELEASED_WITHIN = 0.2  # seconds
_FREEZES_WITHIN = 10.0  # seconds; milliseconds, unless something in it waits for a disk
_MANAGER = ("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
#: systemctl would do, were it not for its look at /proc/1, which from another process namespace is no host's.
_SYSTEM_STATE = ("/usr/bin/busctl", "get-property", *_MANAGER, "SystemState")
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}


class Guest:
    """One host. Its supervisor (boot.py) runs in the cell named after it, its proxy in `NAME.proxy`."""

    def __init__(self, place: Place, subnet: Subnet, layout: Layout, cells: Cells, network: Network) -> None:
        self.place = place
        self.name = place.name
        self.folder = layout.host(place.name)
        self._subnet = subnet
        self._layout = layout
        self._cells = cells
        self._network = network
        self._proxy = f"{place.name}.proxy"

    @property
    def address(self) -> str:
        return self._subnet.public(self.place.number)

    @property
    def host_key(self) -> Path:
        """Its public key; a copy, since an atomic host's /etc is another with each version."""
        return self.folder / "host_key.pub"

    @property
    def _machine(self) -> Path:
        """The control group of all that is the host's own, as boot.py makes it."""
        return self._cells.folder(self.name) / "machine"

    def leader(self) -> int | None:
        """The host's init as this machine numbers it; None while the host is off."""
        return cgroup.leader(self._machine)

    def supervised(self) -> bool:
        """Whether the process that boots it again after a reboot is there."""
        return bool(cgroup.processes(self._cells.folder(self.name) / "boot"))

    async def state(self) -> str:
        """`running`, `off`, `frozen`, `cut` or `slow`; the first that is so."""
        if self.leader() is None:
            return "off"
        if cgroup.frozen(self._machine):
            return "frozen"
        if await self._network.is_cut(self.place):
            return "cut"
        return "slow" if cgroup.processes(self._cells.folder(self._proxy)) else "running"

    async def prepare(self, image: Image) -> None:
        """Make the host's folder: identity, keys, what it needs to know of the lab. Whole or not there."""
        if self.folder.is_dir():
            return
        new = self.folder.with_name(f".new-{self.name}")
        layered = self.place.kind in LAYERED
        await asyncio.to_thread(_start_over, new, _LAYERED_PARTS if layered else _BOOTED_PARTS)
        if layered:
            etc = new / "upper/etc"
        else:
            ostree, remote = ostree_repo.Ostree(image.folder), f"http://{self._subnet.updates}"
            etc = await ostree_repo.make_sysroot(ostree, new / "sysroot", remote) / "etc"
        self._write_etc(etc)
        if self.place.kind == ETCD:
            self._write_certificates(etc.parent)
        key = etc / "ssh/ssh_host_ed25519_key"
        await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.name, "-f", str(key)])
        shutil.copyfile(key.with_suffix(".pub"), new / self.host_key.name)
        if self.place.kind == "update-engine":  # whose systems have one /etc between them
            await run(["cp", "--archive", str(etc), str(new / "etc")])
        new.rename(self.folder)

    async def boot(self, image: Image) -> None:
        """Power on. Ready is another matter: `ready`."""
        await self.power_cut()
        engine = self.place.kind
        binds = {_STORAGE[engine]: self.folder / "storage"} if engine in _STORAGE else {}
        etc = self.folder / "etc"
        spec = BootSpec(
            name=self.name,
            machine=f"{self._layout.bridge}-{self.name}",
            folder=self.folder,
            layers=image.layers(self.place.kind),
            binds=binds,
            wiring=self._network.wiring(self.place, self._subnet),
            etc=etc if etc.is_dir() else None,
        )
        file = self.folder / "boot.json"
        spec.write(file)
        await self._cells.start(self.name, _module("console.lab.boot", file), self.folder / "console.log")

    async def ready(self, *, alone: bool = False) -> None:
        """Wait until it has booted, its sshd answers, and its engine does, or its etcd.

        A member of an etcd that is `alone`, without a majority, does not boot to the end: its unit waits
        for the others. Then sshd is all there is to wait for.

        :raises LabError: it powered off, or took too long.
        """
        try:
            async with asyncio.timeout(_BOOTS_WITHIN):
                if not alone:
                    await self._booted()
                await _banner(self._subnet.back(self.place.number))
                if self.place.kind in _SOCKET:
                    await self._engine_answers()
                    self._check_samples()
                if self.place.kind == ETCD and not alone:
                    await self.etcd().until_healthy()
        except TimeoutError as error:
            hint = f"see {self.folder / 'console.log'}"
            raise LabError(f"not ready after {_BOOTS_WITHIN:.0f} s", host=self.name, hint=hint) from error

    async def power_cut(self) -> None:
        """Everything in it ends at once, and its faults with it."""
        await self._cells.kill(self._proxy)
        await self._cells.kill(self.name)
        for link in (self._layout.proxy_link(self.place.number), self._layout.link(self.place.number)):
            await self._network.unplug(link)
        await self._network.forget(self.place, self._subnet)

    async def remove(self) -> None:
        """Power cut, and its folder goes."""
        await self.power_cut()
        if self.folder.is_dir():
            doomed = self.folder.rename(self.folder.with_name(f".old-{self.name}"))
            await asyncio.to_thread(ostree_repo.remove, doomed)

    def etcd(self) -> EtcdApi:
        """The etcd on it."""
        return EtcdApi(self.name, self._subnet.back(self.place.number), Credentials(self._layout.etcd))

    async def freeze(self) -> None:
        """Stop every process of it where it is.

        :raises LabError: it is off, or something in it cannot be stopped; then nothing of it is.
        """
        self._enter()  # it is on
        cgroup.freeze(self._machine, True)
        try:
            async with asyncio.timeout(_FREEZES_WITHIN):
                await _until(lambda: cgroup.frozen(self._machine))
        except TimeoutError as error:
            cgroup.freeze(self._machine, False)
            raise LabError(f"does not freeze within {_FREEZES_WITHIN:.0f} s", host=self.name) from error

    async def thaw(self) -> None:
        """Let it go on. One that is not frozen is left alone.

        :raises LabError: it is off.
        """
        self._enter()  # it is on
        cgroup.freeze(self._machine, False)
        await _until(lambda: not cgroup.frozen(self._machine))

    async def cut(self) -> None:
        """Off the network, still running."""
        await self.heal()
        await self._network.cut(self.place, self._subnet)

    async def heal(self) -> None:
        """On the network as if it had never been cut or slow."""
        await self._cells.kill(self._proxy)
        await self._network.unplug(self._layout.proxy_link(self.place.number))
        public = f"{self.address}/24"
        await self._ip("address", "replace", public, "dev", "host0")
        await self._network.plug(self.place, self._subnet)

    async def slow(self, delay: float, rate: float | None, stall: bool) -> None:
        """Its public address becomes a proxy's; connections there now are reset, new ones are slow.

        Where it is one already that passes something on, the line changes under the connections there are.
        """
        ready = self.folder / "proxy.ready"
        spec = ProxySpec(
            listen=self.address,
            upstream=self._subnet.back(self.place.number),
            ready=ready,
            wiring=self._network.proxy_wiring(self.place, self._subnet),
            delay=delay,
            rate=rate,
            stall=stall,
        )
        file = self.folder / "proxy.json"
        there = cgroup.processes(self._cells.folder(self._proxy))
        changes = bool(there) and ready.exists() and not (stall or ProxySpec.read(file).stall)
        if not changes:
            await self.heal()
            await self._ip("address", "delete", f"{self.address}/24", "dev", "host0")
        ready.unlink(missing_ok=True)
        spec.write(file)
        if changes:
            for process in there:
                os.kill(process, signal.SIGHUP)
        else:
            log = self.folder / "proxy.log"
            await self._cells.start(self._proxy, _module("console.lab.proxy", file), log)
        try:
            async with asyncio.timeout(10):
                await _until(ready.exists)
        except TimeoutError as error:
            hint = f"see {self.folder / 'proxy.log'}"
            raise LabError("its proxy does not start", host=self.name, hint=hint) from error
        await self._network.forget(self.place, self._subnet)

    async def exec(self, argv: Sequence[str]) -> int:
        """Run `argv` as root inside, on our own stdio; its exit code (128+n for signal n)."""
        environment = _ENVIRONMENT | {k: v for k in ("TERM", "LANG") if (v := os.environ.get(k))}
        process = await asyncio.create_subprocess_exec(*self._enter(), *argv, env=environment)
        release = asyncio.create_task(_release(process.pid))
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
            raise
        finally:
            release.cancel()
        return code if code >= 0 else 128 - code

    def _enter(self, *spaces: str) -> list[str]:
        leader = self.leader()
        if leader is None:
            raise LabError("is off", host=self.name, hint=f"lab start {self.name}")
        return ["nsenter", f"--target={leader}", *(f"--{space}" for space in spaces or _ALL_SPACES), "--"]

    async def _ip(self, *arguments: str) -> None:
        await run([*self._enter("net"), "ip", *arguments])

    def _write_etc(self, etc: Path) -> None:
        registry = self._subnet.registry
        authorized = self._layout.key.with_suffix(".pub").read_text()
        files = {
            "hostname": f"{self.name}\n",
            "hosts": f"127.0.0.1 localhost\n127.0.1.1 {self.name}\n",
            "machine-id": f"{secrets.token_hex(16)}\n",
            "ssh/lab_authorized_keys": authorized,
            "docker/daemon.json": f'{{"log-driver": "journald", "insecure-registries": ["{registry}"]}}\n',
            "containers/registries.conf.d/lab.conf": f'[[registry]]\nlocation="{registry}"\ninsecure=true\n',
            "lab/registry": f"{registry}\n",
        }
        if self.place.kind == "update-engine":
            files["flatcar/update.conf"] = "GROUP=stable\nREBOOT_STRATEGY=off\n"
        for name, text in files.items():
            (etc / name).parent.mkdir(parents=True, exist_ok=True)
            (etc / name).write_text(text)
        links = {
            etc.parent / recipe.CHOSEN_UPDATERS / program: "/" / recipe.UPDATERS_FOLDER / program
            for program in recipe.STAND_INS.get(self.place.kind, ())
        }
        if self.place.kind == "update-engine":
            wants = etc / "systemd/system/multi-user.target.wants/update-engine.service"
            links[wants] = PurePosixPath("/usr/lib/systemd/system/update-engine.service")
        for link, target in links.items():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(target)

    def _write_certificates(self, root: Path) -> None:
        """What an etcd member and its clients know each other by."""
        authority = Credentials(self._layout.etcd).authority
        addresses = etcd_member.addresses(self.place, self._subnet)
        pair = authority.issue(self.name, addresses=addresses, names=(self.name, "localhost"))
        files = etcd_member.certificate_files(authority.certificate.read_text(), pair.certificate)
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        write_private(root / etcd_member.KEY_FILE, pair.key)

    async def _booted(self) -> None:
        """Until systemd has done what it does at boot; `degraded` is a boot too (a sample fails in it)."""
        while True:
            if self.leader() is not None:
                # Only among its files: a program among its processes would be one more that a reboot ends.
                _, out, _ = await outcome([*self._enter("mount"), *_SYSTEM_STATE])
                if out.strip() in ('s "running"', 's "degraded"'):
                    return
            elif not alive(self._cells, self.name):
                log = await asyncio.to_thread((self.folder / "console.log").read_text, "utf-8", "replace")
                said = " / ".join(log.strip().splitlines()[-3:])
                raise LabError(f"does not boot: {said[-300:]}", host=self.name)
            await asyncio.sleep(0.1)

    def _check_samples(self) -> None:
        if not (self.folder / "upper/var/lib/lab/containers").exists():
            unit = f"lab-{self.place.kind}.service"
            hint = f"lab exec {self.name} -- journalctl -u {unit}"
            raise LabError(f"{unit} made no sample containers", host=self.name, hint=hint)

    async def _engine_answers(self) -> None:
        socket = f"/proc/{self.leader()}/root{_SOCKET[self.place.kind]}"
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_unix_connection(socket)
                writer.write(b"GET /_ping HTTP/1.0\r\nHost: lab\r\n\r\n")
                answer = await reader.readline()
                writer.close()
                if b" 200 " in answer:
                    return
            await asyncio.sleep(0.05)


def _start_over(folder: Path, parts: Iterable[str]) -> None:
    """A host's folder with empty `parts`, whatever was there."""
    if folder.exists():
        ostree_repo.remove(folder)
    for part in parts:
        (folder / part).mkdir(parents=True)


def _module(name: str, argument: Path) -> list[str]:
    """Run our module `name` from any folder, with the interpreter and the checkout that we run from."""
    checkout = Path(__file__).parents[2]
    return ["env", f"PYTHONPATH={checkout}", sys.executable, "-m", name, str(argument)]


async def _banner(address: str) -> None:
    """Until an sshd at `address` says who it is."""
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(address, SSH_PORT)
            greeting = await reader.readline()
            writer.close()
            if greeting.startswith(b"SSH-"):
                return
        await asyncio.sleep(0.05)


async def _release(nsenter: int) -> None:
    """For as long as it is not cancelled: let `nsenter` go on where its program has ended and it has not.

    A host that shuts down first stops everything in it, then kills it. nsenter stops itself where its
    program is stopped, so it does not reap it, and the host waits for that before it is off: for ever.
    """
    while True:
        await asyncio.sleep(_RELEASED_WITHIN)
        if _waits_for_its_dead(nsenter):
            os.kill(nsenter, signal.SIGCONT)


def _waits_for_its_dead(pid: int) -> bool:
    state, _ = _state(Path(f"/proc/{pid}/stat"))
    return state == "T" and ("Z", pid) in map(_state, Path("/proc").glob("[0-9]*/stat"))


def _state(stat: Path) -> tuple[str, int]:
    """A process's state letter and its parent, from proc_pid_stat(5); `X` and 0 for one that is gone."""
    try:
        state, parent = stat.read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return "X", 0
    return state, int(parent)


async def _until(condition: Callable[[], bool]) -> None:
    while True:
        if condition():
            return
        await asyncio.sleep(0.02)

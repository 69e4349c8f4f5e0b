"""`etcd …`: the fleet's memory itself: how it is, what it holds, and its upkeep."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from console.actions.plan import Plan, Step
from console.commands.change import FleetChange
from console.commands.command import Command, Recall, argument, option, switch
from console.commands.grammar import format_command
from console.commands.rows.etcd import ETCD, KEY, KEY_DETAIL
from console.commands.values import INTEGER, PATH
from console.errors import NothingSelected, UsageError

if TYPE_CHECKING:
    from console.actions.memory import OnEtcd
    from console.commands.core import Core
    from console.commands.output import Output


class _OfEtcd(Command):
    """Reads etcd, and nothing else will do."""

    recall = Recall.WRITE


@dataclass(frozen=True)
class EtcdStatus(_OfEtcd):
    """Show the fleet's etcd: members, leader, versions, size against the quota, alarms, who holds what."""

    words = ("etcd", "status")

    async def run(self, core: Core, out: Output) -> None:
        from console.commands.etcd_picture import etcd_picture

        out.document(ETCD, await etcd_picture(core.mind))


@dataclass(frozen=True)
class EtcdKeys(_OfEtcd):
    """List the fleet's keys; `etcd keys hosts/` those of hosts."""

    words = ("etcd", "keys")
    under: str | None = argument("KEY", "what they begin with, without the fleet's own prefix")

    async def run(self, core: Core, out: Output) -> None:
        from console.commands.etcd_picture import key_row
        from console.store.values import Span

        memory = core.mind
        found = await memory.etcd.list(Span.under(memory.etcd.prefix + (self.under or "")))
        out.rows(KEY, [key_row(entry) for entry in found.entries])


@dataclass(frozen=True)
class EtcdGet(_OfEtcd):
    """Show what a key of the fleet holds, now or at an earlier revision that etcd still has."""

    words = ("etcd", "get")
    key: str = argument("KEY", "without the fleet's own prefix: hosts/web1", required=True)
    revision: int | None = option(INTEGER, "as it was at this revision")

    async def run(self, core: Core, out: Output) -> None:
        from console.commands.etcd_picture import key_row
        from console.store.values import Span

        memory = core.mind
        span = Span(memory.etcd.prefix + self.key.removeprefix(memory.etcd.prefix))
        found = await memory.etcd.range(span, revision=self.revision or 0)
        if not found.entries:
            when = f" at revision {self.revision}" if self.revision else ""
            raise NothingSelected(f"no key {span.key}{when}", hint="`quarterdeck etcd keys` lists them")
        out.rows(KEY_DETAIL, [key_row(found.entries[0])])


@dataclass(frozen=True)
class EtcdBackup(_OfEtcd):
    """Write all keys of the fleet to a file, as they are at one revision."""

    words = ("etcd", "backup")
    file: str = argument("BACKUP", "the file to write; readable by you alone", required=True)

    @property
    def path(self) -> Path:
        return Path(self.file).expanduser()

    async def run(self, core: Core, out: Output) -> None:
        from console.store.dump import backup

        count = await backup(core.mind.etcd, self.path)
        out.note(f"{self.file}: {count} keys")


@dataclass(frozen=True)
class EtcdRestore(FleetChange):
    """Write the keys of a backup into an etcd that holds none of the fleet's."""

    words = ("etcd", "restore")
    file: str = argument("BACKUP", "a file of `etcd backup`", required=True)

    @property
    def path(self) -> Path:
        return Path(self.file).expanduser()

    async def draw(self, core: Core, out: Output) -> Plan:
        from console.actions.memory import OnEtcd
        from console.store.dump import read_backup, restore

        saved = read_backup(self.path)
        etcd = core.mind.etcd

        async def do() -> str:
            return f"{await restore(etcd, saved)} keys"

        now = f"{len((await etcd.list(core.mind.keys.all)).entries)} keys"
        then = f"the {len(saved.keys)} keys of {self.file}"
        return _one_step(self, "restore", now, then, OnEtcd("restore", do), grave=True)


@dataclass(frozen=True)
class EtcdRecover(FleetChange):
    """Make room in an etcd whose quota is used up: forget old revisions, and give back their space.

    Each member in turn answers nobody while it is at it: a second or so for 100 MB.
    """

    words = ("etcd", "recover")

    async def draw(self, core: Core, out: Output) -> Plan:
        from console.actions.memory import OnEtcd
        from console.store.members import cluster_status, recover

        etcd = core.mind.etcd
        cluster = await cluster_status(etcd)

        async def do() -> str:
            return "; ".join(await recover(etcd))

        sizes = ", ".join(f"{one.name}: {one.size} bytes" for one in cluster.members if one.size is not None)
        alarms = "; ".join(f"alarm on {member}: {what}" for member, what in cluster.alarms)
        now = "; ".join(text for text in (sizes, alarms) if text)
        then = f"nothing kept from before revision {cluster.revision}, and its space given back"
        return _one_step(self, "recover", now, then, OnEtcd("recover", do))


@dataclass(frozen=True)
class EtcdInitAuth(FleetChange):
    """Make the roles operator, engine and viewer, a user of each, and root; passwords go into files.

    A role may do on the fleet's keys what its name says: operator everything, engine what an engine
    keeps, viewer nothing but read. With `--enable` etcd asks everybody who they are from then on: have the
    consoles' `[etcd]` name a user and a password_file before.
    """

    words = ("etcd", "init-auth")
    passwords: Path | None = option(PATH, "the folder for the files of passwords, one a user")
    enable: bool = switch("also have etcd ask everybody from now on")

    async def draw(self, core: Core, out: Output) -> Plan:
        from console.actions.memory import OnEtcd
        from console.store.roles import init_auth, rights

        if self.passwords is None:
            raise UsageError("etcd init-auth: say where passwords are to be kept", hint="--passwords FOLDER")
        etcd, folder = core.mind.etcd, self.passwords

        async def do() -> str:
            return "; ".join(await init_auth(etcd, folder, enable=self.enable)) or "all there already"

        roles = ", ".join(rights(etcd.prefix))
        then = f"roles and users {roles}, and root; passwords in {folder}"
        if self.enable:
            then += "; nobody without one of them is let in any more"
        act = OnEtcd("init-auth", do)
        return _one_step(self, "init-auth", "as it is", then, act, grave=self.enable)


def _one_step(command: Command, verb: str, now: str, then: str, act: OnEtcd, *, grave: bool = False) -> Plan:
    return Plan(format_command(command), (Step("etcd", "", verb, now, then, act),), grave=grave)


COMMANDS: tuple[type[Command], ...] = (
    *(EtcdStatus, EtcdKeys, EtcdGet, EtcdBackup),
    *(EtcdRestore, EtcdRecover, EtcdInitAuth),
)

"""What comes before the rest: getting in (`login`), and getting hosts into the fleet's file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from console.commands.command import Command, Kind, option
from console.commands.parameters import OnHosts
from console.commands.rows import TEXT, Cell, Column, RowKind, Tone, plain
from console.commands.values import PATH
from console.errors import AccessRefused, UsageError

if TYPE_CHECKING:
    from console.commands.core import Core
    from console.commands.output import Output
    from console.hosts.transport import Transport


@dataclass(frozen=True, slots=True)
class Access:
    """What the console may do on a host: as whom, in which groups, and whether it can be root."""

    host: str
    user: str
    groups: tuple[str, ...]
    root: bool
    why_not: str | None


ACCESS: RowKind[Access] = RowKind(
    "host",
    lambda access: (access.host,),
    plain,
    (
        Column("HOST", lambda access: access.host, 9),
        Column("USER", lambda access: access.user, 8),
        Column("GROUPS", lambda access: " ".join(access.groups), 5, shrink=True),
        Column(
            "ROOT",
            lambda a: Cell.state("yes", Tone.GOOD) if a.root else Cell.state(f"no: {a.why_not}", Tone.WARN),
            8,
            shrink=True,
        ),
    ),
    lambda access: access.host,
)


@dataclass(frozen=True)
class Login(OnHosts):
    """Connect to every host, ask what must be typed, and show what we may do there.

    Passphrases, passwords and second factors are asked here and kept for as long as this runs;
    nothing is stored. To have a passphrase kept longer, give the key to an agent (`ssh-add`).
    """

    words = ("login",)

    async def run(self, core: Core, out: Output) -> None:
        from console.commands.asking import ask_each
        from console.model.wants import Wants

        nothing = Wants(units=False, containers=False, os=False)
        async with core.observe(self.on, nothing) as view:
            for error in view.missing:
                out.failed(error)
            missing = {error.host for error in view.missing}
            names = [host.name for host in view.hosts() if host.name not in missing]

            async def access(name: str) -> Access:
                return await _access(view.fleet.transport(name), core.read_only())

            out.rows(ACCESS, await ask_each(names, access, out.failed))


async def _access(transport: Transport, read_only: str | None) -> Access:
    user = (await transport.run(("id", "-un"))).stdout.decode("utf-8", "replace").strip()
    groups = (await transport.run(("id", "-Gn"))).stdout.decode("utf-8", "replace").split()
    if read_only:  # nothing is ever run as root from here, not even to see whether it could be
        return Access(transport.host, user, tuple(groups), False, f"this console is read-only: {read_only}")
    try:
        root = (await transport.run(("id", "-u"), privileged=True)).stdout.strip() == b"0"
        why_not = None if root else "become does not make us root"
    except AccessRefused as error:
        root, why_not = False, error.message
    return Access(transport.host, user, tuple(groups), root, why_not)


@dataclass(frozen=True)
class HostImport(Command):
    """Write hosts from an OpenSSH config or an Ansible inventory into the fleet's file.

    The file is made if there is none; hosts that it has already are left as they are. With
    `--plan` the new text is printed and nothing is written.
    """

    words = ("host", "import")
    kind = Kind.WRITE
    ssh_config: Path | None = option(PATH, "an OpenSSH client config, such as ~/.ssh/config")
    ansible: Path | None = option(PATH, "an Ansible inventory, INI or YAML")

    async def run(self, core: Core, out: Output) -> None:
        from console.fleet.imports import import_hosts

        if (self.ssh_config is None) == (self.ansible is None):
            raise UsageError("host import: say where from", hint="--ssh-config FILE or --ansible FILE")
        done = import_hosts(core.config_path, ssh_config=self.ssh_config, ansible=self.ansible)
        if core.options.plan:
            out.document(TEXT, done.text)
            return
        if not done.added:
            out.note(f"nothing new: {core.config_path} has them all")
            return
        done.write()
        out.note(f"{core.config_path}: added {', '.join(done.added)}")
        if done.skipped:
            out.note(f"left as they are: {', '.join(done.skipped)}")
        for note in done.notes:
            out.note(note)


COMMANDS: tuple[type[Command], ...] = (Login, HostImport)

"""The command core: what every command is given to work with."""

from __future__ import annotations

import copy
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from console.commands import clock
from console.commands.command import Command, Kind, Recall
from console.commands.grammar import Globals, format_command
from console.commands.places import state_folder, state_path
from console.errors import Absent, ConfigError, HostError, HostFailure, NothingSelected, Refused, StoreError
from console.model.config import FleetConfig, HostConfig
from console.model.host import Host
from console.model.log import LogQuery
from console.model.selector import KeyTerm, Selector
from console.model.state import Source, State, Status
from console.model.wants import Wants

if TYPE_CHECKING:
    from console.actions.audit import Audit
    from console.actions.hands import Permit
    from console.actions.plan import Plan
    from console.commands.confirm import Challenge
    from console.commands.interactive import Seat
    from console.fleet.fleet import Fleet
    from console.fleet.follow import JournalTail
    from console.fleet.memory import Memory
    from console.hosts.links import Links
    from console.hosts.secrets import Ask, Keyring
    from console.store.embedded import EmbeddedEtcd

#: Keys of a selector that only the host itself can answer.
_ASKED_KEYS = frozenset({"os", "version", "state", "driver"})


@dataclass
class View:
    """A running fleet as one command sees it: the selected hosts, and who did not come."""

    fleet: Fleet
    on: Selector | None
    missing: list[HostError] = field(default_factory=list)

    def includes(self, host: str) -> bool:
        """Whether the selection holds `host`, now."""
        found = self.fleet.model.find(host)
        return found is not None and (self.on is None or self.on.matches_host(found))

    def narrowed(self, on: Selector | None) -> View:
        """The same fleet, through another selector."""
        return replace(self, on=on)

    def hosts(self) -> Iterator[Host]:
        """The selected hosts, in the order of the inventory."""
        return (host for host in self.fleet.model.hosts() if self.includes(host.name))

    def broken(self, source: Source) -> list[HostError]:
        """The selected hosts whose `source` cannot be shown as it is now; not those that have none."""
        missing = {error.host for error in self.missing}
        found = list(self.missing)
        for host in self.hosts():
            status = host.sources.get(source)
            if host.name in missing or status is None or status.state in (State.LIVE, State.ABSENT):
                continue
            reason = status.reason or "not read in time"
            found.append(HostFailure(f"{source} {status.state}: {reason}", host=host.name))
        return found

    def absent(self, source: Source) -> list[HostError]:
        """The selected hosts that have no such thing, and why."""
        return [
            Absent(status.reason or f"no {source}", host=host.name)
            for host in self.hosts()
            if (status := host.sources.get(source)) and status.state is State.ABSENT
        ]

    def follow_journal(self, query: LogQuery) -> AbstractAsyncContextManager[JournalTail]:
        """The journals of the hosts selected now, until the context is left."""
        return self.fleet.follow_journal([host.name for host in self.hosts()], query)


#: Shows a person a plan, and takes what they type; whether that is what was to be typed.
Confirm = Callable[["Plan", "Challenge"], Awaitable[bool]]


class Core:
    """One run of one command: configuration, connections, and the limits it works under.

    :param ask: how to ask the user for a secret; None where nobody can be asked.
    :param confirm: how to have a write confirmed; None where nobody can be asked.
    :param fleet: a fleet that is open already, which is then looked at and worked on.
    :param seat: the terminal that a person sits at, for shells; None where there is none.
    :param pipe: takes what a remote command writes, byte for byte; None where it has to be shown.
    """

    def __init__(
        self,
        options: Globals,
        *,
        environ: Mapping[str, str] | None = None,
        ask: Ask | None = None,
        confirm: Confirm | None = None,
        fleet: Fleet | None = None,
        seat: Seat | None = None,
        pipe: Callable[[bytes], None] | None = None,
    ) -> None:
        self.options = options
        self.environ = os.environ if environ is None else environ
        self.ask = None if options.batch else ask
        self.confirm = None if options.batch else confirm
        self._fleet = fleet
        self.seat = None if options.batch else seat
        self.pipe = pipe
        self._overlaid: tuple[tuple[int, int], FleetConfig] | None = None
        #: The fleet's memory while `recalled` is entered; None where there is none that answers.
        self.memory: Memory | None = None
        self.embedded: EmbeddedEtcd | None = None

    def attached(self, fleet: Fleet, confirm: Confirm | None) -> Core:
        """The same console on a fleet that is open already: for commands that are run from inside it."""
        core = copy.copy(self)
        core._fleet = fleet
        core.confirm = None if self.options.batch else confirm
        # The terminal and stdout belong to who shows the fleet.
        core.seat = core.pipe = None
        # And so does its engine, where there is one.
        core.options = replace(self.options, engine=False)
        return core

    @cached_property
    def config_path(self) -> Path:
        """Where the fleet's file is, or would be."""
        from console.fleet.config import find_config

        return find_config(self.options.config, self.options.fleet, self.environ)

    @cached_property
    def file(self) -> FleetConfig:
        """The fleet's file, read and checked. :raises ConfigError: all that is wrong with it."""
        from console.fleet.config import load_config

        return load_config(self.config_path)

    @property
    def fleet_mark(self) -> str:
        """What tells this fleet's audit records from another's: its file."""
        return str(self.config_path.absolute())

    @property
    def overlay_path(self) -> Path:
        """Where labels and cordons are kept that the fleet's file does not have."""
        from console.fleet.overlay import overlay_path

        return overlay_path(state_path(self.environ), self.config_path)

    @property
    def config(self) -> FleetConfig:
        """The fleet as its file says, and what was said of its hosts since (`host label`).

        :raises ConfigError: all that is wrong with the file, or with what was said.
        """
        from console.fleet.overlay import overlaid, read_overlay

        path = self.overlay_path
        try:
            found = path.stat()
        except OSError:
            return self.file
        as_read = (found.st_mtime_ns, found.st_ino)
        if self._overlaid is None or self._overlaid[0] != as_read:
            self._overlaid = (as_read, overlaid(self.file, read_overlay(path)))
        return self._overlaid[1]

    @asynccontextmanager
    async def recalled(self, need: Recall, told: Callable[[str], None]) -> AsyncIterator[None]:
        """With the fleet's memory at hand, as far as `need` says and it is there.

        :param told: takes what a person should know of it.
        :raises StoreError: it is needed, and does not answer.
        """
        if need is Recall.NONE or self.memory is not None:
            yield
            return
        from console.commands.recall import bring, recall

        async with AsyncExitStack() as stack:
            self.memory = await recall(self, need, stack, told)
            try:
                yield
            finally:
                if self.memory is not None and "audit" in self.__dict__:
                    await bring(self, self.memory, told)
                self.memory = self.embedded = None

    @property
    def macros_path(self) -> Path:
        """The folder that has the fleet's macros as they were last known."""
        return self.overlay_path.with_suffix(".macros")

    def read_only(self, *, of_fleet: bool = True) -> str | None:
        """Why no write may happen, or None. Nothing is connected to find out.

        :param of_fleet: whether what the fleet's file says counts.
        """
        if self.options.read_only:
            return "--read-only"
        if self.environ.get("QUARTERDECK_READ_ONLY", "") not in ("", "0"):
            return "$QUARTERDECK_READ_ONLY is set"
        if not of_fleet:
            return None
        try:
            read_only = self.file.read_only
        except ConfigError:
            # No fleet, or none that can be read: a write that needs one is told so when it loads it,
            # and those that do not (a first `host import`) have nothing to keep to.
            return None
        return f"[fleet] read_only in {self.file.path}" if read_only else None

    @property
    def kept_in_file(self) -> bool:
        """Whether what is said of hosts is kept in the state folder: there is no etcd, and never was."""
        from console.commands.recall import FOLDER
        from console.fleet.etcdctl import etcd_config

        embedded = state_path(self.environ) / FOLDER / "data"
        return etcd_config(self.file.etcd, self.environ) is None and not embedded.exists()

    @property
    def mind(self) -> Memory:
        """The fleet's memory, for what cannot do without.

        :raises StoreError: there is none.
        """
        if self.memory is not None:
            return self.memory
        if self.kept_in_file:
            raise StoreError(
                "the fleet has no etcd to keep it in", hint="name one in [etcd], or install etcd-server"
            )
        raise StoreError("the fleet's etcd does not answer", hint="see `etcd status`")

    def check(self, command: Command) -> None:
        """:raises Refused: it writes, and this console is read-only. That is recorded."""
        if command.kind is Kind.WRITE and (why := self.read_only(of_fleet=command.of_fleet)):
            self.audit.refused(format_command(command), f"this console is read-only: {why}")
            raise Refused(f"{' '.join(command.words)} writes, and this console is read-only: {why}")

    def permit(self, line: str) -> Permit:
        """What opens hosts for changes. :raises Refused: this console is read-only."""
        from console.actions.hands import Permit

        if why := self.read_only():
            raise Refused(f"this console is read-only: {why}")
        return Permit(line)

    @cached_property
    def audit(self) -> Audit:
        """Where writes are recorded."""
        from console.actions.audit import Audit, JournalSink, key_comment, who_am_i
        from console.actions.audit_file import FileSink

        try:
            identities = dict.fromkeys(path for host in self.config.hosts for path in host.identity)
        except ConfigError:
            identities = {}  # what is refused without a fleet is recorded all the same
        who = who_am_i(self.environ, key_comment(identities))
        return Audit((FileSink(self.state_folder), JournalSink()), who, clock.now, self.fleet_mark)

    @property
    def state_folder(self) -> Path:
        """The user's state folder, made if need be."""
        return state_folder(self.environ)

    @cached_property
    def keyring(self) -> Keyring:
        """What was typed to get in, for as long as this runs: nobody is asked twice."""
        from console.hosts.secrets import Keyring

        return Keyring(self.ask)

    @cached_property
    def links(self) -> Links:
        from console.hosts.links import Links

        return Links(self.keyring, ssh_config=self.config.ssh_config)

    def candidates(self, on: Selector | None) -> list[HostConfig]:
        """The hosts that `on` may mean, as far as the inventory can tell.

        :raises NothingSelected: none.
        """
        configs = {config.name: config for config in self.config.hosts}
        if not configs:
            raise NothingSelected(
                f"{self.config.path} has no hosts", hint="add [[host]] entries, or `quarterdeck host import`"
            )
        chosen = [config for config in configs.values() if may_select(on, config)]
        if not chosen:
            raise self._nothing(on, map(_unasked, configs.values()))
        return chosen

    @asynccontextmanager
    async def observe(
        self, on: Selector | None, wants: Wants, *, wait: bool = True, may_come: bool = False
    ) -> AsyncIterator[View]:
        """The selected hosts, live.

        :param wait: until each has shown all it has, or the time is up; a watching view does not.
        :param may_come: a fleet that has no host yet will do.
        :raises NothingSelected: the selection is empty.
        """
        from console.fleet.fleet import open_fleet

        configs = [] if may_come and not self.config.hosts else self.candidates(on)
        if self._fleet is not None:
            view = View(self._fleet, on)
            if wait and not any(True for _ in view.hosts()):
                raise self._nothing(on, self._fleet.model.hosts())
            yield view
            return
        asked = on is not None and _inventory_part(on) != on
        wants = replace(wants, os=True, connect=True) if asked else wants
        async with open_fleet(configs, wants, self.links) as fleet:
            view = View(fleet, on)
            fleet.model.limits = self.config.watch
            if self.memory is not None:
                fleet.model.acknowledged(self.memory.acks)
                fleet.model.deny(self.memory.denied)
                for config in configs:
                    fleet.model.acted_on(config.name, self.memory.acting(config.name))
            if wait and wants.connect:
                missing = await fleet.settled(self.options.timeout)
                # With a condition that only the host can answer, one that does not answer is not selected
                # unless the condition is about just that (state=unreachable).
                view.missing = [error for error in missing if error.host and view.includes(error.host)]
                if not any(True for _ in view.hosts()):
                    raise self._nothing(on, fleet.model.hosts())
            yield view

    def _nothing(self, on: Selector | None, hosts: Iterable[Host]) -> NothingSelected:
        names = [host.name for host in hosts]
        unknown = on.unknown_names(hosts) if on else ()
        listed = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
        if unknown:
            return NothingSelected(f"no host named {', '.join(unknown)}", hint=f"there are: {listed}")
        return NothingSelected(f"no host matches {on}", hint=f"there are: {listed}")


def may_select(on: Selector | None, config: HostConfig) -> bool:
    """Whether `on` may mean a host, as far as the inventory can tell."""
    known = _inventory_part(on)
    return known is None or known.matches_host(_unasked(config))


def _unasked(config: HostConfig) -> Host:
    """A host before anybody has asked it anything."""
    status = Status(State.CONNECTING, datetime.now(UTC))
    return Host(config.name, config.address or config.name, config.labels, status)


def _inventory_part(on: Selector | None) -> Selector | None:
    """The terms of `on` that the inventory alone can decide; None if none of them."""
    if on is None:
        return None
    terms = tuple(t for t in on.terms if not (isinstance(t, KeyTerm) and t.key in _ASKED_KEYS))
    return Selector(terms) if terms else None

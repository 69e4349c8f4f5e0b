"""`fleet timeline`: what happened before something went wrong, from whoever saw it, in one order.

    systemd's own lines in the journal ──▶ units and containers that started, stopped, failed
    the audit, of all consoles         ──▶ what people and engines did
    the host's facts                   ──▶ when it booted

What is told is chosen by systemd's message ids, which say the same in every language and version
(systemd.journal-fields(7), MESSAGE_ID=; the ids are those of sd-messages.h).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from console.actions.audit import DONE, Record
from console.commands import clock
from console.commands.asking import ask_each
from console.commands.audit import records
from console.commands.command import Command, option
from console.commands.parameters import OnHosts
from console.commands.rows.base import Tone
from console.commands.rows.timeline import TIMELINE, Happened
from console.commands.values import SECONDS_OR_TIME, TEXT
from console.model.log import LogQuery, LogRecord
from console.model.selector import NamePatterns
from console.model.text import clean
from console.model.wants import Wants

if TYPE_CHECKING:
    from console.commands.core import Core, View
    from console.commands.output import Output

_SINCE_S = 3600.0
#: So many of systemd's newest lines are looked at on each host.
_LINES = 5000
_TEXT = 200

#: Of what systemd tells, by its message ids: how each should strike the eye.
_TELLING = {
    "39f53479d3a045ac8e11786248231fbf": Tone.PLAIN,  # started
    "9d1aaa27d60140bd96365438aad20286": Tone.PLAIN,  # stopped
    "7ad2d189f7e94e70a38c781354912448": Tone.PLAIN,  # ended by itself
    "7b05ebc668384222baa8881179cfda54": Tone.PLAIN,  # reloaded
    "be02cf6855d2428ba40df7e9d022f03d": Tone.BAD,  # could not be started
    "d9b373ed55a64feb8242e02dbe79a49c": Tone.BAD,  # has failed
    "fe6faa94e7774663a0da52717891d8ef": Tone.BAD,  # out of memory
    "98e322203f7a4ed290d09fe03c09fe15": Tone.WARN,  # a process of its has ended
    "5eb03494b6584870a536b337290809b3": Tone.WARN,  # is to be started again
}
_FIELDS = ("UNIT", "MESSAGE_ID")

#: Units that come and go with whoever looks at a host.
_NOISE = re.compile(r"(session-|user@|user-|user-runtime-dir@|run-user-|run-u\d|run-r[0-9a-f]|sshd?@)")
_BOX = "container "
#: The unit of a container, where systemd keeps its processes.
_SCOPE = re.compile(r"(?:docker|libpod)-([0-9a-f]{64})\.scope\Z")


@dataclass(frozen=True)
class FleetTimeline(OnHosts):
    """Show what happened on hosts, in one order: units, containers, boots, and what was done from consoles.

    The oldest comes first. What people merely looked at is not in it.
    """

    words = ("fleet", "timeline")
    since: Any = option(SECONDS_OR_TIME, "from then on: 10m, or a time (default 1h)", default=_SINCE_S)
    what: tuple[str, ...] = option(
        TEXT, "only of units or containers of these names; globs", short="-u", many=True
    )

    async def run(self, core: Core, out: Output) -> None:
        patterns = NamePatterns.parse(self.what)
        async with core.observe(self.on, Wants()) as view:
            for error in view.missing:
                out.failed(error)
            missing = {error.host for error in view.missing}
            names = [host.name for host in view.hosts() if host.name not in missing]
            done = await records(core, out.note, self.since)

            async def ask(host: str) -> list[Happened]:
                return await timeline(view, host, done, self.since)

            found = [one for each in await ask_each(names, ask, out.failed) for one in each]
        found.sort(key=lambda one: one.time)
        out.rows(TIMELINE, [one for one in found if _is_meant(patterns, one.what)])


def _is_meant(patterns: NamePatterns, what: str) -> bool:
    box = what.removeprefix(_BOX)
    return patterns.matches_unit(what) if box == what else patterns.matches_name(box)


async def timeline(
    view: View, host: str, done: Iterable[Record], since: float | datetime = _SINCE_S
) -> list[Happened]:
    """What happened on one host, the oldest first.

    :param done: records of the audit; those about other hosts are left out.
    :param since: a time, or so many seconds ago.
    :raises HostError: its journal cannot be read.
    """
    from console.hosts.journal import read_journal

    model = view.fleet.model
    boxes = {box.id: box.name for box in model.containers(host)}
    begin = since if isinstance(since, datetime) else clock.now() - timedelta(seconds=since)
    found = [*from_audit(done, host, begin), *_boots(view, host, begin)]
    query = LogQuery(identifiers=("systemd",), since=since, lines=_LINES)
    transport = view.fleet.transport(host)
    async with aclosing(read_journal(transport, query, fields=_FIELDS)) as lines:
        async for line in lines:
            if (one := from_systemd(line, boxes)) is not None:
                found.append(one)
    return sorted(found, key=lambda one: one.time)


def from_systemd(record: LogRecord, boxes: Mapping[str, str]) -> Happened | None:
    """What a line of the service manager tells; None if that is nothing of note.

    :param boxes: the names of the host's containers, by their ids.
    """
    unit, identity = record.fields.get("UNIT"), record.fields.get("MESSAGE_ID")
    if record.pid != 1 or not isinstance(unit, str) or not isinstance(identity, str):
        return None
    tone = _TELLING.get(identity)
    if tone is None or _NOISE.match(unit):
        return None
    what, text = clean(unit, _TEXT), clean(record.message, _TEXT)
    if box := _SCOPE.match(unit):
        what = f"{_BOX}{boxes.get(box[1], box[1][:12])}"
        # The scope's name says nothing to anybody, nor does what runc calls it.
        text = text.replace(unit, what).partition(" - ")[0]
    elif unit.endswith((".scope", ".slice", ".device", ".mount")) and tone is Tone.PLAIN:
        return None
    return Happened(record.time, record.host, "systemd", what, text, tone)


def from_audit(done: Iterable[Record], host: str, begin: datetime) -> Iterator[Happened]:
    """What consoles and engines did on a host, a line for each of its targets."""
    for record in done:
        if record.time < begin:
            continue
        for result in record.results:
            named, _, rest = result.target.partition("/")
            if named != host:
                continue
            text = f"{record.actor}: {record.line}"
            if not result.status.good:
                text += f" ({result.status}{f': {result.detail}' if result.detail else ''})"
            tone = Tone.PLAIN if record.outcome == DONE and result.status.good else Tone.WARN
            yield Happened(record.time, host, "audit", clean(rest or host, _TEXT), clean(text, _TEXT), tone)


def _boots(view: View, host: str, begin: datetime) -> Iterator[Happened]:
    facts = view.fleet.model.host(host).facts
    if facts.uptime_s is None:
        return
    at = clock.now() - timedelta(seconds=facts.uptime_s)
    if at >= begin:
        text = f"booted into {facts.version}" if facts.version else "booted"
        yield Happened(at.replace(microsecond=0), host, "boot", host, clean(text, _TEXT), Tone.WARN)


COMMANDS: tuple[type[Command], ...] = (FleetTimeline,)

"""The record of every write: who, from where, the line, the plan, what became of each step.

A record is written twice: when it begins and when it has ended, so that a console that is killed in
between leaves a trace. Sinks: JSON lines in the state folder, and this machine's journal; from the
state folder it goes on to the fleet's etcd (`audit_etcd.py`).

    {"phase": "begin", "id": …, "time": …, "actor": …, "from": …, "line": …, "plan": …, "fleet": …}
    {"phase": "end", "id": …, "outcome": …, "results": […], "undo": […], "seconds": …}
"""

from __future__ import annotations

import getpass
import json
import secrets
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from console.actions.plan import Outcome, Plan, Result
from console.model.text import clean

#: What becomes of a record: done, failed (some target), refused, interrupted; None while it runs, or
#: where its end was never written.
DONE, FAILED, REFUSED, INTERRUPTED = "done", "failed", "refused", "interrupted"


@dataclass(frozen=True, slots=True)
class Who:
    """Who writes, and from where.

    :param actor: the user of this machine's operating system, with the key's comment if it is known.
    :param origin: this machine, and the address it is used from.
    """

    actor: str
    origin: str


def who_am_i(environ: Mapping[str, str], key_comment: str | None = None) -> Who:
    """The user of this process. `sudo` keeps who came: `SUDO_USER`; sshd, from where: `SSH_CONNECTION`."""
    user = getpass.getuser()
    came_as = environ.get("SUDO_USER")
    actor = f"{came_as} as {user}" if came_as and came_as != user else user
    client = environ.get("SSH_CONNECTION", "").split(" ")[0]
    here = socket.gethostname()
    return Who(
        f"{actor} ({key_comment})" if key_comment else actor, f"{here} from {client}" if client else here
    )


def key_comment(identities: Iterable[Path]) -> str | None:
    """What the first of these SSH keys with a public half calls itself: the third word of its `.pub`."""
    for identity in identities:
        try:
            words = identity.with_name(f"{identity.name}.pub").read_text("utf-8", "replace").split(None, 2)
        except OSError:
            continue
        return clean(words[2].strip(), 80) if len(words) > 2 else None
    return None


@dataclass(frozen=True, slots=True)
class Record:
    """One write, or one that was refused.

    :param undo: the command lines that take it back, in the order in which they are to be run.
    """

    id: str
    time: datetime
    actor: str
    origin: str
    line: str
    plan_id: str | None = None
    plan: Mapping[str, Any] | None = None
    results: tuple[Result, ...] = ()
    outcome: str | None = None
    why: str = ""
    undo: tuple[str, ...] = ()
    seconds: float | None = None
    part_of: str | None = None  # the record of the macro that ran it
    fleet: str | None = None  # the fleet's file


class Sink(Protocol):
    """Somewhere that records go."""

    def put(self, entry: Mapping[str, Any]) -> None:
        """Keep one entry. :raises ConfigError: it cannot be kept."""


class JournalSink:
    """This machine's journal, with the fields `QD_*`; nothing where there is no journald."""

    def put(self, entry: Mapping[str, Any]) -> None:
        try:
            from systemd import journal
        except ImportError:
            return  # the package is an extra; the file is kept whatever there is
        outcome = entry.get("outcome")
        fields = {
            "QD_ID": entry["id"],
            "QD_PHASE": entry["phase"],
            "QD_ACTOR": entry.get("actor"),
            "QD_FROM": entry.get("from"),
            "QD_LINE": entry.get("line"),
            "QD_PLAN": json.dumps(entry["plan"], ensure_ascii=False) if entry.get("plan") else None,
            "QD_RESULTS": json.dumps(entry["results"], ensure_ascii=False) if entry.get("results") else None,
            "QD_OUTCOME": outcome,
        }
        said = f"{entry['id']} {entry.get('line', '')}: {outcome or 'begins'}"
        journal.send(
            said,
            SYSLOG_IDENTIFIER="quarterdeck",
            PRIORITY="5",
            **{name: value for name, value in fields.items() if value is not None},
        )


class Audit:
    """Writes records to every sink. A write whose beginning cannot be recorded does not happen.

    :param now: the clock.
    :param fleet: the fleet's file, by which its records are told from those of others.
    """

    def __init__(
        self, sinks: Iterable[Sink], who: Who, now: Callable[[], datetime], fleet: str | None = None
    ) -> None:
        self._fleet = fleet
        self._sinks = tuple(sinks)
        self.who = who
        self._now = now
        #: The ids of what was done through this console and can be taken back, the newest last.
        self.ways_back: list[str] = []

    def begin(self, line: str, plan: Plan | None, *, part_of: str | None = None) -> Record:
        """:raises ConfigError: a sink cannot keep it."""
        record = Record(
            f"a-{secrets.token_hex(4)}",
            self._now(),
            self.who.actor,
            self.who.origin,
            line,
            plan.id if plan else None,
            plan_fields(plan) if plan else None,
            part_of=part_of,
            fleet=self._fleet,
        )
        self._put(
            {
                "phase": "begin",
                "id": record.id,
                "time": _written(record.time),
                "actor": record.actor,
                "from": record.origin,
                "line": line,
                "plan_id": record.plan_id,
                "plan": record.plan,
                "part_of": part_of,
                "fleet": self._fleet,
            }
        )
        return record

    def end(
        self,
        record: Record,
        outcome: str,
        results: Iterable[Result] = (),
        *,
        undo: Iterable[str] = (),
        why: str = "",
    ) -> None:
        """:raises ConfigError: a sink cannot keep it."""
        undo = list(undo)
        if undo and record.part_of is None:
            self.ways_back.append(record.id)
        self._put(
            {
                "phase": "end",
                "id": record.id,
                "line": record.line,
                "outcome": outcome,
                "why": why,
                "results": [result_fields(result) for result in results],
                "undo": undo,
                "seconds": round((self._now() - record.time).total_seconds(), 3),
            }
        )

    def refused(self, line: str, why: str, plan: Plan | None = None) -> None:
        """Something that was asked for and not done."""
        self.end(self.begin(line, plan), REFUSED, why=why)

    def _put(self, entry: Mapping[str, Any]) -> None:
        for sink in self._sinks:
            sink.put(entry)


def outcome_of(results: Iterable[Result]) -> str:
    statuses = {result.status for result in results}
    if Outcome.INTERRUPTED in statuses:
        return INTERRUPTED
    return DONE if all(status.good for status in statuses) else FAILED


# -- as data --------------------------------------------------------------------------------


def plan_fields(plan: Plan) -> dict[str, Any]:
    """A plan as scripts get it."""
    return {
        "id": plan.id,
        "line": plan.line,
        "steps": [
            {
                "host": step.host,
                "object": step.object,
                "verb": step.verb,
                "now": step.now,
                "then": step.then,
                "touches": None if step.touches is None else [effect.object for effect in step.touches],
                "effects": None
                if step.touches is None
                else [
                    {"object": effect.object, "what": effect.what, "host": effect.host or step.host}
                    for effect in step.touches
                ],
                "undo": step.undo,
            }
            for step in plan.steps
        ],
        "refused": [{"host": one.host, "object": one.object, "why": one.why} for one in plan.refused],
        "notes": list(plan.notes),
    }


def result_fields(result: Result) -> dict[str, Any]:
    """A result as scripts get it."""
    return {
        "target": result.target,
        "status": result.status.value,
        "detail": result.detail,
        "seconds": result.seconds,
    }


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

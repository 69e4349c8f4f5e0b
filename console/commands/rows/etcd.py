"""etcd, for scripts and for people: its members, the keys, what they hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from console.commands.rows.base import Cell, Column, RowKind, Tone, moment
from console.model.state import State
from console.model.store import StoreStatus
from console.model.text import clean


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A member, as `console.store.members.MemberStatus` has it. Sizes in bytes, latency in seconds."""

    name: str
    endpoint: str
    version: str | None
    leader: bool
    learner: bool
    size: int | None
    in_use: int | None
    quota: int | None
    term: int | None
    index: int | None
    latency: float | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds something that one of many can: the election, a lock."""

    key: str
    value: str
    lease: int
    revision: int


@dataclass(frozen=True, slots=True)
class EtcdPicture:
    """etcd as a whole. `schema` is the version of the keys, 0 where there are none yet."""

    status: StoreStatus
    prefix: str
    revision: int
    schema: int
    keys: Mapping[str, int]
    members: tuple[MemberRow, ...]
    alarms: tuple[tuple[str, str], ...]
    holders: tuple[Holder, ...]


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One key; `value` is its text, `size` in bytes."""

    key: str
    size: int
    created: int
    modified: int
    version: int
    lease: int
    value: str


def size_text(size: int | None) -> str:
    """`1.2 MiB`."""
    if size is None:
        return "–"
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError


def member_cell(member: MemberRow) -> Cell:
    """What the member is: leader, follower, or what is wrong with it."""
    if member.version is None:
        return Cell.state("down", Tone.BAD)
    if member.problem is not None:
        return Cell.state("ailing", Tone.WARN)
    return Cell.state("leader" if member.leader else "learner" if member.learner else "follower", Tone.GOOD)


def quota_cell(member: MemberRow) -> Cell:
    """Its size, and how much of the quota that is."""
    if member.size is None or not member.quota:
        return Cell(size_text(member.size))
    share = 100 * member.size // member.quota
    tone = Tone.BAD if share >= 95 else Tone.WARN if share >= 80 else Tone.PLAIN
    return Cell(f"{size_text(member.size)}, {share}%", tone)


MEMBER: RowKind[MemberRow] = RowKind(
    "member",
    lambda one: (one.name,),
    lambda one: {
        "name": one.name,
        "endpoint": one.endpoint,
        "version": one.version,
        "leader": one.leader,
        "learner": one.learner,
        "size": one.size,
        "in_use": one.in_use,
        "quota": one.quota,
        "term": one.term,
        "index": one.index,
        "latency": one.latency,
        "problem": one.problem,
    },
    (
        Column("MEMBER", lambda one: one.name, 9, width=12),
        Column("STATE", member_cell, 9, width=11),
        Column("VERSION", lambda one: one.version or "–", 6, width=8),
        Column("SIZE", quota_cell, 7, right=True, width=14),
        Column("TERM", lambda one: "–" if one.term is None else str(one.term), 3, right=True, width=5),
        Column("INDEX", lambda one: "–" if one.index is None else str(one.index), 4, right=True, width=9),
        Column(
            "MS",
            lambda one: "–" if one.latency is None else f"{one.latency * 1000:.1f}",
            5,
            right=True,
            width=6,
        ),
        Column("ENDPOINT", lambda one: Cell(one.endpoint, Tone.FAINT), 4, shrink=True, width=28, least=12),
        Column("PROBLEM", lambda one: Cell(one.problem or "", Tone.BAD), 8, shrink=True, width=24, least=10),
    ),
    lambda one: one.name,
)

KEY: RowKind[KeyRow] = RowKind(
    "key",
    lambda row: (row.key,),
    lambda row: {
        "key": row.key,
        "size": row.size,
        "create_revision": row.created,
        "mod_revision": row.modified,
        "version": row.version,
        "lease": f"{row.lease:x}" if row.lease else None,
        "value": row.value,
    },
    (
        Column("KEY", lambda row: row.key, 9, shrink=True, width=40, least=20),
        Column("REVISION", lambda row: str(row.modified), 7, right=True, width=9),
        Column("VERSION", lambda row: str(row.version), 4, right=True, width=7),
        Column("SIZE", lambda row: size_text(row.size), 5, right=True, width=10),
        Column("LEASE", lambda row: f"{row.lease:x}" if row.lease else "", 3, width=16),
        Column("VALUE", lambda row: Cell(clean(row.value, 500), Tone.FAINT), 8, shrink=True, width=40),
    ),
    lambda row: row.key,
)


def value_lines(row: KeyRow) -> list[tuple[Cell, ...]]:
    """A key for a person: where it stands, then what it holds, JSON laid out."""
    lease = f", lease {row.lease:x}" if row.lease else ""
    head = f"revision {row.modified}, made at {row.created}, version {row.version}{lease}"
    lines: list[tuple[Cell, ...]] = [(Cell(row.key, Tone.GOOD),), (Cell(head, Tone.FAINT),)]
    return [*lines, *((Cell(clean(line)),) for line in laid_out(row.value).split("\n"))]


def laid_out(value: str) -> str:
    """JSON with a line for each of its parts; anything else as it is."""
    try:
        return json.dumps(json.loads(value), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return value


KEY_DETAIL: RowKind[KeyRow] = RowKind("key", KEY.key, KEY.fields, (), KEY.sort, value_lines)


def _fields(picture: EtcdPicture) -> dict[str, Any]:
    status = picture.status
    return {
        "state": status.state.value,
        "since": moment(status.since),
        "reason": status.reason,
        "endpoint": status.endpoint,
        "embedded": status.embedded,
        "prefix": picture.prefix,
        "revision": picture.revision,
        "schema": picture.schema,
        "keys": dict(picture.keys),
        "leader": next((one.name for one in picture.members if one.leader), None),
        "quota": min((one.quota for one in picture.members if one.quota), default=None),
        "alarms": [{"member": member, "alarm": what} for member, what in picture.alarms],
        "members": [MEMBER.fields(one) for one in picture.members],
        "holders": [
            {"key": one.key, "value": one.value, "lease": f"{one.lease:x}", "revision": one.revision}
            for one in picture.holders
        ],
    }


def _lines(picture: EtcdPicture) -> list[tuple[Cell, ...]]:
    status = picture.status
    tone = Tone.GOOD if status.state is State.LIVE else Tone.BAD
    kind = "the console's own" if status.embedded else f"{len(picture.members)} members"
    lines: list[tuple[Cell, ...]] = [
        (Cell.state(status.state, tone), Cell(f"{kind}, {picture.prefix}, revision {picture.revision}")),
    ]
    for member, what in picture.alarms:
        lines.append((Cell.state(f"alarm: {what}", Tone.BAD), Cell(f"on {member}; `etcd recover`")))
    for one in picture.members:
        lines.append(
            (
                Cell(f"  {one.name:<12}"),
                member_cell(one),
                Cell(one.version or ""),
                quota_cell(one),
                Cell("" if one.latency is None else f"{one.latency * 1000:.1f} ms"),
                Cell(one.endpoint, Tone.FAINT),
                Cell(one.problem or "", Tone.BAD),
            )
        )
    if picture.keys:
        told = ", ".join(f"{count} {kind}" for kind, count in picture.keys.items())
        lines.append((Cell(f"  keys: {told}", Tone.FAINT),))
    for holder in picture.holders:
        lines.append((Cell(f"  {holder.key}"), Cell(clean(holder.value, 200), Tone.FAINT)))
    return lines


ETCD: RowKind[EtcdPicture] = RowKind(
    "etcd", lambda picture: (picture.prefix,), _fields, (), lambda picture: picture.prefix, _lines
)

"""What a placement comes to, as values: small, in a fixed order, and JSON when wanted (`records.py`)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Placed:
    """One instance on one host. The instances of a `Global=yes` service all bear its name."""

    service: str
    instance: str
    host: str


@dataclass(frozen=True, slots=True)
class Pending:
    """An instance that no host will have, or no other than the one that it is to leave.

    :param host: of a `Global=yes` service, the host that will not have its own.
    :param rules: for each rule how many hosts it kept it off, the most first.
    """

    service: str
    instance: str
    host: str | None
    rules: tuple[tuple[str, int], ...]

    @property
    def reason(self) -> str:
        if not self.rules:
            return "there are no hosts"
        return ", ".join(f"{rule} on {count}" for rule, count in self.rules)


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be otherwise than it is.

    :param before: its host now; None if it is new.
    :param after: its host from then on; None if it is to run nowhere.
    :param rule: why it does not stay: a rule of `rules.py`, or `new`, `gone` (the host is not of the fleet
        any more), `preempted`, `replaced`, `unwanted` (no spec asks for it), `duplicate`, `rebalance`.
    :param detail: the same in words, may be empty.
    """

    service: str
    instance: str
    before: str | None
    after: str | None
    rule: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where everything is to be, what cannot be anywhere, and what that changes.

    :param staying: what is to leave its host, and is placed there still because no other will have it.
    """

    placed: tuple[Placed, ...]
    pending: tuple[Pending, ...]
    changes: tuple[Change, ...]
    staying: tuple[Pending, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one host is to one instance.

    :param verdict: `placed` (it is there), `fits`, or `excluded`.
    :param rule: what excludes it, or what is broken where it is placed.
    :param score: how good the host is; the highest is taken. None where it is excluded.
    """

    host: str
    verdict: str
    rule: str | None = None
    detail: str = ""
    score: int | None = None

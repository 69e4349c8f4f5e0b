"""What will be done, before it is done: steps, and the plan that they make up. Values, and no I/O."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from console.actions.hands import Hands


class Outcome(StrEnum):
    """How a step ended."""

    DONE = "done"
    FAILED = "failed"  # it was tried, and did not come out as intended
    REFUSED = "refused"  # the target is not what the plan saw, or may not be changed; nothing was tried
    UNREACHABLE = "unreachable"  # the host gave no answer; whether it was done is in the detail
    INTERRUPTED = "interrupted"  # it was begun; its end was not waited for
    SKIPPED = "skipped"  # it was not begun

    @property
    def good(self) -> bool:
        return self is Outcome.DONE


class Act(Protocol):
    """What a step does to its host. A frozen value."""

    async def check(self, hands: Hands) -> str | None:
        """Why the target is no longer what the plan saw, or None. Changes nothing.

        :raises HostError: the host does not say.
        """

    async def do(self, hands: Hands) -> str:
        """Do it; what is to be said of it besides that it is done.

        :raises HostError: it did not come out as intended.
        """


@dataclass(frozen=True, slots=True)
class Effect:
    """What a step does to something that is not its object: `api.service`, `stops`.

    :param host: where, if that is not the step's own host.
    """

    object: str
    what: str
    host: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One change of one object on one host.

    :param object: empty where it is the whole host.
    :param now, then: what the object is, and what it will be.
    :param touches: what else changes by it; None where that was not looked up.
    :param undo: the command line that takes it back; None where there is none.
    """

    host: str
    object: str
    verb: str
    now: str
    then: str
    act: Act
    touches: tuple[Effect, ...] | None = ()
    undo: str | None = None

    @property
    def target(self) -> str:
        return f"{self.host}/{self.object}" if self.object else self.host


@dataclass(frozen=True, slots=True)
class Refusal:
    """A target that the plan leaves alone although it was asked for, and why.

    :param host: empty where it is no host's: an instance that none will have.
    :param object: empty where it is the whole host.
    """

    host: str
    object: str
    why: str
    status: Outcome = Outcome.REFUSED

    @property
    def target(self) -> str:
        return "/".join(part for part in (self.host, self.object) if part)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a command line will do.

    :param line: the line as the grammar writes it.
    :param notes: what a person should know before confirming.
    :param grave: whether what it does cannot be taken back, even on one target.
    """

    line: str
    steps: tuple[Step, ...]
    refused: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()
    grave: bool = False
    id: str = field(default_factory=lambda: f"p-{secrets.token_hex(4)}")

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that the steps are on, each once, in their order."""
        return tuple(dict.fromkeys(step.host for step in self.steps))


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one step, or of a target that was refused. `seconds` is None if it never began."""

    target: str
    status: Outcome
    detail: str = ""
    seconds: float | None = None
    undo: str | None = None


def refusals_as_results(refused: Iterable[Refusal]) -> tuple[Result, ...]:
    return tuple(Result(one.target, one.status, one.why) for one in refused)

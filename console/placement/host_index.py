"""The hosts in one fixed order, and which of them pass the rules that do not depend on what is placed.

A host is its number in that order, so that sets and lists of hosts are sets and lists of small integers.
A term of a selector is asked once for each different answer, not once for each host.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from console.model.selector import KeyTerm
from console.placement.candidate import Candidate, Standing, holds
from console.placement.policy import AnyOf, Policy, Term

HostSet = frozenset[int]


@dataclass(frozen=True, slots=True)
class Stage:
    """One rule: its word, the hosts that pass it, and whether what runs there already need not pass it.

    :param softly: whether what runs there stays all the same as long as no other host will have it.
    """

    rule: str
    passes: HostSet
    new_only: bool = False
    asked: str = ""
    softly: bool = False


@dataclass(frozen=True, slots=True)
class Sieve:
    """The rules of one policy that hosts pass or fail by themselves.

    :param keeps: hosts that an instance may stay on.
    :param takes: hosts that a new one may go to; all of them keep.
    :param bears: hosts that one is to leave, and stays on while no other will have it.
    """

    stages: tuple[Stage, ...]
    keeps: HostSet
    takes: HostSet
    bears: HostSet

    def failed(self, host: int, *, new: bool) -> Stage | None:
        """The first rule that the host fails."""
        for stage in self.stages:
            if host not in stage.passes and (new or not stage.new_only):
                return stage
        return None


class HostIndex:
    """:param hosts: of any order; of two with one name the last counts."""

    def __init__(self, hosts: Iterable[Candidate]) -> None:
        by_name = {host.name: host for host in hosts}
        self.hosts = [by_name[name] for name in sorted(by_name)]
        self.at = {host.name: number for number, host in enumerate(self.hosts)}
        #: What there is for instances; -1 where it is not known.
        self.cpu = [_room(host.cpu, host.reserved_cpu) for host in self.hosts]
        self.memory = [_room(host.memory, host.reserved_memory) for host in self.hosts]
        self.all: HostSet = frozenset(range(len(self.hosts)))
        self._terms: dict[Term, HostSet] = {}
        self._answers: dict[str, dict[tuple[str, ...], list[int]]] = {}
        self._sieves: dict[tuple[str | None, bool, tuple[AnyOf, ...]], Sieve] = {}
        self._common = self._common_stages()
        self._undrained: HostSet = frozenset(
            number for number, host in enumerate(self.hosts) if host.drained is None
        )
        self._plain = self._make(Policy())  # of most policies

    def sieve(self, policy: Policy) -> Sieve:
        """The sieve of a policy; policies that ask the same of hosts share one."""
        if policy.host is None and not policy.require and not policy.everywhere:
            return self._plain
        key = (policy.host, policy.everywhere, policy.require)
        if (found := self._sieves.get(key)) is None:
            found = self._sieves[key] = self._make(policy)
        return found

    def holding(self, group: AnyOf) -> HostSet:
        """The hosts for which any of the terms holds."""
        found: HostSet = frozenset()
        for term in group:
            found |= self._holding(term)
        return found

    def _holding(self, term: Term) -> HostSet:
        if (found := self._terms.get(term)) is None:
            key = term.key if isinstance(term, KeyTerm) else "name"
            found = self._terms[term] = frozenset(
                number
                for numbers in self._by_answer(key).values()
                if holds(term, self.hosts[numbers[0]])
                for number in numbers
            )
        return found

    def _by_answer(self, key: str) -> dict[tuple[str, ...], list[int]]:
        if (found := self._answers.get(key)) is None:
            found = self._answers[key] = {}
            for number, host in enumerate(self.hosts):
                found.setdefault(host.answers(key), []).append(number)
        return found

    def values(self, label: str) -> list[str | None]:
        """What each host has for a label."""
        return [host.labels.get(label) for host in self.hosts]

    def _make(self, policy: Policy) -> Sieve:
        stages: list[Stage] = []
        if policy.host is not None:
            called = frozenset(
                number for number, host in enumerate(self.hosts) if host.is_called(policy.host)
            )
            stages.append(Stage("host", called, asked=policy.host))
        stages += self._common
        # What belongs to one host, or to each, has nowhere to go: it stays.
        bound = policy.everywhere or policy.host is not None
        stages.append(Stage("drained", self._undrained, new_only=bound, softly=True))
        stages += [
            Stage("require", self.holding(group), asked=" or ".join(map(str, group)))
            for group in policy.require
        ]
        keeps = takes = borne = self.all
        for stage in stages:
            takes &= stage.passes
            if not stage.new_only:
                keeps &= stage.passes
                borne = borne if stage.softly else borne & stage.passes
        return Sieve(tuple(stages), keeps, takes, borne - keeps)

    def _common_stages(self) -> tuple[Stage, ...]:
        numbered = list(enumerate(self.hosts))

        def without(standing: Standing) -> HostSet:
            return frozenset(number for number, host in numbered if host.standing is not standing)

        return (
            Stage("foreign", without(Standing.FOREIGN)),
            Stage("lost", without(Standing.LOST)),
            Stage("silent", without(Standing.SILENT), new_only=True),
            Stage("cordoned", frozenset(n for n, host in numbered if not host.cordoned), new_only=True),
            Stage("pressure", frozenset(n for n, host in numbered if host.pressure is None), new_only=True),
        )


def _room(capacity: int | None, reserved: int) -> int:
    return -1 if capacity is None else max(0, capacity - reserved)

"""The policy of a service: everything its unit file says about where its instances may run, as one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from console.model.selector import KeyTerm, NameTerm
from console.placement.unit_file import Option
from console.placement.unit_name import UnitName, expand

Term = NameTerm | KeyTerm

#: Terms, one of which must hold.
AnyOf = tuple[Term, ...]

DEFAULT_PRIORITY = 50


class QoS(StrEnum):
    """How well an instance is kept when there is not enough for all; the first is kept best."""

    GUARANTEED = "guaranteed"
    BURSTABLE = "burstable"
    BEST_EFFORT = "best-effort"

    @property
    def rank(self) -> int:
        """0 for the class that gives way first."""
        return _RANKS[self]


_RANKS = {QoS.BEST_EFFORT: 0, QoS.BURSTABLE: 1, QoS.GUARANTEED: 2}


@dataclass(frozen=True, slots=True)
class Preference:
    """Hosts for which all of `terms` hold are liked, or with a negative weight (-100 to 100) avoided."""

    weight: int
    terms: tuple[AnyOf, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """Where instances of one service may run, and how well they are kept.

    Patterns are globs of unit names (`console/model/selector.py`) and mean instances. Specifiers may stand in
    `require`, `prefer`, `near`, `apart`, `replaces` and `host`; `of` fills them in for an instance.
    """

    replicas: int = 1
    everywhere: bool = False  # Global=: one on every host that will have it
    require: tuple[AnyOf, ...] = ()  # all of them, each by any of its terms
    prefer: tuple[Preference, ...] = ()
    near: tuple[tuple[str, ...], ...] = ()  # of each group: one that a pattern of it means is there
    together: bool = False  # Near=self: all instances of the service on one host
    apart: tuple[str, ...] = ()  # no instance that one of them means is on the host, and the other way round
    spread: tuple[str, ...] = ()  # labels over whose values the instances are spread evenly
    max_per_host: int | None = None
    replaces: tuple[str, ...] = ()  # instances whose host it takes; they move elsewhere
    qos: QoS = QoS.BURSTABLE
    cpu: int = 0  # reserved, in thousandths of a core
    memory: int = 0  # reserved, in bytes
    priority: int = DEFAULT_PRIORITY  # 0 to 100
    exclusive: bool = False  # at most one process of an instance at any time: it runs on a lease
    boot: bool = False  # comes back after a power cut with no engine
    host: str | None = None  # the only host: its name, or its machine-id, whole or the first 8 digits
    settings: tuple[Option, ...] = ()  # Unit*: for the generated drop-in

    @property
    def persistent(self) -> bool:
        """Whether it is written to /etc and enabled; others go to /run."""
        return (self.everywhere or self.boot or self.host is not None) and not self.exclusive

    @property
    def varies(self) -> bool:
        """Whether a specifier stands in it, so that it may say another thing for each instance."""
        # Asked of every service each time something is placed; most say nothing of the kind.
        if self.require and _vary(self.require):
            return True
        for each in self.prefer:
            if _vary(each.terms):
                return True
        if self.host is not None and "%" in self.host:
            return True
        if not (self.near or self.apart or self.replaces):
            return False
        texts = self.apart + self.replaces
        for patterns in self.near:
            texts += patterns
        return "%" in "".join(texts)

    def of(self, unit: UnitName) -> Policy:
        """What it says for one instance."""
        return self.mapped(lambda text: expand(text, unit))

    def beside(self, whole: Policy) -> Policy:
        """This policy for one instance of a service whose others have `whole`.

        What is of the service as a whole is as that has it: how many, how spread, and all that counts them.
        """
        return replace(
            self,
            replicas=whole.replicas,
            everywhere=whole.everywhere,
            together=whole.together,
            spread=whole.spread,
            max_per_host=whole.max_per_host,
        )

    def mapped(self, change: Callable[[str], str]) -> Policy:
        """This policy with `change` done to every text in which a specifier may stand."""
        return replace(
            self,
            require=_groups(self.require, change),
            prefer=tuple(replace(each, terms=_groups(each.terms, change)) for each in self.prefer),
            near=tuple(tuple(change(pattern) for pattern in group) for group in self.near),
            apart=tuple(change(pattern) for pattern in self.apart),
            replaces=tuple(change(pattern) for pattern in self.replaces),
            host=None if self.host is None else change(self.host),
        )


def _vary(groups: tuple[AnyOf, ...]) -> bool:
    for group in groups:
        for term in group:
            if "%" in (term.pattern if isinstance(term, NameTerm) else term.value):
                return True
    return False


def _groups(groups: tuple[AnyOf, ...], change: Callable[[str], str]) -> tuple[AnyOf, ...]:
    return tuple(tuple(_term(term, change) for term in group) for group in groups)


def _term(term: Term, change: Callable[[str], str]) -> Term:
    if isinstance(term, NameTerm):
        return NameTerm(change(term.pattern))
    return replace(term, value=change(term.value))

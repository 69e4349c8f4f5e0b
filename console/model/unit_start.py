"""What a unit runs when it is started, as systemd has read it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ExecStart:
    """One `ExecStart=` of a service: specifiers are filled in, variables are not.

    :param flags: what its prefix asks for, in the words of `ExecStartEx` (`ignore-failure`, `privileged`, …).
    """

    path: str
    argv: tuple[str, ...]
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UnitStart:
    """How one service is started, and from which files systemd knows that.

    :param fragment: its unit file; of one that a generator makes, the generated one.
    :param source: the file that a generator has made it from, as Quadlet's `shop.container`; else empty.
    :param drop_ins: its drop-ins.
    :param placed: whether an engine of Quarterdeck's has written it.
    """

    unit: str
    starts: tuple[ExecStart, ...]
    fragment: str = ""
    source: str = ""
    drop_ins: tuple[str, ...] = ()
    placed: bool = False

    @property
    def file(self) -> str:
        """The file that a person would change."""
        return self.source or self.fragment or self.unit

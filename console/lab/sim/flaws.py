"""What may be wrong with a version on some hosts: seen once it is booted. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with one version on one host.

    :param unit: the one that fails in it; empty: none does.
    :param answers: whether its sshd starts.
    :param boots: whether it gets as far as systemd; what does not, does not answer either.
    """

    unit: str = ""
    answers: bool = True
    boots: bool = True

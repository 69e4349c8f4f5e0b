"""What every rollout can be told, of hosts or of services: how fast, what is well, when."""

from __future__ import annotations

from typing import Protocol

from console.errors import UsageError


class Told(Protocol):
    """A command with the options of a rollout; durations in seconds."""

    @property
    def gate(self) -> float: ...

    @property
    def gate_timeout(self) -> float: ...

    @property
    def within(self) -> float: ...

    @property
    def check(self) -> str | None: ...

    @property
    def window(self) -> str | None: ...

    @property
    def allow_denied(self) -> bool: ...


def see_options(told: Told) -> None:
    """:raises UsageError: they cannot be kept to."""
    from console.rollouts.own_check import checked_argv
    from console.rollouts.window import parse_windows

    if told.gate > told.gate_timeout:
        raise UsageError("nothing can be well for longer than that may take", hint="--gate-timeout")
    if told.window is not None:
        parse_windows(told.window)
    if told.check is not None:
        checked_argv(told.check)


def goes_by(told: Told) -> dict[str, str]:
    """What a rollout goes by that was told so."""
    given = {
        "gate": f"{told.gate:g}",
        "gate_timeout": f"{told.gate_timeout:g}",
        "within": f"{told.within:g}",
        "check": told.check or "",
        "allow_denied": "yes" if told.allow_denied else "",
    }
    return {name: value for name, value in given.items() if value}

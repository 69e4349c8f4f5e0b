"""The verdict on one unit: ok, changing, recovering, flapping, failed, gave up. Pure.

What systemd says and what it means (facts measured on 252 and 257):

- A crash of a service that will be restarted shows `failed` and, within a millisecond,
  `activating/auto-restart`. Only what stays `failed` is a failure, so a `failed` that the unit's
  own restart policy would answer is held for `HOLD` seconds and shown as recovering meanwhile.
  (Since 254 the first of the two says so itself: `failed/failed-before-auto-restart`.)
- `Result` keeps the first cause: a service that hit its start limit still says `exit-code`. That it
  gave up is seen from the restarts it made against its start limit, or from its last state having been
  a scheduled restart which then did not happen.
- `NRestarts` grows by one with every automatic restart and is set to 0 by the next manual start.

A verdict may change because time passes: then `Judgement.due` says when to judge again.
"""

from __future__ import annotations

from dataclasses import dataclass

from console.model.unit import Health

#: Seconds for which a `failed` that should be answered by a restart is not believed. systemd needs
#: a millisecond; a lost packet between the two signals costs a few hundred.
HOLD = 1.0

#: A unit flaps once it was restarted this often within `FLAPPING_WINDOW` seconds …
FLAPPING_RESTARTS = 3
FLAPPING_WINDOW = 600.0

#: … and until it was not restarted for this many seconds, or somebody started it by hand.
FLAPPING_QUIET = 600.0

_CHANGING = frozenset({"activating", "deactivating", "reloading", "refreshing", "maintenance"})
_AT_REST = frozenset({"active", "inactive"})

#: Sub-states in which a restart is on its way.
_RESTARTING = frozenset(
    {"auto-restart", "auto-restart-queued", "failed-before-auto-restart", "dead-before-auto-restart"}
)

#: Results that each `Restart=` answers with a restart (systemd.service(5), table 1; `always` and
#: `on-failure` answer every failure). `RestartPreventExitStatus=` and the like are not modelled: they
#: only make a verdict `HOLD` seconds late.
_ANSWERED: dict[str, frozenset[str] | None] = {
    "always": None,
    "on-failure": None,
    "on-abnormal": frozenset(
        {"timeout", "signal", "core-dump", "watchdog", "oom-kill", "protocol", "resources"}
    ),
    "on-abort": frozenset({"signal", "core-dump"}),
    "on-watchdog": frozenset({"watchdog"}),
    "on-success": frozenset(),
    "no": frozenset(),
}

_NEVER_ANSWERED = frozenset({"success", "exec-condition", "start-limit-hit"})


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """`Restart=`, `StartLimitBurst=` and `StartLimitIntervalSec=` (microseconds) of a service."""

    restart: str
    burst: int
    interval_us: int

    def answers(self, result: str | None) -> bool:
        """Whether a run that failed with `result` is followed by a restart."""
        answered = _ANSWERED.get(self.restart, frozenset())
        if answered is None:
            return result not in _NEVER_ANSWERED
        return result in answered

    def exhausted(self, restarts: int | None) -> bool:
        """Whether `restarts` used the start limit up."""
        return self.burst > 0 and self.interval_us > 0 and restarts is not None and restarts >= self.burst


@dataclass(frozen=True, slots=True)
class UnitFacts:
    """What a verdict rests on. None: not known, or not a thing this type of unit has."""

    active: str
    sub: str
    result: str | None = None
    restarts: int | None = None
    policy: RestartPolicy | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, and what the next one needs to know. Times are of one monotonic clock, in seconds.

    `due` is when the verdict may change though nothing is heard; `restarted` are the times at which
    the last few restarts were noticed; `held_since` is set while a `failed` is not yet believed;
    `refused` tells that a restart was scheduled just before it failed for good.
    """

    health: Health
    facts: UnitFacts
    due: float | None = None
    restarted: tuple[float, ...] = ()
    flapping: bool = False
    held_since: float | None = None
    refused: bool = False


def first_sight(active: str, sub: str) -> Judgement:
    """The judgement of a unit of which only its states are known."""
    return judge(None, UnitFacts(active, sub), 0.0)


def at_rest(active: str) -> bool:
    """Whether a unit in this state is fine without a further question."""
    return active in _AT_REST


def judge(previous: Judgement | None, facts: UnitFacts, now: float) -> Judgement:
    """The verdict on a unit.

    :param previous: the last judgement of the same unit; None if it is seen for the first time.
        What is seen `failed` at first sight is believed at once.
    :param facts: what is known of it now, whether that is new or not.
    """
    restarted = _restarted(previous, facts, now)
    flapping, calm = _flapping(previous, restarted, now)
    refused = _refused(previous, facts)
    held_since = _held_since(previous, facts, now)
    if held_since is not None and now >= held_since + HOLD:
        health = _failed(facts, refused)
    elif held_since is not None or facts.sub in _RESTARTING:
        health = Health.FLAPPING if flapping else Health.RECOVERING
    elif facts.active == "failed":
        health = _failed(facts, refused)
    elif flapping and facts.active != "inactive":
        health = Health.FLAPPING
    elif facts.active in _CHANGING:
        health = Health.CHANGING
    else:
        health = Health.OK
    dues = [calm] if flapping else []
    if held_since is not None and now < held_since + HOLD:
        dues.append(held_since + HOLD)
    return Judgement(health, facts, min(dues, default=None), restarted, flapping, held_since, refused)


def _failed(facts: UnitFacts, refused: bool) -> Health:
    if facts.result == "start-limit-hit":
        return Health.GAVE_UP
    policy = facts.policy
    if policy and policy.answers(facts.result) and (refused or policy.exhausted(facts.restarts)):
        return Health.GAVE_UP
    return Health.FAILED


def _held_since(previous: Judgement | None, facts: UnitFacts, now: float) -> float | None:
    """Since when a `failed` is held back; None if it is to be believed as it stands.

    The moment is kept for as long as the unit stays as it is, so that judging again neither
    prolongs the hold nor starts another.
    """
    if facts.active != "failed" or facts.sub in _RESTARTING or previous is None:
        return None
    before = previous.facts
    if before.active == "failed" and before.sub not in _RESTARTING and before.restarts == facts.restarts:
        return previous.held_since
    return now if facts.policy and facts.policy.answers(facts.result) else None


def _refused(previous: Judgement | None, facts: UnitFacts) -> bool:
    if previous is None or facts.active != "failed" or facts.sub in _RESTARTING:
        return False
    return previous.refused or previous.facts.sub in _RESTARTING


def _restarted(previous: Judgement | None, facts: UnitFacts, now: float) -> tuple[float, ...]:
    """When the last `FLAPPING_RESTARTS` restarts were noticed. A counter that fell: a manual start."""
    if previous is None or facts.restarts is None:
        return previous.restarted if previous else ()
    before = previous.facts.restarts
    if before is None:
        return previous.restarted
    if facts.restarts < before:
        return ()
    grown = min(facts.restarts - before, FLAPPING_RESTARTS)
    return (*previous.restarted, *(now,) * grown)[-FLAPPING_RESTARTS:]


def _flapping(previous: Judgement | None, restarted: tuple[float, ...], now: float) -> tuple[bool, float]:
    """Whether a unit flaps, and until when it does if it is left alone."""
    if not restarted:
        return False, now
    calm = restarted[-1] + FLAPPING_QUIET
    often = len(restarted) >= FLAPPING_RESTARTS and restarted[0] > restarted[-1] - FLAPPING_WINDOW
    was = previous is not None and previous.flapping
    return (often or was) and now < calm, calm

"""Plans of what is done to units. Pure: what is known of the units comes in, steps come out."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from console.actions.plan import Act, Effect, Refusal, Step
from console.actions.units import JOBS, UnitFile, UnitJob, UnitKill, UnitResetFailed, UnitStamp, files_of
from console.model.unit import Unit
from console.model.unit_facts import (
    LookUp,
    UnitFacts,
    active_class,
    needed_by_it,
    needing,
    neighbours,
    touched_by,
)

#: Beyond so many targets their dependants are only looked up when asked for.
EXPANDED = 500

_THEN = {
    "start": "active",
    "stop": "inactive",
    "restart": "active, started anew",
    "try-restart": "active, started anew",
    "reload": "active, configuration read anew",
    "reset-failed": "inactive",
    "enable": "enabled",
    "disable": "disabled",
    "mask": "masked",
    "unmask": "not masked",
}
_FILE_VERBS = ("enable", "disable", "mask", "unmask")
_UNDO = {"start": "stop", "enable": "disable", "disable": "enable", "mask": "unmask", "unmask": "mask"}


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for of each unit. `within` is how long a job may take, in seconds."""

    verb: str
    within: float = 300.0
    whom: str = "all"
    signal: int = 15


@dataclass(slots=True)
class Drawn:
    """What becomes of the targets: steps, refusals, and those for which there is nothing to do.

    `lacking` are refused too, for their host has no such unit: no fault as long as another one has it.
    """

    steps: list[Step] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    lacking: list[Refusal] = field(default_factory=list)
    idle: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class HostView:
    """One host as a plan sees it.

    :param targets: the unit names asked for, of which the host has at least heard.
    :param facts: of targets and of what they touch, by the name asked; None: not looked up.
    :param units: what the live model has, for what was not looked up.
    """

    host: str
    targets: Sequence[str]
    facts: Mapping[str, UnitFacts] | None
    units: Mapping[str, Unit]
    boot: str | None = None


def draw(wish: Wish, hosts: Iterable[HostView]) -> Drawn:
    """The steps of a wish over some hosts, in their order."""
    drawn = Drawn()
    for view in hosts:
        seen: set[str] = set()
        for asked in view.targets:
            facts = view.facts.get(asked) if view.facts is not None else None
            name = facts.name if facts else asked
            if name not in seen:
                seen.add(name)
                _draw_one(wish, view, name, facts, drawn)
    return drawn


def _draw_one(wish: Wish, view: HostView, name: str, facts: UnitFacts | None, drawn: Drawn) -> None:
    host, unit = view.host, view.units.get(name)
    if not _is_there(wish.verb, facts, unit if view.facts is None else None):
        drawn.lacking.append(Refusal(host, name, "no such unit"))
        return
    if facts is not None:
        if why := _refusal(wish.verb, facts):
            drawn.refused.append(Refusal(host, name, why))
            return
        if why := _nothing(wish.verb, facts):
            drawn.idle.append(f"{host}/{name}: {why}")
            return
    active, sub = (facts.active, facts.sub) if facts else (unit.active, unit.sub) if unit else ("", "")
    stamp = UnitStamp(active_class(active), view.boot, files_of(facts) if facts else None)
    look_up: LookUp = view.facts.get if view.facts is not None else lambda _: None
    touched = touched_by(wish.verb, name, look_up)
    drawn.steps.append(
        Step(
            host,
            name,
            wish.verb,
            facts.file_state or "no unit file" if facts and wish.verb in _FILE_VERBS else f"{active} ({sub})",
            _THEN.get(wish.verb) or f"signal {wish.signal} sent to {wish.whom}",
            _act(wish, name, stamp),
            None if facts is None else tuple(Effect(touch.name, touch.what) for touch in touched),
            _undo(wish.verb, host, name, [touch.name for touch in touched]),
        )
    )


def _is_there(verb: str, facts: UnitFacts | None, unit: Unit | None) -> bool:
    """Whether the host has the unit. One whose file has gone can be stopped for as long as it runs."""
    if facts is None:
        return unit is not None
    return facts.load != "not-found" or (verb in ("stop", "kill", "reset-failed") and facts.up)


def _act(wish: Wish, name: str, stamp: UnitStamp) -> Act:
    if wish.verb in JOBS:
        return UnitJob(name, stamp, wish.verb, wish.within)
    if wish.verb == "kill":
        return UnitKill(name, stamp, wish.whom, wish.signal)
    if wish.verb == "reset-failed":
        return UnitResetFailed(name, stamp)
    return UnitFile(name, stamp, wish.verb)


def _refusal(verb: str, facts: UnitFacts) -> str | None:
    """Why systemd would not do it, or could not."""
    if verb in ("start", "restart", "reload", "enable") and (
        facts.load == "masked" or facts.file_state.startswith("masked")
    ):
        return "it is masked: `unit unmask` first"
    if verb in ("start", "restart", "reload") and facts.load not in ("loaded", "not-found"):
        return f"its unit file cannot be used: {facts.load}"
    if verb in ("start", "restart", "try-restart") and (facts.no_manual_start or not facts.can_start):
        return "it may be started only by another unit"
    if verb in ("stop", "restart", "try-restart") and (facts.no_manual_stop or not facts.can_stop):
        return "it may be stopped only by another unit"
    if verb == "reload" and not facts.can_reload:
        return "it cannot reload: it has no ExecReload"
    if verb == "reload" and not facts.up:
        return f"it does not run: {facts.says}"
    if verb in _FILE_VERBS and verb not in ("mask", "unmask") and not facts.file_state:
        return "it has no unit file"
    if verb == "kill" and not facts.up:
        return f"it does not run: {facts.says}"
    return None


def _nothing(verb: str, facts: UnitFacts) -> str | None:
    """Why there is nothing to do, if so."""
    state = active_class(facts.active)
    match verb:
        case "start" if state == "active":
            return "runs already"
        case "stop" | "try-restart" if state == "inactive" or (verb == "try-restart" and state == "failed"):
            return "does not run"
        case "stop" if state == "failed" and facts.sub == "failed":
            return "does not run: it has failed"
        case "reset-failed" if state != "failed":
            return "has not failed"
        case "enable" if facts.file_state in ("enabled", "static", "alias", "generated", "indirect"):
            return f"is {facts.file_state}"
        case "disable" if facts.file_state not in ("enabled", "enabled-runtime", "linked", "linked-runtime"):
            return f"is {facts.file_state or 'not enabled'}"
        case "mask" if facts.file_state == "masked":
            return "is masked already"
        case "unmask" if not facts.file_state.startswith("masked") and facts.load != "masked":
            return "is not masked"
    return None


def _undo(verb: str, host: str, name: str, touched: Sequence[str]) -> str | None:
    """The line that takes it back; what a stop took with it comes back too."""
    if verb == "stop":
        return _line("start", host, [name, *touched])
    back = _UNDO.get(verb)
    return _line(back, host, [name]) if back else None


def _line(verb: str, host: str, names: Sequence[str]) -> str:
    dash = ["--"] if any(name.startswith("-") for name in names) else []
    return shlex.join(["unit", verb, f"--on={host}", *dash, *names])


def asked_next(
    verb: str, targets: Iterable[str], known: Callable[[str], UnitFacts | None], asked: set[str]
) -> list[str]:
    """The units that must still be looked up to say what `verb` on `targets` touches.

    To be called again with what was found, until nothing is left.

    :param asked: every name that was asked for; the new ones are added.
    """
    wanted: list[str] = []
    edge = list(targets)
    seen = set(edge)

    def want(name: str) -> UnitFacts | None:
        if name not in asked:
            asked.add(name)
            wanted.append(name)
        return known(name)

    def go_on(name: str) -> None:
        if name not in seen:
            seen.add(name)
            edge.append(name)

    while edge:
        name = edge.pop()
        facts = want(name)
        # A start goes on over what it starts, the others over all that they are passed on to.
        if facts is None or (verb == "start" and facts.up and name not in targets):
            continue
        for other in neighbours(verb, facts):
            go_on(other)
        for other in needed_by_it(facts) if verb == "stop" else ():
            needed = want(other)
            if needed is not None and needed.stop_when_unneeded:
                for pin in needing(needed):
                    want(pin)
                go_on(other)
    return wanted

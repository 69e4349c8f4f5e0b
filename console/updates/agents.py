"""Who else on a host updates or reboots it, and what work of our own runs there. Pure.

Sources: Zincati (its state is its unit's StatusText), rpm-ostree's and bootc's own timers, what
rpm-ostreed.conf(5) has them do, locksmith's coordinator.conf.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from console.model.deployment import Agent, UpdateStatus, Working
from console.model.text import clean
from console.updates.driver import Answer
from console.updates.update_engine_status import assignments
from console.updates.values import TEXT
from console.updates.work import ENDED, LOG, UNIT, WHAT

_AUTOMATIC = "rpm-ostreed-automatic.timer"
#: Unit: what it is called, and whether it takes updates by itself, or only reboots into them.
_AGENTS = {
    "zincati.service": ("Zincati", True),
    _AUTOMATIC: ("rpm-ostree's own timer", True),
    "bootc-fetch-apply-updates.timer": ("bootc's own timer", True),
    "locksmithd.service": ("locksmith", False),
}
SCRIPT = f"""
section agents; (
  set --
  for unit in {" ".join(_AGENTS)}; do for in in /usr/lib /etc; do
    [ -e $in/systemd/system/$unit ] && set -- "$@" $unit
  done; done
  [ $# = 0 ] || systemctl show --property=Id,ActiveState,StatusText "$@"
)
section policy; grep -s '^ *AutomaticUpdatePolicy' /etc/rpm-ostreed.conf
section coordinator; cat /run/update-engine/coordinator.conf 2>/dev/null
section work; cat {WHAT} 2>/dev/null && systemctl show --property=ActiveState --value {UNIT}
section work-ended; cat {ENDED} 2>/dev/null && tail -n 1 {LOG}
"""
#: What rpm-ostree's timer does with these is to look, at most.
_HARMLESS_POLICIES = frozenset({"", "none", "check"})


def completed(status: UpdateStatus, answer: Answer) -> UpdateStatus:
    """A driver's status with the agents on the host, with work of ours that runs, or how it failed."""
    running = {agent.unit: agent for agent in _agents(answer)}
    named = {agent.unit: running.pop(agent.unit, agent) for agent in status.agents}
    return replace(
        status,
        agents=(*named.values(), *running.values()),
        # Ours before the updater's own word for it, so that it is known for ours.
        working=_working(answer.get("work", "")) or status.working,
        error=status.error or _error(answer),
    )


def driven_by(status: UpdateStatus) -> Agent | None:
    """Who takes updates on the host by itself, so that two would fight over it."""
    return next((agent for agent in status.agents if agent.active and agent.drives), None)


def _agents(answer: Answer) -> Iterator[Agent]:
    for block in answer.get("agents", "").split("\n\n"):
        values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        unit = values.get("Id", "").strip()
        if unit not in _AGENTS:
            continue
        name, drives = _AGENTS[unit]
        says = clean(values.get("StatusText", "").strip(), TEXT) or None
        if unit == _AUTOMATIC:
            policy = answer.get("policy", "").partition("=")[2].strip()
            drives, says = policy not in _HARMLESS_POLICIES, clean(policy, TEXT) or None
        if unit == "locksmithd.service":
            told = assignments(answer.get("coordinator", ""))
            says = ", ".join(told[key] for key in ("STRATEGY", "STATE") if key in told) or says
        yield Agent(name, unit, values.get("ActiveState", "").strip() == "active", drives, says)


def _working(text: str) -> Working | None:
    """What our unit does, where it runs: its name for the work, then systemd's word for the unit."""
    what, _, state = text.strip().rpartition("\n")
    if what and state in ("active", "activating", "deactivating"):
        return Working(clean(what, TEXT), by=UNIT)
    return None


def _error(answer: Answer) -> str | None:
    """How our last work failed: its exit code, then its last line."""
    code, _, said = answer.get("work-ended", "").partition("\n")
    if not code.strip() or code.strip() == "0":
        return None
    what = answer.get("work", "").partition("\n")[0]
    last = clean(said.strip().rpartition("\r")[2], TEXT)
    return f"{clean(what, TEXT)}: {last or 'exit code ' + clean(code.strip(), 8)}"

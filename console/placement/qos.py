"""QoS classes, carried out by systemd: the text of the drop-in that is written beside a unit.

Every setting is from systemd.resource-control(5) or systemd.exec(5). The numbers, and why:

    guaranteed   CPUWeight=1000 a core     ten times what a unit has that says nothing (100), so that
                                           the host's other units cannot eat into what is reserved
                 MemoryMin=Memory          never reclaimed, as far as its slice has as much (docs/spec.md)
                 MemoryMax=Memory          and never more: what is promised to others stays theirs
                 OOMPolicy=stop            a unit with one process killed is stopped whole, and Restart= acts
                 OOMScoreAdjust=-500       the kernel's last choice
    burstable    CPUWeight=100 a core      a core's reservation weighs what a whole unit does by default
                 MemoryLow=Memory          reclaimed last
                 MemoryHigh=2 × Memory     may burst to twice; beyond that it is slowed, not killed
    best-effort  CPUWeight=10              a tenth of the default: it has what others leave
                 MemoryHigh=Memory         slowed as soon as it has what it said
                 MemoryMax=2 × Memory      a runaway dies before its neighbours do
                 OOMPolicy=kill            all of it at once, so that the memory is back at once
                 OOMScoreAdjust=500        the kernel's first choice

A setting that the unit file has itself is left to it, and `Unit*` keys come last, so that they win. A
burstable unit that reserves nothing gets no drop-in at all: units of fleet's run as they always did.
"""

from __future__ import annotations

from collections.abc import Iterable

from console.placement.exclusive import drop_in as leased
from console.placement.policy import Policy, QoS
from console.placement.unit_file import Option, UnitFile, parse, serialise
from console.placement.unit_name import CGROUP_SECTIONS, UnitName

#: The drop-in's name: late, so that it comes after what a distribution ships.
DROP_IN = "80-quarterdeck.conf"

#: CPUWeight= takes 1 to 10000; a core of each class weighs this.
_WEIGHT_A_CORE = {QoS.GUARANTEED: 1000, QoS.BURSTABLE: 100}
_WEIGHT_BEST_EFFORT = 10
_WEIGHT_RANGE = (1, 10_000)

#: OOMPolicy= is for services and scopes, OOMScoreAdjust= for what executes something itself.
_OOM_POLICY_TYPES = frozenset({"service", "scope"})
_OOM_SCORE_TYPES = frozenset({"service", "socket", "mount", "swap"})


def drop_in(name: str, policy: Policy, text: str) -> str | None:
    """The drop-in of one unit; None if it needs none.

    :param name: the unit's name.
    :param text: its unit file, whose own settings are left alone.
    """
    unit = UnitName(name)
    own = parse(text)
    options = [option for option in _controls(unit, policy) if not _has(own, option)]
    if policy.exclusive:
        options += leased(own, policy.settings)
    if not options and not policy.settings:
        return None
    # Sections are gathered, or the same one would be opened again and again.
    both = (*options, *policy.settings)
    sections = dict.fromkeys(option.section for option in both)
    gathered = [option for section in sections for option in both if option.section == section]
    return f"# Made by Quarterdeck from {name}; a change here is overwritten.\n{serialise(gathered)}"


def _has(own: UnitFile, option: Option) -> bool:
    return bool(own.values(option.section, option.name))


def _controls(unit: UnitName, policy: Policy) -> Iterable[Option]:
    section = CGROUP_SECTIONS.get(unit.type)
    if section is None:
        return
    for name, value in _settings(policy):
        if name == "OOMPolicy" and unit.type not in _OOM_POLICY_TYPES:
            continue
        if name == "OOMScoreAdjust" and unit.type not in _OOM_SCORE_TYPES:
            continue
        yield Option(section, name, value)


def _settings(policy: Policy) -> Iterable[tuple[str, str]]:
    qos, memory = policy.qos, policy.memory
    if qos is QoS.BEST_EFFORT:
        yield "CPUWeight", str(_WEIGHT_BEST_EFFORT)
    elif policy.cpu:
        low, high = _WEIGHT_RANGE
        yield "CPUWeight", str(min(high, max(low, policy.cpu * _WEIGHT_A_CORE[qos] // 1000)))
    if memory:
        names = {
            QoS.GUARANTEED: (("MemoryMin", 1), ("MemoryMax", 1)),
            QoS.BURSTABLE: (("MemoryLow", 1), ("MemoryHigh", 2)),
            QoS.BEST_EFFORT: (("MemoryHigh", 1), ("MemoryMax", 2)),
        }
        for name, times in names[qos]:
            yield name, str(times * memory)
    if qos is QoS.GUARANTEED:
        yield "OOMPolicy", "stop"
        yield "OOMScoreAdjust", "-500"
    elif qos is QoS.BEST_EFFORT:
        yield "OOMPolicy", "kill"
        yield "OOMScoreAdjust", "500"

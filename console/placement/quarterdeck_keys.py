"""`[X-Quarterdeck]`: its keys, what each may hold, and which go together.

The table is all there is to know about which keys exist; `docs/spec.md` is the user's page of the same.
A key that takes one value counts as systemd counts it: the last one, and an empty one takes it back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from console.placement import policy_values as values
from console.placement.policy import Policy, QoS
from console.placement.policy_values import Rejected, shown
from console.placement.unit_file import Fault, Option, UnitFile, standing
from console.placement.unit_name import CGROUP_SECTIONS, UnitName

SECTION = "X-Quarterdeck"

#: `UnitService.MemoryHigh=1G` puts `MemoryHigh=1G` into `[Service]` of the generated drop-in.
SETTING_PREFIX = "Unit"
SETTING_FORM = f"{SETTING_PREFIX}SECTION.Setting"

#: Sections that a drop-in may have; not `[Install]`, for what is enabled follows from the policy.
_SECTIONS = ("Unit", "Service", "Socket", "Timer", "Path", "Mount", "Automount", "Swap", "Slice", "Scope")


@dataclass(frozen=True, slots=True)
class Key:
    """One key: the field of the policy it fills, and what makes a value of its text.

    :param many: the key may stand many times, and every value counts; `convert` gives one or a tuple of them.
    """

    field: str
    convert: Callable[[str, UnitName], Any]
    many: bool = False


KEYS: Mapping[str, Key] = {
    "Replicas": Key("replicas", values.replicas),
    "Global": Key("everywhere", values.boolean),
    "Require": Key("require", values.require, many=True),
    "Prefer": Key("prefer", values.prefer, many=True),
    "Near": Key("near", values.near, many=True),
    "Apart": Key("apart", values.apart, many=True),
    "Spread": Key("spread", values.labels, many=True),
    "MaxPerHost": Key("max_per_host", values.max_per_host),
    "Replaces": Key("replaces", values.replaces, many=True),
    "QoS": Key("qos", values.qos),
    "CPU": Key("cpu", values.cpu),
    "Memory": Key("memory", values.memory),
    "Priority": Key("priority", values.priority),
    "Exclusive": Key("exclusive", values.boolean),
    "Boot": Key("boot", values.boolean),
    "Host": Key("host", values.host),
}


def read(file: UnitFile, unit: UnitName) -> tuple[Policy, list[Fault]]:
    """The policy of `[X-Quarterdeck]`, and everything that is wrong there; with faults it means nothing."""
    options = file.of_section(SECTION)
    faults: list[Fault] = []
    fields: dict[str, Any] = {}
    for name, key in KEYS.items():
        found = standing(options, name)
        read_ones = [one for option in found if (one := _converted(option, key, unit, faults)) is not None]
        if read_ones:
            fields[key.field] = _gathered(read_ones) if key.many else read_ones[-1]
    near = fields.pop("near", ())
    if near:
        fields["near"] = tuple(group for group in near if group != (values.SELF,))
        fields["together"] = (values.SELF,) in near
    fields["settings"] = tuple(_settings(options, unit, faults))
    faults += _unknown(options)
    policy = Policy(**fields)
    faults += _together(options, policy, unit)
    return policy, faults


def _converted(option: Option, key: Key, unit: UnitName, faults: list[Fault]) -> Any:
    try:
        values.printable(option.value)
        return key.convert(option.value, unit)
    except Rejected as error:
        faults.append(Fault(option.line, f"{option.name}: {error}"))
        return None


def _gathered(found: Iterable[Any]) -> tuple[Any, ...]:
    every: list[Any] = []
    for one in found:
        every += one if isinstance(one, tuple) else (one,)
    return tuple(dict.fromkeys(every))


def _settings(options: Iterable[Option], unit: UnitName, faults: list[Fault]) -> Iterable[Option]:
    own = CGROUP_SECTIONS.get(unit.type) or unit.type.capitalize()
    for option in options:
        if option.name in KEYS or not option.name.startswith(SETTING_PREFIX):
            continue
        section, dot, setting = option.name.removeprefix(SETTING_PREFIX).partition(".")
        if not dot or not setting.isalnum():
            continue  # told as an unknown key
        if section not in {"Unit", own}:
            near = " (Boot, Host and Global say what is enabled)" if section == "Install" else ""
            accepted = f"{SETTING_PREFIX}Unit.{setting}" + (
                f" or {SETTING_PREFIX}{own}.{setting}" if own in _SECTIONS else ""
            )
            faults.append(
                Fault(
                    option.line,
                    f"{option.name}: no [{section}] in a {unit.type}{near}; accepted: {accepted}",
                )
            )
            continue
        yield Option(section, setting, option.value)


def _unknown(options: Iterable[Option]) -> Iterable[Fault]:
    for option in options:
        if option.name in KEYS or _is_setting(option.name):
            continue
        guess = f" (did you mean {near}?)" if (near := _nearest(option.name)) else ""
        accepted = ", ".join((*KEYS, SETTING_FORM))
        yield Fault(
            option.line, f"unknown key {shown(option.name)} in [{SECTION}]{guess}; accepted: {accepted}"
        )


def _nearest(name: str) -> str | None:
    if name.startswith(SETTING_PREFIX):
        return SETTING_FORM
    # Case is what is mostly wrong with them: MaxPerhost, Qos.
    folded = {key.lower(): key for key in KEYS}
    near = get_close_matches(name.lower(), folded, 1)
    return folded[near[0]] if near else None


def _is_setting(name: str) -> bool:
    _, dot, setting = name.partition(".")
    return name.startswith(SETTING_PREFIX) and bool(dot) and setting.isalnum()


def _together(options: tuple[Option, ...], policy: Policy, unit: UnitName) -> Iterable[Fault]:
    """What each key allows by itself and the keys together do not."""
    lines = {option.name: option.line for option in options if option.value}
    plain = not unit.is_template

    def wrong(holds: object, key: str, text: str) -> Iterable[Fault]:
        if holds and key in lines:
            yield Fault(lines[key], f"{key}: {text}")

    many = policy.replicas > 1
    yield from wrong(
        many and plain,
        "Replicas",
        f"more than one of {shown(unit.full)} needs a template to be instances of; "
        f"accepted: 0 or 1, or a file named {unit.prefix}@.{unit.type}",
    )
    everywhere = policy.everywhere
    yield from wrong(everywhere and not plain, "Global", "a template cannot be on every host by itself")
    for key in ("Replicas", "MaxPerHost", "Spread", "Prefer", "Near", "Replaces", "Host"):
        yield from wrong(everywhere, key, "has no meaning with Global=yes, which is one on every host")
    yield from wrong(everywhere and policy.exclusive, "Exclusive", "Global=yes is many at a time")
    yield from wrong(
        policy.boot and policy.exclusive,
        "Boot",
        "an exclusive instance starts by a lease only, and so never by itself",
    )
    yield from wrong(
        policy.together and (set(values.own_patterns(unit)) & set(policy.apart)),
        "Near",
        "near itself and apart from itself cannot both be",
    )
    for group in policy.near:
        both = sorted(set(group) & set(policy.apart))
        yield from wrong(both, "Near", f"{shown(both[0]) if both else ''} stands in Apart too")
    yield from wrong(
        set(policy.apart) & set(policy.replaces), "Replaces", "what it replaces is apart from it already"
    )
    if policy.qos is QoS.GUARANTEED and not (policy.cpu and policy.memory):
        yield from wrong(True, "QoS", "guaranteed needs CPU= and Memory=: what else would be guaranteed?")
    if unit.type not in CGROUP_SECTIONS:
        for key in ("QoS", "CPU", "Memory"):
            yield from wrong(True, key, f"a {unit.type} has no processes to hold to it")

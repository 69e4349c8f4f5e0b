"""`[X-Fleet]`: fleet's own section, read as it stands, with fleet's rules and fleet's words.

The source is fleet 1.0: job/job.go (which keys there are, and what they mean), api/units.go (what may not
stand together), unit/unit.go (several quoted values on a line), agent/state.go (what they do).
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from console.model.selector import BUILT_IN_KEYS, KeyTerm, glob_matches
from console.model.text import clean
from console.placement.policy import AnyOf, Policy
from console.placement.unit_file import Fault, UnitFile
from console.placement.unit_name import UnitName

SECTION = "X-Fleet"

#: Every spelling fleet knew, to the name it goes by.
KEYS: Mapping[str, str] = {
    "MachineID": "MachineID",
    "X-ConditionMachineID": "MachineID",
    "X-ConditionMachineBootID": "MachineBootID",
    "MachineOf": "MachineOf",
    "X-ConditionMachineOf": "MachineOf",
    "MachineMetadata": "MachineMetadata",
    "X-ConditionMachineMetadata": "MachineMetadata",
    "Conflicts": "Conflicts",
    "X-Conflicts": "Conflicts",
    "Replaces": "Replaces",
    "Global": "Global",
}

_TRUTHY = frozenset({"true", "yes", "1", "on", "t"})
_GO_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_GO_PIECE = re.compile(r"\\(?P<escaped>.)|\[(?P<not>\^?+)(?P<inside>(?:\\.|[^\]\\])+)\]|[^\[\\]", re.DOTALL)

Value = tuple[int, str]  # line, text


def read(file: UnitFile, unit: UnitName) -> tuple[Policy, list[Fault], list[Fault]]:
    """The policy of `[X-Fleet]`, what fleet would have refused, and what it warned of."""
    found: dict[str, list[Value]] = {}
    faults: list[Fault] = []
    for option in file.of_section(SECTION):
        if not f"{option.name}{option.value}".replace("\t", " ").isprintable():
            # fleet let it pass; here it would be shown on terminals.
            faults.append(Fault(option.line, f"{clean(option.name, 40)}: holds a control character"))
            continue
        found.setdefault(option.name, []).extend((option.line, text) for text in split(option.value))
    warnings = list(_unrecognised(found))
    machine = _machine(found)
    peers = [value for value in _of(found, "MachineOf") if value[1]]
    conflicts = _words(_of(found, "Conflicts"))
    replaces = _words(_of(found, "Replaces"))
    everywhere = bool(said := _of(found, "Global")) and said[-1][1].lower() in _TRUTHY
    faults += _refused(machine, peers, conflicts, replaces, said[-1] if everywhere else None)
    policy = Policy(
        # A template of fleet's ran nothing by itself: its instances were started by their names.
        replicas=0 if unit.is_template else 1,
        everywhere=everywhere,
        require=_metadata(_of(found, "MachineMetadata"), warnings),
        near=tuple((glob.escape(text),) for _, text in peers),
        apart=_patterns(conflicts, warnings),
        replaces=_patterns(replaces, warnings),
        host=machine[1] if machine else None,
    )
    return policy, faults, warnings


def split(line: str) -> list[str]:
    """Several quoted values on one line, as fleet told them apart (unit.go, parseMultivalueLine).

    A line that does not both begin and end with a quote is one value, quotes and all.
    """
    if not (line.startswith('"') and line.endswith('"')):
        return [line]
    values: list[str] = []
    value = ""
    quoted = False
    for char in line:
        if char == '"':
            quoted = not quoted
        elif char == " " and not quoted:
            values.append(value)
            value = ""
        else:
            value += char
    return [*values, value]


def go_glob(pattern: str) -> str | None:
    """A pattern of Go's path.Match as one of the shell's; None if Go calls it malformed.

    Go has `[^a]` for what the shell has `[!a]`, and a backslash that takes the next character as it is.
    """
    out = ""
    at = 0
    while at < len(pattern):
        found = _GO_PIECE.match(pattern, at)
        if not found:
            return None
        if found["escaped"]:
            out += glob.escape(found["escaped"])
        elif inside := found["inside"]:
            out += _bracket(_GO_ESCAPE.sub(r"\1", inside), negated=bool(found["not"]))
        else:
            out += found[0]
        at = found.end()
    return out


def _bracket(inside: str, *, negated: bool) -> str:
    """A set of characters for the shell, to which a `]` is itself only in front, and a `!` only behind."""
    rest = inside.replace("]", "").replace("!", "")
    inside = ("]" if "]" in inside else "") + rest + ("!" if "!" in inside else "")
    if negated:
        return f"[!{inside}]"
    return inside if inside == "!" else f"[{inside}]"


def _of(found: Mapping[str, list[Value]], name: str) -> list[Value]:
    """The values of a key in all its spellings, fleet's old ones first as fleet had them."""
    spellings = sorted((key for key in found if KEYS.get(key) == name), key=lambda key: key == name)
    return [value for key in spellings for value in found[key]]


def _machine(found: Mapping[str, list[Value]]) -> Value | None:
    """The first `MachineID`; by boot id, the oldest spelling, it holds the unit back as it did in fleet."""
    for key in ("MachineID", "X-ConditionMachineID", "X-ConditionMachineBootID"):
        if found.get(key):
            return found[key][0]
    return None


def _words(values: Iterable[Value]) -> list[Value]:
    return [(line, word) for line, text in values for word in text.split()]


def _patterns(values: Iterable[Value], warnings: list[Fault]) -> tuple[str, ...]:
    out: list[str] = []
    for line, text in values:
        pattern = go_glob(text)
        if pattern is None:
            warnings.append(Fault(line, f'"{text}" is not a pattern; fleet matched nothing with it'))
        elif pattern not in out:
            out.append(pattern)
    return tuple(out)


def _metadata(values: Iterable[Value], warnings: list[Fault]) -> tuple[AnyOf, ...]:
    """Several values of one key are alternatives; different keys must all hold."""
    by_key: dict[str, list[str]] = {}
    for line, text in values:
        key, _, value = text.partition("=")
        if not key or not value or "=" in value:
            # fleet passed over it in silence, and the unit ran anywhere.
            warnings.append(Fault(line, f'"{text}" is not key=value; fleet ignored it, and so do we'))
            continue
        by_key.setdefault(key, []).append(value)
    return tuple(
        tuple(KeyTerm(_label(key), glob.escape(value)) for value in sorted(set(values_of)))
        for key, values_of in sorted(by_key.items())
    )


def _label(key: str) -> str:
    """Metadata is a label whatever it is called; our own keys of the same name are something else."""
    return f"label.{key}" if key in BUILT_IN_KEYS or key.startswith("label.") else key


def _unrecognised(found: Mapping[str, list[Value]]) -> Iterable[Fault]:
    for key, values in found.items():
        if key not in KEYS:
            near = get_close_matches(key, KEYS, 1)
            guess = f" (did you mean {near[0]}?)" if near else ""
            yield Fault(values[0][0], f'unrecognized requirement in [X-Fleet] section: "{key}"{guess}')


def _refused(
    machine: Value | None,
    peers: list[Value],
    conflicts: list[Value],
    replaces: list[Value],
    everywhere: Value | None,
) -> Iterable[Fault]:
    """What fleet's API refused (api/units.go, ValidateOptions), all of it and not the first."""
    for what, patterns in (("conflict", conflicts), ("replace", replaces)):
        for line, peer in peers:
            for _, pattern in patterns:
                if (shell := go_glob(pattern)) is not None and glob_matches(shell, peer):
                    yield Fault(line, f'unresolvable requirements: peer "{peer}" matches {what} "{pattern}"')
    if machine:
        for name, values in (("Peers", peers), ("Conflicts", conflicts), ("Replaces", replaces)):
            if values:
                yield Fault(machine[0], f"MachineID cannot be used with {name}")
        if everywhere:
            yield Fault(machine[0], "MachineID cannot be used with Global")
    if everywhere:
        for name, values in (("Peers", peers), ("Replaces", replaces)):
            if values:
                yield Fault(everywhere[0], f"Global cannot be used with {name}")
    if conflicts and replaces:
        yield Fault(replaces[0][0], "Conflicts cannot be used with Replaces")

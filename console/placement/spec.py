"""A spec: a unit file and the policy in it. What a service is to be, as its author wrote it.

`[X-Quarterdeck]` or `[X-Fleet]` says where its instances may run; a file with neither runs anywhere. One
with both is refused: two policies for one unit would be one too many, and fleet's agents, which read only
theirs, would place it differently.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from console.errors import ConfigError, Problem
from console.model.text import clean
from console.placement import exclusive, fleet_keys, quarterdeck_keys
from console.placement.policy import Policy
from console.placement.unit_file import Fault, parse
from console.placement.unit_name import UnitName, name_fault


@dataclass(frozen=True, slots=True)
class Spec:
    """The desired state of one service.

    :param name: the unit's: `db.service`, `web@.service` (its instances are `web@1.service` and on), or one
        instance, `web@blue.service`.
    :param policy: as the file has it; `policy_of` fills in the specifiers.
    :param text: the unit file, byte for byte.
    :param others: the policies of instances that are of another revision while a rollout goes on, by name.
    :param warnings: what was read and will not do what it seems to.
    """

    name: str
    policy: Policy
    text: str = ""
    warnings: tuple[Problem, ...] = field(default=(), compare=False)
    others: tuple[tuple[str, Policy], ...] = ()

    def instances(self) -> tuple[str, ...]:
        """The names of its instances; of one that is on every host, the one name they all have."""
        # Asked of every service each time something is placed, so the common case is short.
        if "@." in self.name:
            return tuple(_instances(self.name, self.policy.replicas))
        return (self.name,) if self.policy.replicas else ()

    def is_instance(self, name: str) -> bool:
        """Whether `name` is that of one of its instances. As quick for a thousand of them as for one."""
        if "@." in self.name:
            return name in _instances(self.name, self.policy.replicas)
        return name == self.name and self.policy.replicas > 0

    def policy_of(self, instance: str) -> Policy:
        """What the policy says for one instance."""
        own = next((policy for name, policy in self.others if name == instance), self.policy)
        return own.of(UnitName(instance))


#: Services whose instances' names are kept: asked for with each look at the fleet, for each instance.
_NAMES_KEPT = 4096


@lru_cache(maxsize=_NAMES_KEPT)
def _instances(name: str, replicas: int) -> Mapping[str, None]:
    """The names of a template's instances, in order; of another unit its own."""
    unit = UnitName(name)
    if not unit.is_template:
        return dict.fromkeys((name,) if replicas else ())
    return dict.fromkeys(unit.instantiate(str(number)) for number in range(1, replicas + 1))


def parse_spec(text: str, file: Path, name: str | None = None) -> Spec:
    """Read and check a unit file as a spec.

    :param name: the unit's name, if it is not the file's.
    :raises ConfigError: every problem of the text, in the order of its lines.
    """
    unit_name = file.name if name is None else name
    problems: list[Fault] = []
    if fault := name_fault(unit_name):
        # Nothing else can be judged: what may stand in a unit depends on its type.
        raise ConfigError((Problem(file, 0, f"'{clean(unit_name, 80)}': {fault}"),))
    unit = UnitName(unit_name)
    found = parse(text)
    problems += found.faults
    warnings = list(found.ignored)
    ours, theirs = (section in found.sections for section in (quarterdeck_keys.SECTION, fleet_keys.SECTION))
    # As fleet's templates do, one that says nothing of placement runs nothing until it is scaled.
    policy = Policy(replicas=0 if unit.is_template else 1)
    if ours and theirs:
        line = max(found.sections[quarterdeck_keys.SECTION], found.sections[fleet_keys.SECTION])
        problems.append(
            Fault(line, "[X-Fleet] and [X-Quarterdeck] both say where it may run; accepted: one of them")
        )
    if ours:
        policy, wrong = quarterdeck_keys.read(found, unit)
        problems += wrong
        if policy.exclusive:
            problems += exclusive.faults(unit, found, policy.settings)
    elif theirs:
        policy, wrong, odd = fleet_keys.read(found, unit)
        problems += wrong
        warnings += odd
    if not found.faults and not any(not section.startswith("X-") for section in found.sections):
        problems.append(Fault(0, "there is no section of systemd's in it; accepted: a unit file"))
    if problems:
        raise ConfigError(_told(file, problems))
    return Spec(unit_name, policy, text, _told(file, warnings))


def _told(file: Path, faults: Iterable[Fault]) -> tuple[Problem, ...]:
    return tuple(
        Problem(file, fault.line, fault.text) for fault in sorted(faults, key=lambda fault: fault.line)
    )

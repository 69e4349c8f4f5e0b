"""In which order services change that need each other: what others come after changes first. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from console.placement.ledger import levels
from console.placement.spec import Spec
from console.placement.unit_file import parse
from console.placement.unit_name import TYPES, UnitName

_NEEDS = ("After", "Requires", "Requisite", "BindsTo", "Wants")


def in_order(specs: Iterable[Spec]) -> list[list[Spec]]:
    """The specs by steps: those of one step need none of each other, and only what is in an earlier one.

    `After=`, `Requires=` and `Wants=` of their units count, and `Near=` of their policies does not: that is
    about hosts. A circle is cut where it is entered, by name.
    """
    by_name = {spec.name: spec for spec in specs}
    deep = levels({name: needs(spec) & (by_name.keys() - {name}) for name, spec in by_name.items()})
    found: dict[int, list[Spec]] = {}
    for name in sorted(by_name):
        found.setdefault(deep[name], []).append(by_name[name])
    return [found[level] for level in sorted(found)]


def needs(spec: Spec) -> set[str]:
    """The services that a unit comes after, requires or wants, by their names as services."""
    file = parse(spec.text)
    return {
        service
        for setting in _NEEDS
        for value in file.values("Unit", setting)
        for word in value.split()
        for service in _services(word)
    }


def _services(unit: str) -> Iterator[str]:
    """The services that a unit of that name is of: itself, or its template, whatever specifier is in it."""
    name = UnitName(unit)
    if name.type not in TYPES:
        return
    yield unit
    if name.template is not None:
        yield name.template

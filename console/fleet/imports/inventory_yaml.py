"""Ansible's YAML inventory: groups with `hosts`, `children` and `vars`."""

from __future__ import annotations

from pathlib import Path

import yaml

from console.errors import ConfigError, Problem
from console.fleet.config_values import shown
from console.fleet.imports.inventory import BadRange, Inventory

_NOTHING = frozenset(("", "~", "null", "Null", "NULL"))


def read_yaml(text: str, path: Path) -> Inventory:
    """The groups of a YAML inventory.

    :raises ConfigError: it is not YAML.
    """
    inventory = Inventory(path)
    try:
        # BaseLoader makes text, lists and dicts only, whatever a tag says: `no` and `010` stay the
        # names they are, `!vault` is text, and nothing in the file can make an object.
        data: object = yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError(
            (Problem(path, mark.line + 1 if mark else 0, f"not YAML: {error.problem or error.context}"),)
        ) from None
    except yaml.YAMLError as error:
        raise ConfigError((Problem(path, 0, f"not YAML: {str(error).splitlines()[0]}"),)) from None
    except RecursionError:
        raise ConfigError((Problem(path, 0, "not YAML we can read: nested too deeply"),)) from None
    _groups(data, inventory)
    return inventory


def _groups(data: object, inventory: Inventory) -> None:
    # An alias may put one table into many places, or into itself: each is read once a name.
    seen: set[tuple[str, int]] = set()
    waiting = list(reversed(_table(data, "the inventory", inventory).items()))
    while waiting:
        name, body = waiting.pop()
        if (name, id(body)) in seen:
            continue
        seen.add((name, id(body)))
        group = inventory.group(name)
        table = _table(body, f"group {shown(name)}", inventory)
        for key in (key for key in table if key not in {"hosts", "children", "vars"}):
            inventory.wrong(
                0, f"group {shown(name)}: unknown key {shown(key)}; accepted: hosts, children, vars"
            )
        group.variables.update(_variables(table.get("vars"), f"vars of {shown(name)}", inventory))
        for host, own in _table(table.get("hosts"), f"hosts of {shown(name)}", inventory).items():
            try:
                inventory.add_host(name, host, _variables(own, f"host {shown(host)}", inventory))
            except BadRange as error:
                inventory.wrong(0, f"the range in {shown(host)} cannot be written out: {error}")
        children = _table(table.get("children"), f"children of {shown(name)}", inventory)
        group.children.update(dict.fromkeys(children))
        waiting.extend(reversed(children.items()))


def _table(value: object, what: str, inventory: Inventory) -> dict[str, object]:
    """A mapping with its `<<` merged in; nothing is an empty one."""
    if value is None or (isinstance(value, str) and value in _NOTHING):
        return {}
    if not isinstance(value, dict):
        inventory.wrong(0, f"{what}: {shown(value)} is not a mapping; accepted: a mapping, or nothing")
        return {}
    merged: dict[str, object] = {}
    own = {key: item for key, item in value.items() if key != "<<"}
    others = value.get("<<", [])
    for other in reversed(others if isinstance(others, list) else [others]):
        if isinstance(other, dict) and other is not value:
            merged.update((key, item) for key, item in other.items() if key != "<<")
    return merged | own


def _variables(value: object, what: str, inventory: Inventory) -> dict[str, str]:
    """The variables that are text; lists and mappings are none that an entry takes."""
    table = _table(value, what, inventory)
    return {key: item for key, item in table.items() if isinstance(item, str) and item not in _NOTHING}

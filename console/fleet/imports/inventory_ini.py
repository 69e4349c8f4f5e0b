"""Ansible's INI inventory: `[group]`, `[group:children]`, `[group:vars]`, one host a line."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from console.fleet.config_values import shown
from console.fleet.imports.inventory import BadRange, Inventory

_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:[#;].*)?")


def read_ini(text: str, path: Path) -> Inventory:
    """The groups of an INI inventory; lines that are none of its kinds are its problems."""
    inventory = Inventory(path)
    section, kind = "ungrouped", "hosts"
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        if line.startswith("[") and (match := _SECTION.fullmatch(line)):
            section, kind = match[1], match[2] or "hosts"
            if kind not in {"hosts", "children", "vars"}:
                inventory.wrong(
                    number, f"unknown section {shown(line)}; accepted: [NAME], [NAME:children], [NAME:vars]"
                )
            inventory.group(section)
        elif kind == "vars":
            _variable(line, number, section, inventory)
        else:
            _member(line, number, section, kind, inventory)
    return inventory


def _variable(line: str, number: int, section: str, inventory: Inventory) -> None:
    name, equals, value = (part.strip() for part in line.partition("="))
    if not equals:
        inventory.wrong(number, f"{shown(line)} is not a variable; accepted: NAME=VALUE")
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    inventory.group(section).variables[name] = value


def _member(line: str, number: int, section: str, kind: str, inventory: Inventory) -> None:
    try:
        first, *rest = shlex.split(line, comments=True)
    except ValueError:
        inventory.wrong(number, f"the quotes in {shown(line)} do not close")
        return
    if kind == "children":
        inventory.group(section).children[first] = None
        inventory.group(first)
        return
    pairs = [word.partition("=") for word in rest]
    for name, equals, _ in pairs:
        if not equals:
            inventory.wrong(number, f"{shown(name)} is not a variable; accepted: NAME or NAME KEY=VALUE …")
    try:
        inventory.add_host(section, first, {name: value for name, _, value in pairs})
    except BadRange as error:
        inventory.wrong(number, f"the range in {shown(first)} cannot be written out: {error}")

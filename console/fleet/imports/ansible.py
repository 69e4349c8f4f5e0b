"""The hosts of a static Ansible inventory, INI or YAML.

What an entry takes from it: the name, with ranges such as `web[01:03]` written out; `ansible_host`,
`ansible_port`, `ansible_user`, `ansible_ssh_private_key_file` and `ansible_connection=local`, of the
host or of a group it is in; and its groups as labels. `group` is the group that lists the host (the
deepest, then the first); each further group, those above it too, is a label `group.NAME = "yes"`.
Other variables, templates, encrypted values and the folders `group_vars` and `host_vars` are not read.

Source of the formats: Ansible's documentation, "How to build your inventory", and its `ini` and
`yaml` inventory plugins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from console.errors import ConfigError, Problem
from console.fleet import config_values as values
from console.fleet.config import read_text
from console.fleet.imports.entries import HostEntry, Imported, usable
from console.fleet.imports.inventory import Group, Inventory

#: The variables that say how a host is reached, older spellings included.
_MEANING = {
    "ansible_host": "address",
    "ansible_ssh_host": "address",
    "ansible_port": "port",
    "ansible_ssh_port": "port",
    "ansible_user": "user",
    "ansible_ssh_user": "user",
    "ansible_ssh_private_key_file": "identity",
    "ansible_private_key_file": "identity",
    "ansible_connection": "connection",
}
_SSH_CONNECTIONS = frozenset(("ssh", "smart", "paramiko", "paramiko_ssh", "ansible.builtin.ssh"))
_LOCAL_CONNECTIONS = frozenset(("local", "ansible.builtin.local"))

#: Groups that Ansible makes by itself; they tell nothing about a host.
_IMPLIED = frozenset(("all", "ungrouped"))


def from_ansible(text: str, path: Path) -> Imported:
    """The hosts of the inventory `text`; the suffix of `path` says whether it is YAML or INI.

    :raises ConfigError: it is no inventory, with every line at fault.
    """
    if text.startswith("#!"):
        raise ConfigError(
            (
                Problem(
                    path,
                    1,
                    "a program and not an inventory; accepted: what "
                    "`ansible-inventory -i FILE --list --yaml` prints, saved as a .yml file",
                ),
            )
        )
    # YAML is slow to load, and few runs import an inventory.
    if path.suffix in {".yml", ".yaml", ".json"}:
        from console.fleet.imports.inventory_yaml import read_yaml as read
    else:
        from console.fleet.imports.inventory_ini import read_ini as read
    inventory = read(text, path)
    depths = _depths(inventory)
    if inventory.problems:
        raise ConfigError(tuple(inventory.problems))
    notes: list[str] = []
    entries = list(_entries(inventory.groups, depths, notes))
    return usable(entries, notes)


def load_ansible(path: Path) -> Imported:
    """The hosts of the inventory file at `path`.

    :raises ConfigError: it cannot be read, or is no inventory.
    """
    return from_ansible(read_text(path), path)


def _entries(groups: Mapping[str, Group], depths: Mapping[str, int], notes: list[str]) -> Iterator[HostEntry]:
    parents: dict[str, list[str]] = {}
    for name, group in groups.items():
        for child in group.children:
            parents.setdefault(child, []).append(name)
    listed: dict[str, list[str]] = {}
    for name, group in groups.items():
        for host in group.hosts:
            listed.setdefault(host, []).append(name)
    for host, direct in listed.items():
        if not values.is_name(host):
            yield HostEntry(host)  # to be told of as not usable
            continue
        member = _with_ancestors(direct, parents)
        # Ansible's precedence: all first, then from the outer groups inwards, then the host's own.
        ordered = sorted(member | {"all"}, key=lambda name: (name != "all", depths.get(name, 0), name))
        variables: dict[str, str] = {}
        for name in ordered:
            if name in groups:
                variables.update(_reaching(groups[name].variables))
        for name in direct:
            variables.update(_reaching(groups[name].hosts[host]))
        entry = _entry(host, variables, notes)
        if entry is not None:
            labels = _labels(host, direct, member, depths, notes)
            yield HostEntry(name=host, labels=labels, **entry)


def _reaching(variables: Mapping[str, str]) -> dict[str, str]:
    """Those that say how to reach a host, by their meaning: a group's older spelling and a host's newer
    one are the same thing."""
    return {_MEANING[name]: value for name, value in variables.items() if name in _MEANING}


def _entry(host: str, variables: Mapping[str, str], notes: list[str]) -> dict[str, Any] | None:
    """The fields of an entry, None if the host is not one that is reached by SSH."""
    fields: dict[str, Any] = {}
    for meaning, value in variables.items():
        if "{{" in value or value.startswith("$ANSIBLE_VAULT"):
            notes.append(f"{host}: its {meaning} is left out, a template or encrypted")
        elif meaning == "port" and value.isascii() and value.isdigit() and len(value) <= 5:
            fields["port"] = int(value)
        elif meaning == "port":
            notes.append(f"{host}: its port is left out, {values.shown(value)} is not a number")
        elif value:
            fields[meaning] = (value,) if meaning == "identity" else value
    connection = fields.pop("connection", "ssh")
    if connection in _LOCAL_CONNECTIONS:
        return {"transport": "local"}
    if connection not in _SSH_CONNECTIONS:
        notes.append(f"{host} is left out, its connection is {values.shown(connection)}")
        return None
    for key in fields.get("identity", ()):
        if not key.startswith(("/", "~/")):
            notes.append(
                f"{host}: its key file {values.shown(key)} is now relative to the fleet file's folder"
            )
    if fields.get("address") == host:
        del fields["address"]
    return fields


def _labels(
    host: str, direct: list[str], member: set[str], depths: Mapping[str, int], notes: list[str]
) -> dict[str, str]:
    telling = [name for name in direct if name not in _IMPLIED]
    if not telling:
        return {}
    main = max(telling, key=lambda name: depths.get(name, 0))
    wanted = {"group": main} | {f"group.{name}": "yes" for name in sorted(member - _IMPLIED - {main})}
    labels: dict[str, str] = {}
    for key, value in wanted.items():
        try:
            labels |= values.labels({key: value}, Path())
        except values.Rejected as error:
            notes.append(f"{host}: a label for one of its groups is left out: {error}")
    return labels


def _with_ancestors(names: list[str], parents: Mapping[str, list[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(parents.get(name, ()))
    return found


def _depths(inventory: Inventory) -> dict[str, int]:
    """How far below the outermost group each one is, by its longest way."""
    depths = dict.fromkeys(inventory.groups, 0)
    for _ in inventory.groups:
        before = dict(depths)
        for name, group in inventory.groups.items():
            for child in group.children:
                depths[child] = max(depths.get(child, 0), depths[name] + 1)
        if depths == before:
            return depths
    if inventory.groups:
        inventory.wrong(0, "a group is among its own children, directly or through others")
    return depths

"""`host import`: files in, a fleet file out."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from console.errors import ConfigError, InternalError, Problem
from console.fleet.config import read_text
from console.fleet.config_values import Rejected, existing_file, shown
from console.fleet.imports.ansible import load_ansible
from console.fleet.imports.entries import HostEntry, append_hosts
from console.fleet.imports.ssh import load_ssh_config


@dataclass(frozen=True, slots=True)
class HostImport:
    """A fleet file as it will be, and not written yet.

    `added` and `skipped` are names: those that are new, and those that the file had already.
    `notes` has a line for everything else that was left out.
    """

    path: Path
    text: str
    added: tuple[str, ...]
    skipped: tuple[str, ...]
    notes: tuple[str, ...]

    def write(self) -> None:
        """Put the text in place, whole or not at all; folders that are missing are made.

        :raises ConfigError: it cannot be written.
        """
        target = self.path.resolve()  # a link stays a link
        try:
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
            try:
                with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                    file.write(self.text)
                    file.flush()
                    os.fsync(file.fileno())
                if target.exists():
                    shutil.copymode(target, name)
                os.replace(name, target)
            except BaseException:
                os.unlink(name)
                raise
        except OSError as error:
            problem = Problem(self.path, 0, f"cannot be written: {error.strerror}")
            raise ConfigError((problem,)) from None


def import_hosts(path: Path, *, ssh_config: Path | None = None, ansible: Path | None = None) -> HostImport:
    """The fleet file at `path`, which need not exist, with the hosts of one other file added.

    :param ssh_config: an OpenSSH client configuration; or
    :param ansible: an Ansible inventory.
    :raises ConfigError: a file cannot be read or understood.
    """
    if ssh_config is not None:
        imported = load_ssh_config(ssh_config.expanduser())
    elif ansible is not None:
        imported = load_ansible(ansible.expanduser())
    else:
        raise InternalError("import_hosts was given no file to import from")
    notes = list(imported.notes)
    base = path.absolute().parent
    entries = [_with_keys_that_exist(entry, base, notes) for entry in imported.entries]
    existing = read_text(path) if path.exists() else None
    appended = append_hosts(existing, entries, path)
    return HostImport(path, appended.text, appended.added, appended.present, (*notes, *appended.notes))


def _with_keys_that_exist(entry: HostEntry, base: Path, notes: list[str]) -> HostEntry:
    """The fleet file refuses a key file that is missing; OpenSSH and Ansible pass over it."""
    kept = []
    for key in entry.identity:
        try:
            existing_file(key, base)
            kept.append(key)
        except Rejected:
            notes.append(f"{entry.name}: its key file {shown(key, 4096)} is left out, there is no such file")
    return replace(entry, identity=tuple(kept))

"""Hosts that others know already, written into the fleet file.

`from_ssh_config` and `from_ansible` make entries of what they are given to read; `append_hosts`
writes entries as TOML behind whatever the fleet file holds. These are pure: text in, text out.
`import_hosts` does all of it with files.
"""

from __future__ import annotations

from console.fleet.imports.ansible import from_ansible, load_ansible
from console.fleet.imports.entries import Appended, HostEntry, Imported, append_hosts
from console.fleet.imports.files import HostImport, import_hosts
from console.fleet.imports.ssh import from_ssh_config, load_ssh_config

__all__ = [
    "Appended",
    "HostEntry",
    "HostImport",
    "Imported",
    "append_hosts",
    "from_ansible",
    "from_ssh_config",
    "import_hosts",
    "load_ansible",
    "load_ssh_config",
]

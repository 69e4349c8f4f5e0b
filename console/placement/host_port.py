"""Whether a unit takes a port of its host that no second copy could have there. Pure.

A port in which a specifier stands (`-p 80%i:80`) is another one for each instance.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from console.placement.unit_file import parse

#: `-p 8080:80`, `--publish=127.0.0.1:8080:80/tcp`; of `-p 80` the engine takes any port of the host.
_PUBLISHED = re.compile(r"""(?<!\S)(?:-p\s*|--publish(?:=|\s+))["']?(\S+:[^\s:]+)""")
_HOSTS_NETWORK = re.compile(r"(?<!\S)--net(?:work)?(?:=|\s+)host(?!\S)")
_LISTENING = ("ListenStream", "ListenDatagram", "ListenSequentialPacket")


def host_port(text: str) -> str | None:
    """The port, or what else of its host a unit has to itself, in words; None: nothing that is seen here."""
    return next(_taken(text), None)


def _taken(text: str) -> Iterator[str]:
    file = parse(text)
    for option in file.options:
        if option.section == "Socket" and option.name in _LISTENING and "%" not in option.value:
            yield f"{option.name}={option.value}"
        if option.section == "Service" and option.name == "ExecStart":
            for found in _PUBLISHED.finditer(option.value):
                published = found[1].rpartition(":")[0]
                if "%" not in published:
                    yield f"port {published}"
            if _HOSTS_NETWORK.search(option.value):
                yield "the host's network"

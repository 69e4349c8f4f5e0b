"""Whose words a journal entry holds: its unit, its container, and whether to believe the latter.

Fields that begin with `_` are journald's own, taken from the kernel's word about the sender
(SCM_CREDENTIALS, /proc); all others are whatever the sender wrote (systemd.journal-fields(7)).
`CONTAINER_*` are of the second kind: any process may claim to be any container. They are believed
only from the two programs whose business they are, running as root:

    dockerd   in docker.service (moby, daemon/logger/journald)
    conmon    in libpod-conmon-<the container's id>.scope, or in the service that runs the
              container (podman's Quadlet, generated units)

`_COMM` alone proves nothing, a process chooses it; with `_UID=0` the liar would have to be root,
and root needs no lie. What runs in a container as root is not in these units, but for podman's
services, whose one control group holds conmon and, in a `libpod-payload-` group of its own, the container.

Rootless podman's conmon runs as the user, below the user's own service manager. It is believed by the
same rule one step down: it can lie about nobody's containers but its own user's, so that `user` has to
be shown with the container's name, and never is root:

    conmon    as a user, in user@UID.service of that very user, and there in
              libpod-conmon-<the container's id>.scope or in a service of the user's

Everything else is a claim.

The unit is the one `journalctl -u` finds the entry under (systemd's logs-show.c,
add_matches_for_unit). An entry can be found under two units, the sender's and the one it is
about; the one it is about wins, since that is where a reader looks for it:

    _PID=1  and UNIT=                                  systemd, about a unit
    _UID=0  and COREDUMP_UNIT=, in a coredump message  systemd-coredump, about who crashed
    _UID=0  and OBJECT_SYSTEMD_UNIT=                   journald and others, about a process's unit
    _SYSTEMD_UNIT=                                     the sender's own
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

COREDUMP_MESSAGE_ID = b"fc2e22bc6ee647b6b90729ab34a250b1"

#: What `attribute` looks at.
FIELDS = (
    "_SYSTEMD_UNIT",
    "_PID",
    "_UID",
    "_COMM",
    "UNIT",
    "OBJECT_SYSTEMD_UNIT",
    "COREDUMP_UNIT",
    "MESSAGE_ID",
    "CONTAINER_NAME",
    "CONTAINER_ID_FULL",
    "IMAGE_NAME",
    "_SYSTEMD_USER_UNIT",
    "_SYSTEMD_CGROUP",
)

_TELLING = frozenset({b"UNIT", b"OBJECT_SYSTEMD_UNIT", b"COREDUMP_UNIT"})
_Fields = Mapping[bytes, "bytes | list[bytes]"]


class Attribution(NamedTuple):
    """Names as the host wrote them, not yet safe to show.

    `trusted` is False where `container` and `image` are only claims.
    """

    unit: bytes | None
    container: bytes | None
    trusted: bool
    image: bytes | None = None


def attribute(fields: _Fields) -> Attribution:
    """Say who an entry with these fields is from.

    journald's own fields never repeat; a client's field that does is taken at its first value.
    """
    container = _first(fields, b"CONTAINER_NAME")
    unit = _first(fields, b"_SYSTEMD_UNIT")
    if not _TELLING.isdisjoint(fields):  # few entries are about another unit than their sender's
        unit = next(_units(fields), unit)
    if container is None:
        return Attribution(unit, None, True)
    return Attribution(unit, container, _names_containers(fields), _first(fields, b"IMAGE_NAME"))


def found_under(fields: _Fields) -> Iterator[bytes]:
    """Every unit `journalctl -u` finds the entry under, its slice included, for a client that
    must decide what the host could not. Needs `_SYSTEMD_SLICE` besides `FIELDS`.
    """
    yield from _units(fields)
    if slice_ := _first(fields, b"_SYSTEMD_SLICE"):
        yield slice_


def _units(fields: _Fields) -> Iterator[bytes]:
    get = fields.get
    if get(b"_PID") == b"1" and (unit := _first(fields, b"UNIT")):
        yield unit
    if get(b"_UID") == b"0":
        unit = _first(fields, b"COREDUMP_UNIT")
        if unit and _first(fields, b"MESSAGE_ID") == COREDUMP_MESSAGE_ID:
            yield unit
        if unit := _first(fields, b"OBJECT_SYSTEMD_UNIT"):
            yield unit
    if unit := _first(fields, b"_SYSTEMD_UNIT"):
        yield unit


def _names_containers(fields: _Fields) -> bool:
    """Whether the sender is a container engine's own process; see the module."""
    user = _first(fields, b"_UID") or b""
    unit = _first(fields, b"_SYSTEMD_UNIT") or b""
    program = fields.get(b"_COMM")
    if program == b"dockerd":
        return user == b"0" and unit == b"docker.service"
    if program != b"conmon" or b"/libpod-payload-" in (_first(fields, b"_SYSTEMD_CGROUP") or b""):
        return False
    if user != b"0":
        if not user or unit != b"user@%s.service" % user:
            return False
        unit = _first(fields, b"_SYSTEMD_USER_UNIT") or b""
    identity = _first(fields, b"CONTAINER_ID_FULL")
    return unit.endswith(b".service") or (bool(identity) and unit == b"libpod-conmon-%s.scope" % identity)


def _first(fields: _Fields, name: bytes) -> bytes | None:
    value = fields.get(name)
    return value[0] if isinstance(value, list) else value

"""D-Bus errors in our words.

Names: D-Bus specification and dbus's `dbus-protocol.h`; org.freedesktop.systemd1(5), systemd's
`bus-common-errors.h`.
"""

from __future__ import annotations

from console.errors import Absent, AccessRefused, HostError, HostFailure
from console.model.text import clean

_ABSENT = frozenset(
    {
        "org.freedesktop.systemd1.NoSuchUnit",
        "org.freedesktop.systemd1.LoadFailed",
        "org.freedesktop.DBus.Error.UnknownObject",
        "org.freedesktop.DBus.Error.FileNotFound",
        "org.freedesktop.DBus.Error.InvalidArgs",  # systemd: "Unit name … is not valid."
    }
)
_NOBODY = frozenset(
    {
        "org.freedesktop.DBus.Error.ServiceUnknown",
        "org.freedesktop.DBus.Error.NameHasNoOwner",
    }
)
_REFUSED = frozenset(
    {
        "org.freedesktop.DBus.Error.AccessDenied",
        "org.freedesktop.DBus.Error.AuthFailed",
        "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
    }
)
_SILENT = frozenset(
    {
        "org.freedesktop.DBus.Error.NoReply",
        "org.freedesktop.DBus.Error.Timeout",
        "org.freedesktop.DBus.Error.TimedOut",
    }
)


class NotOnBus(Absent):
    """Nobody of the name that was called is on the bus."""


def error_of(host: str, destination: str, name: str, text: str) -> HostError:
    """A D-Bus error in our words."""
    text = clean(text, 300) or clean(name, 100)
    # The bus is asked for nobody but systemd.
    who = "systemd" if destination in ("org.freedesktop.systemd1", "org.freedesktop.DBus") else destination
    if name in _ABSENT:
        return Absent(text, host=host)
    if name in _NOBODY or name.startswith("org.freedesktop.DBus.Error.Spawn."):
        return NotOnBus(f"{who} is not running", host=host)
    if name in _REFUSED:
        return AccessRefused(text, host=host)
    if name in _SILENT:
        return HostFailure(f"{who} does not answer", host=host)
    return HostFailure(f"{who}: {text}", host=host)

"""Objects of libraries that refer to themselves, untied once they have ended.

Python frees such a thing only when all objects are looked at, which a console of many hosts does seldom (see
`fleet/collector.py`): every lost connection left some hundred kilobytes until then, and hosts lost and back
by the hundred took so much memory at once that most of it never went back to the system. What is untied here
is free as soon as nobody has it any more. The names are the libraries' own and private ones: a test tells
when one of them has gone (`tests/hosts/test_knots.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncssh
    from dbus_fast.aio import MessageBus


def untie_process(process: asyncssh.SSHClientProcess[Any]) -> None:
    """Its streams know it; nobody may read or write them any more."""
    process._stdin = process._stdout = process._stderr = None


def untie_connection(connection: asyncssh.SSHClientConnection) -> None:
    """It keeps a method of its own, for what comes next."""
    connection._recv_handler = _nothing_comes


def untie_bus(wire: MessageBus) -> None:
    """Its writer knows it."""
    wire._writer = None


def _nothing_comes() -> bool:
    return False

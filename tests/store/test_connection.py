"""A member that was found is in use at once."""

from __future__ import annotations

import asyncio

import pytest

from console.store.connection import Connection, Member, open_member
from console.store.endpoints import Endpoint, Identity


async def test_who_asks_just_as_a_member_was_found_is_given_the_one_in_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    endpoint = Endpoint("http://127.0.0.1:1", "127.0.0.1:1", False)
    connection = Connection([endpoint], Identity())
    member = open_member(endpoint, Identity())

    async def found() -> Member:
        return member

    monkeypatch.setattr(connection, "_connect", found)
    first = asyncio.create_task(connection.member())
    await asyncio.sleep(0)  # it asks
    await asyncio.sleep(0)  # a member is found; nobody has been told yet
    assert await connection.member() is connection.current is member
    assert await first is member
    await connection.close()

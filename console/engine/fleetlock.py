"""FleetLock: hosts that update themselves, as Zincati's do, ask here whether they may reboot.

    POST {base}/v1/pre-reboot       a slot of the reboot lock, or the one that it has
    POST {base}/v1/steady-state     it is up: the slot back, if it has one
    fleet-lock-protocol: true
    {"client_params": {"id": "…", "group": "workers"}}

200: done. Anything else: it is not, `{"kind": "…", "value": "…"}` says why, and the host asks again later.
The slots are those of `lock status`, which rollouts take too; any engine may answer, also several at a time.
Source: coreos/zincati, docs/development/fleetlock/protocol.md.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from console.engine.duties import Task
from console.engine.term import Setting
from console.engine.web import Reply, Request, serve
from console.errors import Refused, StoreError, UsageError
from console.rollouts.reboot_lock import (
    LockFull,
    RebootLock,
    UnknownGroup,
    checked_group,
    checked_id,
)

#: What a lock is held for, in `lock status`.
WHY = "it reboots into an update of its own (FleetLock)"

#: An answer comes within so many seconds: whoever has hung up by then would not know that it has a slot.
_WITHIN_S = 8.0


class Wrong(Exception):
    """What is asked cannot be answered; how that is told. Inside this module only.

    :param kind: one of few words: hosts count their failures by it.
    """

    def __init__(self, status: int, kind: str, value: str) -> None:
        super().__init__(value)
        self.reply = error(status, kind, value)


def fleetlock(address: tuple[str, int], bound: Callable[[tuple[str, int]], None] = lambda _: None) -> Task:
    """What an engine does to serve it at an address and port."""

    async def serve_fleetlock(setting: Setting) -> None:
        memory = setting.memory
        answering = FleetLock(RebootLock(memory.etcd, memory.keys), setting.told)

        def listening(where: tuple[str, int]) -> None:
            setting.told(f"FleetLock is served at {where[0]} port {where[1]}")
            bound(where)

        await serve(address, answering.answer, listening)

    return serve_fleetlock


class FleetLock:
    """Answers hosts. :param told: takes who has got a slot and who has given one back."""

    def __init__(self, lock: RebootLock, told: Callable[[str], None]) -> None:
        self._lock = lock
        self._told = told

    async def answer(self, request: Request) -> Reply:
        """What to say to a request. A fault of etcd's is one of the answers."""
        try:
            doing = self._doing(request)
            identity, group = client_params(request)
            async with asyncio.timeout(_WITHIN_S):
                await doing(identity, group)
        except Wrong as wrong:
            return wrong.reply
        except UnknownGroup as unknown:
            return error(400, "unknown_group", str(unknown))
        except LockFull as full:
            return error(423, "failed_lock_semaphore_full", str(full))
        except Refused as frozen:
            return error(423, "failed_lock_frozen", str(frozen))
        except TimeoutError:
            return error(503, "failed_store", "etcd does not answer in time; ask again")
        except StoreError as fault:
            return error(503, "failed_store", str(fault))
        return Reply(200)

    def _doing(self, request: Request) -> Callable[[str, str], Awaitable[None]]:
        if request.path.endswith("/v1/pre-reboot"):
            doing = self._pre_reboot
        elif request.path.endswith("/v1/steady-state"):
            doing = self._steady_state
        else:
            raise Wrong(404, "not_found", "there are /v1/pre-reboot and /v1/steady-state")
        if request.method != "POST":
            raise Wrong(405, "method_not_allowed", "it is asked by POST")
        if request.headers.get("fleet-lock-protocol") != "true":
            raise Wrong(400, "invalid_fleet_lock_header", "the header fleet-lock-protocol has to be true")
        return doing

    async def _pre_reboot(self, identity: str, group: str) -> None:
        now = datetime.now(UTC)
        holder = await self._lock.acquire(group, identity, host=None, why=WHY, now=now, make=False)
        if holder.since == now:
            self._told(f"FleetLock: {identity} may reboot: it has a slot of {group}")

    async def _steady_state(self, identity: str, group: str) -> None:
        if await self._lock.release(group, identity, known=True):
            self._told(f"FleetLock: {identity} is up: its slot of {group} is free")


def client_params(request: Request) -> tuple[str, str]:
    """Who asks: its id and its group. :raises Wrong: the body does not say."""
    try:
        params = json.loads(request.body)["client_params"]
        identity, group = params["id"], params["group"]
    except (ValueError, KeyError, TypeError, RecursionError):
        said = 'it is to be {"client_params": {"id": "…", "group": "…"}}'
        raise Wrong(400, "invalid_request_body", said) from None
    try:
        return checked_id(_text(identity)), checked_group(_text(group))
    except UsageError as wrong:
        raise Wrong(400, "invalid_client_identity", str(wrong)) from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise UsageError("the id and the group are texts")
    return value


def error(status: int, kind: str, value: str) -> Reply:
    """An error as the protocol has it."""
    return Reply(status, json.dumps({"kind": kind, "value": value}).encode(), "application/json")

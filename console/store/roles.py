"""Who may do what in etcd: three roles, and a user for each, made on an etcd that had none.

    operator    all keys of the fleet
    engine      what the engine keeps: placements, rollouts and what they make of services, locks, leases, its
                election; reads the rest
    viewer      reads

What airlock keeps in the same etcd each of them may read.

etcd's own status, alarms and members are not under its access control; a viewer sees them.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.errors import ConfigError, Problem, StoreError
from console.store.client import Etcd
from console.store.values import Span
from console.store.wire import rpc

#: What an engine writes, by the kinds of `schema.py`.
_ENGINES = (
    "services",
    "instances",
    "leases",
    "observed",
    "rollouts",
    "denied",
    "locks",
    "engine",
    "acting",
    "audit",
    "audit-leases",
)
_HOSTS = "hosts"  # drained-by
_AIRLOCKS = "com.coreos.airlock/"

READ, READ_WRITE = 0, 2  # of authpb.Permission.Type


@dataclass(frozen=True, slots=True)
class Right:
    """What a role may do with some keys: `READ` or `READ_WRITE`."""

    span: Span
    kind: int


def rights(prefix: str) -> dict[str, tuple[Right, ...]]:
    """The roles on a fleet's keys."""
    everything = Span.under(prefix)
    engines = tuple(Right(Span.under(f"{prefix}{kind}/"), READ_WRITE) for kind in (*_ENGINES, _HOSTS))
    airlocks = Right(Span.under(_AIRLOCKS), READ)
    return {
        "operator": (Right(everything, READ_WRITE), airlocks),
        "engine": (Right(everything, READ), *engines, airlocks),
        "viewer": (Right(everything, READ), airlocks),
    }


async def init_auth(etcd: Etcd, folder: Path, *, enable: bool) -> tuple[str, ...]:
    """Make the roles, a user for each, and root; what is there already is left as it is.

    Passwords are made here and kept in `folder`, a file a user, readable by us alone: what
    `password_file` in `[etcd]` names.

    :param enable: also have etcd ask everybody who they are from now on.
    :return: what was done, in words.
    :raises ConfigError: a password cannot be kept; its user is not made.
    :raises StoreError: etcd does not do it.
    """
    done: list[str] = []
    roles = set((await _read(etcd, "RoleList", rpc.AuthRoleListRequest())).roles)
    users = set((await _read(etcd, "UserList", rpc.AuthUserListRequest())).users)
    for role, given in rights(etcd.prefix).items():
        if role not in roles:
            await _write(etcd, f"role {role}", "RoleAdd", rpc.AuthRoleAddRequest(name=role))
            done.append(f"role {role} made")
        for right in given:
            await _write(etcd, f"role {role}", "RoleGrantPermission", _granted(role, right))
    for user in ("root", *rights(etcd.prefix)):
        if user not in users:
            file = _keep_password(folder, user)
            request = rpc.AuthUserAddRequest(name=user, password=file.read_text().strip())
            await _write(etcd, f"user {user}", "UserAdd", request)
            done.append(f"user {user} made, password in {file}")
        if user == "root" and "root" not in roles:
            await _write(etcd, "role root", "RoleAdd", rpc.AuthRoleAddRequest(name="root"))
        granted = rpc.AuthUserGrantRoleRequest(user=user, role=user)
        await _write(etcd, f"user {user}", "UserGrantRole", granted)
    if enable:
        await _write(etcd, "auth", "AuthEnable", rpc.AuthEnableRequest())
        done.append("etcd asks everybody who they are from now on")
    return tuple(done)


def _granted(role: str, right: Right) -> Any:
    request = rpc.AuthRoleGrantPermissionRequest(name=role)
    request.perm.permType = right.kind
    request.perm.key = right.span.key.encode()
    request.perm.range_end = (right.span.end or "").encode()
    return request


async def _read(etcd: Etcd, method: str, request: Any) -> Any:
    return await etcd.read(
        lambda member, metadata, timeout: getattr(member.auth, method)(
            request, metadata=metadata, timeout=timeout
        )
    )


async def _write(etcd: Etcd, what: str, method: str, request: Any) -> None:
    try:
        await etcd.once(
            what,
            lambda member, metadata, timeout: getattr(member.auth, method)(
                request, metadata=metadata, timeout=timeout
            ),
        )
    except StoreError as error:
        if "already" not in error.message:  # granted by an earlier run that was interrupted
            raise


def _keep_password(folder: Path, user: str) -> Path:
    file = folder / f"{user}.password"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(handle, "w", encoding="ascii") as kept:
            kept.write(secrets.token_urlsafe(24) + "\n")
    except FileExistsError:
        pass  # an interrupted run made it, and no user yet
    except OSError as error:
        raise ConfigError((Problem(file, 0, f"cannot be written: {error.strerror}"),)) from error
    return file

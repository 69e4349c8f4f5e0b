"""What the keys of rollouts hold, as JSON. What cannot be read is told as a `ValueError`, in words.

rollouts/<id>                     the rollout: all but how far it is
rollouts/<id>/targets/<target>    how far one target is; none while it has not begun
rollouts/<id>/driver              who carries it out now, on a lease
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from console.errors import UsageError
from console.model.text import clean
from console.rollouts.course import End, Progress
from console.rollouts.rollout import Rollout, State, Target
from console.rollouts.window import parse_windows
from console.store.records import pack, text, time, unpack, written

#: Of a line as it was typed, and of a reason.
_LINE_MAX, _WHY_MAX = 4000, 500

#: Hosts of one rollout, at most: more than any fleet has.
_MOST = 100_000


def rollout_bytes(rollout: Rollout) -> bytes:
    return pack(
        {
            "id": rollout.id,
            "kind": rollout.kind,
            "line": rollout.line,
            "by": rollout.by,
            "from": rollout.origin,
            "created": written(rollout.created),
            "targets": [[one.id, one.host, dict(one.facts)] for one in rollout.targets],
            "waves": list(rollout.waves),
            "max_unavailable": rollout.max_unavailable,
            "group": rollout.group,
            "window": rollout.window_text,
            "timezone": rollout.timezone,
            "settings": dict(rollout.settings),
            "state": rollout.state.value,
            "since": None if rollout.since is None else written(rollout.since),
            "why": rollout.why,
            "changed_by": rollout.changed_by,
            "undoes": rollout.undoes,
        }
    )


def read_rollout(value: bytes) -> Rollout:
    found = unpack(value)
    targets, waves = found.get("targets"), found.get("waves")
    if not isinstance(targets, list) or not targets or len(targets) > _MOST:
        raise ValueError("targets is not a list of some")
    if not isinstance(waves, list) or not all(isinstance(end, int) for end in waves):
        raise ValueError("waves is not a list of numbers")
    read = tuple(_target(one) for one in targets)
    if not waves or sorted(set(waves)) != waves or waves[0] < 1 or waves[-1] != len(read):
        raise ValueError("waves do not rise to all targets")
    most = found.get("max_unavailable")
    window = text(found, "window", _WHY_MAX)
    try:
        windows = parse_windows(window) if window else ()
    except UsageError as error:
        raise ValueError(error.message) from None
    undoes = found.get("undoes")
    return Rollout(
        text(found, "id", 40),
        text(found, "kind"),
        text(found, "line", _LINE_MAX),
        text(found, "by"),
        text(found, "from"),
        time(found["created"]),
        read,
        tuple(waves),
        most if isinstance(most, int) and most > 0 else None,
        text(found, "group"),
        windows,
        window,
        text(found, "timezone"),
        _texts(found, "settings"),
        State(text(found, "state")),
        None if found.get("since") is None else time(found["since"]),
        text(found, "why", _WHY_MAX),
        text(found, "changed_by"),
        None if undoes is None else text(found, "undoes", 40),
    )


def progress_bytes(progress: Progress) -> bytes:
    return pack(
        {
            "stage": progress.stage,
            "since": written(progress.since),
            "end": None if progress.end is None else progress.end.value,
            "failed": progress.failed,
            "blames": progress.blames,
            "waiting": progress.waiting,
            "facts": dict(progress.facts),
            "trail": [[stage, written(at)] for stage, at in progress.trail],
        }
    )


def read_progress(value: bytes) -> Progress:
    found = unpack(value)
    trail = found.get("trail")
    if not isinstance(trail, list):
        raise ValueError("trail is not a list")
    end = found.get("end")
    return Progress(
        text(found, "stage"),
        time(found["since"]),
        None if end is None else End(text(found, "end")),
        text(found, "failed", _WHY_MAX),
        found.get("blames") is True,
        text(found, "waiting", _WHY_MAX),
        _texts(found, "facts"),
        tuple((clean(str(stage), 40), time(at)) for stage, at in trail),
    )


def _target(one: object) -> Target:
    if not isinstance(one, list) or len(one) != 3 or not isinstance(one[2], dict):
        raise ValueError("a target is not its name, its host and what is known of it")
    names = {"id": one[0], "host": one[1], "facts": one[2]}
    return Target(text(names, "id"), text(names, "host"), _texts(names, "facts"))


def _texts(found: Mapping[str, Any], key: str) -> dict[str, str]:
    value = found.get(key)
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise ValueError(f"{key} is not an object of texts")
    return value

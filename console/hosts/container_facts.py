"""The API's JSON about a container, read into the model. Pure; believes nothing it is told.

The shapes are those of the Docker Engine API (https://docs.docker.com/reference/api/engine/),
`ContainerSummary`, `ContainerInspectResponse` and `ImageInspect`, and podman's versions of them.
Where they differ:

    State.Health        docker: absent or null without a check; podman: {"Status": ""}
    State.Status        podman also says `configured`, `initialized`, `stopped`, `stopping`
    times               RFC 3339 with nanoseconds, in podman with an offset; a list has Unix seconds;
                        "never" is 0001-01-01T00:00:00Z, or Unix 0, or a negative number
    RestartPolicy.Name  docker: "no"; podman: "" or "no"
    Image               podman leaves "sha256:" off an image's id

Which systemd unit owns a container is known only from a label: podman puts PODMAN_SYSTEMD_UNIT on
what a unit starts (Quadlet and `podman generate systemd` both make it do so). docker has no such
thing, so a container that a unit starts by `docker run` has no unit here unless it is labelled so.
An image can carry the label too: it is a claim, not a proof.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from console.model.container import Container, Port
from console.model.text import clean

#: What is kept of one container. A daemon's own limits are far below most of these.
MAX_LABELS = 128
MAX_LABEL_KEY = 256
MAX_LABEL_VALUE = 1024
MAX_PORTS = 512
MAX_NAMES = 16
MAX_NAME = 256

UNIT_LABEL = "PODMAN_SYSTEMD_UNIT"

_ID = re.compile(r"[0-9a-f]{64}")
_UNIT = re.compile(r"[A-Za-z0-9:_.\\@-]{1,245}\.(?:service|scope|slice)")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_EXIT = re.compile(r"(?:Exited|Restarting) \((-?\d{1,10})\)")
_HEALTH = re.compile(r"\((?:health: )?(starting|healthy|unhealthy)\)")

_STATES = {"configured": "created", "initialized": "created", "stopped": "exited", "": "unknown"}
_RUNS = frozenset({"running", "paused"})

#: Docker's zero time, and anything older than docker itself.
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class UnreadableContainer(ValueError):
    """What should describe a container does not even say which one."""


def identity(item: object) -> str:
    """The full id in a list's or an inspection's JSON.

    :raises UnreadableContainer: there is none; ids become part of a URL, so nothing else will do.
    """
    found = _get(item, "Id")
    if isinstance(found, str) and _ID.fullmatch(found):
        return found
    raise UnreadableContainer(f"a container without a readable id: {clean(repr(found), 80)}")


def image_id(item: object) -> str:
    """The id of the image in an inspection's JSON, `sha256:` and 64 hex digits, "" if it has none."""
    return _image_id(_get(item, "Image"))


def is_image_id(text: str) -> bool:
    """Whether it may become part of a URL."""
    return _DIGEST.fullmatch(text) is not None


def from_inspect(
    host: str, engine: str, item: object, *, names: Sequence[str] = (), image: object = None
) -> Container:
    """A container from `GET /containers/{id}/json`.

    :param names: all of its names as a list gives them (docker adds link aliases there).
    :param image: its image's JSON, from `GET /images/{id}/json`; without it the digest is known
        only if the container was created by it.
    :raises UnreadableContainer: it does not say which container it is about.
    """
    number = identity(item)
    state, config, policy = _get(item, "State"), _get(item, "Config"), _get(item, "HostConfig")
    status = _state(_get(state, "Status"))
    labels = _labels(_get(config, "Labels"))
    name = _name(_get(item, "Name")) or number[:12]
    reference = _text(_get(config, "Image"), 512)
    created = moment(_get(item, "Created"))
    exit_code = _integer(_get(state, "ExitCode"))
    if status in _RUNS or (status == "created" and exit_code == 0):
        exit_code = None
    return Container(
        host=host,
        name=name,
        id=number,
        image=reference or image_id(item),
        image_id=image_id(item),
        state=status,
        engine=engine,
        health=_health(_get(_get(state, "Health"), "Status")) if status in _RUNS else None,
        restarts=max(0, _integer(_get(item, "RestartCount")) or 0),
        exit_code=exit_code,
        oom_killed=_get(state, "OOMKilled") is True,
        since=_since(status, state, created),
        created=created,
        unit=unit_of(labels),
        digest=_digest(reference) or digest_of(image, reference),
        ports=_published(_get(_get(item, "NetworkSettings"), "Ports")),
        labels=labels,
        names=tuple(names) or (name,),
        pid=_integer(_get(state, "Pid")) or None,
        restart_policy=_policy(_get(policy, "RestartPolicy")),
        error=_text(_get(state, "Error"), 512) or None,
    )


def from_summary(host: str, engine: str, item: object) -> Container:
    """A container from its entry in `GET /containers/json`, for one that cannot be inspected.

    Says nothing of restarts, OOM kills, the process and the restart policy; health and exit code
    come from the words of `Status`.

    :raises UnreadableContainer: it does not say which container it is about.
    """
    number = identity(item)
    status, words = _state(_get(item, "State")), _text(_get(item, "Status"), 256)
    names = names_of(item)
    labels = _labels(_get(item, "Labels"))
    created = moment(_get(item, "Created"))
    code = _EXIT.match(words)
    return Container(
        host=host,
        name=names[0] if names else number[:12],
        id=number,
        image=_text(_get(item, "Image"), 512),
        image_id=_image_id(_get(item, "ImageID")),
        state=status,
        engine=engine,
        health=_health_words(item) if status in _RUNS else None,
        exit_code=int(code[1]) if code and status not in _RUNS else None,
        since=created if status == "created" else None,
        created=created,
        unit=unit_of(labels),
        ports=_listed(_get(item, "Ports")),
        labels=labels,
        names=names,
    )


def names_of(item: object) -> tuple[str, ...]:
    """All names in a list's entry; the container's own before the link aliases (`a/b`)."""
    found = _get(item, "Names")
    names = [_name(name) for name in _sequence(found)[:MAX_NAMES]]
    return tuple(sorted((name for name in names if name), key=lambda name: "/" in name))


def agrees(item: object, known: Container) -> bool:
    """Whether a list's entry tells what is already known; health only where it is told (docker)."""
    state = _state(_get(item, "State"))
    name = (names_of(item) or (known.name,))[0]
    told = known.engine == "docker" and state in _RUNS
    return (state, name) == (known.state, known.name) and (not told or _health_words(item) == known.health)


def digest_of(image: object, reference: str) -> str | None:
    """The manifest digest an image was pulled as, from `GET /images/{id}/json`.

    :param reference: the name the container was created from; where the image came from several
        repositories, that repository's digest counts.
    """
    repository = _repository(reference)
    found = [entry for entry in _sequence(_get(image, "RepoDigests")) if isinstance(entry, str)]
    found.sort(key=lambda entry: _repository(entry) != repository)
    return next((digest for entry in found if (digest := _digest(entry))), None)


def unit_of(labels: Mapping[str, str]) -> str | None:
    """The unit that a container's labels say owns it."""
    claimed = labels.get(UNIT_LABEL, "")
    return claimed if _UNIT.fullmatch(claimed) else None


def moment(value: object) -> datetime | None:
    """A time as the API writes it: RFC 3339, or Unix seconds as a number; None for "never"."""
    try:
        if isinstance(value, str):
            found = datetime.fromisoformat(value)
            found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found = datetime.fromtimestamp(value, UTC)
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    return found if found > _EPOCH else None


# -- pieces -------------------------------------------------------------------------------------


def _get(item: object, key: str) -> object:
    return item.get(key) if isinstance(item, Mapping) else None


def _sequence(item: object) -> Sequence[object]:
    return item if isinstance(item, list) else ()


def _text(item: object, limit: int) -> str:
    return clean(item, limit) if isinstance(item, str) else ""


def _integer(item: object) -> int | None:
    if isinstance(item, int) and not isinstance(item, bool) and abs(item) < 2**53:
        return item
    return None


def _name(item: object) -> str:
    return _text(item, MAX_NAME).removeprefix("/")


def _state(item: object) -> str:
    word = _text(item, 32).lower()
    return _STATES.get(word, word)


def _health(item: object) -> str | None:
    word = _text(item, 32).lower()
    return word if word not in ("", "none") else None


def _health_words(item: object) -> str | None:
    found = _HEALTH.search(_text(_get(item, "Status"), 256))
    return found[1] if found else None


def _since(status: str, state: object, created: datetime | None) -> datetime | None:
    match status:
        case "running":
            return moment(_get(state, "StartedAt"))
        case "paused":
            return None
        case "created":
            return created
        case _:
            return moment(_get(state, "FinishedAt"))


def _labels(item: object) -> dict[str, str]:
    if not isinstance(item, Mapping):
        return {}
    kept: dict[str, str] = {}
    for key, value in item.items():
        if len(kept) == MAX_LABELS:
            break
        if isinstance(key, str) and isinstance(value, str):
            kept[clean(key, MAX_LABEL_KEY)] = clean(value, MAX_LABEL_VALUE)
    return kept


def _policy(item: object) -> str | None:
    if not isinstance(item, Mapping):
        return None
    name = _text(item.get("Name"), 32) or "no"
    most = _integer(item.get("MaximumRetryCount"))
    return f"{name}:{most}" if name == "on-failure" and most else name


def _image_id(item: object) -> str:
    found = _text(item, 128)
    return f"sha256:{found}" if _ID.fullmatch(found) else found


def _digest(reference: str) -> str | None:
    found = reference.rpartition("@")[2]
    return found if _DIGEST.fullmatch(found) else None


def _repository(reference: str) -> str:
    """`registry:5000/team/api` of `registry:5000/team/api:1.4@sha256:…`, Docker Hub's spelled out."""
    name = reference.partition("@")[0]
    path, colon, tag = name.rpartition(":")
    if colon and "/" not in tag:
        name = path
    first, slash, _ = name.partition("/")
    if not slash:
        return f"docker.io/library/{name}"
    return name if "." in first or ":" in first or first == "localhost" else f"docker.io/{name}"


def _published(item: object) -> tuple[Port, ...]:
    """`{"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}], "443/tcp": null}`"""
    if not isinstance(item, Mapping):
        return ()
    found: list[Port] = []
    for key, bindings in item.items():
        number, _, protocol = key.partition("/") if isinstance(key, str) else ("", "", "")
        port = _port(number)
        if port is None:
            continue
        protocol = clean(protocol, 16) or "tcp"
        if not isinstance(bindings, list) or not bindings:
            found.append(Port(port, protocol))
            continue
        for binding in bindings[:MAX_PORTS]:
            host_ip = _text(_get(binding, "HostIp"), 64) or None
            found.append(Port(port, protocol, host_ip, _port(_get(binding, "HostPort"))))
    return _in_order(found)


def _listed(item: object) -> tuple[Port, ...]:
    """`[{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}]`"""
    found: list[Port] = []
    for entry in _sequence(item)[:MAX_PORTS]:
        port = _port(_get(entry, "PrivatePort"))
        if port is not None:
            host_ip = _text(_get(entry, "IP"), 64) or None
            protocol = _text(_get(entry, "Type"), 16) or "tcp"
            found.append(Port(port, protocol, host_ip, _port(_get(entry, "PublicPort"))))
    return _in_order(found)


def _port(item: object) -> int | None:
    if isinstance(item, str) and item.isascii() and item.isdigit() and len(item) <= 5:
        item = int(item)
    number = _integer(item)
    return number if number is not None and 0 < number < 65536 else None


def _in_order(ports: Iterable[Port]) -> tuple[Port, ...]:
    return tuple(
        sorted(ports, key=lambda port: (port.port, port.protocol, port.host_ip or "", port.host_port or 0))
    )[:MAX_PORTS]

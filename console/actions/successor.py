"""What a container's successor is made of: the operator's part of the old one, over another image. Pure.

A daemon merges an image's defaults into what the operator asked for, and `inspect` shows the sum. Made anew
from that sum, a container would keep the old image's environment, command and labels for ever. So the old
image's defaults are subtracted first: what is left is the operator's, and the new image's defaults take
effect where nothing is. A value that the operator set to what was the default anyway cannot be told from
the default, and follows the image.

Shapes: `GET /containers/{id}/json`, `GET /images/{name}/json` and the body of `POST /containers/create` of
the Docker Engine API (https://docs.docker.com/reference/api/engine/); how a daemon merges:
moby, daemon/container_operations and daemon/commit.go (`merge`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from console.actions.inspected import Json, dicts, items, part
from console.actions.successor_podman import as_docker_says, health_of_podman

#: Fields of `Config` that an image has a default for and that are one value each.
_PLAIN = ("User", "WorkingDir", "StopSignal", "StopTimeout", "Shell")
#: Those that are sets of names.
_NAMED = ("Labels", "Volumes", "ExposedPorts")
#: Not the operator's: what the daemon derives, what belongs to an image alone, what is obsolete.
_DERIVED = frozenset({"Image", "OnBuild", "ArgsEscaped", "NetworkDisabled", "MacAddress", "Hostname", "Env"})
_HOST_DERIVED = frozenset({"ContainerIDFile", "ConsoleSize", "Isolation", "Cgroup", "RestartPolicy"})
_HEALTH = ("Test", "Interval", "Timeout", "StartPeriod", "StartInterval", "Retries")
_SHORT_ID = 12
#: Labels that we give to what updates make; they are never the operator's.
OURS = "io.quarterdeck."
#: The id of the container whose place it took, what was asked for, the restart policy that goes with the
#: place; and of a unit's container the image before, as the host can find it, and what that was asked for.
REPLACED, ASKED, RESTART = f"{OURS}replaced", f"{OURS}image", f"{OURS}restart"
BEFORE, ASKED_BEFORE = f"{OURS}before", f"{OURS}before-image"


@dataclass(frozen=True, slots=True)
class Successor:
    """What to create and connect.

    :param body: of `POST /containers/create`, but for `Image`.
    :param networks: name → endpoint; the first is in the body, the others are connected before the start.
    :param restart: its restart policy, given last: until then no daemon starts it by itself.
    :param alone: why it cannot run beside the old one, a reason each; none: start-first is possible.
    """

    body: Json
    networks: Mapping[str, Json]
    restart: Json
    alone: tuple[str, ...]


def successor(container: Json, image: Json, *, engine: str) -> Successor:
    """What the successor of a container is made of, whatever image it is to have.

    :param container: the container, inspected.
    :param image: the image that it runs, inspected.
    :param engine: docker or podman, whose words differ.
    """
    if engine == "podman":
        container = as_docker_says(container)
    config, host = part(container, "Config"), dict(part(container, "HostConfig"))
    defaults = part(image, "Config")
    body = operators_part(config, defaults)
    if engine == "podman" and "Healthcheck" in body:
        body |= {"Healthcheck": health_of_podman(config.get("Healthcheck"), defaults.get("Healthcheck"))}
    identity = str(container.get("Id", ""))[:_SHORT_ID]
    labels = {name: said for name, said in part(body, "Labels").items() if not name.startswith(OURS)}
    body["Labels"] = labels
    mode = str(host.get("NetworkMode", ""))
    named = config.get("Hostname") not in ("", None, identity)
    if named and not mode.startswith(("host", "container:")) and host.get("UTSMode") != "host":
        body["Hostname"] = config["Hostname"]
    if mac := config.get("MacAddress"):
        body["MacAddress"] = mac
    host["Links"] = [_link(str(link)) for link in items(host.get("Links"))] or None
    host["Binds"] = [*items(host.get("Binds")), *_anonymous(container, host)] or None
    restart = part(host, "RestartPolicy") or {"Name": "no"}
    body["HostConfig"] = {key: value for key, value in host.items() if key not in _HOST_DERIVED}
    networks = {} if mode.startswith(("host", "container:", "none")) else _networks(container, identity)
    first = next(iter(networks), None)
    if mode in networks:
        first = mode
    if first is not None:
        body["NetworkingConfig"] = {"EndpointsConfig": {first: networks[first]}}
    others = {name: endpoint for name, endpoint in networks.items() if name != first}
    return Successor(body, others, restart, _alone(container, networks))


def operators_part(config: Json, image: Json) -> dict[str, object]:
    """A container's `Config` less its image's."""
    left = {key: value for key, value in config.items() if key not in _DERIVED}
    for key in _PLAIN:
        if key in left and _same(key, left[key], image.get(key)):
            del left[key]
    for key in _NAMED:
        defaults = part(image, key)
        mine = {name: value for name, value in part(config, key).items() if defaults.get(name) != value}
        left[key] = mine or None
    default_env = set(items(image.get("Env")))
    left["Env"] = [item for item in items(config.get("Env")) if item not in default_env] or None
    left["Healthcheck"] = _health(config.get("Healthcheck"), image.get("Healthcheck"))
    left["Entrypoint"], left["Cmd"] = _command(config, image)
    return {key: value for key, value in left.items() if value is not None}


def _command(config: Json, image: Json) -> tuple[object, object]:
    """Entrypoint and Cmd. An entrypoint of the operator's own puts the image's Cmd out of force too."""
    entrypoint, command = items(config.get("Entrypoint")), items(config.get("Cmd"))
    theirs, default = items(image.get("Entrypoint")), items(image.get("Cmd"))
    if entrypoint == theirs and (command or not default):
        return None, None if command == default else command
    # An empty one that puts the image's out of force is asked for as one empty word.
    return entrypoint or [""], command or None


def _health(mine: object, default: object) -> object:
    """A health check less what it has of the image's; one without a test takes over the image's test."""
    if not isinstance(mine, dict):
        return None
    theirs = default if isinstance(default, dict) else {}
    left = {key: mine[key] for key in _HEALTH if mine.get(key) and mine.get(key) != theirs.get(key)}
    return left or None


def _networks(container: Json, identity: str) -> dict[str, Json]:
    """What the operator asked of each network: addresses that were given, names, options; no state."""
    found: dict[str, Json] = {}
    hostname = str(part(container, "Config").get("Hostname", ""))
    for name, endpoint in part(part(container, "NetworkSettings"), "Networks").items():
        if not isinstance(endpoint, dict):
            continue
        # Of themselves daemons add the short id, and podman the host name.
        aliases = [alias for alias in items(endpoint.get("Aliases")) if alias not in (identity, hostname)]
        asked = {
            "IPAMConfig": part(endpoint, "IPAMConfig") or None,
            "Links": items(endpoint.get("Links")) or None,
            "Aliases": aliases or None,
            "DriverOpts": part(endpoint, "DriverOpts") or None,
            "GwPriority": endpoint.get("GwPriority") or None,
        }
        found[name] = {key: value for key, value in asked.items() if value is not None}
    return found


def _anonymous(container: Json, host: Json) -> list[str]:
    """Volumes that no bind and no mount names, so that their content comes along."""
    named = {bind.split(":")[1] for bind in items(host.get("Binds")) if bind.count(":") >= 1}
    named |= {str(mount.get("Target")) for mount in dicts(host.get("Mounts"))}
    return [
        f"{mount['Name']}:{mount['Destination']}{'' if mount.get('RW', True) else ':ro'}"
        for mount in dicts(container.get("Mounts"))
        if mount.get("Type") == "volume" and mount.get("Name") and mount.get("Destination") not in named
    ]


def _alone(container: Json, networks: Mapping[str, Json]) -> tuple[str, ...]:
    """Why no second one can run beside it."""
    host, reasons = part(container, "HostConfig"), []
    mode = str(host.get("NetworkMode", ""))
    if mode == "host" or mode.startswith("container:"):
        reasons.append(f"its network is {'the host' if mode == 'host' else 'another container'}'s")
    ports = sorted(
        {
            str(binding["HostPort"])
            for bindings in part(host, "PortBindings").values()
            for binding in dicts(bindings)
            if binding.get("HostPort") not in ("", "0", None)
        }
    )
    reasons += [f"it has the host's port {port}" for port in ports]
    if any(part(endpoint, "IPAMConfig") for endpoint in networks.values()):
        reasons.append("it has an address of its own")
    if part(container, "Config").get("MacAddress"):
        reasons.append("it has a hardware address of its own")
    reasons += [
        f"it writes to {mount.get('Destination')}"
        for mount in dicts(container.get("Mounts"))
        if mount.get("RW", True) and mount.get("Type") != "tmpfs"
    ]
    if items(host.get("Devices")) or dicts(host.get("Devices")):
        reasons.append("it has devices of the host")
    return tuple(reasons)


def _link(link: str) -> str:
    """`/db:/web/data`, as inspect has a link, as create wants it: `db:data`."""
    target, _, name = link.partition(":")
    return f"{target.removeprefix('/')}:{name.rpartition('/')[2]}"


def _same(key: str, mine: object, default: object) -> bool:
    return mine == default or (mine in ("", None, []) and default in ("", None, []))

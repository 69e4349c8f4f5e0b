"""podman's account of a container in docker's words. Pure.

podman speaks docker's API, but what its `inspect` gives is in part what it made of the request: options of
mounts spelled out, limits by other names, variables of its own. Given back to its own `create` as it stands,
some of that is refused, and some would count as the operator's. (podman 5.4, pkg/api/handlers/compat.)
"""

from __future__ import annotations

import signal

from console.actions.inspected import Json, dicts, items, part

#: What podman adds to every mount or tmpfs that does not say otherwise.
_MOUNT_DEFAULTS = frozenset({"rw", "rprivate", "nosuid", "nodev", "rbind", "tmpcopyup"})
#: Notes that it makes to itself.
_OWN_NOTES = (
    "io.container.manager",
    "io.podman.",
    "org.opencontainers.image.stopSignal",
    "org.systemd.property.",
)
#: Zero is "not said" there, and a wish of its own in docker's API.
_UNSAID = ("MemorySwappiness", "PidsLimit", "MemorySwap")
#: Of what it works out of a field it tells both, and takes but one.
_WORKED_OUT = {"NanoCpus": ("CpuPeriod", "CpuQuota"), "IpcMode": ("ShmSize",)}
_NAMESPACES = {"PidMode": "private", "UTSMode": "private", "IpcMode": "shareable"}


def as_docker_says(container: Json) -> Json:
    """The same container as docker's `inspect` would have it, in the parts that `create` takes."""
    config, host = dict(part(container, "Config")), dict(part(container, "HostConfig"))
    own = {"container=podman", f"HOSTNAME={config.get('Hostname', '')}"}
    env = config.get("Env")
    if isinstance(env, list):
        # HOME is found out from the user; one that an operator gives is before podman's own three.
        config["Env"] = [item for item in env if item not in own and not str(item).startswith("HOME=")]
    config["StopSignal"] = signal_name(config.get("StopSignal"))
    host["Binds"] = [_bind(bind) for bind in items(host.get("Binds"))]
    host["Tmpfs"] = {path: _options(str(said)) for path, said in part(host, "Tmpfs").items()}
    host["Ulimits"] = [
        {**limit, "Name": str(limit.get("Name", "")).removeprefix("RLIMIT_").lower()}
        for limit in dicts(host.get("Ulimits"))
    ]
    # It does not keep which of a device's permissions were asked for, and takes none but some.
    host["Devices"] = [
        {**device, "CgroupPermissions": device.get("CgroupPermissions") or "rwm"}
        for device in dicts(host.get("Devices"))
    ]
    for one, others in _WORKED_OUT.items():
        if host.get(one) not in (None, "", 0, "private", "shareable"):
            for other in others:
                host.pop(other, None)
    notes = part(host, "Annotations")
    host["Annotations"] = {key: value for key, value in notes.items() if not key.startswith(_OWN_NOTES)}
    for key in _UNSAID:
        if not host.get(key):
            host.pop(key, None)
    for key, default in _NAMESPACES.items():
        if host.get(key) == default:
            host[key] = ""
    if host.get("Runtime") == "oci":
        host.pop("Runtime")
    return {**container, "Config": config, "HostConfig": host}


#: What podman fills in where a health check does not say, in nanoseconds.
_HEALTH = {"Interval": 30_000_000_000, "Timeout": 30_000_000_000, "Retries": 3}


def health_of_podman(mine: object, default: object) -> object:
    """A health check, whole, unless it is the image's: podman does not merge the two."""
    if not isinstance(mine, dict):
        return None
    theirs = default if isinstance(default, dict) else {}
    keys = {*mine, *theirs}
    same = all((mine.get(key) or _HEALTH.get(key)) == (theirs.get(key) or _HEALTH.get(key)) for key in keys)
    return None if same else mine


def signal_name(said: object) -> object:
    """`9` as `SIGKILL`; anything else as it stands."""
    try:
        return signal.Signals(int(str(said))).name
    except ValueError:
        return said


def _bind(bind: str) -> str:
    source, _, rest = bind.partition(":")
    target, _, said = rest.partition(":")
    options = _options(said)
    return f"{source}:{target}:{options}" if options else f"{source}:{target}"


def _options(said: str) -> str:
    return ",".join(option for option in said.split(",") if option and option not in _MOUNT_DEFAULTS)

"""What docker's and podman's API say of containers, images and the daemon itself, as JSON. Pure.

Shapes: Docker Engine API 1.45, and podman 5's version of it (they differ in health, restart policy and
how the state is called). Times are RFC 3339 with nanoseconds.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from console.lab.sim import seeds
from console.lab.sim.containers import ContainerState, Engine, EngineEvent, image_id
from console.lab.sim.machine import Machine

NEVER = "0001-01-01T00:00:00Z"
_HOST_CONFIG: dict[str, Any] = {
    "Binds": None, "ContainerIDFile": "", "LogConfig": {"Type": "journald", "Config": {}},
    "NetworkMode": "bridge", "AutoRemove": False, "VolumeDriver": "", "VolumesFrom": None,
    "ConsoleSize": [0, 0], "CapAdd": None, "CapDrop": None, "CgroupnsMode": "private", "Dns": [],
    "DnsOptions": [], "DnsSearch": [], "ExtraHosts": None, "GroupAdd": None, "IpcMode": "private",
    "Cgroup": "", "Links": None, "OomScoreAdj": 0, "PidMode": "", "Privileged": False,
    "PublishAllPorts": False, "ReadonlyRootfs": False, "SecurityOpt": None, "UTSMode": "", "UsernsMode": "",
    "ShmSize": 67108864, "Runtime": "runc", "Isolation": "", "CpuShares": 0, "Memory": 0, "NanoCpus": 0,
    "CgroupParent": "", "BlkioWeight": 0, "CpuPeriod": 0, "CpuQuota": 0, "CpusetCpus": "", "Devices": [],
    "DeviceRequests": None, "MemoryReservation": 0, "MemorySwap": 0, "OomKillDisable": None,
    "PidsLimit": None, "Ulimits": [], "MaskedPaths": ["/proc/acpi", "/proc/kcore", "/proc/keys"],
    "ReadonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"],
}  # fmt: skip


def _dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def stamp(machine: Machine, time: float | None) -> str:
    """A moment as the API writes it."""
    if time is None:
        return NEVER
    moment = datetime.fromtimestamp(machine.wall(time), UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}000Z"


def version(engine: Engine) -> bytes:
    """`GET /version`."""
    podman = engine.kind == "podman"
    return _dump(
        {
            "Platform": {"Name": "linux/amd64/debian-13" if podman else ""},
            "Version": "5.4.2" if podman else "26.1.5",
            "ApiVersion": "1.41" if podman else "1.45",
            "MinAPIVersion": "1.24",
            "Os": "linux",
            "Arch": "amd64",
        }
    )


def summaries(machine: Machine, engine: Engine, *, everything: bool) -> bytes:
    """`GET /containers/json`, newest first."""
    found = sorted(engine.containers.values(), key=lambda container: -container.created)
    return _dump([_summary(machine, each) for each in found if everything or each.up])


def _summary(machine: Machine, container: ContainerState) -> dict[str, Any]:
    return {
        "Id": container.id,
        "Names": [f"/{container.name}"],
        "Image": container.image,
        "ImageID": container.image_id,
        "Command": "/entrypoint.sh serve",
        "Created": int(machine.wall(container.created)),
        "Ports": [{"PrivatePort": 8080, "Type": "tcp"}],
        "Labels": container.labels,
        "State": container.state,
        "Status": _words(machine, container),
        "HostConfig": {"NetworkMode": "bridge"},
        "NetworkSettings": {"Networks": {"bridge": {"NetworkID": seeds.digest(machine.name, "bridge")}}},
        "Mounts": [],
    }


def _words(machine: Machine, container: ContainerState) -> str:
    match container.state:
        case "running" | "paused":
            shown = {"": "", "starting": " (health: starting)"}
            health = shown.get(container.health, f" ({container.health})")
            paused = " (Paused)" if container.state == "paused" else ""
            return f"Up {_span(machine.now - container.started)}{health}{paused}"
        case "restarting":
            return f"Restarting ({container.exit_code}) Less than a second ago"
        case "created":
            return "Created"
    return f"Exited ({container.exit_code}) {_span(machine.now - (container.finished or 0))} ago"


def _span(seconds: float) -> str:
    for size, word in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{int(seconds / size)} {word}"
    return f"{int(seconds)} seconds"


def inspection(machine: Machine, engine: Engine, container: ContainerState) -> bytes:
    """`GET /containers/{id}/json`."""
    podman = engine.kind == "podman"
    state: dict[str, Any] = {
        "Status": container.state,
        "Running": container.state == "running",
        "Paused": container.state == "paused",
        "Restarting": container.state == "restarting",
        "OOMKilled": container.oom_killed,
        "Dead": False,
        "Pid": container.pid,
        "ExitCode": container.exit_code,
        "Error": "",
        "StartedAt": stamp(machine, container.started),
        "FinishedAt": stamp(machine, container.finished),
    }
    if container.probed or podman:
        log = [{"Start": state["StartedAt"], "End": state["StartedAt"], "ExitCode": 0, "Output": ""}]
        state["Health"] = {"Status": container.health, "FailingStreak": 0, "Log": log}
    policy, _, most = container.policy.partition(":")
    restart = {"Name": "" if podman and policy == "no" else policy, "MaximumRetryCount": int(most or 0)}
    network = {
        "IPAMConfig": None,
        "MacAddress": "02:42:ac:11:00:02",
        "NetworkID": seeds.digest(machine.name, "bridge"),
        "EndpointID": seeds.digest(container.id, "endpoint") if container.up else "",
        "Gateway": "172.17.0.1",
        "IPAddress": "172.17.0.2",
        "IPPrefixLen": 16,
    }
    return _dump(
        {
            "Id": container.id,
            "Created": stamp(machine, container.created),
            "Path": "/entrypoint.sh",
            "Args": ["serve"],
            "State": state,
            "Image": container.image_id.removeprefix("sha256:") if podman else container.image_id,
            "ResolvConfPath": f"/var/lib/docker/containers/{container.id}/resolv.conf",
            "HostnamePath": f"/var/lib/docker/containers/{container.id}/hostname",
            "LogPath": "",
            "Name": f"/{container.name}",
            "RestartCount": container.restarts,
            "Driver": "overlay2",
            "Platform": "linux",
            "HostConfig": _HOST_CONFIG | {"RestartPolicy": restart},
            "GraphDriver": {"Data": {"MergedDir": f"/var/lib/docker/overlay2/{container.id}/merged"}},
            "Mounts": [],
            "Config": {
                "Hostname": container.id[:12],
                "User": "",
                "ExposedPorts": {"8080/tcp": {}},
                "Tty": False,
                "OpenStdin": False,
                "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
                "Cmd": ["serve"],
                "Image": container.image,
                "WorkingDir": "/srv",
                "Entrypoint": ["/entrypoint.sh"],
                "Labels": container.labels,
            },
            "NetworkSettings": {
                "Bridge": "",
                "Ports": {"8080/tcp": None} if container.up else {},
                "Networks": {"bridge": network},
            },
        }
    )


def image(reference: str) -> bytes:
    """`GET /images/{id}/json`."""
    repository = reference.rpartition(":")[0]
    return _dump(
        {
            "Id": image_id(reference),
            "RepoTags": [reference],
            "RepoDigests": [f"{repository}@sha256:{seeds.digest('manifest', reference)}"],
            "Created": "2026-06-01T12:00:00Z",
            "Architecture": "amd64",
            "Os": "linux",
            "Size": 84_213_760,
            "RootFS": {"Type": "layers", "Layers": ["sha256:" + seeds.digest("layer", reference)]},
        }
    )


def statistics(machine: Machine, container: ContainerState) -> bytes:
    """`GET /containers/{id}/stats?stream=false`: counters that grow at the container's own rate."""
    if container.state != "running":
        return _dump({"id": container.id, "name": f"/{container.name}", "read": NEVER})
    up = machine.now - container.started
    share = seeds.number(container.id, "cpu") % 300 / 1000
    return _dump(
        {
            "id": container.id,
            "name": f"/{container.name}",
            "read": stamp(machine, machine.now),
            "preread": NEVER,
            "pids_stats": {"current": 5},
            "cpu_stats": {"cpu_usage": {"total_usage": 1 + int(up * share * 1e9)}, "online_cpus": 4},
            "precpu_stats": {},
            "memory_stats": {
                "usage": 30_000_000 + seeds.number(container.id, "memory") % 400_000_000,
                "limit": 8 * 1024**3,
                "stats": {"inactive_file": 4_000_000},
            },
            "networks": {"eth0": {"rx_bytes": int(up * 2000), "tx_bytes": int(up * 1500)}},
            "blkio_stats": {"io_service_bytes_recursive": [
                {"major": 254, "minor": 0, "op": "read", "value": 8_192_000},
                {"major": 254, "minor": 0, "op": "write", "value": int(up * 100)},
            ]},
        }
    )  # fmt: skip


def event(machine: Machine, happened: EngineEvent) -> bytes:
    """One line of `GET /events`."""
    time = machine.wall(happened.time)
    attributes = {"image": happened.image, "name": happened.name, **happened.labels}
    actor: dict[str, Any] = {"ID": happened.container, "Attributes": attributes}
    if happened.type == "network":
        attributes = {"container": happened.container, "name": "bridge", "type": "bridge"}
        actor = {"ID": seeds.digest(machine.name, "bridge"), "Attributes": attributes}
    said: dict[str, Any] = {
        "Type": happened.type,
        "Action": happened.action,
        "Actor": actor,
        "scope": "local",
        "time": int(time),
        "timeNano": int(time * 1_000_000_000),
    }
    if happened.type == "container":
        said |= {"status": happened.action, "id": happened.container, "from": happened.image}
    return _dump(said) + b"\n"

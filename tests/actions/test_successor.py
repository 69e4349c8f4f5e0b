"""What of a container is its operator's, and what its image's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.actions.successor import operators_part, successor
from console.actions.swap import policy_words

ID = "4a19c0b8b24cd57dfefaddf5f1e0a1839826ea3d17a2b6e4e0c08fa2a223329a"


def merged(user: Mapping[str, Any], image: Mapping[str, Any]) -> dict[str, Any]:
    """What `inspect` shows of a container made by `user` of `image`: moby, daemon/commit.go, `merge`."""
    out = dict(user)
    for key in ("User", "WorkingDir", "StopSignal"):
        out[key] = user.get(key) or image.get(key, "")
    for key in ("Labels", "Volumes", "ExposedPorts"):
        out[key] = {**image.get(key, {}), **user.get(key, {})}
    mine = {item.partition("=")[0] for item in user.get("Env", [])}
    out["Env"] = [
        *user.get("Env", []),
        *(item for item in image.get("Env", []) if item.partition("=")[0] not in mine),
    ]
    entrypoint, command = user.get("Entrypoint"), user.get("Cmd")
    if not entrypoint:
        command = command or image.get("Cmd")
        if entrypoint is None:
            entrypoint = image.get("Entrypoint")
    out["Entrypoint"], out["Cmd"] = (None if entrypoint == [""] else entrypoint), command
    mine_health, theirs = user.get("Healthcheck"), image.get("Healthcheck")
    if mine_health is None:
        out["Healthcheck"] = theirs
    else:
        out["Healthcheck"] = {**(theirs or {}), **{key: said for key, said in mine_health.items() if said}}
    return out


WORDS = st.lists(st.sampled_from(["sh", "-c", "serve", "check"]), min_size=1, max_size=2)
ENV = st.dictionaries(st.sampled_from(["A", "B", "PATH"]), st.sampled_from(["1", "2"])).map(
    lambda env: [f"{key}={value}" for key, value in env.items()]
)
NAMED = st.dictionaries(st.sampled_from(["x", "y"]), st.sampled_from(["1", "2"]))
HEALTH = st.fixed_dictionaries(
    {"Test": WORDS}, optional={"Interval": st.integers(1, 3), "Retries": st.integers(1, 3)}
)
IMAGES = st.fixed_dictionaries(
    {"Env": ENV, "Labels": NAMED},
    optional={
        "Entrypoint": WORDS,
        "Cmd": WORDS,
        "User": st.sampled_from(["", "www"]),
        "WorkingDir": st.sampled_from(["", "/www"]),
        "StopSignal": st.sampled_from(["SIGKILL", "SIGINT"]),
        "Healthcheck": HEALTH,
        "Volumes": st.just({"/data": {}}),
    },
)
USERS = st.fixed_dictionaries(
    {},
    optional={
        "Env": ENV,
        "Labels": NAMED,
        "Entrypoint": st.one_of(st.just([""]), WORDS),
        "Cmd": WORDS,
        "User": st.sampled_from(["root", "www"]),
        "WorkingDir": st.sampled_from(["/", "/www"]),
        "StopSignal": st.sampled_from(["SIGKILL", "SIGTERM"]),
        "Healthcheck": HEALTH,
    },
)


@given(USERS, IMAGES)
def test_the_operators_part_over_the_same_image_is_the_same_container(
    user: dict[str, Any], image: dict[str, Any]
) -> None:
    there = merged(user, image)
    again = merged(operators_part(there, image), image)
    assert sorted(again.pop("Env")) == sorted(there.pop("Env"))
    assert again == there


@given(USERS, IMAGES, IMAGES)
def test_over_another_image_whatever_the_operator_did_not_say_is_that_images(
    user: dict[str, Any], old: dict[str, Any], new: dict[str, Any]
) -> None:
    asked = {
        key: said
        for key, said in user.items()
        if key in ("Env", "Labels", "Entrypoint", "Cmd", "Healthcheck") or said != old.get(key)
    }
    for key in ("User", "WorkingDir", "StopSignal", "Volumes"):
        if key not in asked:
            again = merged(operators_part(merged(user, old), old), new)
            assert (again.get(key) or None) == (new.get(key) or None)
    again = merged(operators_part(merged(user, old), old), new)
    mine = {item.partition("=")[0] for item in user.get("Env", [])}
    for item in new["Env"]:
        if item.partition("=")[0] not in mine:
            assert item in again["Env"]
    gone = set(old["Env"]) - set(new["Env"]) - set(user.get("Env", []))
    assert not gone & set(again["Env"])


def inspected(**changes: Any) -> dict[str, Any]:
    container: dict[str, Any] = {
        "Id": ID,
        "Config": {"Hostname": ID[:12], "Env": ["PATH=/bin"], "Labels": {}},
        "HostConfig": {"NetworkMode": "default", "RestartPolicy": {"Name": "always"}},
        "Mounts": [],
        "NetworkSettings": {"Networks": {"bridge": {"Aliases": None, "IPAMConfig": None}}},
    }
    for key, value in changes.items():
        container[key] = {**container[key], **value} if isinstance(value, dict) else value
    return container


def test_a_host_name_that_the_daemon_made_up_is_made_up_anew() -> None:
    assert "Hostname" not in successor(inspected(), {}, engine="docker").body
    made = successor(inspected(Config={"Hostname": "web"}), {}, engine="docker")
    assert made.body["Hostname"] == "web"


def test_what_was_in_an_anonymous_volume_comes_along() -> None:
    mounts = [
        {"Type": "volume", "Name": "ab12", "Destination": "/data", "RW": True},
        {"Type": "volume", "Name": "named", "Destination": "/conf", "RW": False},
    ]
    made = successor(inspected(Mounts=mounts, HostConfig={"Binds": ["named:/conf:ro"]}), {}, engine="docker")
    host = made.body["HostConfig"]
    assert isinstance(host, dict)
    assert host["Binds"] == ["named:/conf:ro", "ab12:/data"]
    assert made.alone == ("it writes to /data",)


def test_names_in_networks_come_along_and_what_daemons_add_does_not() -> None:
    networks = {
        "back": {"Aliases": ["db", ID[:12]], "IPAMConfig": {}, "IPAddress": "172.19.0.2"},
        "front": {"Aliases": ["web"], "IPAMConfig": {"IPv4Address": "172.18.0.9"}},
    }
    made = successor(
        inspected(HostConfig={"NetworkMode": "front"}, NetworkSettings={"Networks": networks}),
        {},
        engine="docker",
    )
    assert made.body["NetworkingConfig"] == {
        "EndpointsConfig": {"front": {"IPAMConfig": {"IPv4Address": "172.18.0.9"}, "Aliases": ["web"]}}
    }
    assert made.networks == {"back": {"Aliases": ["db"]}}
    assert made.alone == ("it has an address of its own",)


def test_links_are_given_in_the_words_they_are_asked_in() -> None:
    made = successor(inspected(HostConfig={"Links": ["/db:/web/data"]}), {}, engine="docker")
    host = made.body["HostConfig"]
    assert isinstance(host, dict)
    assert host["Links"] == ["db:data"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"NetworkMode": "host"}, "its network is the host's"),
        ({"NetworkMode": f"container:{ID}"}, "its network is another container's"),
        ({"PortBindings": {"80/tcp": [{"HostPort": "8080"}]}}, "it has the host's port 8080"),
        ({"Devices": [{"PathOnHost": "/dev/fuse"}]}, "it has devices of the host"),
    ],
)
def test_why_two_cannot_run_side_by_side(changes: dict[str, Any], reason: str) -> None:
    assert successor(inspected(HostConfig=changes), {}, engine="docker").alone == (reason,)


def test_a_port_that_the_daemon_chooses_is_no_hindrance() -> None:
    bindings = {"PortBindings": {"80/tcp": [{"HostPort": ""}]}}
    assert successor(inspected(HostConfig=bindings), {}, engine="docker").alone == ()


def test_our_own_labels_are_not_the_operators() -> None:
    labels = {"io.quarterdeck.replaced": "x", "team": "a"}
    made = successor(inspected(Config={"Labels": labels}), {}, engine="docker")
    assert made.body["Labels"] == {"team": "a"}


def test_what_podman_adds_is_not_the_operators() -> None:
    container = inspected(
        Config={
            "Hostname": "web",
            "Env": ["PATH=/bin", "container=podman", "A=1", "HOSTNAME=web", "HOME=/"],
            "StopSignal": "9",
            "Healthcheck": {"Test": ["CMD", "true"], "Interval": 30_000_000_000, "Retries": 3},
        },
        HostConfig={
            "Binds": ["v1:/data:rw,rprivate,nosuid,nodev,rbind", "/etc:/hostetc:ro,rprivate,rbind"],
            "Tmpfs": {"/t": "rw,rprivate,nosuid,nodev,tmpcopyup"},
            "Ulimits": [{"Name": "RLIMIT_NOFILE", "Hard": 200, "Soft": 100}],
            "Annotations": {"io.container.manager": "libpod", "mine": "1"},
            "PidsLimit": 0,
            "PidMode": "private",
            "Runtime": "oci",
        },
    )
    image = {
        "Config": {"Env": ["PATH=/bin"], "StopSignal": "SIGKILL", "Healthcheck": {"Test": ["CMD", "true"]}}
    }
    made = successor(container, image, engine="podman")
    assert made.body["Env"] == ["A=1"]
    assert "StopSignal" not in made.body
    assert made.body.get("Healthcheck") is None
    host = made.body["HostConfig"]
    assert isinstance(host, dict)
    assert host["Binds"] == ["v1:/data", "/etc:/hostetc:ro"]
    assert host["Tmpfs"] == {"/t": ""}
    assert host["Ulimits"] == [{"Name": "nofile", "Hard": 200, "Soft": 100}]
    assert host["Annotations"] == {"mine": "1"}
    assert not {"PidsLimit", "Runtime"} & set(host)
    assert host["PidMode"] == ""


@pytest.mark.parametrize(
    ("said", "gone"),
    [
        ({"NanoCpus": 500_000_000, "CpuPeriod": 100_000, "CpuQuota": 50_000}, {"CpuPeriod", "CpuQuota"}),
        ({"IpcMode": "host", "ShmSize": 65_536_000}, {"ShmSize"}),
    ],
)
def test_what_podman_has_worked_out_of_a_field_is_not_asked_for_beside_it(
    said: dict[str, Any], gone: set[str]
) -> None:
    host = successor(inspected(HostConfig=said), {}, engine="podman").body["HostConfig"]
    assert isinstance(host, dict)
    assert said.keys() - host.keys() == gone
    shareable = inspected(HostConfig={"IpcMode": "shareable", "ShmSize": 1})
    kept = successor(shareable, {}, engine="podman").body["HostConfig"]
    assert isinstance(kept, dict)
    assert kept["ShmSize"] == 1


def test_a_device_of_podmans_has_permissions_for_podman_takes_none_without() -> None:
    devices = [{"PathOnHost": "/dev/fuse", "PathInContainer": "/dev/fuse", "CgroupPermissions": ""}]
    host = successor(inspected(HostConfig={"Devices": devices}), {}, engine="podman").body["HostConfig"]
    assert isinstance(host, dict)
    assert host["Devices"] == [{**devices[0], "CgroupPermissions": "rwm"}]


def test_a_host_name_that_is_the_hosts_own_is_not_asked_for() -> None:
    there = inspected(Config={"Hostname": "web1"}, HostConfig={"UTSMode": "host"})
    assert "Hostname" not in successor(there, {}, engine="podman").body


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({"Name": "always", "MaximumRetryCount": 0}, "always"),
        ({"Name": "on-failure", "MaximumRetryCount": 3}, "on-failure:3"),
        ({"Name": "", "MaximumRetryCount": 0}, "no"),
        ({"Name": "$(x)"}, "no"),
        (None, "no"),
    ],
)
def test_a_restart_policy_in_words(policy: object, words: str) -> None:
    assert policy_words(policy) == words

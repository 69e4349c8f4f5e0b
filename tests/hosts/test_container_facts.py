"""What docker 26.1.5 and podman 5.4.2 said of the same ten containers, read into the same model."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.hosts.container_facts import (
    MAX_LABELS,
    MAX_PORTS,
    UnreadableContainer,
    agrees,
    digest_of,
    from_inspect,
    from_summary,
    identity,
    image_id,
    is_image_id,
    moment,
    names_of,
    unit_of,
)
from console.model.container import Container, Port
from console.model.text import clean

FOLDER = Path(__file__).parent / "containers"
RECORDED = {name: json.loads((FOLDER / f"{name}.json").read_text()) for name in ("docker-26", "podman-5")}
IMAGE = "198.18.135.1:5000/lab/busybox:1.0"
IMAGE_ID = "sha256:8edce2e387c6ae7692161667da9bd6dd172b7a7b4ac48e7531e2252d30da46e9"
DIGEST = "sha256:362d49f693cf2c5a4d3584dec18953fe02a5989312cb290bef30667990a1e462"
ID = "ab" * 32


@pytest.fixture(params=sorted(RECORDED))
def recorded(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = RECORDED[request.param]
    return found


def inspected(recorded: dict[str, Any], name: str) -> Container:
    item = next(item for item in recorded["inspect"] if item["Name"] == f"/{name}")
    return from_inspect("h", recorded["engine"], item, image=recorded["image"])


def listed(recorded: dict[str, Any], name: str) -> Container:
    item = next(item for item in recorded["list"] if item["Names"] == [f"/{name}"])
    return from_summary("h", recorded["engine"], item)


def test_a_healthy_container_with_ports(recorded: dict[str, Any]) -> None:
    web = inspected(recorded, "c-web")
    assert (web.host, web.name, web.engine) == ("h", "c-web", recorded["engine"])
    assert (web.state, web.health, web.exit_code, web.oom_killed) == ("running", "healthy", None, False)
    assert (web.image, web.image_id, web.digest) == (IMAGE, IMAGE_ID, DIGEST)
    assert web.restart_policy == "unless-stopped"
    assert web.labels["com.example.team"] == "a b"
    assert web.pid is not None
    assert web.pid > 1
    assert web.created is not None
    assert web.since is not None
    assert 0 < (web.since - web.created).total_seconds() < 5
    wanted = {Port(80, "tcp", "0.0.0.0", 9090), Port(81, "udp", "127.0.0.1", 9091), Port(443, "tcp")}
    assert wanted <= set(web.ports)
    assert not web.unhealthy


def test_a_sick_container(recorded: dict[str, Any]) -> None:
    sick = inspected(recorded, "sick")
    assert (sick.state, sick.health, sick.unhealthy) == ("running", "unhealthy", True)


def test_a_container_without_a_health_check_has_no_health(recorded: dict[str, Any]) -> None:
    assert inspected(recorded, "c-unit").health is None


def test_an_exit_code_and_when_it_ended(recorded: dict[str, Any]) -> None:
    ended = inspected(recorded, "c-exit")
    assert (ended.state, ended.exit_code, ended.pid, ended.restarts) == ("exited", 7, None, 0)
    assert ended.since is not None
    assert ended.created is not None
    assert 0 < (ended.since - ended.created).total_seconds() < 5


def test_restarts_that_were_given_up(recorded: dict[str, Any]) -> None:
    gave_up = inspected(recorded, "c-onfail")
    assert (gave_up.state, gave_up.restarts, gave_up.exit_code) == ("exited", 2, 5)
    assert gave_up.restart_policy == "on-failure:2"


def test_a_crash_loop_between_two_lives() -> None:
    loop = inspected(RECORDED["docker-26"], "c-loop")
    assert (loop.state, loop.restarts, loop.exit_code, loop.unhealthy) == ("restarting", 9, 3, True)
    assert loop.since == datetime(2026, 11, 23, 22, 12, 0, 392675, UTC), "it died then"


def test_a_crash_loop_while_it_lives() -> None:
    loop = inspected(RECORDED["podman-5"], "c-loop")
    assert (loop.state, loop.restarts, loop.exit_code) == ("running", 33, None)


def test_nobody_knows_since_when_a_container_is_paused(recorded: dict[str, Any]) -> None:
    paused = inspected(recorded, "c-paused")
    assert (paused.state, paused.since, paused.exit_code) == ("paused", None, None)


def test_a_container_that_was_never_started(recorded: dict[str, Any]) -> None:
    created = inspected(recorded, "c-created")
    assert (created.state, created.exit_code, created.error) == ("created", None, None)
    assert created.since == created.created is not None


def test_a_container_that_could_not_be_started_says_why(recorded: dict[str, Any]) -> None:
    failed = inspected(recorded, "c-failstart")
    assert failed.state == "created"
    assert failed.error is not None
    assert "/no/such/program" in failed.error
    assert failed.exit_code == (127 if recorded["engine"] == "docker" else None)


def test_the_unit_that_a_label_names(recorded: dict[str, Any]) -> None:
    assert inspected(recorded, "c-unit").unit == "c-unit.service"
    assert inspected(recorded, "c-web").unit is None


def test_a_container_made_from_a_digest_keeps_it(recorded: dict[str, Any]) -> None:
    item = next(item for item in recorded["inspect"] if item["Name"] == "/c-digest")
    assert from_inspect("h", "docker", item).digest == DIGEST


def test_every_summary_agrees_with_its_inspection(recorded: dict[str, Any]) -> None:
    for item in recorded["list"]:
        name = names_of(item)[0]
        full, short = inspected(recorded, name), listed(recorded, name)
        same = ("id", "name", "image", "image_id", "state", "unit", "labels", "names")
        assert {key: getattr(short, key) for key in same} == {key: getattr(full, key) for key in same}
        if recorded["engine"] == "docker":
            assert short.health == full.health
        if full.state != "created":  # the list says nothing of why it was not started
            assert short.exit_code == full.exit_code
        assert agrees(item, full)


def test_a_summary_that_tells_something_new_does_not_agree(recorded: dict[str, Any]) -> None:
    known = inspected(recorded, "c-web")
    item = next(item for item in recorded["list"] if item["Names"] == ["/c-web"])
    assert not agrees({**item, "State": "exited"}, known)
    assert not agrees({**item, "Names": ["/other"]}, known)
    sicker = agrees({**item, "Status": "Up 1 second (unhealthy)"}, known)
    assert sicker is (recorded["engine"] == "podman"), "podman's list tells nothing of health"


def minimal(**more: object) -> dict[str, Any]:
    return {"Id": ID, "State": {"Status": "running"}, **more}


def test_oom_killed() -> None:
    item = minimal(State={"Status": "exited", "OOMKilled": True, "ExitCode": 137})
    container = from_inspect("h", "docker", item)
    assert (container.oom_killed, container.exit_code, container.unhealthy) == (True, 137, True)


@pytest.mark.parametrize("health", [None, {}, {"Status": ""}, {"Status": "none"}, "sick", {"Status": 3}])
def test_no_health_however_it_is_spelled(health: object) -> None:
    assert from_inspect("h", "podman", minimal(State={"Status": "running", "Health": health})).health is None


def test_what_stopped_has_no_health_any_more() -> None:
    state = {"Status": "exited", "Health": {"Status": "unhealthy"}, "ExitCode": 0}
    container = from_inspect("h", "docker", minimal(State=state))
    assert (container.health, container.unhealthy) == (None, False)


@pytest.mark.parametrize(
    ("word", "state"),
    [("Running", "running"), ("configured", "created"), ("stopped", "exited"), ("stopping", "stopping")],
)
def test_podmans_own_words_for_states(word: str, state: str) -> None:
    assert from_inspect("h", "podman", minimal(State={"Status": word})).state == state


@pytest.mark.parametrize(
    ("told", "time"),
    [
        ("2026-11-23T22:12:00.392675791Z", datetime(2026, 11, 23, 22, 12, 0, 392675, UTC)),
        ("2026-11-23T23:12:00+01:00", datetime(2026, 11, 23, 22, 12, tzinfo=UTC)),
        (1795471920, datetime(2026, 11, 23, 22, 12, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        (0, None),
        (-62135596800, None),
        (10**30, None),
        (float("inf"), None),
        (float("nan"), None),
        ("", None),
        ("yesterday", None),
        (True, None),
        (None, None),
        ([], None),
    ],
)
def test_times_in_every_spelling(told: object, time: datetime | None) -> None:
    assert moment(told) == time


@pytest.mark.parametrize("item", [None, [], "x", 3, {}, {"Id": None}, {"Id": "AB" * 32}, {"Id": "../../etc"}])
def test_without_an_id_there_is_no_container(item: object) -> None:
    with pytest.raises(UnreadableContainer):
        identity(item)


def test_what_a_host_says_is_bounded_and_safe_to_show() -> None:
    item = minimal(
        Name="/\x1b[31mred\x1b[0m\n" + "n" * 10_000,
        Config={"Labels": {f"k{i}": "v" * 5000 for i in range(1000)}, "Image": "i\x07" * 1000},
        NetworkSettings={"Ports": {f"{i}/tcp": [{"HostPort": str(i)}] * 3 for i in range(1, 1000)}},
    )
    container = from_inspect("h", "docker", item)
    assert container.name.isprintable()
    assert container.name.startswith("red")
    assert len(container.name) <= 256
    assert len(container.labels) == MAX_LABELS
    assert max(map(len, container.labels.values())) <= 1024
    assert len(container.ports) == MAX_PORTS
    assert len(container.image) <= 512
    assert container.image.isprintable()


@pytest.mark.parametrize(
    "claimed",
    ["", "x.service; reboot", "a/b.service", "x.mount", "é.service", "x" * 300 + ".service", "x\n.service"],
)
def test_a_label_that_is_no_unit_names_none(claimed: str) -> None:
    assert unit_of({"PODMAN_SYSTEMD_UNIT": claimed}) is None


def test_a_templated_unit() -> None:
    assert unit_of({"PODMAN_SYSTEMD_UNIT": r"web@a\x2db.service"}) == r"web@a\x2db.service"


@pytest.mark.parametrize(
    ("reference", "digest"),
    [
        ("busybox", "1" * 64),
        ("busybox:1.0", "1" * 64),
        ("docker.io/library/busybox:1.0", "1" * 64),
        ("registry:5000/team/api:1.4", "2" * 64),
        ("registry:5000/team/api", "2" * 64),
        ("localhost/other", "1" * 64),
    ],
)
def test_the_digest_of_the_repository_it_came_from(reference: str, digest: str) -> None:
    image = {"RepoDigests": [f"busybox@sha256:{'1' * 64}", f"registry:5000/team/api@sha256:{'2' * 64}"]}
    assert digest_of(image, reference) == f"sha256:{digest}"


def test_an_image_that_was_never_pulled_has_no_digest() -> None:
    assert digest_of({"RepoDigests": []}, "busybox") is None
    assert digest_of({"RepoDigests": None}, "busybox") is None
    assert digest_of(None, "busybox") is None


def test_an_images_id_becomes_a_url_only_if_it_is_one() -> None:
    assert image_id({"Image": "12" * 32}) == f"sha256:{'12' * 32}"
    assert is_image_id(image_id({"Image": "12" * 32}))
    assert not is_image_id(image_id({"Image": "../secrets"}))


def test_links_come_after_the_containers_own_name() -> None:
    assert names_of({"Names": ["/web/db", "/db"]}) == ("db", "web/db")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
_FIELDS = (
    *("State", "Config", "HostConfig", "NetworkSettings", "Name", "Names", "Created", "Labels", "Ports"),
    *("Status", "RestartCount", "Image", "ImageID"),
)
_INNER = (
    "Status",
    "Health",
    "ExitCode",
    "StartedAt",
    "Labels",
    "Image",
    "Ports",
    "RestartPolicy",
    "Pid",
    "80/tcp",
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            field: _JSON | st.dictionaries(st.sampled_from(_INNER), _JSON, max_size=6) for field in _FIELDS
        },
    )
)
def test_whatever_a_daemon_says_is_read_without_a_fault(item: dict[str, Any]) -> None:
    item["Id"] = ID
    for container in (from_inspect("h", "docker", item, image=item), from_summary("h", "podman", item)):
        assert container.id == ID
        shown = [container.name, container.state, container.image, container.health or ""]
        shown += [text for pair in container.labels.items() for text in pair]
        assert all(clean(text) == text for text in shown)

"""Containers that update and go back, on real hosts of both engines, from the lab's own registry."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.lab.lab import Lab
from tests.lab.changing import Writer
from tests.lab.shop import Shop, shop_on
from tests.lab.truth import Truth
from tests.lab.waiting import until

#: What the operator of `c-shop` asks for, beside what its image says.
OPTIONS = (
    *("-e", "MINE=1", "-e", "APP_MODE=mine", "-l", "team=a", "--hostname", "shop", "-p", "18081:80"),
    *("-v", "c-data:/data", "-v", "/anonymous", "-v", "/etc:/hostetc:ro", "--tmpfs", "/scratch"),
    *("--cap-add", "NET_ADMIN", "--ulimit", "nofile=100:200", "--shm-size", "32m", "--dns", "198.18.0.1"),
    *("--add-host", "db:198.18.0.2", "--security-opt", "no-new-privileges", "--stop-timeout", "3"),
    *("--log-opt", "tag=shop", "--restart", "always"),
)
#: Fields of `inspect` that say what is, and not what was asked for.
DERIVED = {"ContainerIDFile", "Annotations", "Binds", "HostsFile"}


@pytest.fixture(params=["docker", "podman"])
def shop(lab: Lab, truth: Truth, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Shop]:
    with shop_on(lab, Writer(truth, tmp_path), request.param) as there:
        yield there


def test_a_good_update_has_all_that_the_operator_said_and_the_new_images_defaults(shop: Shop) -> None:
    shop.make("c-shop", *OPTIONS)
    shop.say(f"{shop.host.engine} exec c-shop sh -c 'echo kept >/anonymous/file'")
    before = shop.inspected("c-shop")
    assert shop.update("c-shop", "1.1") == ("done", "the one before is kept as c-shop.before")
    assert shop.there() == {"c-shop": "1.1 runs", "c-shop.before": "1.0"}
    now = shop.inspected("c-shop")
    env = set(now["Config"]["Env"])
    assert {"MINE=1", "APP_MODE=mine", "APP_VERSION=1.1"} <= env
    assert not {"APP_VERSION=1.0", "APP_OLD=1"} & env
    assert now["Config"]["WorkingDir"] == "/"
    labels = now["Config"]["Labels"]
    assert (labels["team"], labels["lab.of-1.1"]) == ("a", "yes")
    assert "lab.of-1.0" not in labels
    assert "1.1" in str(now["Config"]["Healthcheck"]["Test"])
    assert now["Config"]["Hostname"] == "shop"
    for key, said in before["HostConfig"].items():
        if key not in DERIVED:
            assert now["HostConfig"][key] == said, key
    mounts = {mount["Destination"]: mount.get("Name") for mount in before["Mounts"]}
    assert {mount["Destination"]: mount.get("Name") for mount in now["Mounts"]} == mounts
    assert shop.say(f"{shop.host.engine} exec c-shop cat /anonymous/file").strip() == "kept"
    kept = shop.inspected("c-shop.before")
    assert kept["HostConfig"]["RestartPolicy"]["Name"] in ("no", "") or shop.host.engine == "podman"
    assert shop.writer.last()["undo"] == [f"container rollback c-shop --on={shop.name}"]


def test_a_rollback_brings_back_the_very_container_and_can_itself_be_followed_by_an_update(
    shop: Shop,
) -> None:
    shop.make("c-shop", "-p", "18081:80", "--restart", "always")
    first = shop.inspected("c-shop")["Id"]
    assert shop.update("c-shop", "1.1")[0] == "done"
    ((status, detail),) = shop.writer.undo_last().values()
    assert status == "done"
    assert detail.endswith("lab/app:1.0 again; the other one is kept as c-shop.after")
    again = shop.inspected("c-shop")
    assert again["Id"] == first
    assert again["HostConfig"]["RestartPolicy"]["Name"] == "always"
    assert shop.update("c-shop", "1.1")[0] == "done"
    assert shop.there() == {"c-shop": "1.1 runs", "c-shop.before": "1.0"}


def test_what_runs_the_image_already_is_left_alone(shop: Shop) -> None:
    shop.make("c-shop")
    identity = shop.inspected("c-shop")["Id"]
    done = shop.writer.run(*shop.words("c-shop", "1.0", "--yes"))
    assert "runs that image already" in done.stderr + done.stdout
    assert shop.inspected("c-shop")["Id"] == identity


@pytest.mark.parametrize("options", [("-p", "18081:80"), ()], ids=["stopped first", "started first"])
def test_one_that_is_never_healthy_gives_its_place_back(shop: Shop, options: tuple[str, ...]) -> None:
    shop.make("c-shop", *options)
    identity = shop.inspected("c-shop")["Id"]
    status, detail = shop.update("c-shop", "1.2", code=4)
    assert status == "failed"
    assert "its health check says unhealthy" in detail
    assert "kept as c-shop.failed" in detail
    assert shop.there() == {"c-shop": "1.0 runs", "c-shop.failed": "1.2"}
    assert shop.inspected("c-shop")["Id"] == identity
    assert shop.update("c-shop", "1.1")[0] == "done"
    assert shop.there() == {"c-shop": "1.1 runs", "c-shop.before": "1.0"}


def test_an_image_that_failed_is_denied_until_somebody_says_otherwise(shop: Shop) -> None:
    shop.make("c-shop", "--read-only")
    assert shop.update("c-shop", "1.2", code=4)[0] == "failed"
    (denied,) = json.loads(shop.writer.run("denied", "list", "-o", "json").stdout)
    assert denied["kind"] == "container"
    assert denied["version"].startswith("sha256:")
    assert "its health check says unhealthy" in denied["why"]
    # podman cannot be asked which image a tag is: there it shows once it is pulled.
    again = shop.writer.run(
        *shop.words("c-shop", "1.2", "--yes"), code=3 if shop.host.engine == "docker" else 4
    )
    assert "denied by" in again.stderr + again.stdout
    assert shop.there() == {"c-shop": "1.0 runs", "c-shop.failed": "1.2"}
    assert shop.update("c-shop", "1.2", "--allow-denied", code=4)[0] == "failed"
    shop.writer.run("denied", "remove", "container", denied["version"], "--yes")


def test_one_that_dies_after_ten_good_seconds_gives_its_place_back(shop: Shop) -> None:
    shop.make("c-shop", "-p", "18081:80")
    status, detail = shop.update("c-shop", "1.3", "--gate=13s", code=4)
    assert (status, "exited (3)" in detail) == ("failed", True)
    assert shop.there() == {"c-shop": "1.0 runs", "c-shop.failed": "1.3"}


def test_an_image_that_is_not_there_changes_nothing(shop: Shop) -> None:
    shop.make("c-shop", "-p", "18081:80")
    done = shop.writer.run(*shop.words("c-shop", "1.4", "--yes"), code=4)
    assert "manifest unknown" in (done.stderr + done.stdout)
    assert shop.there() == {"c-shop": "1.0 runs"}


def test_one_that_can_run_beside_is_started_first_and_none_is_ever_missing(shop: Shop) -> None:
    shop.make("c-shop", "--read-only")
    plan = shop.writer.plan(*shop.words("c-shop", "1.1"))
    assert "the new one is started first" in plan["steps"][0]["then"]
    count = f"{shop.host.engine} ps -q --filter name=^c-shop --filter status=running | wc -l"
    watch = f"while test -e /tmp/c-watch; do {count}; done >/tmp/c-counts"
    shop.say(f"touch /tmp/c-watch; nohup sh -c '{watch}' >/dev/null 2>&1 &")
    assert shop.update("c-shop", "1.1")[0] == "done"
    counts = shop.say("rm /tmp/c-watch; sleep 1; sort -u /tmp/c-counts").split()
    assert "0" not in counts
    assert "2" in counts
    assert shop.there() == {"c-shop": "1.1 runs", "c-shop.before": "1.0"}


def test_whoever_asked_for_it_may_die_between_the_stop_and_the_start(shop: Shop) -> None:
    shop.make("c-shop", "-p", "18081:80", "--stop-signal", "SIGTERM", "--stop-timeout", "3")
    running = shop.writer.start(shop.words("c-shop", "1.1", "--gate=1s", "--yes"))
    asyncio.run(until(lambda: "c-shop.next" in shop.there(), "the successor is made"))
    asyncio.run(until(lambda: "c-shop.leaving" in shop.there(), "the old one has left"))
    running.send_signal(signal.SIGKILL)
    running.communicate(timeout=30)
    wanted = {"c-shop": "1.1 runs", "c-shop.leaving": "1.0"}
    asyncio.run(until(lambda: shop.there() == wanted, "the host has gone on by itself"))
    assert shop.update("c-shop", "1.0")[0] == "done"
    assert shop.there() == {"c-shop": "1.0 runs", "c-shop.before": "1.1"}


@pytest.mark.parametrize("shop", ["docker"], indirect=True)  # podman has no daemon
def test_a_daemon_that_is_restarted_in_the_middle_is_waited_for(shop: Shop) -> None:
    shop.make("c-shop", "-p", "18081:80", "--stop-signal", "SIGTERM", "--stop-timeout", "3")
    running = shop.writer.start(shop.words("c-shop", "1.1", "--gate=1s", "--yes"))
    asyncio.run(until(lambda: "c-shop.next" in shop.there(), "the successor is made"))
    at_it = "systemctl is-active --quiet 'quarterdeck-container-*' && echo yes || true"
    asyncio.run(until(lambda: shop.say(at_it).strip() == "yes", "the host is at it"))
    shop.say("systemctl restart docker")
    running.communicate(timeout=90)

    def one_runs() -> bool:
        there = shop.there()
        return "runs" in there.get("c-shop", "") and sum("runs" in said for said in there.values()) == 1

    asyncio.run(until(one_runs, "one of the two runs", within=60))


@pytest.mark.parametrize("shop", ["podman"], indirect=True)  # docker's do not say it
def test_one_that_says_it_is_a_units_which_is_none_of_the_systems_is_refused(shop: Shop) -> None:
    shop.make("c-shop", "-l", "PODMAN_SYSTEMD_UNIT=c-nobody.service")
    status, detail = shop.update("c-shop", "1.1", code=4)
    assert status == "refused"
    assert "c-nobody.service makes it, and is no unit of the system's" in detail


@pytest.mark.parametrize("name", ["c-shop.failed", "c-shop.before"])
def test_a_container_of_somebody_elses_that_has_such_a_name_is_left_alone(shop: Shop, name: str) -> None:
    shop.make("c-shop")
    asyncio.run(shop.host.root(f"{shop.host.engine} create --name {name} {shop.repository}:1.0"))
    status, detail = shop.update("c-shop", "1.1", code=4)
    assert (status, f"{name} is there, and no update has made it" in detail) == ("failed", True)
    assert shop.there() == {"c-shop": "1.0 runs", name: "1.0"}


def test_one_made_to_be_removed_is_refused(shop: Shop) -> None:
    shop.make("c-shop", "--rm")
    status, detail = shop.update("c-shop", "1.1", code=4)
    assert (status, "--rm" in detail) == ("refused", True)
    assert shop.there() == {"c-shop": "1.0 runs"}


def test_a_way_back_that_was_broken_off_goes_on_with_the_restart_policy(shop: Shop) -> None:
    shop.make("c-shop", "-p", "18081:80", "--restart", "always")
    first = shop.inspected("c-shop")["Id"]
    assert shop.update("c-shop", "1.1")[0] == "done"
    # As a power cut leaves it between the stop and the start: what was to go has its name no more.
    put_aside = (
        "{0} update --restart=no c-shop || [ {0} = podman ]; {0} stop c-shop; {0} rename c-shop c-shop.after"
    )
    asyncio.run(shop.host.root(put_aside.format(shop.host.engine)))
    back = shop.writer.write("container", "rollback", "c-shop", "--on", shop.name)
    assert back[f"{shop.name}/c-shop"] == ("done", "an update of it had been broken off")
    now = shop.inspected("c-shop")
    assert (now["Id"], now["State"]["Running"]) == (first, True)
    assert now["HostConfig"]["RestartPolicy"]["Name"] == "always"
    # What is left over is stated, and the next update does away with it.
    assert shop.there() == {"c-shop": "1.0 runs", "c-shop.after": "1.1"}
    assert shop.update("c-shop", "1.1")[0] == "done"
    assert shop.there() == {"c-shop": "1.1 runs", "c-shop.before": "1.0"}


@pytest.mark.full
def test_a_host_that_is_cut_off_in_the_middle_goes_on_by_itself(shop: Shop, breakable: Lab) -> None:
    shop.make("c-shop", "-p", "18081:80", "--stop-signal", "SIGTERM", "--stop-timeout", "3")
    running = shop.writer.start(shop.words("c-shop", "1.1", "--gate=1s", "--yes"))
    asyncio.run(until(lambda: "c-shop.leaving" in shop.there(), "the old one has left"))
    asyncio.run(breakable.cut(shop.name))
    try:
        _, told = running.communicate(timeout=120)
    finally:
        asyncio.run(breakable.heal(shop.name))
    assert running.returncode == 4, told
    wanted = {"c-shop": "1.1 runs", "c-shop.leaving": "1.0"}
    asyncio.run(until(lambda: shop.there() == wanted, "the host has gone on", within=60))
    assert shop.update("c-shop", "1.0")[0] == "done"
    assert shop.there() == {"c-shop": "1.0 runs", "c-shop.before": "1.1"}


def test_a_disk_that_is_full_at_the_pull_changes_nothing_and_the_next_run_does_it(shop: Shop) -> None:
    shop.make("c-shop", "-p", "18081:80")
    engine = shop.host.engine
    # Where each puts what it downloads; a file system of no files but its own root is full.
    folder = "/var/lib/docker/tmp" if engine == "docker" else "/var/tmp"
    forget = f"{engine} image rm -f {shop.repository}:1.1 || true"
    asyncio.run(shop.host.root(f"{forget}; mount -t tmpfs -o size=4k,nr_inodes=1 full {folder}"))
    try:
        status, detail = shop.update("c-shop", "1.1", code=4)
    finally:
        asyncio.run(shop.host.root(f"umount {folder}"))
    assert (status, "no space left" in detail) == ("failed", True), detail
    assert shop.there() == {"c-shop": "1.0 runs"}
    assert not shop.writer.run("denied", "list").stdout.count("sha256:")
    assert shop.update("c-shop", "1.1")[0] == "done"

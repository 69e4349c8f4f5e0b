"""The containers source on real docker and podman hosts: what it shows is what the engine says."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from console.errors import Absent, AccessRefused
from console.lab.lab import Lab
from console.model.events import ContainersListed
from tests.lab.containers_host import EngineHost, cleared, engine_host, followed, steady
from tests.lab.waiting import until

ENGINES = ("docker", "podman")


@pytest.fixture(params=ENGINES)
async def host(request: pytest.FixtureRequest, lab: Lab) -> AsyncIterator[EngineHost]:
    found = await engine_host(lab, request.param)
    async with cleared(found):
        yield found


async def test_the_list_is_what_ps_says(host: EngineHost) -> None:
    await host.make("c-exit", command="exit 7")
    await host.make("c-created", verb="create")
    await host.make("c-paused")
    await host.root(f"{host.engine} pause c-paused")
    async with followed(host) as watched:
        assert isinstance(watched.events[0], ContainersListed)
        says = {key: row for key, row in (await host.told()).items() if row[0] != "crashy"}
        assert steady(watched.now) == says
        assert {"c-exit", "c-created", "c-paused", "web", "sick", "oneshot"} <= watched.now.keys()
        assert all(each.engine == host.engine for each in watched.now.values())


async def test_the_details_are_what_inspect_says(host: EngineHost) -> None:
    await host.make("c-exit", command="exit 7")
    await host.make("c-gave-up", "--restart", "on-failure:2", command="exit 5")
    async with followed(host) as watched:
        await watched.until(
            lambda: (watched.now["c-gave-up"].restarts, watched.now["c-gave-up"].state) == (2, "exited")
        )
        now = {name: each for name, each in watched.now.items() if name != "crashy"}
        says = await host.inspected(
            "RestartCount", "State.OOMKilled", "State.Pid", "HostConfig.RestartPolicy.Name"
        )
        shown = {
            name: f"{each.restarts} {str(each.oom_killed).lower()} {each.pid or 0} "
            f"{(each.restart_policy or '').partition(':')[0]}"
            for name, each in now.items()
        }
        assert shown == {name: line for name, line in says.items() if name != "crashy"}
        codes = await host.inspected("State.ExitCode")
        assert {name: each.exit_code for name, each in now.items() if each.state == "exited"} == {
            name: int(codes[name]) for name in ("c-exit", "c-gave-up", "oneshot")
        }
        assert (now["web"].health, now["sick"].health, now["oneshot"].health) == (
            "healthy",
            "unhealthy",
            None,
        )
        started = await host.inspected("State.StartedAt")
        since = now["web"].since
        assert since is not None
        assert started["web"].startswith(f"{since:%Y-%m-%d}")
        digests = await host.say(
            f"{host.engine} image inspect {now['web'].image} --format '{{{{.RepoDigests}}}}'"
        )
        assert now["web"].digest is not None
        assert now["web"].digest in digests


async def test_a_container_lives_and_dies(host: EngineHost) -> None:
    async with followed(host) as watched:
        await host.make("c-life", "--label", "com.example.team=a")
        await watched.until(lambda: "c-life" in watched.now and watched.now["c-life"].state == "running")
        assert watched.now["c-life"].labels["com.example.team"] == "a"
        await host.root(f"{host.engine} pause c-life")
        await watched.until(lambda: watched.now["c-life"].state == "paused")
        await host.root(f"{host.engine} unpause c-life")
        await watched.until(lambda: watched.now["c-life"].state == "running")
        await host.root(f"{host.engine} rename c-life c-renamed")
        await watched.until(lambda: "c-renamed" in watched.now and "c-life" not in watched.now)
        await host.root(f"{host.engine} kill c-renamed")
        await watched.until(lambda: watched.now["c-renamed"].exit_code == 137)
        assert watched.now["c-renamed"].state == "exited"
        await host.root(f"{host.engine} start c-renamed")
        await watched.until(lambda: watched.now["c-renamed"].exit_code is None)
        await host.root(f"{host.engine} rm -f c-renamed")
        await watched.until(lambda: "c-renamed" not in watched.now)


async def test_health_changes_both_ways(host: EngineHost) -> None:
    check = ("--health-cmd", "test ! -e /tmp/sick", "--health-interval", "1s", "--health-retries", "1")
    await host.make("c-health", *check)
    async with followed(host) as watched:
        await watched.until(lambda: watched.now["c-health"].health == "healthy", 20)
        await host.root(
            f"{host.engine} exec c-health mkdir -p /tmp; {host.engine} exec c-health touch /tmp/sick"
        )
        await watched.until(lambda: watched.now["c-health"].health == "unhealthy", 20)
        assert watched.now["c-health"].unhealthy
        await host.root(f"{host.engine} exec c-health rm /tmp/sick")
        await watched.until(lambda: watched.now["c-health"].health == "healthy", 20)


async def test_a_crash_loop_counts_its_restarts(host: EngineHost) -> None:
    async with followed(host) as watched:
        await host.make("c-loop", "--restart", "always", command="sleep 0.2; exit 3")
        await watched.until(lambda: "c-loop" in watched.now and watched.now["c-loop"].restarts >= 3, 30)


async def test_why_a_container_could_not_be_started(host: EngineHost) -> None:
    async with followed(host) as watched:
        await host.make("c-nostart", "--workdir", "/", "--entrypoint", "/no/such/program", verb="create")
        await host.root(f"{host.engine} start c-nostart 2>/dev/null || true")
        await watched.until(lambda: "c-nostart" in watched.now and bool(watched.now["c-nostart"].error))
        assert "/no/such/program" in (watched.now["c-nostart"].error or "")


async def test_a_burst_of_containers_ends_in_the_truth(host: EngineHost) -> None:
    async with followed(host) as watched:
        image = watched.now["web"].image
        line = f"{host.engine} run --rm --name c-burst-$i {image} true"
        await host.root(f"for i in 1 2 3 4 5; do {line} & done; wait")
        await host.make("c-last")
        await watched.until(lambda: "c-last" in watched.now and watched.now["c-last"].state == "running", 30)
        await watched.until(lambda: not [name for name in watched.now if name.startswith("c-burst")], 30)
        assert steady(watched.now).keys() == {
            key for key, row in (await host.told()).items() if row[0] != "crashy"
        }


async def test_questions_on_demand(host: EngineHost) -> None:
    async with followed(host) as watched:
        [engine] = watched.source.engines
        web = watched.now["web"]
        assert (await engine.inspect(web.id))["Name"] == "/web"
        assert "Version" in await engine.version()
        stats = await engine.stats_once(web.id)
        assert (stats.host, stats.name, stats.id) == (web.host, "web", web.id)
        assert stats.net_rx is not None
        with pytest.raises(Absent):
            await engine.inspect("c-nothing")


async def test_podman_tells_the_unit_that_owns_a_container(lab: Lab) -> None:
    host = await engine_host(lab, "podman")
    async with cleared(host), followed(host) as watched:
        image = watched.now["web"].image
        run = f"podman run --rm --name c-owned {image} sleep 100000"
        await host.root(f"systemd-run --unit=c-owned -E PODMAN_SYSTEMD_UNIT=c-owned.service {run}")
        try:
            await watched.until(lambda: "c-owned" in watched.now)
            assert watched.now["c-owned"].unit == "c-owned.service"
        finally:
            await host.root("podman rm -f c-owned; systemctl stop c-owned || true")


async def test_podman_on_dockers_socket_is_followed_once(lab: Lab) -> None:
    host = await engine_host(lab, "podman")
    await host.root("ln -s /run/podman/podman.sock /run/docker.sock")
    try:
        async with followed(host, user="root") as watched:
            assert [engine.kind for engine in watched.source.engines] == ["podman"]
            assert [each.name for each in watched.now.values()].count("web") == 1
    finally:
        await host.root("rm /run/docker.sock")


async def test_a_host_without_either(lab: Lab) -> None:
    host = await engine_host(lab, "plain")
    with pytest.raises(Absent, match="no docker or podman socket"):
        async with followed(host):
            pass


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_user_without_rights_is_refused_and_told_what_to_do(lab: Lab, engine: str) -> None:
    host = await engine_host(lab, engine)
    with pytest.raises(AccessRefused) as caught:
        async with followed(host, user="guest"):
            pass
    assert "closed to this user" in caught.value.message
    assert caught.value.hint is not None
    assert "sudo" in caught.value.hint


@pytest.mark.parametrize("engine", ENGINES)
async def test_no_relay_of_ours_stays_on_the_host(lab: Lab, engine: str) -> None:
    host = await engine_host(lab, engine)
    async with followed(host) as watched:
        await watched.source.engines[0].ping()
    name, relays = host.config.name, "pgrep -f 'dial-stdi[o]' || true"
    await until(lambda: host.truth.ask(name, relays) == "", "the relays end")

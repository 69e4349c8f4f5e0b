"""Each write on containers, on real hosts of both engines: what it does there, its record, its undo."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from console.lab.lab import Lab
from tests.lab.changing import Writer
from tests.lab.containers_host import EngineHost, cleared, engine_host
from tests.lab.truth import Truth


@pytest.fixture
def writer(truth: Truth, tmp_path: Path) -> Writer:
    return Writer(truth, tmp_path)


@pytest.fixture(params=["docker", "podman"])
def host(lab: Lab, request: pytest.FixtureRequest) -> Iterator[EngineHost]:
    found = asyncio.run(engine_host(lab, request.param))
    asyncio.run(clear(found))
    yield found
    asyncio.run(clear(found))


async def clear(host: EngineHost) -> None:
    async with cleared(host):
        pass


class Using:
    """The command line on one host, and that host past it."""

    def __init__(self, writer: Writer, host: EngineHost) -> None:
        self.writer = writer
        self.host = host
        self.on = ("--on", host.config.name)

    def write(self, verb: str, *words: str, code: int = 0) -> dict[str, tuple[str, str]]:
        return self.writer.write("container", verb, *words, *self.on, code=code)

    def done(self, verb: str, name: str, *words: str) -> str:
        """The detail of a change that is done."""
        found = self.write(verb, name, *words)
        assert {target: status for target, (status, _) in found.items()} == {self.target(name): "done"}
        return found[self.target(name)][1]

    def run(self, *words: str, code: int = 0) -> str:
        done = self.writer.run(*words, *self.on, code=code)
        return done.stdout + done.stderr

    def plan(self, verb: str, *words: str) -> dict[str, Any]:
        return self.writer.plan("container", verb, *words, *self.on)

    def undo(self, count: int = 1) -> None:
        found = self.writer.undo_last()
        assert [status for status, _ in found.values()] == ["done"] * count

    def target(self, name: str) -> str:
        return f"{self.host.config.name}/{name}"

    # -- past the product --

    def make(self, name: str, *options: str, command: str = "sleep 100000", verb: str = "run -d") -> None:
        asyncio.run(self.host.make(name, *options, command=command, verb=verb))

    def root(self, line: str) -> None:
        asyncio.run(self.host.root(f"{self.host.engine} {line}"))

    def inspected(self, *fields: str) -> dict[str, str]:
        return asyncio.run(self.host.inspected(*fields))

    def state(self, name: str) -> str:
        return self.inspected("State.Status")[name]


@pytest.fixture
def using(writer: Writer, host: EngineHost) -> Using:
    return Using(writer, host)


@pytest.mark.parametrize(
    ("verb", "before", "after"),
    [
        ("stop", "running", "exited"),
        ("start", "exited", "running"),
        ("pause", "running", "paused"),
        ("unpause", "paused", "running"),
    ],
)
def test_what_it_does_its_record_and_its_undo(using: Using, verb: str, before: str, after: str) -> None:
    using.make("c-one", "--stop-signal", "KILL")
    if before != "running":
        using.root(f"{'stop' if before == 'exited' else 'pause'} c-one")
    using.done(verb, "c-one")
    assert using.state("c-one") == after
    record = using.writer.last()
    name = using.host.config.name
    assert (record["line"], record["outcome"]) == (f"container {verb} c-one --on={name}", "done")
    assert record["results"][0]["target"] == using.target("c-one")
    assert str(record["plan"]["steps"][0]["now"]).startswith(before)
    using.undo()
    assert using.state("c-one") == before


def test_restart_kill_and_remove_have_no_way_back(using: Using) -> None:
    using.make("c-one", "--stop-signal", "KILL")
    pid = using.inspected("State.Pid")["c-one"]
    using.done("restart", "c-one")
    assert using.inspected("State.Pid")["c-one"] not in (pid, "0")
    assert using.writer.last()["undo"] == []
    using.done("kill", "c-one")
    assert using.inspected("State.Status", "State.ExitCode")["c-one"] == "exited 137"
    assert using.writer.last()["undo"] == []
    using.done("remove", "c-one")
    assert "c-one" not in using.inspected("Name")
    assert using.writer.last()["undo"] == []


def test_a_signal_reaches_the_process(using: Using) -> None:
    using.make("c-one", command='trap "exit 7" USR1; while true; do sleep 0.1; done')
    using.done("kill", "c-one", "--signal", "USR1")
    using.root("wait c-one")
    assert using.inspected("State.ExitCode")["c-one"] == "7"


def test_a_stop_waits_as_long_as_it_is_told(using: Using) -> None:
    using.make("c-one", command='trap "" TERM; while true; do sleep 0.1; done')
    assert using.done("stop", "c-one", "--time", "1s") == "exit code 137"


def test_one_that_dies_at_once_has_failed_with_its_exit_code(using: Using) -> None:
    using.make("c-dies", command="exit 3", verb="create")
    found = using.write("start", "c-dies", code=4)
    status, detail = found[using.target("c-dies")]
    assert status == "failed"
    assert "exit code 3" in detail
    record = using.writer.last()
    assert (record["outcome"], record["undo"]) == ("failed", [])


def test_one_that_is_restarted_again_and_again_has_failed(using: Using) -> None:
    using.make("c-dies", "--restart", "always", command="exit 3", verb="create")
    found = using.write("start", "c-dies", code=4)
    assert found[using.target("c-dies")][0] == "failed"
    assert "exit code 3" in found[using.target("c-dies")][1]


def test_one_that_did_its_work_and_ended_is_done(using: Using) -> None:
    using.make("c-job", command="true", verb="create")
    assert "exit code 0" in using.done("start", "c-job")


def test_one_made_with_rm_is_gone_and_the_plan_says_so(using: Using) -> None:
    using.make("c-one", "--rm", "--stop-signal", "KILL")
    (step,) = using.plan("stop", "c-one")["steps"]
    assert "--rm" in step["then"]
    assert step["undo"] is None
    using.done("stop", "c-one")
    assert "c-one" not in using.inspected("Name")
    assert using.writer.last()["undo"] == []


def test_several_by_glob_and_by_id_and_what_is_so_already(using: Using) -> None:
    for name in ("c-a1", "c-a2", "c-b"):
        using.make(name, "--stop-signal", "KILL")
    number = using.inspected("Id")["c-b"]
    found = using.write("stop", "c-a*", number[:12])
    assert set(found) == {using.target(name) for name in ("c-a1", "c-a2", "c-b")}
    states = using.inspected("State.Status")
    assert {states[name] for name in ("c-a1", "c-a2", "c-b")} == {"exited"}
    using.undo(3)
    states = using.inspected("State.Status")
    assert {states[name] for name in ("c-a1", "c-a2", "c-b")} == {"running"}
    assert "nothing to do" in using.run("container", "start", "c-a*", "--yes")


def test_one_that_runs_is_not_removed_without_force(using: Using) -> None:
    using.make("c-one")
    found = using.write("remove", "c-one", code=4)
    assert found[using.target("c-one")][0] == "refused"
    assert using.state("c-one") == "running"
    using.done("remove", "c-one", "--force")
    assert "c-one" not in using.inspected("Name")


def test_the_unit_that_owns_it_is_named(using: Using) -> None:
    using.make("c-owned", "--label", "PODMAN_SYSTEMD_UNIT=chatty.service")
    (note,) = using.plan("stop", "c-owned")["notes"]
    assert "chatty.service owns it" in note
    assert f"`unit stop --on={using.host.config.name} chatty.service`" in note


def test_a_plan_changes_nothing(using: Using) -> None:
    using.make("c-one")
    before = using.inspected("State.Pid", "State.StartedAt", "State.Status")
    for verb in ("stop", "restart", "kill", "pause"):
        using.plan(verb, "c-one")
    using.plan("remove", "c-one", "--force")
    after = using.inspected("State.Pid", "State.StartedAt", "State.Status")
    assert after["c-one"] == before["c-one"]


def test_nobody_of_that_name_is_an_empty_selection(using: Using) -> None:
    using.run("container", "stop", "nonesuch", "--yes", code=5)


def test_without_on_it_is_a_usage_error(writer: Writer) -> None:
    writer.run("container", "stop", "web", "--yes", code=2)


# -- by hand --------------------------------------------------------------------------------

ODD = ("it's", '"q" $(id) `id` $HOME', "two\nlines", "-x", "*", "ü", "a;b|c&d>e\\")


def test_exec_passes_every_word_on_as_it_is_and_ends_as_the_command_does(using: Using) -> None:
    using.make("c-one")
    script = 'for word in "$@"; do printf "<%s>" "$word"; done; echo wrong >&2; exit 9'
    words = (
        "container",
        "exec",
        "c-one",
        "--yes",
        "-o",
        "json",
        *using.on,
        "--",
        "sh",
        "-c",
        script,
        "sh",
        *ODD,
    )
    done = using.writer.run(*words, code=9)
    ran = json.loads(done.stdout)
    assert ran["stdout"] == "".join(f"<{word}>" for word in ODD)
    assert (ran["code"], ran["stderr"].strip(), ran["container"]) == (9, "wrong", "c-one")
    record = using.writer.last()
    assert (record["outcome"], record["results"][0]["detail"]) == ("failed", "exit code 9")
    assert "container exec c-one" in record["line"]


def test_exec_has_nothing_on_its_stdin(using: Using) -> None:
    using.make("c-one")
    words = ("container", "exec", "c-one", "--yes", *using.on, "--", "cat")
    assert using.writer.run(*words).stdout == ""


def test_top_lists_the_processes(using: Using) -> None:
    using.make("c-one", command="sleep 4242")
    assert "sleep 4242" in using.run("container", "top", "c-one", "--yes")
    assert using.writer.last()["outcome"] == "done"


def test_exec_is_for_exactly_one_that_runs(using: Using) -> None:
    using.make("c-one")
    using.make("c-two")
    assert "2 containers" in using.run("container", "top", "c-*", "--yes", code=2)
    using.run("container", "top", "c-none", "--yes", code=5)
    using.root("kill c-two")
    assert "does not run" in using.run("container", "top", "c-two", "--yes", code=4)


def test_logs_are_those_of_the_container(using: Using) -> None:
    using.make("c-says", command="echo first; echo second; sleep 100000")
    said = using.run("container", "logs", "c-says", "-o", "json")
    assert [record["message"] for record in json.loads(said.partition("]\n")[0] + "]")] == ["first", "second"]


def test_by_hand_needs_somebody_or_yes(using: Using) -> None:
    using.make("c-one")
    using.run("container", "top", "c-one", code=3)
    assert using.writer.last()["outcome"] == "refused"


@pytest.fixture
def guest(host: EngineHost, tmp_path: Path) -> Using:
    """Somebody in no group that an engine knows."""
    text = host.truth.config.path.read_text(encoding="utf-8").replace('user = "core"', 'user = "guest"')
    config = tmp_path / "guest.toml"
    config.write_text(text, encoding="utf-8")
    truth = Truth(replace(host.truth.config, path=config))
    return Using(Writer(truth, tmp_path), host)


@pytest.fixture
def sudo_for_guest(host: EngineHost) -> Iterator[None]:
    file = "/etc/sudoers.d/guest"
    asyncio.run(host.root(f"echo 'guest ALL=(ALL) NOPASSWD: ALL' > {file}; chmod 440 {file}"))
    yield
    asyncio.run(host.root(f"rm {file}"))


@pytest.mark.usefixtures("sudo_for_guest")
def test_without_the_group_it_goes_by_become_and_nothing_of_that_stays(guest: Using) -> None:
    guest.make("c-one", "--stop-signal", "KILL")
    guest.done("stop", "c-one")
    assert guest.state("c-one") == "exited"
    guest.undo()
    assert guest.state("c-one") == "running"
    words = ("container", "exec", "c-one", "--yes", *guest.on, "--", "echo", "inside")
    assert guest.writer.run(*words).stdout == "inside\n"
    gone = "for i in $(seq 50); do pgrep -f '[d]ial-stdio' || exit 0; sleep 0.1; done; exit 1"
    asyncio.run(guest.host.root(gone))


def test_without_the_group_and_without_sudo_nothing_is_changed(guest: Using) -> None:
    guest.make("c-one")
    found = guest.write("stop", "c-one", code=4)
    assert [status for status, _ in found.values()] == ["unreachable"]
    assert guest.state("c-one") == "running"

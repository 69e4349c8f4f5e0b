"""What keeps a write from happening, on real hosts: read-only, a target that moved on, an answer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import select
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.actions.plan import Plan
from console.cli.printer import Printer
from console.cli.registry import all_commands
from console.commands.command import Command, Kind, Parameter, Shape
from console.commands.confirm import Challenge
from console.commands.core import Core
from console.commands.grammar import Globals, format_command, parse_line
from console.errors import Incomplete
from tests.lab.changing import Writer
from tests.lab.truth import Truth


@pytest.fixture
def writer(truth: Truth, tmp_path: Path) -> Writer:
    return Writer(truth, tmp_path)


def a_line(cls: type[Command]) -> str:
    """A line of this command that would do something on docker1."""

    def value(parameter: Parameter) -> object:
        if parameter.name == "on":
            return parameter.value.parse("docker1")
        word = {"UNIT": "chatty", "CONTAINER": "web", "HOST": "docker1", "LABEL": "a=b", "CMD": "true"}.get(
            parameter.value.metavar, "x=1"
        )
        return (word,) if parameter.many else word

    needed = {p.name: value(p) for p in cls.parameters() if p.required or p.name == "on"}
    rest = next((p for p in cls.parameters() if p.shape is Shape.REST), None)
    if rest:
        needed[rest.name] = ("true",)
    return format_command(cls(**needed))


class Monitor:
    """What a host's bus and docker tell while something runs."""

    def __init__(self, truth: Truth, host: str) -> None:
        calls = "type=method_call,interface=org.freedesktop.systemd1.Manager"
        # What docker itself does to a container, its health checks, is no write.
        done = (
            *("create", "start", "stop", "kill", "restart"),
            *("pause", "unpause", "rename", "destroy", "update"),
        )
        filters = " ".join(f"--filter event={each}" for each in done)
        watch = (
            f"SYSTEMD_COLORS=0 busctl monitor --match '{calls}' & "
            f"docker events --filter container=web {filters} --format 'told of web: {{{{.Action}}}}' & wait"
        )
        self._process = subprocess.Popen(
            [*truth.argv(host, "root"), "-tt", watch], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        self._truth, self._host = truth, host
        self._seen = b""

    def until(self, wanted: bytes) -> bytes:
        """Everything told until `wanted` was."""
        assert self._process.stdout
        end = time.monotonic() + 20
        while wanted not in self._seen:
            assert time.monotonic() < end, self._seen
            if select.select([self._process.stdout], [], [], 0.2)[0]:
                self._seen += os.read(self._process.stdout.fileno(), 65536)
        return self._seen

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()


@pytest.fixture
def monitor(truth: Truth) -> Iterator[Monitor]:
    # A docker that a test before this restarted may have yet to start it.
    running = "docker inspect --format '{{.State.Running}}' web 2>/dev/null"
    runs = f'[ "$({running})" = true ]'
    truth.ask("docker1", f"for i in $(seq 100); do {runs} && exit; sleep 0.2; done; exit 1")
    watching = Monitor(truth, "docker1")
    yield watching
    watching.close()


def test_read_only_refuses_every_write_there_is_and_nothing_reaches_a_host(
    truth: Truth, writer: Writer, monitor: Monitor
) -> None:
    # A call of our own is the sign that the monitor runs; another, that it has told all that was before.
    ask = "busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager"
    truth.ask(
        "docker1", f"(for i in $(seq 60); do {ask} GetDefaultTarget; sleep 0.1; done) >/dev/null 2>&1 &"
    )
    monitor.until(b"Member=GetDefaultTarget")
    writes = [
        cls for cls in all_commands() if cls.kind is Kind.WRITE and cls.words[0] not in ("lab", "macro")
    ]
    assert len(writes) > 12
    for cls in writes:
        line = a_line(cls)
        assert isinstance(parse_line(line, all_commands()).command, cls)
        for how, environ in ((("--read-only",), {}), ((), {"QUARTERDECK_READ_ONLY": "1"})):
            done = writer.run(*how, *shlex.split(line), code=3, **environ)
            assert "read-only" in done.stderr, line
        assert writer.last()["outcome"] == "refused"
    truth.ask("docker1", f"{ask} GetDynamicUsers")
    seen = monitor.until(b"Member=GetDynamicUsers")
    # Others on the host have systemd stop things too (docker its scopes), but not this unit.
    assert b"chatty" not in seen
    assert re.search(rb"Member=Reload\b", seen) is None
    assert re.findall(rb"told of web.*", seen) == []


async def changed_between(
    truth: Truth, state: Path, line: str, change: str, *, yes: bool = False
) -> dict[str, tuple[str, str]]:
    """Results of a line whose hosts change after the plan was made and before it is carried out."""
    found: dict[str, tuple[str, str]] = {}

    class Seen(Printer):
        @contextlib.contextmanager
        def listing(self, kind):  # type: ignore[no-untyped-def]
            yield lambda result: found.__setitem__(result.target, (result.status.value, result.detail))

    async def confirm(plan: Plan, challenge: Challenge) -> bool:
        await asyncio.to_thread(truth.ask, "docker1", change)
        return True

    command = parse_line(line, all_commands()).command
    assert command is not None
    core = Core(
        Globals(config=truth.config.path),
        environ={**os.environ, "XDG_STATE_HOME": str(state)},
        confirm=confirm,
    )
    with contextlib.suppress(Incomplete):
        await command.run(core, Seen("json"))
    return found


async def test_only_the_target_that_moved_on_is_refused(truth: Truth, tmp_path: Path) -> None:
    try:
        found = await changed_between(
            truth, tmp_path, "unit restart chatty worker --on docker1,docker2", "sudo systemctl stop worker"
        )
        assert found.pop("docker1/worker.service")[0] == "refused"
        assert {status for status, _ in found.values()} == {"done"}
        assert len(found) == 3
    finally:
        truth.ask("docker1", "sudo systemctl start worker")


async def test_a_unit_whose_files_changed_is_not_what_the_plan_saw(truth: Truth, tmp_path: Path) -> None:
    folder = "/run/systemd/system/chatty.service.d"
    change = f"sudo mkdir -p {folder}; echo '[Unit]' | sudo tee {folder}/x.conf; sudo systemctl daemon-reload"
    try:
        found = await changed_between(truth, tmp_path, "unit restart chatty --on docker1", change)
        assert found["docker1/chatty.service"][0] == "refused"
        assert "unit files" in found["docker1/chatty.service"][1]
    finally:
        truth.ask("docker1", f"sudo rm -r {folder}; sudo systemctl daemon-reload")


def test_a_person_sees_the_plan_and_has_to_type_what_fits_its_risk(truth: Truth, writer: Writer) -> None:
    before = truth.ask("docker1", "systemctl show -P InvocationID db")
    code, shown = writer.typed(("unit", "restart", "db", "--on", "docker1"), "n")
    assert code == 3
    assert "also restarts api.service" in shown
    assert truth.ask("docker1", "systemctl show -P InvocationID db") == before
    assert writer.last()["why"] == "not confirmed"
    code, shown = writer.typed(("unit", "restart", "chatty", "web@1", "--on", "docker1"), "y")
    assert (code, "type 2" in shown) == (3, True)
    code, shown = writer.typed(("unit", "restart", "chatty", "web@1", "--on", "docker1"), "2")
    assert code == 0
    everywhere = len(truth.config.hosts)
    code, shown = writer.typed(("unit", "restart", "chatty", "--on", "*"), str(everywhere))
    assert (code, f"type the fleet's name, {truth.config.name}" in shown) == (3, True)

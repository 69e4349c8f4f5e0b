"""Services on the screen of a console, an engine and real hosts behind it; and what a wait has waited for."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from tests.lab.fleet.placing import HELLO, Placing
from tests.lab.fleet.test_engine import REPLICAS
from tests.lab.on_screen import on_screen


async def test_a_service_is_scaled_from_the_screen_and_its_instances_come_and_go_on_it(
    placing: Placing, tmp_path: Path
) -> None:
    def begin() -> None:
        placing.leading()
        placing.submit({"app@.service": REPLICAS % 1})
        placing.until(lambda: placing.active("app@*"), "one runs")

    await asyncio.to_thread(begin)
    environ = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
    async with on_screen(placing.config, environ=environ, remembers=True) as screen:
        press = screen.pilot.press
        await press("P")
        await screen.shows("› services", "app@.service", "1/1", "● 1 running", "told by")
        await press("a")
        await screen.shows("scale")
        await press("c")
        await screen.until(lambda: screen.app.main.line.is_open)
        await press("3", "enter")
        await screen.shows("instances by host:", "0 → 1", "scale etcd/services/app@.service: y")
        assert len(await asyncio.to_thread(placing.active, "app@*")) == 1, "a plan does nothing"
        await press("y", "enter")
        await screen.shows("app@3.service", "● done", "u: undo")
        running = await asyncio.to_thread(placing.active, "app@*")
        assert len(running) == 3
        await press("escape", "enter")
        await screen.shows("› services › app@.service", "● 3 running", "app@2.service")
        (host,) = running["app@2.service"]
        await asyncio.to_thread(placing.ask, host, "systemctl stop app@2.service")
        await screen.shows("○ stopped", "it has ended")
        await press("j", "enter")
        await screen.shows("app@2.service › why", "● placed", host)
        await press("escape", "W")
        await press("P", "a")
        await screen.shows("stop")
        await press("t")
        await screen.shows("stop etcd/services/app@.service: y")
        await press("y", "enter")
        await screen.shows("● done", "u: undo")
        assert not await asyncio.to_thread(placing.active, "app@*")


def test_a_rollback_is_over_when_the_hosts_run_what_ran_before_and_not_sooner(
    placing: Placing, tmp_path: Path
) -> None:
    placing.leading()
    file = tmp_path / "app@.service"
    runs = {}
    for seconds in (1000, 2000):
        # It takes a while to end, so that a wait that is over too soon shows.
        text = HELLO.replace("infinity", str(seconds)) + "ExecStop=/bin/sleep 2\n"
        file.write_text(f"{text}[X-Quarterdeck]\nReplicas=2\n")
        placing.run("service", "start", str(file), "--yes", "--timeout", "50s")
        runs[seconds] = _processes(placing, seconds)
    assert runs == {1000: 2, 2000: 2}
    assert _processes(placing, 1000) == 0
    placing.run("service", "rollback", "app", "--yes", "--gate", "1s", within=120)
    assert (_processes(placing, 1000), _processes(placing, 2000)) == (2, 0)


def _processes(placing: Placing, seconds: int) -> int:
    """How many sleep for so long, on all hosts."""
    return sum(
        len(placing.ask(host, f"pgrep -fx '/bin/sleep {seconds}' || true").split()) for host in placing.hosts
    )

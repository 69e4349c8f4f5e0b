"""The lab's own engine: there with an etcd, again when it dies, gone with the lab."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from console.lab.lab import Lab
from tests.lab.waiting import commands_naming, until

PROGRAM = (sys.executable, "-m", "console")


def engines(config: Path) -> set[int]:
    """The processes that are engines of this fleet."""
    return {
        process
        for process, line in commands_naming(config).items()
        if line.startswith(sys.executable) and "engine run" in line
    }


def leads(log: Path, times: int) -> bool:
    return log.exists() and log.read_text().count("leading the fleet") >= times


async def test_a_lab_with_an_etcd_has_an_engine_which_comes_again_when_it_dies(spare: Lab) -> None:
    status = await spare.up({"plain": 1, "etcd": 1}, exact=True, engine=PROGRAM)
    log = status.config.parent / "engine" / "log"
    assert status.engine
    await until(lambda: leads(log, 1), "it leads", 60)
    (first,) = engines(status.config)
    assert (await spare.up({"plain": 1, "etcd": 1}, exact=True, engine=PROGRAM)).engine
    assert engines(status.config) == {first}, "one that runs is left alone"
    os.kill(first, signal.SIGKILL)
    await until(lambda: leads(log, 2), "another leads, once the first one's claim has run out", 90)
    # Its hosts are others now: it is started anew, and leads without waiting for that.
    grown = await spare.up({"plain": 2, "etcd": 1}, exact=True, engine=PROGRAM)
    await until(lambda: leads(log, 3), "it knows of the new host", 60)
    assert len(engines(grown.config)) == 1
    without = await spare.up({"plain": 1}, exact=True, engine=PROGRAM)
    assert without.engine is None
    assert not engines(without.config)
    await spare.down()
    assert not commands_naming(status.config.parent)


async def test_a_lab_that_is_brought_up_without_one_has_none(spare: Lab) -> None:
    status = await spare.up({"etcd": 1}, exact=True)
    assert status.engine is None
    assert not engines(status.config)

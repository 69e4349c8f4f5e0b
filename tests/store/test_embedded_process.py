"""How a process is known again."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from console.store.embedded_process import Process, end, parse_stat, read_mark


def stat(name: str = "etcd", state: str = "S", threads: int = 9) -> str:
    return f"4711 ({name}) {state} 1 4711 4711 0 -1 4194560 1 0 0 0 5 3 0 0 20 0 {threads} 0 127871 11 5933"


@pytest.mark.parametrize("name", ["etcd", "a b", "x) Z 1 (", ""])
def test_a_process_is_its_number_and_its_start_whatever_its_name(name: str) -> None:
    assert parse_stat(stat(name)) == (Process(4711, 127871), False)


@pytest.mark.parametrize(
    ("state", "threads", "ended"),
    [("S", 9, False), ("T", 9, False), ("Z", 1, True), ("X", 0, True), ("Z", 3, False)],
)
def test_it_has_ended_with_its_last_thread(state: str, threads: int, ended: bool) -> None:
    assert parse_stat(stat(state=state, threads=threads)) == (Process(4711, 127871), ended)


@pytest.mark.parametrize("text", ["", "4711", "4711 (etcd) S 1", "x (etcd)" + " 1" * 40])
def test_what_is_no_such_line_is_no_process(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_stat(text)
    (tmp_path / "process").write_text(text)
    assert read_mark(tmp_path / "process") is None


def test_nobody_has_been_started_where_no_mark_is(tmp_path: Path) -> None:
    assert read_mark(tmp_path / "process") is None


def own() -> Process:
    return parse_stat(Path("/proc/self/stat").read_text())[0]


def test_we_run_and_one_that_had_our_number_does_not() -> None:
    assert own().runs()
    assert not Process(os.getpid(), own().started - 1).runs()


async def test_one_that_had_our_number_is_ended_without_a_signal_to_us() -> None:
    heard: list[int] = []
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, heard.append, signal.SIGTERM)
    try:
        assert await end(Process(os.getpid(), own().started - 1), 0.1)
        await asyncio.sleep(0)
        assert heard == []
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)

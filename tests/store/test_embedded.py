"""The embedded etcd, with the real one: shared, ended by the last, and nothing lost when things die."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from console.errors import StoreError
from console.model.config import EtcdConfig
from console.store import embedded as module
from console.store.embedded import embedded
from console.store.embedded_folder import CLIENT, Folder
from console.store.embedded_process import answers
from tests.lab.waiting import until
from tests.store.embedding import console, etcdctl, etcds


def quiet(text: str) -> None:
    pytest.fail(f"told: {text}")


async def never(path: Path) -> bool:
    return False


def sockets_of(pid: int) -> set[str]:
    """The inodes of its sockets, of every kind."""
    links = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()]
    return {found[1] for link in links if (found := re.fullmatch(r"socket:\[(\d+)\]", link))}


def of_the_network(pid: int) -> set[str]:
    """The inodes of all TCP and UDP sockets that it could have."""
    found = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        lines = Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
        found |= {line.split()[9] for line in lines}
    return found


def environ_of(pid: int) -> set[str]:
    """The names in its environment."""
    text = Path(f"/proc/{pid}/environ").read_text()
    return {line.partition("=")[0] for line in text.split("\0") if line}


async def test_two_consoles_share_one_and_the_last_ends_it(folder: Path) -> None:
    async with console(folder) as first, console(folder) as second:
        (pid,) = etcds(folder)
        assert first.endpoint == second.endpoint == f"unix://{folder / CLIENT}"
        assert await first.leave() == 0
        assert etcds(folder) == [pid]
        assert await etcdctl(folder, "put", "a", "1") == "OK\n"
        assert await second.leave() == 0
        assert etcds(folder) == []


async def test_consoles_that_start_at_the_same_moment_start_one(folder: Path) -> None:
    async def one(entered: asyncio.Barrier) -> EtcdConfig:
        async with embedded(folder, report=quiet) as etcd:
            await entered.wait()
            assert len(etcds(folder)) == 1
            await entered.wait()
            return etcd.config

    entered = asyncio.Barrier(4)
    configs = await asyncio.gather(*(one(entered) for _ in range(4)))
    assert len(set(configs)) == 1
    assert etcds(folder) == []


async def test_what_was_written_is_there_the_next_time(folder: Path) -> None:
    async with embedded(folder, report=quiet):
        await etcdctl(folder, "put", "a", "1")
    async with embedded(folder, report=quiet):
        assert await etcdctl(folder, "get", "a") == "a\n1\n"


async def test_a_killed_console_leaves_it_running_and_the_next_last_one_ends_it(folder: Path) -> None:
    async with console(folder) as killed:
        killed.process.kill()
        await killed.process.wait()
        (pid,) = etcds(folder)
        async with embedded(folder, report=quiet) as etcd:
            assert etcd.alive()
            assert etcds(folder) == [pid]
        assert etcds(folder) == []


async def test_a_killed_etcd_loses_nothing_and_is_started_anew_once(folder: Path) -> None:
    async with embedded(folder, report=quiet) as third, console(folder) as first, console(folder) as second:
        await etcdctl(folder, "put", "a", "1")
        (pid,) = etcds(folder)
        os.kill(pid, signal.SIGKILL)
        await until(lambda: not third.alive(), "the killed one is seen to be dead")
        assert third.ending().why == "it ended without a word"
        answered = await asyncio.gather(first.restart(), second.restart())
        assert sorted(answered) == ["restarted False", "restarted True"]
        assert third.alive()
        assert len(etcds(folder)) == 1
        assert await etcdctl(folder, "get", "a") == "a\n1\n"


async def test_a_living_one_is_not_started_anew(folder: Path) -> None:
    async with embedded(folder, report=quiet) as etcd:
        before = etcds(folder)
        assert not await etcd.restart_if_dead()
        assert etcds(folder) == before


async def test_a_console_that_may_not_start_one_uses_one_that_runs_and_no_other(folder: Path) -> None:
    with pytest.raises(StoreError, match="does not run, and this console does not start it"):
        async with embedded(folder, report=quiet, start=False):
            pytest.fail("it may not start one")
    async with embedded(folder, report=quiet), embedded(folder, report=quiet, start=False) as reader:
        (pid,) = etcds(folder)
        assert not await reader.restart_if_dead()
        os.kill(pid, signal.SIGKILL)
        await until(lambda: not reader.alive(), "the killed one is seen to be dead")
        with pytest.raises(StoreError, match="this console does not start it"):
            await reader.restart_if_dead()


async def test_it_listens_on_no_port(folder: Path) -> None:
    async with embedded(folder, report=quiet):
        (pid,) = etcds(folder)
        assert len(sockets_of(pid)) >= 2  # its two unix sockets are seen, so a port would be
        assert not sockets_of(pid) & of_the_network(pid)


async def test_neither_ctrl_c_nor_the_environment_of_its_console_reaches_it(folder: Path) -> None:
    environ = {"ETCD_NAME": "other", "NOTIFY_SOCKET": "/run/x", "PATH": os.environ["PATH"]}
    async with embedded(folder, report=quiet, environ=environ):
        (pid,) = etcds(folder)
        assert os.getsid(pid) == pid
        assert not environ_of(pid) & set(environ)


@pytest.mark.parametrize("name", ["x" * 150, "a b", "50%20?#"])
async def test_a_path_that_no_address_can_carry_is_reached_through_its_descriptor(
    folder: Path, name: str
) -> None:
    async with embedded(folder / name, report=quiet) as etcd:
        (endpoint,) = etcd.config.endpoints
        assert re.fullmatch(r"unix:///proc/self/fd/\d+/etcd:0", endpoint)
        assert await answers(Path(endpoint.removeprefix("unix://")))
    assert etcds(folder / name) == []


async def test_a_process_that_got_the_number_of_a_dead_etcd_is_not_signalled(folder: Path) -> None:
    stranger = await asyncio.create_subprocess_exec("sleep", "60")
    try:
        async with embedded(folder, report=quiet):
            mark = (folder / "process").read_text().split()
        # As if the machine had gone through all its numbers since a console and its etcd were killed.
        mark[0] = str(stranger.pid)
        (folder / "process").write_text(" ".join(mark))
        async with embedded(folder, report=quiet) as etcd:
            assert etcd.alive()
        assert stranger.returncode is None
        os.kill(stranger.pid, 0)
    finally:
        stranger.kill()
        await stranger.wait()


async def test_a_start_that_is_given_up_leaves_none_not_even_one_that_hangs(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ENDS_WITHIN", 0.1)

    async def use() -> None:
        async with embedded(folder, report=quiet):
            pytest.fail("nobody has heard it answer")

    monkeypatch.setattr("console.store.embedded_process.answers", never)
    using = asyncio.create_task(use())
    await until(lambda: bool(etcds(folder)), "it is being started")
    os.kill(etcds(folder)[0], signal.SIGSTOP)
    using.cancel()
    with pytest.raises(asyncio.CancelledError):
        await using
    assert etcds(folder) == []


async def test_one_that_does_not_answer_is_told_and_not_ended(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with embedded(folder, report=quiet):
        (pid,) = etcds(folder)
        os.kill(pid, signal.SIGSTOP)
        monkeypatch.setattr(module, "_READY_WITHIN", 0.2)
        with pytest.raises(StoreError, match=rf"etcd \(process {pid}\) has not answered"):
            async with embedded(folder, report=quiet):
                pytest.fail("it does not answer")
        os.kill(pid, signal.SIGCONT)
        assert etcds(folder) == [pid]


async def test_a_console_that_cannot_get_its_turn_says_so_and_leaves_etcd_to_the_next(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    async with embedded(folder, report=told.append):
        other = os.open(folder / "turn.lock", os.O_RDWR)
        fcntl.flock(other, fcntl.LOCK_EX)
        monkeypatch.setattr("console.store.embedded_folder._TURN_WITHIN", 0.1)
        with pytest.raises(StoreError, match="another console has been starting or ending etcd"):
            async with embedded(folder, report=quiet):
                pytest.fail("it is not our turn")
        assert told == []
    assert len(told) == 1
    assert told[0].endswith("it is left running")
    os.close(other)
    (pid,) = etcds(folder)
    async with embedded(folder, report=quiet):
        assert etcds(folder) == [pid]


async def test_one_whose_folder_was_removed_is_ended_all_the_same(folder: Path) -> None:
    async with embedded(folder, report=quiet) as etcd:
        (pid,) = etcds(folder)
        shutil.rmtree(folder)
        assert etcd.alive()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_folder_that_another_machine_uses_is_left_alone(folder: Path) -> None:
    async with embedded(folder, report=quiet):
        pass
    place = Folder(folder)
    facts = place.facts()
    assert facts is not None
    place.keep(replace(facts, machine="another boot", host="elsewhere"))
    place.close()
    user = os.open(folder / "users.lock", os.O_RDWR)
    fcntl.flock(user, fcntl.LOCK_SH)
    try:
        with pytest.raises(StoreError, match="in use by consoles on elsewhere"):
            async with embedded(folder, report=quiet):
                pytest.fail("it is not ours")
        assert etcds(folder) == []
    finally:
        os.close(user)
    # Nobody uses it any more: it was this machine, before it was started anew.
    async with embedded(folder, report=quiet) as etcd:
        assert etcd.alive()


async def test_a_log_that_has_grown_long_is_begun_anew_under_a_running_one(folder: Path) -> None:
    async with embedded(folder, report=quiet):
        with (folder / "etcd.log").open("a") as log:
            log.write(("x" * 99 + "\n") * 50_000 + "the end\n")
        async with embedded(folder, report=quiet):
            assert (folder / "etcd.log").stat().st_size == 0
            old = (folder / "etcd.log.old").read_text()
            assert old.endswith("the end\n")
            assert len(old) < 1_000_000

"""The embedded etcd that cannot be started or dies: said in words, with the real one, and mended."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.errors import ConfigError, StoreError
from console.store.embedded import embedded
from console.store.embedded_folder import Folder
from tests.conftest import REQUIRE_LAB
from tests.store.embedding import etcdctl, etcds

needs_root = pytest.mark.skipif(
    os.geteuid() != 0 and not os.environ.get(REQUIRE_LAB), reason="a small disk is mounted by root only"
)


def quiet(text: str) -> None:
    pytest.fail(f"told: {text}")


def made(folder: Path, mode: int = 0o700) -> Path:
    """The folder, with exactly that mode."""
    folder.mkdir()
    folder.chmod(mode)
    return folder


async def fails(folder: Path) -> StoreError:
    """The error of a start in `folder`."""
    with pytest.raises(StoreError) as caught:
        async with embedded(folder, report=quiet):
            pytest.fail("it started")
    assert etcds(folder) == []
    return caught.value


@pytest.fixture
def small_disk(folder: Path) -> Iterator[Path]:
    """The folder, on a disk that has room for etcd's first two files of 64 MB and little else."""
    made(folder)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=150m,mode=0700", "qd-test", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path, leave: int) -> Path:
    """Fill the disk of `folder` up to `leave` bytes, whoever else writes to it meanwhile."""
    path = folder / "filler"
    size = 0
    with path.open("wb") as file:
        while True:
            disk = os.statvfs(folder)
            room = disk.f_bavail * disk.f_frsize - leave
            if room <= 0:
                return path
            try:
                os.posix_fallocate(file.fileno(), size, room)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
            else:
                size += room


@needs_root
async def test_a_disk_that_is_full_at_the_start(small_disk: Path) -> None:
    filler = fill(small_disk, leave=1024 * 1024)
    error = await fails(small_disk)
    assert "the disk is full; etcd says: " in str(error)
    assert "no space left on device" in str(error)
    assert "make room" in str(error)
    filler.unlink()
    async with embedded(small_disk, report=quiet) as etcd:
        assert etcd.alive()


@needs_root
async def test_a_disk_that_gets_full_while_it_runs(small_disk: Path) -> None:
    async with embedded(small_disk, report=quiet) as etcd:
        await etcdctl(small_disk, "put", "a", "1")
        filler = fill(small_disk, leave=0)
        written = 0
        async with asyncio.timeout(30):
            while etcd.alive():
                written += await put_large(small_disk, f"large{written}")
        assert etcd.ending().why.startswith("the disk is full; etcd says: failed to commit tx: write ")
        filler.unlink()
        assert await etcd.restart_if_dead()
        assert await etcdctl(small_disk, "get", "a") == "a\n1\n"
        # Whatever was acknowledged is there, though etcd died before it had put it into its database.
        found = await etcdctl(small_disk, "get", "large", "--prefix", "--keys-only")
        assert len(found.split()) >= written


@needs_root
async def test_a_disk_that_has_no_room_even_for_the_last_words(small_disk: Path) -> None:
    async with embedded(small_disk, report=quiet) as etcd:
        (pid,) = etcds(small_disk)
        os.kill(pid, signal.SIGKILL)
        fill(small_disk, leave=0)
        assert etcd.ending().why == "the disk is full, and so etcd could not say why it ended"


async def put_large(folder: Path, key: str) -> int:
    """Put 100 kB; 1 if it was acknowledged, else 0."""
    process = await asyncio.create_subprocess_exec(
        "etcdctl",
        "--endpoints=unix://etcd:0",
        "--dial-timeout=1s",
        "--command-timeout=2s",
        "put",
        key,
        "x" * 100_000,
        cwd=folder,
        env={"ETCDCTL_API": "3", "PATH": os.environ["PATH"]},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    return int(await process.wait() == 0)


async def test_data_that_is_damaged(folder: Path) -> None:
    async with embedded(folder, report=quiet):
        await etcdctl(folder, "put", "a", "1")
    with (folder / "data/member/snap/db").open("r+b") as file:
        file.write(b"\0" * 20_000)
    error = await fails(folder)
    assert "its data is damaged; etcd says: failed to open database: invalid database" in str(error)
    assert "restore a backup" in str(error)
    assert str(folder / "etcd.log") in str(error)


async def test_data_that_a_newer_etcd_wrote(folder: Path) -> None:
    async with embedded(folder, report=quiet):
        pass
    facts = (folder / "facts.json").read_text()
    (folder / "facts.json").write_text(facts.replace('"version": "3.', '"version": "99.'))
    error = await fails(folder)
    assert "the data was written by etcd 99." in str(error)
    assert "and /usr/bin/etcd is 3." in str(error)


async def test_facts_that_cannot_be_read_hinder_nothing(folder: Path) -> None:
    async with embedded(folder, report=quiet):
        await etcdctl(folder, "put", "a", "1")
    (folder / "facts.json").write_text('{"version": "3')
    async with embedded(folder, report=quiet):
        assert await etcdctl(folder, "get", "a") == "a\n1\n"


async def test_a_socket_whose_place_is_taken(folder: Path) -> None:
    made(made(folder) / "etcd:0")
    assert f"etcd cannot be run in {folder}: Is a directory" in str(await fails(folder))


@pytest.mark.parametrize("mode", [0o750, 0o701, 0o777])
async def test_a_folder_that_others_may_enter_is_refused(folder: Path, mode: int) -> None:
    made(folder, mode)
    with pytest.raises(ConfigError, match=rf"others may enter it \(mode {mode:04o}\); chmod 700 closes it"):
        async with embedded(folder, report=quiet):
            pytest.fail("others could look into it")


def test_a_folder_of_another_user_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(folder)
    monkeypatch.setattr("console.store.embedded_folder.os.geteuid", lambda: 12345)
    with pytest.raises(ConfigError, match=r"belongs to user \d+, not to us \(12345\)"):
        Folder(folder)


def test_a_folder_that_is_a_file_is_refused(folder: Path) -> None:
    folder.write_text("")
    with pytest.raises(ConfigError, match="cannot be opened"):
        Folder(folder)


async def test_no_etcd_says_what_to_install(folder: Path) -> None:
    with pytest.raises(StoreError, match=r"no etcd on this machine.*etcd-server.*quarterdeck\[embedded\]"):
        async with embedded(folder, report=quiet, binaries=()):
            pytest.fail("there is none")

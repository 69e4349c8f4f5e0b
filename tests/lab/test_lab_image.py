"""The hosts' image: a build that fails, is interrupted or is killed leaves nothing that is taken for one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

import pytest

from console.errors import LabError
from console.lab import compose, ostree_repo, recipe
from console.lab.image import ImageCache
from tests.lab.waiting import commands_naming, until


async def _nothing(folder: Path) -> None:
    """Stands in for the repositories, which need a whole tree."""


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A recipe that runs the shell script in the list instead of building for a minute; $0 is the tree."""
    script = ["mkdir -p $0/etc/ssh $0/var/log"]

    def argv(target: Path, apt_options: Iterable[str]) -> list[str]:
        return ["sh", "-c", script[0], str(target)]

    monkeypatch.setattr(recipe, "mmdebstrap_argv", argv)
    monkeypatch.setattr(recipe, "finishing_commands", list[list[str]])
    monkeypatch.setattr(compose, "make_layers", lambda image: None)
    monkeypatch.setattr(ostree_repo, "build", _nothing)
    return script


async def test_a_build_makes_one_image_and_removes_those_no_lab_uses(
    tmp_path: Path, build: list[str]
) -> None:
    said: list[str] = []
    cache = ImageCache(tmp_path, said.append)
    for old in ("used", "unused", ".building-1"):
        (tmp_path / "images" / old / "tree").mkdir(parents=True)
    (tmp_path / "lab.json").touch()
    (tmp_path / "labs").mkdir()
    (tmp_path / "labs/abc.json").write_text(f'{{"state": "{tmp_path}/lab.json", "image": "used"}}')
    image = await cache.image()
    assert (image.tree / "etc/systemd/system/chatty.service").is_file()
    assert (image.tree / "etc/sudoers.d/core").stat().st_mode & 0o777 == 0o440
    assert {path.name for path in (tmp_path / "images").iterdir()} == {"used", "lock", image.folder.name}
    lines = len(said)
    assert await cache.image() == image
    assert len(said) == lines, "the second time it is there"


async def test_a_build_that_fails_says_why_and_leaves_nothing(tmp_path: Path, build: list[str]) -> None:
    build[0] = "mkdir $0; echo 'E: no space left on device' >&2; exit 1"
    with pytest.raises(LabError, match="could not be built: E: no space left on device"):
        await ImageCache(tmp_path, print).image()
    assert [path.name for path in (tmp_path / "images").iterdir()] == ["lock"]


async def test_a_build_that_is_interrupted_ends_what_it_started(tmp_path: Path, build: list[str]) -> None:
    build[0] = "mkdir $0; touch $0/begun; sleep 600"
    task = asyncio.create_task(ImageCache(tmp_path, print).image())
    await until(lambda: list(tmp_path.glob("images/*/tree/begun")) != [], "the build has begun")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [path.name for path in (tmp_path / "images").iterdir()] == ["lock"]
    await until(lambda: not commands_naming(tmp_path), "nobody works on it any more")

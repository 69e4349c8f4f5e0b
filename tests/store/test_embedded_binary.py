"""Which etcd is taken, of those that are there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from console.errors import StoreError
from console.store import embedded_binary
from console.store.embedded_binary import Binary, Version, candidates, choose, parse_version


@pytest.fixture
def versions(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Version | None]], list[Path]]:
    """Programs that are not there, with the versions that they would tell."""

    def make(table: dict[str, Version | None]) -> list[Path]:
        async def ask(path: Path) -> Version | None:
            return table[str(path)]

        monkeypatch.setattr(embedded_binary, "_ask", ask)
        return [Path(name) for name in table]

    return make


Versions = Callable[[dict[str, Version | None]], list[Path]]


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("etcd Version: 3.4.23\nGit SHA: Not provided\nGo Version: go1.19.8\n", (3, 4, 23)),
        ("etcd Version: 3.6.0-rc.1\n", (3, 6, 0)),
        ("etcd: command not found", None),
        ("", None),
    ],
)
def test_the_version_is_read(text: str, version: Version | None) -> None:
    assert parse_version(text) == version


async def test_the_machines_own_is_found_and_tells_its_version() -> None:
    paths = list(candidates({"PATH": "/usr/bin"}))
    binary = await choose(paths, None)
    assert binary.path == Path("/usr/bin/etcd")
    assert binary.version >= embedded_binary.OLDEST


def test_scripts_and_folders_that_depend_on_where_we_are_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "script").mkdir()
    (tmp_path / "script/etcd").write_text("#!/usr/bin/python3\n")
    (tmp_path / "script/etcd").chmod(0o755)
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed/etcd").write_bytes(b"\x7fELF")
    (tmp_path / "program").mkdir()
    (tmp_path / "program/etcd").write_bytes(b"\x7fELF")
    (tmp_path / "program/etcd").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    path = f"program::{tmp_path}/script:{tmp_path}/closed:{tmp_path}/program:{tmp_path}/program"
    found = [
        one for one in candidates({"PATH": path}) if one.is_relative_to(tmp_path) or not one.is_absolute()
    ]
    assert found == [tmp_path / "program/etcd"]


async def test_the_first_that_can_read_the_data_is_taken(versions: Versions) -> None:
    paths = versions({"/a/etcd": (3, 4, 23), "/b/etcd": (3, 5, 16)})
    assert await choose(paths, None) == Binary(Path("/a/etcd"), (3, 4, 23))
    assert await choose(paths, (3, 4, 30)) == Binary(Path("/a/etcd"), (3, 4, 23))
    assert await choose(paths, (3, 5, 1)) == Binary(Path("/b/etcd"), (3, 5, 16))


async def test_those_that_cannot_be_used_are_named_with_the_reason(versions: Versions) -> None:
    paths = versions({"/a/etcd": (3, 4, 23), "/b/etcd": (3, 3, 25), "/c/etcd": None})
    with pytest.raises(StoreError) as caught:
        await choose(paths, (3, 5, 1))
    assert str(caught.value) == (
        "no etcd here can be used: the data was written by etcd 3.5.1, and /a/etcd is 3.4.23; "
        "/b/etcd is 3.3.25, older than 3.4; /c/etcd does not say its version (install etcd 3.5 or newer)"
    )


async def test_a_program_that_is_no_etcd_does_not_say_its_version() -> None:
    with pytest.raises(StoreError, match="/bin/sleep does not say its version"):
        await choose([Path("/bin/sleep")], None)


@pytest.mark.parametrize(
    ("version", "told"),
    [((3, 4, 23), False), ((3, 5, 0), True), ((3, 5, 2), True), ((3, 5, 3), False), ((3, 6, 0), False)],
)
def test_versions_that_can_damage_their_data_are_told(version: Version, told: bool) -> None:
    assert (Binary(Path("/x/etcd"), version).note() is not None) == told

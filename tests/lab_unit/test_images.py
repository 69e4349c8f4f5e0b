"""The container image, the hosts' image, and the cache of the latter."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import tarfile
from pathlib import Path, PurePosixPath

import pytest

from console.lab import compose, image, oci, recipe
from console.lab.lock import locked
from console.lab.plan import KINDS


def test_the_container_image_is_the_same_bytes_each_time_and_another_version_differs() -> None:
    def build(version: str) -> oci.Image:
        return oci.busybox_image(b"\x7fELF", ["sh", "busybox"], version, "amd64")

    assert build("1.0") == build("1.0")
    assert build("1.0").manifest != build("1.1").manifest


def test_the_manifest_names_its_blobs_by_their_digests_and_the_layer_has_the_applets() -> None:
    built = oci.busybox_image(b"\x7fELF", ["sh", "sleep", "busybox"], "1.0", "amd64")
    manifest = json.loads(built.manifest)
    for part in (manifest["config"], *manifest["layers"]):
        assert oci.digest(built.blobs[part["digest"]]) == part["digest"]
        assert len(built.blobs[part["digest"]]) == part["size"]
    layer = gzip.decompress(built.blobs[manifest["layers"][0]["digest"]])
    config = json.loads(built.blobs[manifest["config"]["digest"]])
    assert config["rootfs"]["diff_ids"] == [oci.digest(layer)]
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        assert tar.getmember("bin/sleep").linkname == "busybox"
        assert tar.getmember("bin/busybox").isfile()
        assert tar.getmember("bin/busybox").mode == 0o755
        assert tar.getmember("tmp").mode == 0o1777


def test_the_recipe_changes_its_name_with_its_content(monkeypatch: pytest.MonkeyPatch) -> None:
    before = recipe.key("amd64")
    assert recipe.key("amd64") == before
    assert recipe.key("arm64") != before
    monkeypatch.setattr(recipe, "PACKAGES", (*recipe.PACKAGES, "another"))
    assert recipe.key("amd64") != before


def test_our_files_have_the_permissions_their_readers_insist_on() -> None:
    assert recipe.mode(PurePosixPath("etc/sudoers.d/core")) == 0o440
    assert recipe.mode(PurePosixPath("usr/local/lib/lab/chatty")) == 0o755
    assert recipe.mode(PurePosixPath("etc/systemd/system/db.service")) == 0o644
    assert PurePosixPath("etc/systemd/system/db.service") in recipe.own_files("tree")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with a program and a unit of each package that some kind of host does not see."""
    wants = tmp_path / "etc/systemd/system/multi-user.target.wants"
    for folder in ("var/lib/dpkg/info", "usr/bin", "usr/lib/systemd/system"):
        (tmp_path / folder).mkdir(parents=True)
    wants.mkdir(parents=True)
    for package in (*(name for names in recipe.OWN.values() for name in names), *recipe.REGISTRY):
        files = [f"usr/bin/{package}", f"usr/lib/systemd/system/{package}.service"]
        for file in files:
            (tmp_path / file).touch()
        (wants / f"{package}.service").symlink_to(f"/{files[1]}")
        listed = ["/.", "/usr", "/usr/bin", *(f"/{file}" for file in files), "/usr/share/doc/left-out"]
        (tmp_path / f"var/lib/dpkg/info/{package}.list").write_text("\n".join(listed) + "\n")
    return tmp_path


def test_a_kind_of_host_does_not_see_the_engines_of_others(tree: Path) -> None:
    docker, podman = Path("usr/bin/docker.io"), Path("usr/bin/podman")
    assert {docker, podman} <= compose.hidden_from("plain", tree)
    assert {docker, podman} & compose.hidden_from("docker", tree) == {podman}
    assert {docker, podman} & compose.hidden_from("podman", tree) == {docker}
    assert Path("usr/bin/ostree") in compose.hidden_from("docker", tree)
    assert Path("usr/bin/ostree") not in compose.hidden_from("atomic", tree)


def test_a_hidden_unit_is_not_wanted_either_and_folders_stay(tree: Path) -> None:
    hidden = compose.hidden_from("plain", tree)
    assert Path("etc/systemd/system/multi-user.target.wants/docker.io.service") in hidden
    assert Path("etc/systemd/system/lab-docker.service") in hidden
    assert Path("usr/bin") not in hidden
    assert Path("usr/share/doc/left-out") not in hidden


def test_a_second_name_of_a_hidden_unit_is_hidden_too(tree: Path) -> None:
    alias = tree / "etc/systemd/system/etcd2.service"
    alias.symlink_to("/usr/lib/systemd/system/etcd-server.service")
    assert alias.relative_to(tree) in compose.hidden_from("plain", tree)
    assert alias.relative_to(tree) not in compose.hidden_from("etcd", tree)


def test_no_host_sees_the_registry(tree: Path) -> None:
    for kind in KINDS:
        assert Path("usr/bin/docker-registry") in compose.hidden_from(kind, tree)


async def test_an_image_that_is_in_the_cache_is_used_and_the_lab_that_claims_it_finds_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe, "key", lambda architecture: "abc")
    monkeypatch.setattr(image, "run", _amd64)
    said: list[str] = []
    cache = image.ImageCache(tmp_path, said.append)
    (tmp_path / "images/abc/tree").mkdir(parents=True)
    ready = await cache.image()
    assert ready.tree == tmp_path / "images/abc/tree"
    assert said == []
    assert cache.claimed("1234") is None
    cache.claim("1234", tmp_path / "lab.json", ready)
    assert cache.claimed("1234") == ready
    cache.release("1234")
    assert cache.claimed("1234") is None


async def _amd64(argv: list[str]) -> str:
    assert argv == ["dpkg", "--print-architecture"]
    return "amd64\n"


async def test_who_waits_for_a_lock_is_told_for_whom_and_gets_it_though_the_file_was_removed(
    tmp_path: Path,
) -> None:
    file, said = tmp_path / "new/lock", list[str]()
    waiting, done = asyncio.Event(), asyncio.Event()

    def report(line: str) -> None:
        said.append(line)
        waiting.set()

    async def second() -> None:
        async with locked(file, "the first", report):
            done.set()

    async with asyncio.TaskGroup() as group, locked(file, "nobody", said.append):
        group.create_task(second())
        await waiting.wait()
        assert not done.is_set()
        file.unlink()
    assert said == ["waiting for the first to finish"]
    assert file.exists()

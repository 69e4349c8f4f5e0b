"""What an atomic host boots: the choice among its boot loader entries, and the trees of the lab's system."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.errors import LabError
from console.lab import ostree_tree, recipe
from console.lab.bootloader import choose, parse_entry
from console.lab.ostree_repo import remove
from console.lab.ostree_tree import VERSIONS, Version, version_files

ENTRY = """\
title Lab OS {name} (ostree:{version})
version {version}
linux /ostree/lab-bcf0/vmlinuz
options {options}
"""


def entry(sysroot: Path, version: int, name: str) -> Path:
    """Deploy `name` below `sysroot`, with an entry of this version; the deployment."""
    deployment = sysroot / f"ostree/deploy/lab/deploy/{name}.0"
    deployment.mkdir(parents=True)
    link = sysroot / f"ostree/boot.1/lab/{name}/0"
    link.parent.mkdir(parents=True)
    link.symlink_to(f"../../../deploy/lab/deploy/{name}.0")
    entries = sysroot / "boot/loader/entries"
    entries.mkdir(parents=True, exist_ok=True)
    options = f"quiet ostree=/ostree/boot.1/lab/{name}/0"
    text = ENTRY.format(name=name, version=version, options=options)
    (entries / f"ostree-{version}-lab.conf").write_text(text)
    return deployment


def test_the_entry_with_the_highest_version_is_booted(tmp_path: Path) -> None:
    for version, name in ((9, "old"), (10, "new"), (2, "older")):
        entry(tmp_path, version, name)
    chosen = choose(tmp_path)
    assert chosen.deployment == tmp_path / "ostree/deploy/lab/deploy/new.0"
    assert chosen.var == tmp_path / "ostree/deploy/lab/var"
    assert chosen.entry.options == ("quiet", "ostree=/ostree/boot.1/lab/new/0")
    assert chosen.entry.title == "Lab OS new (ostree:10)"


def test_a_host_with_nothing_to_boot_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="boot/loader/entries: nothing to boot"):
        choose(tmp_path)
    entry(tmp_path, 1, "gone").rmdir()
    with pytest.raises(LabError, match="nothing to boot"):
        choose(tmp_path)


def test_a_deployment_outside_the_host_is_not_booted(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    deployment = entry(tmp_path / "host", 1, "abc")
    deployment.rmdir()
    deployment.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LabError, match="leads out of the host"):
        choose(tmp_path / "host")


@pytest.mark.parametrize("text", ["", "title x", "version -1\noptions ostree=/a", "version x"])
def test_an_entry_without_a_version_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="has the version"):
        parse_entry(text)


def test_an_entry_of_another_system_has_no_deployment() -> None:
    with pytest.raises(ValueError, match=r"'Debian' has no ostree="):
        _ = parse_entry("title Debian\nversion 1\noptions root=/dev/sda1").root


def test_each_version_says_which_it_is_and_two_are_broken_each_in_its_way() -> None:
    assert [version.name for version in VERSIONS if not version.works] == ["1.2"]
    assert [version.name for version in VERSIONS if not version.answers] == ["1.3"]
    for version in VERSIONS:
        files = version_files(version)
        assert f"VERSION_ID={version.name}\n" in files["usr/lib/os-release"]
        assert f"Description=Lab app {version.name}\n" in files["usr/lib/systemd/system/lab-app.service"]
        assert files["usr/lib/lab/app-start"].endswith("exit 0\n") is version.works


_HOMES = ("home/core", "root", "boot", "tmp")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An image whose tree has what the shape is about, and a file of each package of one kind only."""
    tree = tmp_path / "image/tree"
    for folder in ("var/lib/dpkg/info", "etc/systemd/system", "usr/bin", "usr/local/bin", *_HOMES):
        (tree / folder).mkdir(parents=True)
    for package in (*(name for own in recipe.OWN.values() for name in own), *recipe.REGISTRY):
        (tree / f"usr/bin/{package}").touch()
        (tree / f"var/lib/dpkg/info/{package}.list").write_text(f"/.\n/usr/bin/{package}\n")
    others = [f"etc/systemd/system/lab-{engine}.service" for engine in recipe.ENGINES]
    for name in (*ostree_tree.LEFT_OUT, *others, "usr/lib/os-release"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("from the image\n")
    return tree.parent


def test_the_tree_has_the_shape_that_ostree_deploys(image: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ostree_tree.shape(image, out)
    assert not (out / "etc").exists()
    wanted = out / "usr/etc/systemd/system/multi-user.target.wants/lab-app.service"
    assert wanted.readlink() == Path("/usr/lib/systemd/system/lab-app.service")
    assert list((out / "var").iterdir()) == []
    assert (out / "usr/lib/sysimage/dpkg/info").is_dir()
    assert (out / "home").readlink() == Path("var/home")
    assert (out / "ostree").readlink() == Path("sysroot/ostree")
    assert (out / "tmp").stat().st_mode & 0o7777 == 0o1777
    assert len(list((out / "usr/lib/modules").glob("*/vmlinuz"))) == 1
    assert (out / "usr/lib/tmpfiles.d/lab-ostree.conf").is_file()
    assert sorted(path.name for path in (out / "usr/bin").iterdir()) == ["ostree", "ostree-boot"]


def test_a_stand_in_for_an_updater_is_there_and_used_only_where_a_host_says_so(
    image: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ostree_tree.shape(image, out)
    for programs in recipe.STAND_INS.values():
        for program in programs:
            assert (out / recipe.UPDATERS_FOLDER / program).stat().st_mode & 0o111
            link = out / "usr/local/bin" / program
            assert link.readlink() == Path("/etc/lab/updaters") / program
    assert not (out / "usr/etc/lab/updaters").exists()


def test_the_image_is_what_it_was_though_the_trees_share_its_files(image: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ostree_tree.shape(image, out)
    ostree_tree.lay_over(Version("7.0"), out)
    assert "7.0" in (out / "usr/lib/os-release").read_text()
    assert (image / "tree/usr/lib/os-release").read_text() == "from the image\n"
    assert (image / "tree/home/core").is_dir()
    assert (image / "tree/usr/bin/podman").exists()


def test_what_a_version_starts_can_be_run_and_the_rest_cannot(tmp_path: Path) -> None:
    ostree_tree.lay_over(Version("1.0"), tmp_path)
    runnable = [path.name for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_mode & 0o111]
    assert runnable == ["app-start"]


def test_a_hosts_folder_without_deployments_is_removed_like_any(tmp_path: Path) -> None:
    (tmp_path / "plain1/upper/etc").mkdir(parents=True)
    remove(tmp_path / "plain1")
    assert list(tmp_path.iterdir()) == []

"""Bookmarks of a followed log: kept for the same line and fleet, for one console at a time."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from console.commands.log_bookmarks import bookmarks_of
from console.errors import ConfigError, Refused
from console.model.log import Bookmark

LINE = "log follow --on=web*"


def test_the_same_line_of_the_same_fleet_finds_what_was_kept_and_no_other_does(tmp_path: Path) -> None:
    with bookmarks_of(tmp_path, "prod", LINE) as kept:
        assert kept.hosts == {}
        kept.save({"web1": Bookmark("c1", 7, True), "web2": Bookmark("c2")})
        kept.save({"web1": Bookmark("c3")})
    with bookmarks_of(tmp_path, "prod", LINE) as again:
        assert again.hosts == {"web1": Bookmark("c3"), "web2": Bookmark("c2")}
    for fleet, line in (("test", LINE), ("prod", f"{LINE} --priority=err")):
        with bookmarks_of(tmp_path, fleet, line) as other:
            assert other.hosts == {}


def test_they_are_their_owners_only(tmp_path: Path) -> None:
    with bookmarks_of(tmp_path, "prod", LINE) as kept:
        kept.save({"web1": Bookmark("c1")})
    assert stat.S_IMODE((tmp_path / "follow").stat().st_mode) == 0o700


def test_two_consoles_do_not_go_on_with_the_same_log(tmp_path: Path) -> None:
    with (
        bookmarks_of(tmp_path, "prod", LINE),
        pytest.raises(Refused, match="another console"),
        bookmarks_of(tmp_path, "prod", LINE),
    ):
        pass
    with bookmarks_of(tmp_path, "prod", LINE):
        pass


@pytest.mark.parametrize(
    "text", ["", "{}", '{"hosts": []}', '{"hosts": {"web1": {"cursor": 3}}}', '{"hosts": {"web1": null}}']
)
def test_what_is_no_bookmark_is_refused_with_the_files_name(tmp_path: Path, text: str) -> None:
    with bookmarks_of(tmp_path, "prod", LINE) as kept:
        kept.save({"web1": Bookmark("c1")})
    (file,) = (tmp_path / "follow").glob("*.json")
    file.write_text(text)
    with pytest.raises(ConfigError, match=file.name), bookmarks_of(tmp_path, "prod", LINE):
        pass


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "follow").write_text("a file where the folder should be")
    with pytest.raises(ConfigError, match="bookmarks cannot be kept"), bookmarks_of(tmp_path, "prod", LINE):
        pass

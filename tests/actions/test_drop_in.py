"""What of a host's drop-ins is read, and how an old text is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from console.actions.drop_in import UnitDropIn, kept_path, read_drop_in
from console.actions.units import UnitStamp
from console.errors import HostFailure
from console.hosts.transport import Completed

FOLDER = "/etc/systemd/system/db.service.d"


class Host:
    """Answers `cat` with a text, and `readlink` with where the folder leads."""

    host = "h"

    def __init__(self, text: bytes | None, link: bytes | None = None) -> None:
        self._text = text
        self._link = link

    async def run(self, argv: Sequence[str], **_: Any) -> Completed:
        found = self._link if argv[0] == "readlink" else self._text
        if found is None:
            return Completed(tuple(argv), 1, b"", b"cat: x: No such file or directory\n")
        return Completed(tuple(argv), 0, found, b"")


async def read(host: Host) -> str | None:
    return await read_drop_in(cast("Any", host), "db.service", "50-quarterdeck.conf")


async def test_a_drop_in_is_read_or_is_not_there() -> None:
    assert await read(Host(b"[Service]\n")) == "[Service]\n"
    assert await read(Host(None)) is None


async def test_a_folder_that_leads_elsewhere_is_not_written_through() -> None:
    with pytest.raises(HostFailure, match=rf"{FOLDER} is a symlink to \.\./shared·\.d: edit it there"):
        await read(Host(None, b"../shared\x1b[31m\x07.d\n"))


async def test_a_text_that_could_not_be_put_back_as_it_was_is_not_replaced() -> None:
    with pytest.raises(HostFailure, match="is not UTF-8"):
        await read(Host(b"[Service]\nEnvironment=X=\xff\n"))


def edit(keep: Path) -> UnitDropIn:
    stamp = UnitStamp("active")
    return UnitDropIn("db.service", stamp, "50-quarterdeck.conf", None, "old\r\n", "", (), keep)


async def test_nothing_is_changed_where_the_old_text_cannot_be_kept(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("in the way")
    hands = cast("Any", SimpleNamespace(host="h"))  # with no way to the host at all
    with pytest.raises(HostFailure, match="not changed: the old text cannot be kept") as caught:
        await edit(kept_path(tmp_path, "old\r\n")).do(hands)
    assert caught.value.host == "h"


async def test_an_old_text_is_kept_whole_and_to_the_byte(tmp_path: Path) -> None:
    class Reached(Exception):
        pass

    async def systemd() -> None:
        raise Reached

    keep = kept_path(tmp_path, "old\r\n")
    for before in ("half", "old\r\n"):
        with pytest.raises(Reached):
            await replace(edit(keep), before=before).do(cast("Any", SimpleNamespace(systemd=systemd)))
    assert keep.read_bytes() == b"old\r\n"
    assert [path.name for path in keep.parent.iterdir()] == [keep.name]

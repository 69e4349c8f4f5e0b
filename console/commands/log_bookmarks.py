"""Where `log follow --resume` goes on: a file of bookmarks in the state folder for each query.

    ~/.local/state/quarterdeck/follow/<name>.json    {"line": …, "fleet": …, "hosts": {"web1": {…}}}

The name is made of the fleet and the query's line, so that the same line goes on where it was and another one
begins anew. The file is replaced as a whole after what it stands for was written out; a console that is
killed between the two writes those lines once more.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from console.errors import ConfigError, Problem, Refused
from console.model.log import Bookmark

FOLDER = "follow"


class Bookmarks:
    """The bookmarks of one query. Made by `bookmarks_of`."""

    def __init__(self, path: Path, about: Mapping[str, str]) -> None:
        self._path = path
        self._about = dict(about)
        self.hosts: dict[str, Bookmark] = {}

    def read(self) -> None:
        """:raises ConfigError: there are some, and they cannot be read."""
        try:
            known = json.loads(self._path.read_bytes())["hosts"]
            self.hosts = {host: _bookmark(value) for host, value in known.items()}
        except FileNotFoundError:
            return
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            reason = f"bookmarks of a log cannot be read: {error} (remove the file to begin anew)"
            raise ConfigError((Problem(self._path, 0, reason),)) from error

    def save(self, hosts: Mapping[str, Bookmark]) -> None:
        """Keep these, and those of hosts that are not among them.

        :raises ConfigError: they cannot be written.
        """
        if not hosts.items() - self.hosts.items():
            return
        self.hosts |= hosts
        text = json.dumps({**self._about, "hosts": {name: asdict(b) for name, b in self.hosts.items()}})
        fresh = self._path.with_suffix(".new")
        try:
            fresh.write_text(text + "\n")
            os.replace(fresh, self._path)
        except OSError as error:
            reason = f"bookmarks of a log cannot be written: {error.strerror}"
            raise ConfigError((Problem(self._path, 0, reason),)) from error


@contextmanager
def bookmarks_of(state_folder: Path, fleet: str, line: str) -> Iterator[Bookmarks]:
    """The bookmarks of a query, this console's own until the block is left.

    :param fleet: what tells the fleet from others.
    :param line: the query as a command line.
    :raises Refused: another console goes on with the same query.
    :raises ConfigError: they cannot be read or kept.
    """
    name = hashlib.sha256(f"{fleet}\0{line}".encode()).hexdigest()[:12]
    path = state_folder / FOLDER / f"{name}.json"
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        handle = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigError((Problem(path, 0, f"bookmarks cannot be kept: {error.strerror}"),)) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused("another console follows and resumes the same log", hint=str(path)) from None
        found = Bookmarks(path, {"line": line, "fleet": fleet})
        found.read()
        yield found
    finally:
        os.close(handle)


def _bookmark(value: Any) -> Bookmark:
    """:raises TypeError, LookupError: it is none."""
    cursor, heard, delivered = value["cursor"], value["heard_until_us"], value["delivered"]
    if not isinstance(cursor, str) or not isinstance(heard, int | None) or not isinstance(delivered, bool):
        raise TypeError("not a bookmark")
    return Bookmark(cursor, heard, delivered)

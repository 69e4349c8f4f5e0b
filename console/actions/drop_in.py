"""A drop-in of a unit: written, checked by the host's own systemd before it counts, or taken away.

What is checked is a copy of the unit with all its drop-ins in a folder of its own, so that nothing
lies among systemd's files until it has been found good:

    mktemp -d ─▶ copy unit and drop-ins ─▶ the new text ─▶ systemd-analyze verify ─▶ move in place ─▶ reload

Every command is an argv; the text goes by stdin.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from console.actions.units import UnitStamp
from console.errors import HostFailure
from console.model.text import clean

if TYPE_CHECKING:
    from console.actions.hands import Hands
    from console.hosts.transport import Completed, Transport
    from console.hosts.unit_control import UnitControl

FOLDER = "/etc/systemd/system"
#: A drop-in longer than this is not one, in bytes.
LIMIT = 256 * 1024

_SCRATCH = re.compile(r"/tmp/quarterdeck\.[A-Za-z0-9]+")  # what our own template makes
_COMPLAINTS = 3


def drop_in_path(unit: str, drop_in: str) -> str:
    """Where a drop-in lies on a host."""
    return f"{FOLDER}/{unit}.d/{drop_in}"


async def read_drop_in(transport: Transport, unit: str, drop_in: str) -> str | None:
    """The text of a drop-in now; None if there is none. Reads as the user.

    :raises HostFailure: it is there, and cannot be read; or its folder is another one's.
    """
    path = drop_in_path(unit, drop_in)
    folder = f"{FOLDER}/{unit}.d"
    linked = await transport.run(("readlink", "--", folder), limit=LIMIT)
    if linked.code == 0:
        # What is written there would change the units of that folder too, which no plan names.
        where = clean(linked.stdout.decode("utf-8", "replace").strip(), 200)
        raise HostFailure(f"{folder} is a symlink to {where}: edit it there", host=transport.host)
    # In the C locale: what it complains of is told by its words.
    found = await transport.run(("env", "LC_ALL=C", "cat", "--", path), limit=LIMIT)
    if found.code == 0:
        try:
            return found.stdout.decode()
        except UnicodeDecodeError:
            # It could not be put back as it was.
            raise HostFailure(f"{path} is not UTF-8", host=transport.host) from None
    if b"No such file" in found.stderr:
        return None
    raise HostFailure(clean(found.complaint, 200), host=transport.host)


def kept_path(folder: Path, text: str) -> Path:
    """Where a text that was replaced is kept: by what it is, so that the same one is kept once."""
    return folder / "kept" / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.conf"


@dataclass(frozen=True, slots=True)
class UnitDropIn:
    """Puts `text` in place of what a drop-in has, or takes the drop-in away where it is None.

    :param before: what the plan found there.
    :param files: the unit's own file and its other drop-ins, to be checked with it.
    :param keep: where the old text is kept, for the way back.
    """

    name: str
    stamp: UnitStamp
    drop_in: str
    text: str | None
    before: str | None
    fragment: str
    files: tuple[str, ...]
    keep: Path | None

    async def check(self, hands: Hands) -> str | None:
        control = await hands.systemd()
        if moved := self.stamp.moved(await control.facts(self.name), await hands.boot()):
            return moved
        if await read_drop_in(hands.transport, self.name, self.drop_in) != self.before:
            return "the drop-in is not what it was when planned"
        return None

    async def do(self, hands: Hands) -> str:
        if self.keep is not None and self.before is not None:
            try:
                _keep(self.keep, self.before)
            except OSError as error:
                raise HostFailure(
                    f"not changed: the old text cannot be kept in {self.keep}: {error.strerror}",
                    host=hands.host,
                ) from error
        control = await hands.systemd()
        if self.text is None:
            await _root(hands, ("rm", "--", drop_in_path(self.name, self.drop_in)))
            await _root(hands, ("rmdir", "--ignore-fail-on-non-empty", "--", f"{FOLDER}/{self.name}.d"))
        else:
            await self._install(hands, self.text)
        await control.reload()
        return await _needs_restart(control, self.name)

    async def _install(self, hands: Hands, text: str) -> None:
        made = await _root(hands, ("mktemp", "-d", "/tmp/quarterdeck.XXXXXXXX"))
        scratch = made.stdout.decode("utf-8", "replace").strip()
        if not _SCRATCH.fullmatch(scratch):
            raise HostFailure("mktemp does not say what it made", host=hands.host)
        try:
            await self._verify(hands, scratch, text)
            place = drop_in_path(self.name, self.drop_in)
            await _root(hands, ("install", "-D", "-m", "0644", "--", f"{scratch}/new", f"{place}.new"))
            await _root(hands, ("mv", "-f", "--", f"{place}.new", place))
        finally:
            await _root(hands, ("rm", "-rf", "--", scratch))

    async def _verify(self, hands: Hands, scratch: str, text: str) -> None:
        """:raises HostFailure: systemd finds fault with the unit as it would be."""
        await _root(hands, ("tee", f"{scratch}/new"), stdin=text.encode())
        await _root(hands, ("mkdir", f"{scratch}/{self.name}.d"))
        if self.fragment:
            await _root(hands, ("cp", "--", self.fragment, f"{scratch}/{self.name}"))
        others = [path for path in self.files if not path.endswith(f"/{self.drop_in}")]
        if others:
            await _root(hands, ("cp", "--", *others, f"{scratch}/{self.name}.d/"))
        await _root(hands, ("cp", "--", f"{scratch}/new", f"{scratch}/{self.name}.d/{self.drop_in}"))
        verify = ("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", f"{scratch}/{self.name}")
        # The empty last entry stands for systemd's own folders: what the unit refers to is found there.
        said = await hands.transport.run(
            ("env", "LC_ALL=C", f"SYSTEMD_UNIT_PATH={scratch}:", *verify), privileged=True, timeout=60.0
        )
        complaints = [
            line for line in said.stderr.decode("utf-8", "replace").splitlines() if self.name in line
        ]
        if said.code != 0 or any(_is_fault(line) for line in complaints):
            lines = [clean(line.replace(scratch, ""), 200) for line in complaints or [said.complaint]]
            raise HostFailure(f"not installed: {'; '.join(lines[:_COMPLAINTS])}", host=hands.host)


def _keep(path: Path, text: str) -> None:
    """Whole or not at all: an undo would install half of it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, new = tempfile.mkstemp(dir=path.parent)
    try:
        with open(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(handle)
        os.replace(new, path)
    except BaseException:
        os.unlink(new)
        raise


def _is_fault(line: str) -> bool:
    """systemd 257 says some faults and ends with 0 all the same."""
    return any(
        words in line
        for words in (
            "Unknown key",
            "Unknown section",
            "Failed to parse",
            "Invalid",
            "ignoring",
            "Assignment outside",
        )
    )


async def _needs_restart(control: UnitControl, name: str) -> str:
    facts = await control.facts(name)
    return "takes effect with its next start" if facts.up else ""


async def _root(hands: Hands, argv: Sequence[str], stdin: bytes = b"") -> Completed:
    """Run as root. :raises HostFailure: it did not end well."""
    ended = await hands.transport.run(argv, stdin=stdin, privileged=True)
    if ended.code != 0:
        raise HostFailure(f"{argv[0]}: {clean(ended.complaint, 200)}", host=hands.host)
    return ended

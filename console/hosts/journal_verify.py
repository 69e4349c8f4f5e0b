"""Whether a host's journal files are whole, and what their seals say of them.

journald seals its files where it was told to (`journalctl --setup-keys`, Forward Secure Sealing): what
was sealed cannot be changed afterwards without the verification key, which is kept elsewhere. What
`journalctl --verify` says of a file (systemd's journalctl.c and journal-verify.c):

    PASS: FILE                                       whole; no word more: not sealed
    => Validated from … to …, final … entries not sealed.
    => No sealing yet, … of entries not sealed.
    File corruption detected at FILE:OFFSET (of N bytes, P%).
    FAIL: FILE (Required key not available)          sealed, and no key was given
    FAIL: FILE (Bad message)                         changed, damaged, or not this key's

The key goes to the host by stdin: what is on a command line, sudo writes into the very journal, and
anybody on the host can read (journalctl wipes its own). It can seal as well as verify, so a host that is
not trusted should not be given it; its files can be copied and verified elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from console.errors import Absent, HostFailure
from console.hosts.transport import Completed, Transport
from console.model.text import clean

_FILES = """\
machine=$(cat /etc/machine-id)
for file in /run/log/journal/$machine/*.journal* /var/log/journal/$machine/*.journal*; do
  [ ! -f "$file" ] || stat -c '%s %n' "$file"
done
"""
_VERIFY = """\
command -v journalctl >/dev/null 2>&1 || exit 127
IFS= read -r key
export TZ=UTC LC_ALL=C
if [ -n "$key" ]; then exec nice -n 19 journalctl --verify --verify-key="$key" --file="$1"; fi
exec nice -n 19 journalctl --verify --file="$1"
"""
#: Files of one host at most.
_FILES_LIMIT = 10_000
#: A file is read whole, at the host's leisure.
_WITHIN_S = 3600.0

_FILE = re.compile(
    rb"^([0-9]{1,15}) (/(?:run|var)/log/journal/[0-9a-f]{32}/[A-Za-z0-9@._~-]{1,200})$", re.MULTILINE
)
_KEY = re.compile(r"[0-9a-fA-F-]{12,64}/[0-9a-fA-F]{1,16}-[0-9a-fA-F]{1,16}")
_CORRUPT = re.compile(r"File corruption detected at .*:([0-9a-f]{1,16}) \(of ")
_FAILED = re.compile(r"^FAIL: .* \((.*)\)$", re.MULTILINE)
_SEALED = re.compile(r"^=> Validated from (.*) to (.*), final (.*) entries not sealed\.$", re.MULTILINE)
_NOT_YET = re.compile(
    r"^=> No sealing yet, (?:(.*) of entries not sealed|no entries in file)\.$", re.MULTILINE
)
_NOTICE = re.compile(r"^[0-9a-f]+: (.*)$", re.MULTILINE)
_SPAN = re.compile(r"([0-9.]+)(y|month|w|d|h|min|s|ms|us)\b")
_SECONDS = {
    "y": 31_557_600.0,
    "month": 2_629_800.0,
    "w": 604_800.0,
    "d": 86_400.0,
    "h": 3600.0,
    "min": 60.0,
    "s": 1.0,
    "ms": 1e-3,
    "us": 1e-6,
}


class Verdict(StrEnum):
    """What is to be thought of a journal file."""

    PASS = "pass"  # whole, and its seals are right
    FAIL = "fail"  # changed or damaged; or the key is another host's
    UNSEALED = "not sealed"  # whole; nothing speaks against its having been rewritten
    NO_KEY = "no key"  # sealed, and nothing was verified without the key


@dataclass(frozen=True, slots=True)
class JournalFile:
    """One file of a journal. `size` in bytes."""

    path: str
    size: int

    @property
    def active(self) -> bool:
        """Whether journald may be writing to it; archived files have an `@` or end in `~`."""
        name = self.path.rpartition("/")[2]
        return "@" not in name and not name.endswith("~")


@dataclass(frozen=True, slots=True)
class Verified:
    """What became of one file.

    :param detail: why, in journalctl's words or ours.
    :param offset: where in the file it is damaged.
    :param sealed_from, sealed_until: the time that the seals vouch for.
    :param unsealed_s: seconds of entries after that, which nothing vouches for yet.
    """

    host: str
    file: JournalFile
    verdict: Verdict
    detail: str | None = None
    offset: int | None = None
    sealed_from: datetime | None = None
    sealed_until: datetime | None = None
    unsealed_s: float | None = None


def is_key(text: str) -> bool:
    """Whether it has the form of a verification key, `SEED/START-INTERVAL` in hex."""
    return _KEY.fullmatch(text) is not None


async def journal_files(transport: Transport, *, privileged: bool = False) -> list[JournalFile]:
    """The files of a host's own journal.

    :param privileged: as `journal_access.find_access` found: whether only root may read them.
    :raises HostError: it does not say.
    """
    end = await transport.run(("sh", "-c", _FILES), privileged=privileged)
    found = [JournalFile(path.decode(), int(size)) for size, path in _FILE.findall(end.stdout)]
    if not found and end.code != 0:
        raise HostFailure(
            f"its journal files cannot be listed: {clean(end.complaint, 200)}", host=transport.host
        )
    return found[:_FILES_LIMIT]


async def verify(
    transport: Transport, files: list[JournalFile], key: str | None, *, privileged: bool = False
) -> AsyncGenerator[Verified, None]:
    """Verify files one after the other, as each is done.

    A file that is being written is looked at a second time before it counts as damaged; one that was
    vacuumed meanwhile is left out.

    :param key: the verification key; without it seals are not looked at.
    :param privileged: see `journal_files`.
    :raises HostError: the connection went, or root is out of reach.
    """
    stdin = f"{key or ''}\n".encode()
    for file in files:
        argv = ("sh", "-c", _VERIFY, "sh", file.path)
        found: Verified | None = None
        for _ in range(2 if file.active else 1):
            end = await transport.run(argv, stdin=stdin, timeout=_WITHIN_S, privileged=privileged)
            found = judge(transport.host, file, end)
            if found is None or found.verdict is not Verdict.FAIL:
                break
        if found is not None:
            yield found


def judge(host: str, file: JournalFile, end: Completed) -> Verified | None:
    """What journalctl's word on a file means; None where the file is gone. Pure.

    :raises Absent: there is no journalctl.
    :raises HostFailure: it said nothing that is known.
    """
    if end.code == 127:
        raise Absent("journalctl is not installed", host=host)
    text = (end.stdout + b"\n" + end.stderr).decode("utf-8", "replace")
    if "No such file or directory" in text:
        return None
    found = Verified(host, file, Verdict.UNSEALED)
    if failed := _FAILED.search(text):
        if "Required key not available" in failed[1]:
            return replace(found, verdict=Verdict.NO_KEY, detail="sealed; its key was not given")
        corrupt = _CORRUPT.search(text)
        notices = _NOTICE.findall(text)
        detail = clean(notices[0] if notices else failed[1], 200)
        if "Tag failed verification" in text:
            detail = "its seal is not this key's: it was changed, or the key is of another host"
        offset = int(corrupt[1], 16) if corrupt else None
        return replace(found, verdict=Verdict.FAIL, detail=detail, offset=offset)
    if f"PASS: {file.path}" not in text:
        raise HostFailure(f"journalctl --verify: {clean(end.complaint, 200)}", host=host)
    if sealed := _SEALED.search(text):
        return replace(
            found,
            verdict=Verdict.PASS,
            sealed_from=_moment(sealed[1]),
            sealed_until=_moment(sealed[2]),
            unsealed_s=_span(sealed[3]),
        )
    if not_yet := _NOT_YET.search(text):
        return replace(
            found, verdict=Verdict.PASS, detail="not sealed yet", unsealed_s=_span(not_yet[1] or "")
        )
    return found


def _moment(text: str) -> datetime | None:
    """`Fri 2026-11-27 14:12:36 UTC`, as systemd writes a time."""
    try:
        return datetime.strptime(text.partition(" ")[2], "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC)
    except ValueError:
        return None


def _span(text: str) -> float:
    """`1min 3.250s`, as systemd writes a span, in seconds."""
    return sum(float(number) * _SECONDS[unit] for number, unit in _SPAN.findall(text))

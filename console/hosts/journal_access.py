"""May we read a host's journal, and as whom; is there one at all.

journalctl exits 0 and prints less when it may not open some of the files. The notice that says so
is hidden by `-q`, and by builds that find no libacl (Debian 13's, on a minimal system, when the user
has a journal file of their own). So the files themselves are tried, once, before anything is believed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from console.errors import Absent, AccessRefused, HostError, HostFailure
from console.hosts.host_clock import clock_offset
from console.hosts.transport import Completed, Transport
from console.model.text import clean

_QUESTION = """\
command -v journalctl >/dev/null 2>&1 || { echo none; exit 0; }
machine=$(cat /etc/machine-id 2>/dev/null)
echo "machine $machine"
echo "now $(date +%s.%N)"
head -n 1000 /etc/passwd 2>/dev/null | cut -d: -f1,3 | sed 's/^/user /'
for folder in "/run/log/journal/$machine" "/var/log/journal/$machine"; do
  [ -d "$folder" ] || continue
  if [ -r "$folder" ] && [ -x "$folder" ]; then
    for file in "$folder"/*.journal; do [ ! -e "$file" ] || [ -r "$file" ] || { echo closed; break; }; done
  else
    echo closed
  fi
done
LC_ALL=C journalctl --no-pager --lines=1 --output=cat >/dev/null
code=$?
echo "now $(date +%s.%N)"
exit $code
"""

#: What journalctl says when it was not allowed to open some of the files, or any.
_CLOSED = ("not seeing messages from other users", "due to insufficient permissions")

_HINT = "add the user to the group systemd-journal, or allow sudo without a password"
_ANSWER = re.compile(rb"^(none|machine|closed)(?: ([0-9a-f]+))?$", re.MULTILINE)
_USER = re.compile(rb"^user ([^:\n]{1,64}):([0-9]{1,10})$", re.MULTILINE)
_NOW = re.compile(rb"^now ([0-9.]{1,30})", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Access:
    """How this host's journal is read.

    `clock_offset_s` is the host's clock minus ours, half the round trip taken off; 0 if it cannot be told.
    `users` are names by user id, the host's own ones.
    """

    privileged: bool
    machine_id: str | None
    clock_offset_s: float
    users: Mapping[bytes, str] = field(default_factory=dict)


async def find_access(transport: Transport) -> Access:
    """Find out how the whole journal of a host can be read.

    :raises Absent: there is no journalctl.
    :raises AccessRefused: it is closed to this user, and root is out of reach.
    :raises HostFailure: journalctl cannot read it.
    """
    sent_at = time.time()
    end = await transport.run(("sh", "-c", _QUESTION))
    closed, access = judge(transport.host, end, sent_at, time.time())
    if not closed:
        return access
    try:
        end = await transport.run(
            ("journalctl", "-q", "--no-pager", "--lines=1", "--output=cat"), privileged=True
        )
    except AccessRefused as error:
        raise AccessRefused(
            f"the system's journal is closed to this user, and as root: {error.message}",
            host=transport.host,
            hint=_HINT,
        ) from error
    if fault := failed(transport.host, end):
        raise fault
    return replace(access, privileged=True)


def judge(host: str, end: Completed, sent_at: float, received_at: float) -> tuple[bool, Access]:
    """Whether the journal is closed to the user who asked, and what else was answered. Pure.

    :param sent_at, received_at: our time before and after, seconds since the epoch.
    :raises Absent, HostFailure: as in `find_access`.
    """
    answers = dict(_ANSWER.findall(end.stdout))
    if b"none" in answers:
        raise Absent("journalctl is not installed", host=host)
    complaint = end.stderr.decode("utf-8", "replace")
    closed = b"closed" in answers or any(words in complaint for words in _CLOSED)
    if not closed and (fault := failed(host, end)):
        raise fault
    clocks = b" ".join(_NOW.findall(end.stdout)).decode()
    return closed, Access(
        privileged=False,
        machine_id=answers.get(b"machine", b"").decode() or None,
        clock_offset_s=clock_offset(clocks, sent_at, received_at) or 0.0,
        users={
            uid: clean(name.decode("utf-8", "replace")) for name, uid in reversed(_USER.findall(end.stdout))
        },
    )


def failed(host: str, end: Completed) -> HostError | None:
    """What journalctl's end means; None if it ended well. Pure."""
    if end.code == 0:
        return None
    complaint = clean(end.complaint, 200)
    if "No such boot ID" in complaint or "No journal boot entry found" in complaint:
        return Absent(complaint, host=host, hint="`journalctl --list-boots` shows the boots there are")
    return HostFailure(f"journalctl: {complaint}", host=host)

"""Work on a host that goes on without us: commands in a transient unit, followed for as long as we are there.

    begin ──▶ quarterdeck-update.service ──▶ its output, in a file below /run ──▶ whoever follows
                                        └──▶ `ended`: its exit code

A lost connection ends the following and nothing else. Asking again for the same work while it runs finds it;
for other work it is refused, since an updater does one thing at a time. Once it has ended the unit is gone;
what it was and how it ended stay in the folder until the next work, or the next boot.

The commands get a terminal where the host has script(1): updaters show how far they are to nobody else.
"""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from console.errors import AccessRefused, HostFailure, Refused, Unreachable
from console.hosts.become import refused_by_sudo
from console.hosts.osfacts import SECTIONS
from console.hosts.transport import Reading, Transport
from console.model.text import clean
from console.updates.driver import Argv

UNIT = "quarterdeck-update.service"
FOLDER = "/run/quarterdeck/update"
WHAT, LOG, ENDED = f"{FOLDER}/what", f"{FOLDER}/log", f"{FOLDER}/ended"


@dataclass(frozen=True, slots=True)
class Workbench:
    """Where on a host work is done, one piece at a time: the unit it runs as, and the folder of its files."""

    unit: str
    folder: str


#: That of the host's updater.
UPDATER = Workbench(UNIT, FOLDER)

#: $1: the commands, as a shell takes them, $2: the folder.
_INSIDE = """
exec >"$2/log" 2>&1 </dev/null
if command -v script >/dev/null; then script -qefc "$1" /dev/null; else sh -c "$1"; fi
echo $? >"$2/ended.new"; exec mv "$2/ended.new" "$2/ended"
"""
#: $1: what it is called, $2: the commands, $3: `_INSIDE`, $4: the unit, $5: the folder, $6: whether it was
#: seen at just this, so that an end of it is that work's.
_RUN = f"""{SECTIONS}
umask 022
state() {{ systemctl show --property="$1" --value "$unit"; }}
unit=$4 what=$5/what log=$5/log ended=$5/ended
mkdir -p "$5" || exit 1
case $(state ActiveState) in
  active|activating|deactivating)
    if [ "$(cat "$what")" != "$1" ]; then section busy; cat "$what"; exit 0; fi;;
  *)
    if [ -z "$6" ] || [ ! -e "$ended" ] || [ "$(cat "$what")" != "$1" ]; then
      rm -f "$ended"; : >"$log"; printf '%s\\n' "$1" >"$what"
      systemd-run --quiet --collect --unit="$unit" --description="Quarterdeck: $1" --property=Type=exec \\
        -- sh -c "$3" sh "$2" "$5" || exit 1
    fi;;
esac
pid=$(state MainPID)
if [ "${{pid:-0}}" = 0 ]; then cat "$log"; else tail -n +1 -s 0.05 -f --pid="$pid" "$log"; fi
while [ ! -e "$ended" ] && systemctl is-active --quiet "$unit"; do sleep 0.05; done
section ended; cat "$ended" 2>/dev/null
exit 0
"""
#: A line of output, ended as terminals have it too.
_LINE = re.compile(rb"[\r\n]+")
_LONGEST = 64 * 1024
_ENDED = b"\x1eended\n"
_BUSY = b"\x1ebusy\n"
_SHOWN = 300


async def work(
    transport: Transport,
    what: str,
    commands: Sequence[Argv],
    heard: Callable[[str], None],
    *,
    within: float,
    bench: Workbench = UPDATER,
    seen: bool = False,
) -> None:
    """Have a host run `commands` one after the other, as root, or find it at that; wait for the end.

    :param what: one line that says what it is; the same line is the same work.
    :param heard: takes each line that they print, safe to show.
    :param within: seconds to follow it for; it goes on after that.
    :param bench: where it is done; work on another one goes on beside it.
    :param seen: the host was at this work a moment ago. If it has ended since, that end is told, and nothing
        is begun anew.
    :raises Refused: the host is at other work.
    :raises HostFailure: a command failed, or has not ended.
    :raises Unreachable: the connection went; the work goes on.
    """
    program = " && ".join(shlex.join(argv) for argv in commands)
    which = (bench.unit, bench.folder, "seen" if seen else "")
    argv = ("sh", "-c", _RUN, "sh", clean(what, _SHOWN), program, _INSIDE, *which)
    lines = _Lines(heard)
    try:
        async with asyncio.timeout(within), transport.stream(argv, privileged=True) as reading:
            await _followed(transport, reading, lines)
    except TimeoutError:
        raise HostFailure(
            f"{what} has not ended within {within:g} s, and goes on on the host", host=transport.host
        ) from None
    except Unreachable as error:
        hint = "it goes on there; asked for again, it is found"
        raise Unreachable(error.message, host=transport.host, hint=hint) from error
    if lines.busy is not None:
        raise Refused(f"it is at other work: {lines.busy}", host=transport.host, hint="wait for its end")
    if lines.code is None:
        raise HostFailure(f"{what} was killed: {lines.last or 'it said nothing'}", host=transport.host)
    if lines.code != 0:
        said = lines.last or f"exit code {lines.code}"
        raise HostFailure(f"{what} failed: {said}", host=transport.host)


async def _followed(transport: Transport, reading: Reading, lines: _Lines) -> None:
    while chunk := await reading.read():
        lines.feed(chunk)
    end = await reading.wait()
    lines.finish()
    if reason := refused_by_sudo(end):
        raise AccessRefused(reason, host=transport.host, hint="allow it in sudoers")
    if end.code != 0:
        said = clean(end.complaint, _SHOWN)
        raise HostFailure(f"no work can be begun on it: {said}", host=transport.host)


class _Lines:
    """The output of `_RUN`, taken apart as it comes. What marks its end may stand in it before, too."""

    def __init__(self, heard: Callable[[str], None]) -> None:
        self._heard = heard
        self._rest = b""
        self.last = ""
        self.busy: str | None = None
        self.code: int | None = None

    def feed(self, data: bytes) -> None:
        self._rest += data
        if self._rest.startswith(_BUSY):
            return
        # What may be the end is held back until there is more.
        whole, mark, end = self._rest.rpartition(_ENDED)
        if not mark:
            whole, end = self._rest, b""
        *lines, part = _LINE.split(whole)
        for line in lines:
            self._tell(line)
        self._rest = part[-_LONGEST:] + mark + end

    def finish(self) -> None:
        if self._rest.startswith(_BUSY):
            self.busy = clean(self._rest.removeprefix(_BUSY).decode("utf-8", "replace").strip(), _SHOWN)
            return
        whole, _, end = self._rest.rpartition(_ENDED)
        for line in _LINE.split(whole):
            self._tell(line)
        code = end.strip()
        self.code = int(code) if code.isdigit() and len(code) <= 3 else None

    def _tell(self, raw: bytes) -> None:
        line = clean(raw.decode("utf-8", "replace"), _SHOWN).strip()
        if line:
            self.last = line
            self._heard(line)

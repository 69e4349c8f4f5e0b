"""Unit files and jobs on a host, many at once, in one privileged call that checks who calls.

The script is apply_units.sh, and reads a tar of files (`host_script.py`).

A host keeps the id of the fleet that it is of, and the highest revision at which an engine was elected that
has changed it; another fleet's engine, and one that was replaced without knowing it, are turned away there.
What is wanted by now is written, and jobs are asked for and not waited for: how they end, the host's own
feed of units tells.

    /etc/quarterdeck/fleet                     the fleet's id
    /run/quarterdeck/revision                  the highest revision
    {/run,/etc}/quarterdeck/units/<unit>       FLEET SERVICE REVISION EPOCH DESIRED: the unit is ours
    {/run,/etc}/systemd/system/<unit>          its file, byte for byte
    {/run,/etc}/systemd/system/<unit>.d/80-quarterdeck.conf
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from console.actions.host_script import run_script, turned_away
from console.errors import HostFailure
from console.model.text import clean

if TYPE_CHECKING:
    from console.actions.hands import Hands

#: Files, a reload and jobs that are not waited for: a host that takes longer is in trouble. Seconds.
WITHIN_S = 60.0

_REFUSED_WORDS = 300
_START_FAULT = re.compile(r"Failed to (?:start|stop|enable) (\S+?): (.*)")

Root = Literal["/run", "/etc"]


@dataclass(frozen=True, slots=True)
class UnitFiles:
    """What is written of a unit.

    :param root: `/etc` for what is to come back after a power cut, `/run` for everything else.
    :param text: the unit's file, as it stands.
    :param mark: whose it is, and which: one line.
    :param boot: whether systemd starts it at boot, whatever its file says of that.
    :param template: the template that it is an instance of; None for what is no instance.
    """

    root: Root
    text: str
    drop_in: str | None
    mark: str
    boot: bool
    template: str | None


@dataclass(frozen=True, slots=True)
class UnitWork:
    """What is done to one unit: files written, or taken away, and then a job.

    :param files: None: they stay as they are; or they go, with `remove`.
    """

    unit: str
    files: UnitFiles | None = None
    job: Literal["start", "stop", "reload"] | None = None
    remove: bool = False

    @property
    def verb(self) -> str:
        """In words: `write and start`."""
        verbs = ("write" if self.files else "", "remove" if self.remove else "", self.job or "")
        return " and ".join(verb for verb in verbs if verb)


@dataclass(frozen=True, slots=True)
class Applied:
    """What the host said to a change.

    :param refused: units that were not changed, or that systemd will not start, and why.
    :param foreign: the id of the fleet that the host is of; nothing was done then.
    :param superseded: the revision of an engine that came after this one; nothing was done then.
    """

    refused: Mapping[str, str]
    foreign: str | None = None
    superseded: int | None = None


@dataclass(frozen=True, slots=True)
class ApplyUnits:
    """Has units of a host be as wanted. All or none of them are begun, but for those that are refused.

    :param fleet: the id of the fleet whose engine this is.
    :param revision: at which it was elected.
    :param heard: takes what the host said.
    """

    fleet: str
    revision: int
    work: tuple[UnitWork, ...]
    heard: Callable[[Applied], None] = field(repr=False, compare=False)

    async def check(self, hands: Hands) -> str | None:
        """The host checks by itself, in the same call as it is changed."""
        return None

    async def do(self, hands: Hands) -> str:
        ended = await run_script(
            hands, "apply_units.sh", (self.fleet, str(self.revision)), packed(self.work), WITHIN_S
        )
        applied = read_answer(ended.stdout.decode("utf-8", "replace"), hands.host, ended.complaint)
        self.heard(applied)
        refusal = turned_away(
            hands.host, fleet=self.fleet, foreign=applied.foreign, superseded=applied.superseded
        )
        if refusal is not None:
            raise refusal
        if applied.refused:
            told = "; ".join(f"{unit}: {words}" for unit, words in applied.refused.items())
            raise HostFailure(clean(told, 1000), host=hands.host)
        return ""


def packed(work: tuple[UnitWork, ...]) -> bytes:
    """The tar that goes with the script."""
    lines = []
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.GNU_FORMAT) as tar:

        def add(name: str, text: str) -> None:
            data = text.encode("utf-8", "surrogateescape")
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))

        for one in work:
            verb = "write" if one.files else "remove" if one.remove else "keep"
            words = [one.unit, verb, one.job or "-"]
            if (files := one.files) is not None:
                install = "\n[Install]" in f"\n{files.text}"
                words += [files.root, files.template or "-", _yes(files.boot), _yes(install)]
                add(f"marks/{one.unit}", f"{files.mark}\n")
                add(f"units/{one.unit}", files.text)
                if files.drop_in is not None:
                    add(f"drops/{one.unit}", files.drop_in)
            else:
                words += ["-", "-", "no", "no"]
            lines.append(" ".join(words))
        add("work", "".join(f"{line}\n" for line in lines))
    return made.getvalue()


def read_answer(said: str, host: str, complaint: str = "") -> Applied:
    """What the script said.

    :param complaint: what the shell did, for where the script said nothing.
    :raises HostFailure: it went no further than to some point.
    """
    refused: dict[str, str] = {}
    ended = False
    for line in said.splitlines():
        word, _, rest = line.partition(" ")
        match word:
            case "foreign":
                return Applied({}, foreign=clean(rest, 80))
            case "superseded":
                return Applied({}, superseded=int(rest) if rest.isascii() and rest.isdigit() else 0)
            case "fault":
                raise HostFailure(clean(rest, _REFUSED_WORDS), host=host)
            case "refused":
                unit, _, words = rest.partition(" ")
                _say(refused, unit, words)
            case "said":
                if found := _START_FAULT.search(rest):
                    _say(refused, found[1], found[2])
            case "end":
                ended = True
    if not ended:
        raise HostFailure(f"the change did not come to its end: {clean(complaint, 200)}", host=host)
    return Applied(refused)


def _say(refused: dict[str, str], unit: str, words: str) -> None:
    unit, words = clean(unit, 300), clean(words.strip(), _REFUSED_WORDS)
    before = refused.get(unit)
    if before is None:
        refused[unit] = words
    elif words not in before:
        refused[unit] = clean(f"{before} {words}", _REFUSED_WORDS)


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"

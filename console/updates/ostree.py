"""Plain ostree, on hosts that have nothing above it. Pure.

Sources: ostree's man pages, ot-admin-builtin-*.c of 2022.7 (Debian 12) and 2025.2 (Debian 13). The lab's
hosts have the latter; what is said of the former was tried on a sysroot that nothing had booted. What neither
says:

- `upgrade` puts the new version in place at once; `upgrade --stage` does so at shutdown.
- there is no `rollback`. `set-default INDEX` came with 2023.6; before that the old version is deployed
  anew, and loses where its updates come from unless its own origin file is given.
- a pin is by index, and stays with its deployment. We pin what runs before something else is staged, so
  that no clean-up takes away what we would go back to, and remember that it was us.
- to look for an update is to fetch the branch's commit without its files, as `rpm-ostree upgrade --check`
  does; `log` then tells versions.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from datetime import UTC, datetime

from console.errors import Refused
from console.model.deployment import Available, Deployment, UpdateStatus
from console.model.text import clean
from console.updates.driver import (
    Answer,
    Argv,
    Cleanup,
    Driver,
    Progress,
    Question,
    Target,
    WayBack,
    progress_of,
    with_next,
)
from console.updates.ostree_status import parse_status
from console.updates.ostree_way_back import way_back
from console.updates.values import TEXT

#: Which deployment we pinned, by its id.
_PINS = "/var/lib/quarterdeck/pinned"
OURS = "pinned-by-quarterdeck"

#: Older versions have this file for a lock, no command that makes it, and no status that tells of it.
_LOCK = "/run/ostree/staged-deployment-locked"
_DO_LOCK = f"ostree admin lock-finalization 2>/dev/null || exec touch {_LOCK}"
_UNLOCK = f"ostree admin lock-finalization --unlock 2>/dev/null || exec rm -f {_LOCK}"

#: Each branch of a remote as it was last fetched: its name, the commit, the commit's version.
REFS = """
section refs; ostree refs 2>/dev/null | grep : | head -n 20 | while read -r name; do
  commit=$(ostree rev-parse "$name")
  echo "$name $commit $(ostree show --print-metadata-key=version "$commit" 2>/dev/null)"
done
"""
_STATUS = f"""
section ostree; ostree admin status --json 2>/dev/null || ostree admin status
section pins; cat {_PINS} 2>/dev/null
section lock; ls {_LOCK} 2>/dev/null
{REFS}
"""
_LOOK = """
ostree pull --commit-metadata-only --depth="$3" "$1" "$2" >/dev/null || exit 1
section log; ostree log "$1:$2"
"""
#: So many commits back a version is looked for.
_DEPTH = 64

_REMEMBER = f'mkdir -p {_PINS.rpartition("/")[0]} && printf "%s\\n" "$1" > {_PINS}'
_SET_DEFAULT = """
if ostree admin --help 2>&1 | grep -qw set-default; then exec ostree admin set-default "$1"; fi
exec ostree admin deploy --retain --origin-file="/ostree/deploy/$2/deploy/$3.origin" "${3%.*}"
"""
#: Has the next boot take a deployment by its name, wherever in the boot order it is by then.
_BACK = r"""
if ostree admin status | grep -q '(staged)'; then ostree admin undeploy 0 || exit 1; fi
names=$(ostree admin status | sed -n 's/^[* ] \([^ ]* [0-9a-f]*\.[0-9]*\).*/\1/p')
line=$(echo "$names" | grep -nxF '{wanted}') || exit 1
{set} "$(( ${{line%%:*}} - 1 ))" '{name}' '{version}'
"""
_COMMIT = re.compile(r"commit ([0-9a-f]{64})\Z")
_DATE = "%Y-%m-%d %H:%M:%S %z"


class Ostree:
    """See `UpdateDriver`."""

    driver = Driver.OSTREE
    status = Question(_STATUS, root=True)

    def parse(self, answer: Answer) -> UpdateStatus:
        deployments = parse_status(answer.get("ostree", ""))
        if answer.get("lock", ""):
            deployments = with_next(replace(one, locked=one.staged) for one in deployments)
        booted = next((one for one in deployments if one.booted), None)
        ours = clean(answer.get("pins", "").strip(), 2 * TEXT)
        channel = booted.origin if booted else None
        seen = _last_seen(channel, answer.get("refs", ""))
        if seen is not None and seen.checksum in (one.checksum for one in deployments):
            seen = None
        return UpdateStatus(deployments, channel, seen, extra={OURS: ours} if ours else {})

    def look(self, status: UpdateStatus, target: Target) -> Question | None:
        remote, branch = _origin(target.channel or status.channel)
        depth = _DEPTH if target.version else 0
        return Question(_LOOK, (remote, branch, str(depth)), root=True, within=120)

    def seen(self, status: UpdateStatus, target: Target, answer: Answer) -> Available | None:
        commits = parse_log(answer.get("log", ""))
        if target.version is not None:
            for one in commits:
                if one.version == target.version:
                    return one
            raise ValueError(f"{status.channel} has no version {clean(target.version, 60)}")
        newest = commits[0]
        return None if newest.checksum in (one.checksum for one in status.deployments) else newest

    def stage(self, status: UpdateStatus, target: Target, found: Available | None) -> tuple[Argv, ...]:
        commit = target.checksum or (found.checksum if found else None)
        if target.version is not None and commit is None:
            raise Refused(f"which commit is {target.version} is not known")
        if target.channel is not None:
            if commit:
                raise Refused("ostree takes another branch or a version of its own, not both at once")
            remote, branch = _origin(target.channel)
            fetch: tuple[Argv, ...] = (
                ("ostree", "pull", remote, branch),
                ("ostree", "admin", "deploy", "--stage", f"{remote}:{branch}"),
            )
        elif commit:
            which = ("--allow-downgrade", f"--override-commit={commit}")
            fetch = (("ostree", "admin", "upgrade", "--stage", *which),)
        else:
            fetch = (("ostree", "admin", "upgrade", "--stage"),)
        locking: tuple[Argv, ...] = (("sh", "-c", _DO_LOCK),) if target.locked else ()
        return (*self._pins(status), *fetch, *locking)

    def _pins(self, status: UpdateStatus) -> list[Argv]:
        """Pin what runs, and unpin what we pinned the last time."""
        ours = status.extra.get(OURS)
        commands: list[Argv] = []
        for one in status.deployments:
            if one.id == ours and one.pinned and not one.booted:
                commands += self.pin(status, one, keep=False)
        if (booted := status.booted) is not None and not booted.pinned:
            commands += self.pin(status, booted, keep=True)
            commands.append(("sh", "-c", _REMEMBER, "sh", booted.id))
        return commands

    def progress(self, line: str) -> Progress:
        return progress_of(line)

    def activate(self, status: UpdateStatus, *, reboot: bool) -> tuple[Argv, ...]:
        return (("sh", "-c", _UNLOCK),) if status.staged is not None and status.staged.locked else ()

    def rollback(self, status: UpdateStatus) -> tuple[Argv, ...]:
        back = status.rollback
        assert back is not None
        index = status.deployments.index(back)
        away: tuple[Argv, ...] = ()
        if status.staged is not None:
            away, index = (undeploy(status, status.staged),), index - 1
        name, _, version = back.id.rpartition("-")
        return (*away, ("sh", "-c", _SET_DEFAULT, "sh", str(index), name, version))

    def way_back(self, status: UpdateStatus) -> WayBack | None:
        booted = status.booted
        assert booted is not None
        name, _, version = booted.id.rpartition("-")
        words = shlex.join(("sh", "-c", _SET_DEFAULT, "sh"))
        return way_back(
            status, _BACK.format(wanted=f"{name} {version}", set=words, name=name, version=version)
        )

    def pin(self, status: UpdateStatus, deployment: Deployment, *, keep: bool) -> tuple[Argv, ...]:
        return (ostree_pin(status, deployment, keep=keep),)

    def cleanup(self, status: UpdateStatus, what: Cleanup) -> tuple[Argv, ...]:
        deployment = status.pending if what is Cleanup.PENDING else status.rollback
        assert deployment is not None
        return (undeploy(status, deployment),)


def ostree_pin(status: UpdateStatus, deployment: Deployment, *, keep: bool) -> Argv:
    """Pin or unpin a deployment; for every updater whose boot order is OSTree's."""
    index = str(status.deployments.index(deployment))
    return ("ostree", "admin", "pin", *(() if keep else ("--unpin",)), index)


def undeploy(status: UpdateStatus, deployment: Deployment) -> Argv:
    """Take a deployment away; the same."""
    return ("ostree", "admin", "undeploy", str(status.deployments.index(deployment)))


def parse_log(text: str) -> list[Available]:
    """The commits that `ostree log` prints, newest first.

    :raises ValueError: there is none.
    """
    found: list[Available] = []
    version: str | None = None
    at: datetime | None = None
    checksum: str | None = None

    def done() -> None:
        if checksum is not None:
            found.append(Available(version, checksum, at))

    for raw in text.splitlines():
        line = clean(raw, TEXT)
        if commit := _COMMIT.match(line):
            done()
            checksum, version, at = commit[1], None, None
        elif line.startswith("Version: ") and version is None:
            version = line.removeprefix("Version: ").strip()
        elif line.startswith("Date: ") and at is None:
            at = _date(line.removeprefix("Date: ").strip())
    done()
    if not found:
        raise ValueError("ostree's log tells of no commit")
    return found


_REF = re.compile(r"(\S{1,200}) ([0-9a-f]{64}) ?(.*)\Z")


def _last_seen(channel: str | None, refs: str) -> Available | None:
    """What the branch was when it was last looked at."""
    for line in refs.splitlines():
        found = _REF.match(line)
        if found and found[1] == channel:
            return Available(clean(found[3].strip().strip("'"), TEXT) or None, found[2])
    return None


def _date(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, _DATE).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _origin(refspec: str | None) -> tuple[str, str]:
    """A refspec's remote and branch. :raises Refused: it has none, as after a deployment of a bare commit."""
    remote, colon, branch = (refspec or "").partition(":")
    if not (colon and remote and branch):
        raise Refused(
            f"it follows no branch: its origin is {refspec or 'none'}",
            hint="give it one: ostree admin set-origin",
        )
    return remote, branch

"""A guard on a host: unless somebody confirms the version that it is about to boot, it goes back by itself.

    arm (before the reboot) ──▶ /etc of the version to come: a timer      ──▶ fires: back, and a reboot
                            └─▶ /var, which all versions share: the rest  ──▶ confirmed: all of it goes

The timer counts from the boot of the new version. What it starts does nothing in the version from which it
was armed, so a host that went back, or lost what was staged, is left alone. It needs nothing but systemd and
a shell: neither a network nor sshd. Nothing of it helps where the new version does not reach systemd; that
is the boot loader's to see (greenboot, boot counting).

    /var/lib/quarterdeck/guard/    name     which rollout's target it was armed for
                                   home     the version from which it was armed; without it nothing fires
                                   run      the script that the timer starts
                                   fired    when it went back
"""

from __future__ import annotations

from dataclasses import dataclass

from console.errors import HostFailure, Refused
from console.hosts.osfacts import SECTIONS, sections_of
from console.hosts.transport import Transport
from console.model.text import clean
from console.updates.driver import WayBack

FOLDER = "/var/lib/quarterdeck/guard"
TIMER, SERVICE = "quarterdeck-guard.timer", "quarterdeck-guard.service"
_WITHIN_S = 60.0
_BOOT = "/proc/sys/kernel/random/boot_id"

_SERVICE_UNIT = f"""\
[Unit]
Description=Quarterdeck: back to the version before, since nobody has confirmed this one
DefaultDependencies=no
ConditionPathExists={FOLDER}/home

[Service]
Type=oneshot
ExecStart=/bin/sh {FOLDER}/run
Restart=on-failure
RestartSec=15
"""
# Also where the boot ends in emergency mode.
_TIMER_UNIT = f"""\
[Unit]
Description=Quarterdeck: waits for this version to be confirmed
DefaultDependencies=no
IgnoreOnIsolate=yes
RequiresMountsFor={FOLDER}
Conflicts=shutdown.target
Before=shutdown.target
ConditionPathExists={FOLDER}/home

[Timer]
OnStartupSec=%d
AccuracySec=1
"""
_RUN = f"""\
here() {{ %(here)s; }}
[ "$(here)" != "$(cat {FOLDER}/home)" ] || exit 0
( %(back)s ) || exit 1
date +%%s >{FOLDER}/fired
systemctl --no-block reboot
sleep 120
systemctl --force reboot
"""

#: $1: this boot, $2: the name, $3: words for `here`, $4: /etc to come, $5: run, $6: service, $7: timer.
#: In mounts of its own: /sysroot, where a version's folder is, may be mounted read-only.
_ARM = f"""
[ "$(cat {_BOOT})" = "$1" ] || exit 9
mount -o remount,rw /sysroot 2>/dev/null
units="$4/systemd/system"
rm -f {FOLDER}/home && mkdir -p {FOLDER} "$units/sysinit.target.wants" || exit 1
home=$(sh -c "$3") && [ -n "$home" ] || {{ echo "the running version has no name" >&2; exit 1; }}
rm -f {FOLDER}/fired
printf '%s\\n' "$2" >{FOLDER}/name && printf '%s' "$5" >{FOLDER}/run || exit 1
printf '%s' "$6" >"$units/{SERVICE}" && printf '%s' "$7" >"$units/{TIMER}" || exit 1
ln -sfn ../{TIMER} "$units/sysinit.target.wants/{TIMER}" || exit 1
sync; printf '%s\\n' "$home" >{FOLDER}/home.new && mv {FOLDER}/home.new {FOLDER}/home && sync
"""
_UNITS = f"/etc/systemd/system/{TIMER} /etc/systemd/system/{SERVICE}"
#: $1: the name. `home` goes first: from then on nothing fires.
_DISARM = f"""
[ "$(cat {FOLDER}/name 2>/dev/null)" = "$1" ] || exit 0
rm -f {FOLDER}/home
systemctl stop {TIMER} 2>/dev/null
rm -f {_UNITS} /etc/systemd/system/sysinit.target.wants/{TIMER}
rm -rf /run/systemd/system/{TIMER}.d
systemctl daemon-reload; rm -rf {FOLDER}
"""
#: $1: the name, $2: the timer as it is in this boot. What is lost with the boot leaves the timer as it was.
_PROLONG = f"""
[ "$(cat {FOLDER}/name 2>/dev/null)" = "$1" ] && [ -e {FOLDER}/home ] || exit 8
[ -e /etc/systemd/system/{TIMER} ] || exit 8
folder=/run/systemd/system/{TIMER}.d
mkdir -p $folder && printf '%s' "$2" >$folder/longer.conf || exit 1
systemctl daemon-reload && systemctl restart {TIMER}
"""
_READ = f"""{SECTIONS}
section name; cat {FOLDER}/name 2>/dev/null
section home; cat {FOLDER}/home 2>/dev/null
section fired; cat {FOLDER}/fired 2>/dev/null
exit 0
"""


@dataclass(frozen=True, slots=True)
class Guard:
    """The guard of a host as it is.

    :param name: for what it was armed; None: there is none.
    :param fired: whether it has gone back.
    """

    name: str | None = None
    armed: bool = False
    fired: bool = False


async def arm(transport: Transport, name: str, way: WayBack, *, boot: str, within: float) -> None:
    """Have the host go back from the version to come, unless that is confirmed.

    Done again it is armed anew.

    :param name: for what; who confirms it says the same.
    :param within: seconds from the boot of that version.
    :param boot: the boot that the host is in, as random(4) has it: in another one nothing is done.
    :raises Refused: it is in another boot.
    :raises HostError: it cannot be armed, or does not answer.
    """
    run = _RUN % {"here": way.here, "back": way.back.strip()}
    words = (boot, name, way.here, way.etc, run, _SERVICE_UNIT, _TIMER_UNIT % max(round(within), 1))
    argv = ("unshare", "--mount", "sh", "-c", _ARM, "sh", *words)
    end = await transport.run(argv, privileged=True, timeout=_WITHIN_S)
    if end.code == 9:
        raise Refused("it has rebooted meanwhile", host=transport.host)
    if end.code != 0:
        raise HostFailure(
            f"no guard can be armed: {clean(end.complaint, 200)}",
            host=transport.host,
            hint="see to its /var and /etc, or go without: --guard 0",
        )


async def read_guard(transport: Transport) -> Guard:
    """The guard as it is; as root, since what is there may be root's. :raises HostError: it does not say."""
    end = await transport.run(("sh", "-c", _READ), privileged=True, timeout=_WITHIN_S, limit=64 * 1024)
    if end.code != 0:
        raise HostFailure(clean(end.complaint, 200), host=transport.host)
    found = sections_of(end.stdout.decode("utf-8", "replace"))
    name = clean(found.get("name", "").strip(), 200) or None
    return Guard(name, bool(found.get("home", "").strip()), bool(found.get("fired", "").strip()))


async def prolong(transport: Transport, name: str, within: float) -> bool:
    """Have it wait `within` seconds from now instead, in this boot; whether there is one to wait.

    :raises HostError: it cannot be.
    """
    longer = f"[Timer]\nOnStartupSec=\nOnActiveSec={max(round(within), 1)}\n"
    argv = ("sh", "-c", _PROLONG, "sh", name, longer)
    end = await transport.run(argv, privileged=True, timeout=_WITHIN_S)
    if end.code not in (0, 8):
        raise HostFailure(f"its guard: {clean(end.complaint, 200)}", host=transport.host)
    return end.code == 0


async def disarm(transport: Transport, name: str) -> None:
    """Confirm the version that runs: have no guard of this name any more. One of another name stays.

    :raises HostError: it cannot be.
    """
    argv = ("sh", "-c", _DISARM, "sh", name)
    end = await transport.run(argv, privileged=True, timeout=_WITHIN_S)
    if end.code != 0:
        raise HostFailure(f"its guard: {clean(end.complaint, 200)}", host=transport.host)

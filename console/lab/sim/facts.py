"""What a host answers to the console's script of questions about its system. Pure.

The script is one of `section NAME; command` lines for a POSIX shell; the names say what each command asks.
What is answered is what the command would print: os-release(5), proc(5), POSIX df, the kernel's psi.rst.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from console.lab.sim import guard, seeds
from console.lab.sim.deployments import Deployments
from console.lab.sim.machine import Machine, release_of

_SECTION = re.compile(r"""^\s*section (?:"([a-z $]+)"|([a-z-]+))(?:;|$)""", re.MULTILINE)
_MEMORY_KB = 8 * 1024 * 1024
_DISK_KB = 40 * 1024 * 1024
_WORK_UNIT = "quarterdeck-update.service"
_WORK, _WORK_LOG, _WORK_ENDED = (f"/run/quarterdeck/update/{name}" for name in ("what", "log", "ended"))


def is_script(text: str) -> bool:
    """Whether a shell script is one of sections."""
    return "section()" in text


def answer(machine: Machine, script: str, *, root: bool = False) -> str:
    """The script's output on this host."""
    return "".join(
        f"\x1e{name}\n{_ANSWERS[name](machine, root)}" for name in _asked(script) if name in _ANSWERS
    )


@lru_cache(maxsize=16)
def _asked(script: str) -> tuple[str, ...]:
    """The names of a script's sections, in its order."""
    names: list[str] = []
    for quoted, plain in _SECTION.findall(script):
        name = quoted or plain
        if name.startswith("pressure"):
            names += (f"pressure {resource}" for resource in ("cpu", "memory", "io"))
        else:
            names.append(name)
    return tuple(names)


def programs(machine: Machine) -> tuple[str, ...]:
    """The updaters' programs on this host."""
    return {
        "rpm-ostree": ("rpm-ostree", "ostree"),
        "ostree": ("ostree",),
        "bootc": ("bootc", "ostree"),
        "update_engine": ("update_engine_client",),
        None: (),
    }[machine.system.updater]


def _atomic(machine: Machine) -> bool:
    return "ostree" in programs(machine)


def _clock(machine: Machine, root: bool) -> str:
    return f"{machine.wall():.9f}\n"


def _os(machine: Machine, root: bool) -> str:
    return "".join(f'{name}="{value}"\n' for name, value in release_of(machine))


def _uptime(machine: Machine, root: bool) -> str:
    up = machine.uptime()
    return f"{up:.2f} {3.8 * up:.2f}\n"


def _load(machine: Machine, root: bool) -> str:
    load = 0.1 + (machine.number % 7) / 10 + machine.health.pressure.get("cpu", 0) / 25
    return f"{load:.2f} {load * 0.9:.2f} {load * 0.8:.2f} 1/180 {4000 + machine.number}\n"


def _memory(machine: Machine, root: bool) -> str:
    available = int(_MEMORY_KB * (1 - machine.health.memory_used))
    free = available // 2
    return f"MemTotal:{_MEMORY_KB:>15} kB\nMemFree:{free:>16} kB\nMemAvailable:{available:>11} kB\n"


def _disks(machine: Machine, root: bool) -> str:
    lines = ["Filesystem     1024-blocks     Used Available Capacity Mounted on"]
    for device, size, path in (("/dev/vda1", _DISK_KB // 4, "/"), ("/dev/vda2", _DISK_KB, "/var")):
        used = int(size * (machine.health.disk_used if path == "/var" else 0.3))
        share = round(100 * used / size)
        lines.append(f"{device:<14} {size:>11} {used:>8} {size - used:>9} {share:>7}% {path}")
    return "\n".join(lines) + "\n"


def _pressure(resource: str) -> Callable[[Machine, bool], str]:
    def text(machine: Machine, root: bool) -> str:
        some = machine.health.pressure.get(resource, 0.0)
        full = 0.0 if resource == "cpu" else some * 0.6
        return "".join(
            f"{kind} avg10={value:.2f} avg60={value * 0.8:.2f} avg300={value * 0.5:.2f} total=123456\n"
            for kind, value in (("some", some), ("full", full))
        )

    return text


def updaters(machine: Machine) -> str:
    """What the probe for updaters finds, a word a line."""
    found = (*(("ostree-booted",) if _atomic(machine) else ()), *programs(machine))
    return "".join(f"{word}\n" for word in found)


def _of_updater(name: str, said: Callable[[Deployments], str]) -> Callable[[Machine, bool], str]:
    """What a host says to a question that only one with this updater is asked."""

    def text(machine: Machine, root: bool) -> str:
        deployments = machine.deployments
        return said(deployments) if deployments is not None and deployments.updater == name else ""

    return text


def _telling(machine: Machine, root: bool) -> str:
    deployments = machine.deployments
    if deployments is None:
        return ""
    lines = [f"/boot/loader 131 {1_790_000_000 + machine.boots + deployments.changes}"]
    if deployments.entries[0].staged:
        lines.append("/run/ostree/staged-deployment 977 1790000100")
    for path in (_WORK, _WORK_ENDED):
        if path in machine.files:
            lines.append(f"{path} {len(path)} {seeds.number(machine.files[path]) % 1_790_000_000}")
    return "\n".join(lines) + "\n"


def _file(path: str) -> Callable[[Machine, bool], str]:
    """What is in a file of the updaters' or ours; nothing where it is not there."""
    return lambda machine, root: machine.files.get(path, b"").decode("utf-8", "replace")


def _work(machine: Machine, root: bool) -> str:
    """What work of ours there is, and systemd's word for its unit."""
    what = _file(_WORK)(machine, root)
    return f"{what}{'active' if _WORK_UNIT in machine.works else 'inactive'}\n" if what else ""


def _work_ended(machine: Machine, root: bool) -> str:
    ended = _file(_WORK_ENDED)(machine, root)
    last = _file(_WORK_LOG)(machine, root).splitlines()[-1:] if ended else []
    return "".join([ended, *(f"{line}\n" for line in last)])


_ANSWERS: dict[str, Callable[[Machine, bool], str]] = {
    "clock": _clock,
    "os": _os,
    "kernel": lambda machine, root: machine.system.kernel + "\n",
    "boot": lambda machine, root: machine.boot_uuid + "\n",
    "machine": lambda machine, root: machine.machine_id + "\n",
    "uptime": _uptime,
    "load": _load,
    "cpus": lambda machine, root: "4\n",
    "memory": _memory,
    "disks": _disks,
    **{f"pressure {resource}": _pressure(resource) for resource in ("cpu", "memory", "io")},
    "updaters": lambda machine, root: updaters(machine),
    "ostree": _of_updater("ostree", Deployments.ostree),
    "rpm-ostree": _of_updater("rpm-ostree", Deployments.rpm_ostree),
    "bootc": _of_updater("bootc", Deployments.bootc),
    "update-engine": _of_updater("update_engine", Deployments.update_engine),
    "release": _os,
    "telling": _telling,
    "refs": _of_updater("ostree", Deployments.ostree_refs),
    "log": _of_updater("ostree", Deployments.ostree_log),
    "pins": _file("/var/lib/quarterdeck/pinned"),
    "work": _work,
    "work-ended": _work_ended,
    **{name: _file(f"{guard.FOLDER}/{name}") for name in ("name", "home", "fired")},
    "end": lambda machine, root: "",
}

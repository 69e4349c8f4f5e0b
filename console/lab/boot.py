"""The firmware of one host: `python -m console.lab.boot SPEC.json`.

Lives in the host's cell for as long as the host is powered. It gives the host a network and a mount
namespace of its own (so nothing is left on the machine when it ends), puts its root together (the host's
folder over the image, or the deployment that its boot loader names), and boots systemd-nspawn, again
after each reboot, until the host powers off.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from console.errors import LabError
from console.lab import cgroup
from console.lab.bootloader import Chosen, choose
from console.lab.wiring import Wiring, connect, into_own_network

_REBOOT = 133  # systemd-nspawn(1), EXIT STATUS: the container asked for a reboot
_NSPAWN_RUNTIME = Path("/run/systemd/nspawn")


@dataclass(frozen=True, slots=True)
class BootSpec:
    """What it takes to boot one host. `binds` are host path → folder.

    A host with `layers` (read-only, topmost first) has an overlay for a root; one without boots from the
    `sysroot` in its folder. `etc` is the /etc of all its deployments, where not each has its own.
    """

    name: str
    machine: str
    folder: Path
    layers: tuple[Path, ...]
    binds: Mapping[str, Path]
    wiring: Wiring
    etc: Path | None = None

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), default=str, indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> BootSpec:
        raw = json.loads(path.read_text())
        wiring = raw["wiring"]
        return cls(
            name=raw["name"],
            machine=raw["machine"],
            folder=Path(raw["folder"]),
            layers=tuple(Path(layer) for layer in raw["layers"]),
            binds={inside: Path(outside) for inside, outside in raw["binds"].items()},
            wiring=Wiring(
                bridge=wiring["bridge"],
                link=wiring["link"],
                mac=wiring["mac"],
                addresses=tuple(wiring["addresses"]),
                routes=tuple(wiring["routes"]),
            ),
            etc=raw["etc"] and Path(raw["etc"]),
        )


def overlay_options(spec: BootSpec) -> str:
    """The `-o` of the host's root: the image's layers below, the host's own above."""
    lower = ":".join(str(layer) for layer in spec.layers)
    return f"lowerdir={lower},upperdir={spec.folder / 'upper'},workdir={spec.folder / 'work'}"


def nspawn_argv(spec: BootSpec) -> list[str]:
    """The command that boots the host in the namespaces of its caller.

    All capabilities and the three extra system calls are for the container engines inside.
    """
    argv = ["systemd-nspawn", "--quiet", "--boot", f"--directory={spec.folder / 'root'}"]
    argv += [f"--machine={spec.machine}", f"--hostname={spec.name}", "--register=no", "--keep-unit"]
    argv += ["--capability=all", "--system-call-filter=add_key keyctl bpf"]
    argv += ["--resolv-conf=off", "--timezone=off", "--link-journal=no", "--console=pipe"]
    return argv + [f"--bind={outside}:{inside}" for inside, outside in sorted(spec.binds.items())]


def deployment_argv(spec: BootSpec, chosen: Chosen) -> list[str]:
    """What a deployment adds: the mounts that OSTree's initramfs would make, the kernel's arguments.

    The root is read-only, /etc the deployment's own or the host's, /var shared by all of its deployments.
    """
    sysroot, etc = spec.folder / "sysroot", spec.etc or chosen.deployment / "etc"
    argv = ["--read-only", f"--bind={etc}:/etc", f"--bind={chosen.var}:/var"]
    argv += [f"--bind={sysroot}:/sysroot", f"--bind={sysroot / 'boot'}:/boot", "--tmpfs=/tmp:mode=1777"]
    argv += [f"--bind-ro={spec.folder / 'ostree-booted'}:/run/ostree-booted"]
    # What is mounted below /proc is looked up inside the host, so it is brought there first.
    argv += [f"--bind-ro={spec.folder / 'cmdline'}:/run/lab-cmdline"]
    argv += ["--bind-ro=/run/lab-cmdline:/proc/cmdline"]
    return [*argv, *chosen.entry.options]


def _say(text: str) -> None:
    print(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} boot: {text}", flush=True)


def _mount(spec: BootSpec) -> None:
    if spec.layers:
        options = overlay_options(spec)
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, spec.folder / "root"], check=True)
    # nspawn keeps a folder for each machine here and leaves some behind.
    _NSPAWN_RUNTIME.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", _NSPAWN_RUNTIME], check=True)


def _load(spec: BootSpec) -> list[str]:
    """Do what a boot loader does, for a host that has one: the arguments to nspawn that come of it."""
    if spec.layers:
        return []
    root = spec.folder / "root"
    # By its own list of mounts: Python's is_mount sees none where both ends are on one file system. What is
    # left below a later mount would go away under it, once OSTree removes that deployment.
    while subprocess.run(["mountpoint", "--quiet", root], check=False).returncode == 0:
        subprocess.run(["umount", "--lazy", root], check=True)
    chosen = choose(spec.folder / "sysroot")
    _say(f"{spec.name}: {chosen.entry.title}, {chosen.deployment.name}")
    # The very folder, not a copy: OSTree knows the booted deployment by its inode. And not the deployment's
    # own path as nspawn's root: made read-only, that would take /etc along.
    subprocess.run(["mount", "--bind", chosen.deployment, root], check=True)
    (spec.folder / "cmdline").write_text(" ".join(chosen.entry.options) + "\n")
    (spec.folder / "ostree-booted").touch()
    return deployment_argv(spec, chosen)


def _boot(spec: BootSpec, group: Path) -> int:
    """Boot once; the exit code of nspawn. `group` is new for each boot."""
    loaded = _load(spec)
    while not cgroup.remove(group):
        time.sleep(0.01)
    environment = dict(
        os.environ,
        SYSTEMD_NSPAWN_LOCK="0",
        SYSTEMD_NSPAWN_UNIFIED_HIERARCHY="1",
        SYSTEMD_NSPAWN_API_VFS_WRITABLE="network",  # /proc/sys/net for docker, /sys read-only for udev
    )
    nspawn = subprocess.Popen(
        [*nspawn_argv(spec), *loaded],
        stdin=subprocess.DEVNULL,
        env=environment,
        # nspawn makes its groups below the one it is started in; two hosts must not share it.
        preexec_fn=lambda: cgroup.enter(group),
    )
    return nspawn.wait()


def main() -> int:
    """Boot the host named by the first argument until it powers off; nspawn's exit code then."""
    spec_file = sys.argv[1]
    if len(sys.argv) == 2:
        into_own_network("console.lab.boot", spec_file)
    spec = BootSpec.read(Path(spec_file))
    base = cgroup.mounted()
    if base is None:
        raise SystemExit("no cgroup2 hierarchy is mounted")
    cell = base / cgroup.own_path(Path("/proc/self/cgroup").read_text())
    cgroup.enter(cell / "boot")
    cgroup.hand_down(cell)
    connect(spec.wiring, int(sys.argv[2]))
    os.close(int(sys.argv[2]))
    _mount(spec)
    code = _REBOOT
    while code == _REBOOT:
        _say(f"{spec.name}: power on")
        try:
            code = _boot(spec, cell / "machine")
        except LabError as error:
            raise SystemExit(f"{spec.name}: {error}") from error
        _say(f"{spec.name}: ended with {code}")
    return code


if __name__ == "__main__":
    raise SystemExit(main())

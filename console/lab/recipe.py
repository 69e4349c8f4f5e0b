"""What goes into the hosts' image, and the key that names the result. Pure but for reading our own files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

RELEASE = "trixie"

_COMMON = (
    *("systemd", "systemd-sysv", "dbus", "openssh-server", "sudo", "iproute2", "procps"),
    *("busybox-static", "ca-certificates", "iptables", "nftables"),
)
#: What only hosts of one kind have; the others' files are hidden from a host.
ENGINES: Mapping[str, tuple[str, ...]] = {
    "docker": ("docker.io", "docker-cli", "containerd", "runc", "tini"),
    "podman": ("podman", "crun", "conmon", "netavark"),
}
#: What only hosts of one kind have beside their engine.
UPDATERS: Mapping[str, tuple[str, ...]] = {"atomic": ("ostree", "ostree-boot")}
#: What only hosts of one kind serve to others, by the packages' own units.
SERVERS: Mapping[str, tuple[str, ...]] = {"etcd": ("etcd-server", "etcd-client")}

#: What belongs to one kind of host: no other sees it.
OWN = {**ENGINES, **UPDATERS, **SERVERS}

#: Runs on the machine, out of the image; no host sees it.
REGISTRY = ("docker-registry",)

PACKAGES = (*_COMMON, *(package for own in OWN.values() for package in own), *REGISTRY)

#: Files that nobody in a lab reads.
_LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")

#: Units that make no sense in a container, or only cost time at boot.
_MASKED = (
    *("systemd-modules-load.service", "systemd-firstboot.service", "systemd-pstore.service"),
    *("systemd-networkd.service", "systemd-networkd.socket", "systemd-networkd-wait-online.service"),
    *("getty.target", "console-getty.service", "sshd-keygen.service"),
    *("netavark-dhcp-proxy.service", "netavark-dhcp-proxy.socket", "nftables.service"),
    *("fstrim.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service"),
)
#: Enabled on every host. The sample services are for a console to look at.
_ENABLED = (
    *("ssh.service", "steady.service", "failing.service", "flapping.service", "crashloop.service"),
    *("chatty.service", "db.service", "api.service", "worker.service", "web@1.service"),
)
#: Enabled on hosts of one kind, beside what the packages enable themselves: unit, and what wants it.
ENABLED_FOR: Mapping[str, Mapping[str, str]] = {
    "docker": {"lab-docker.service": "multi-user.target"},
    "podman": {
        "lab-podman.service": "multi-user.target",
        "podman.socket": "sockets.target",
        "podman-restart.service": "multi-user.target",
    },
    "atomic": {"lab-app.service": "multi-user.target"},
}

_NEW_USER = ("useradd", "--create-home", "--shell=/bin/bash")
_USERS = (
    (*_NEW_USER, "--uid=1000", "--groups=docker,systemd-journal", "core"),
    (*_NEW_USER, "--uid=1001", "guest"),
    # '!' in the password field locks an account for sshd too; '*' only says there is no password.
    ("usermod", "--password=*", "core"),
    ("usermod", "--password=*", "guest"),
    ("usermod", "--password=*", "root"),
)


def mmdebstrap_argv(target: Path, apt_options: Iterable[str]) -> list[str]:
    """The command that makes the tree at `target`; it reads its sources.list from stdin."""
    argv = ["mmdebstrap", "--mode=root", "--format=directory", "--variant=essential"]
    argv += [f"--include={','.join(PACKAGES)}", '--aptopt=APT::Install-Recommends "false"']
    argv += [f"--aptopt={option}" for option in apt_options]
    argv += [f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT]
    return [*argv, RELEASE, str(target), "-"]


def finishing_commands() -> list[list[str]]:
    """What is run inside the new tree, after our own files were put into it."""
    commands = [list(command) for command in _USERS]
    commands.append(["systemctl", "--quiet", "enable", *_ENABLED])
    commands.append(["systemctl", "--quiet", "mask", *_MASKED])
    return commands


def own_files(folder: str) -> dict[PurePosixPath, Path]:
    """Our files in `folder`, `tree` for all hosts or `tree-atomic`: path on a host → where it is here."""
    base = Path(__file__).with_name(folder)
    return {PurePosixPath(path.relative_to(base)): path for path in sorted(base.rglob("*")) if path.is_file()}


def mode(path: PurePosixPath) -> int:
    """The permissions of one of our files in the tree."""
    if path.parent.name == "sudoers.d":
        return 0o440
    return 0o755 if path.is_relative_to("usr/local/lib/lab") else 0o644


def key(architecture: str) -> str:
    """Names the image that this recipe gives: the same recipe, the same key."""
    state = hashlib.sha256()
    for part in (architecture, *mmdebstrap_argv(Path("/"), ()), str(finishing_commands()), str(ENABLED_FOR)):
        state.update(part.encode() + b"\0")
    for path, source in (own_files("tree") | own_files("tree-atomic")).items():
        state.update(f"{path} {mode(path):o}\0".encode() + source.read_bytes())
    for name in ("compose.py", "recipe.py", "ostree_tree.py", "ostree_repo.py"):
        state.update(Path(__file__).with_name(name).read_bytes())
    return state.hexdigest()[:12]

"""What a simulated host is made of: its units, its containers' images, its kinds of system.

Names, descriptions and states are those that `systemctl list-units --all` shows on a Debian 13 host with
docker; services of the operator's own fill the list up to the size that was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from console.lab.sim import seeds


@dataclass(frozen=True, slots=True, eq=False)
class UnitKind:
    """One unit as its file has it, the same on every host; times in seconds.

    `active`, `sub`: where it is once the host has booted. `restart`: `Restart=`, with the start limit
    (`burst` starts within `interval`). `condition`: its `ExecCondition=`; `keeps`: a command that its process
    tries twice a second, and ends once it fails. `fault`: why systemd does not take what the file says, in
    its words.
    """

    name: str
    description: str
    active: str = "active"
    sub: str = "running"
    load: str = "loaded"
    restart: str = "no"
    restart_after: float = 0.1
    start_takes: float = 0.05
    stop_takes: float = 0.05
    burst: int = 5
    interval: float = 10.0
    requires: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    wanted_by: tuple[str, ...] = ()
    binds_to: tuple[str, ...] = ()
    condition: str = ""
    keeps: str = ""
    folder: str = "/usr/lib/systemd/system"
    fault: str = ""

    @property
    def path(self) -> str:
        """Its unit file."""
        return f"{self.folder}/{self.name}"

    @property
    def type(self) -> str:
        return self.name.rpartition(".")[2]


_EXITED = (
    ("kmod-static-nodes", "Create List of Static Device Nodes"),
    ("ldconfig", "Rebuild Dynamic Linker Cache"),
    ("systemd-journal-catalog-update", "Rebuild Journal Catalog"),
    ("systemd-journal-flush", "Flush Journal to Persistent Storage"),
    ("systemd-random-seed", "Load/Save OS Random Seed"),
    ("systemd-remount-fs", "Remount Root and Kernel File Systems"),
    ("systemd-sysctl", "Apply Kernel Variables"),
    ("systemd-sysusers", "Create System Users"),
    ("systemd-tmpfiles-setup", "Create System Files and Directories"),
    ("systemd-udev-trigger", "Coldplug All udev Devices"),
    ("systemd-update-utmp", "Record System Boot/Shutdown in UTMP"),
    ("systemd-user-sessions", "Permit User Sessions"),
)
_RUNNING = (
    ("systemd-journald", "Journal Service"),
    ("dbus", "D-Bus System Message Bus"),
    ("ssh", "OpenBSD Secure Shell server"),
    ("systemd-logind", "User Login Management"),
    ("systemd-networkd", "Network Configuration"),
    ("systemd-resolved", "Network Name Resolution"),
    ("systemd-timesyncd", "Network Time Synchronization"),
    ("systemd-udevd", "Rule-based Manager for Device Events and Files"),
    ("cron", "Regular background program processing daemon"),
    ("getty@tty1", "Getty on tty1"),
    ("containerd", "containerd container runtime"),
)
_RESTING = (
    ("apt-daily", "Daily apt download activities"),
    ("e2scrub_all", "Online ext4 Metadata Check for All Filesystems"),
    ("emergency", "Emergency Shell"),
    ("fstrim", "Discard unused blocks on filesystems from /etc/fstab"),
    ("initrd-cleanup", "Cleaning Up and Shutting Down Daemons"),
    ("logrotate", "Rotate log files"),
    ("modprobe@drm", "Load Kernel Module drm"),
    ("rescue", "Rescue Shell"),
    ("systemd-ask-password-console", "Dispatch Password Requests to Console"),
    ("systemd-fsck-root", "File System Check on Root Device"),
    ("systemd-tmpfiles-clean", "Cleanup of Temporary Directories"),
)
_OTHERS: tuple[tuple[str, str, str, str], ...] = (
    ("-.mount", "Root Mount", "active", "mounted"),
    ("boot.mount", "/boot", "active", "mounted"),
    ("dev-hugepages.mount", "Huge Pages File System", "active", "mounted"),
    ("dev-mqueue.mount", "POSIX Message Queue File System", "active", "mounted"),
    ("var.mount", "/var", "active", "mounted"),
    ("tmp.mount", "Temporary Directory /tmp", "active", "mounted"),
    ("run-lock.mount", "Legacy Locks Directory /run/lock", "active", "mounted"),
    ("dev-vda1.device", "/dev/vda1", "active", "plugged"),
    ("dev-vda2.device", "/dev/vda2", "active", "plugged"),
    ("sys-subsystem-net-devices-eth0.device", "Virtio network device", "active", "plugged"),
    ("systemd-ask-password-console.path", "Dispatch Password Requests to Console", "active", "waiting"),
    ("systemd-ask-password-wall.path", "Forward Password Requests to Wall", "active", "waiting"),
    ("init.scope", "System and Service Manager", "active", "running"),
    ("-.slice", "Root Slice", "active", "active"),
    ("system.slice", "System Slice", "active", "active"),
    ("user.slice", "User and Session Slice", "active", "active"),
    ("dbus.socket", "D-Bus System Message Bus Socket", "active", "running"),
    ("systemd-journald.socket", "Journal Sockets", "active", "running"),
    ("systemd-journald-dev-log.socket", "Journal Socket (/dev/log)", "active", "running"),
    ("systemd-udevd-control.socket", "udev Control Socket", "active", "running"),
    ("systemd-udevd-kernel.socket", "udev Kernel Socket", "active", "running"),
    ("ssh.socket", "OpenBSD Secure Shell server socket", "inactive", "dead"),
    ("syslog.socket", "Syslog Socket", "inactive", "dead"),
    ("basic.target", "Basic System", "active", "active"),
    ("cryptsetup.target", "Local Encrypted Volumes", "active", "active"),
    ("getty.target", "Login Prompts", "active", "active"),
    ("graphical.target", "Graphical Interface", "active", "active"),
    ("local-fs.target", "Local File Systems", "active", "active"),
    ("multi-user.target", "Multi-User System", "active", "active"),
    ("network.target", "Network", "active", "active"),
    ("network-online.target", "Network is Online", "active", "active"),
    ("paths.target", "Path Units", "active", "active"),
    ("rescue.target", "Rescue Mode", "inactive", "dead"),
    ("shutdown.target", "System Shutdown", "inactive", "dead"),
    ("slices.target", "Slice Units", "active", "active"),
    ("sockets.target", "Socket Units", "active", "active"),
    ("swap.target", "Swaps", "active", "active"),
    ("sysinit.target", "System Initialization", "active", "active"),
    ("timers.target", "Timer Units", "active", "active"),
    ("apt-daily.timer", "Daily apt download activities", "active", "waiting"),
    ("fstrim.timer", "Discard unused filesystem blocks once a week", "active", "waiting"),
    ("logrotate.timer", "Daily rotation of log files", "active", "waiting"),
    ("systemd-tmpfiles-clean.timer", "Daily Cleanup of Temporary Directories", "active", "waiting"),
)
_MISSING = (("auditd.service", "auditd.service"), ("plymouth-start.service", "plymouth-start.service"))
_WORDS = (
    "api",
    "auth",
    "billing",
    "cache",
    "cart",
    "feed",
    "index",
    "mail",
    "orders",
    "search",
    "sync",
    "web",
)
_PARTS = ("backend", "worker", "gateway", "exporter", "scheduler")


@lru_cache(maxsize=32)
def units(count: int, engine: str | None) -> tuple[UnitKind, ...]:
    """The units of a host with `count` of them, by name; the essential ones go first if it is small."""
    booted = ("sysinit.target",)
    found = [
        *(
            UnitKind(
                f"{name}.service", text, requires=booted, after=booted, wanted_by=("multi-user.target",),
                restart="on-failure",
            )
            for name, text in _RUNNING
        ),
        *(UnitKind(name, text, active, sub) for name, text, active, sub in _OTHERS),
        *(UnitKind(f"{name}.service", text, sub="exited", after=booted) for name, text in _EXITED),
        *(UnitKind(f"{name}.service", text, "inactive", "dead") for name, text in _RESTING),
        *(UnitKind(name, text, "inactive", "dead", load="not-found") for name, text in _MISSING),
    ]  # fmt: skip
    if engine == "docker":
        found.insert(0, UnitKind("docker.service", "Docker Application Container Engine", restart="always"))
        found.insert(1, UnitKind("docker.socket", "Docker Socket for the API", "active", "running"))
    elif engine == "podman":
        found.insert(0, UnitKind("podman.socket", "Podman API Socket", "active", "listening"))
    own = max(1, count - len(found))
    found = [*found[: max(0, count - own)], *(_own(index) for index in range(own))]
    return tuple(sorted(found, key=lambda kind: kind.name))


def own_services(kinds: tuple[UnitKind, ...]) -> list[UnitKind]:
    """The operator's services among them: what changes, and what may break."""
    return [kind for kind in kinds if kind.name.startswith("app-")]


def _own(index: int) -> UnitKind:
    """The operator's service of that number."""
    word = _WORDS[index % len(_WORDS)]
    part = _PARTS[index // len(_WORDS) % len(_PARTS)]
    dice = seeds.dice("service", index)
    copy = index // (len(_WORDS) * len(_PARTS))
    return UnitKind(
        f"app-{word}-{part}@{copy}.service" if copy else f"app-{word}-{part}.service",
        f"{word.capitalize()} {part}" + (f", instance {copy}" if copy else ""),
        restart=dice.choice(("on-failure", "always", "on-failure", "no")),
        restart_after=dice.choice((0.1, 0.1, 1.0, 5.0)),
        start_takes=round(dice.uniform(0.05, 1.5), 3),
        stop_takes=round(dice.uniform(0.02, 0.8), 3),
        requires=("sysinit.target",),
        after=("network.target", "sysinit.target"),
        wanted_by=("multi-user.target",),
    )


@dataclass(frozen=True, slots=True)
class System:
    """A kind of host: what /etc/os-release says, which engine and which updater it has.

    `before` is the version that its updater keeps besides the booted one, `released` are those that its
    branch has beyond it, the newest first.
    """

    kind: str
    release: tuple[tuple[str, str], ...]
    kernel: str
    engine: str | None = None
    updater: str | None = None
    before: str = ""
    released: tuple[str, ...] = ()

    @property
    def version_key(self) -> str:
        """The field of os-release that tells the updater's version."""
        return "OSTREE_VERSION" if "OSTREE_VERSION" in dict(self.release) else "VERSION_ID"

    @property
    def version(self) -> str:
        return dict(self.release)[self.version_key]


def _release(**values: str) -> tuple[tuple[str, str], ...]:
    return tuple((key, value) for key, value in values.items())


_DEBIAN = _release(
    PRETTY_NAME="Debian GNU/Linux 13 (trixie)", NAME="Debian GNU/Linux", VERSION_ID="13",
    VERSION="13 (trixie)", ID="debian",
)  # fmt: skip
DOCKER = System("docker", _DEBIAN, "6.12.48+deb13-amd64", "docker")
PODMAN = System("podman", _DEBIAN, "6.12.48+deb13-amd64", "podman")
COREOS = System(
    "coreos",
    _release(
        NAME="Fedora Linux", VERSION="43.20260817.3.0 (CoreOS)", ID="fedora", VERSION_ID="43",
        PRETTY_NAME="Fedora CoreOS 43.20260817.3.0", VARIANT="CoreOS", VARIANT_ID="coreos",
        OSTREE_VERSION="43.20260817.3.0",
    ),
    "6.16.4-200.fc43.x86_64", "docker", "rpm-ostree", "43.20260803.3.0", ("43.20260831.3.0",),
)  # fmt: skip
FLATCAR = System(
    "flatcar",
    _release(
        NAME="Flatcar Container Linux by Kinvolk", ID="flatcar", ID_LIKE="coreos", VERSION="4459.2.1",
        VERSION_ID="4459.2.1", PRETTY_NAME="Flatcar Container Linux by Kinvolk 4459.2.1 (Oklo)",
    ),
    "6.12.54-flatcar", "docker", "update_engine", "4459.2.0",
)  # fmt: skip
ATOMIC = System(
    "atomic",
    _release(NAME="Lab OS", ID="labos", ID_LIKE="debian", VERSION="1.0", VERSION_ID="1.0",
             PRETTY_NAME="Lab OS 1.0"),
    "6.12.48+deb13-amd64", "docker", "ostree", "0.9", ("1.1",),
)  # fmt: skip
BOOTC = System(
    "bootc",
    _release(
        NAME="CentOS Stream", VERSION="10 (Coughlan)", ID="centos", ID_LIKE="rhel fedora", VERSION_ID="10",
        PRETTY_NAME="CentOS Stream 10 (Coughlan)",
    ),
    "6.12.0-124.el10.x86_64", "podman", "bootc", "9",
)  # fmt: skip

#: The kinds of host go round with a host's number, so that any few hosts have a mixture.
SYSTEMS = (DOCKER, COREOS, DOCKER, FLATCAR, PODMAN, DOCKER, COREOS, DOCKER, ATOMIC, DOCKER, FLATCAR, BOOTC)
_BY_KIND = {system.kind: system for system in SYSTEMS}
KINDS = tuple(sorted(_BY_KIND))


def system_of(number: int, kind: str | None = None) -> System:
    """The system of a host of this number; of this kind, where one is given."""
    return SYSTEMS[number % len(SYSTEMS)] if kind is None else _BY_KIND[kind]


IMAGES = (
    "registry.example.net/shop/api:1.4.2",
    "registry.example.net/shop/web:2.0.1",
    "registry.example.net/shop/worker:1.4.2",
    "docker.io/library/nginx:1.29",
    "docker.io/library/redis:8.2",
    "docker.io/library/postgres:18",
    "quay.io/prometheus/node-exporter:v1.10.2",
    "docker.io/library/traefik:v3.5",
)

"""One member of the lab's etcd: its addresses, its files, what is on its disk. Pure but for that last.

Members speak TLS with clients and with each other, and both sides show a certificate of the lab's own
authority. All of it goes over the lab's own network: `lab cut` cuts that too, while `lab slow` takes the
public address away and carries SSH alone. Settings: etcd 3.5, "Configuration options", each as `ETCD_…` in
the environment file that Debian's unit reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from console.lab.plan import Place, Subnet

CLIENT_PORT, PEER_PORT = 2379, 2380

_ENVIRONMENT = "etc/default/etcd"
_FILES = "etc/etcd"

_UNIT = """\
[Service]
Restart=on-failure
# Longer than what systemd takes for a restart loop.
RestartSec=3s
# The unit's user cannot read root's files.
LoadCredential=key:/etc/etcd/member.key
Environment=ETCD_KEY_FILE=%d/key ETCD_PEER_KEY_FILE=%d/key
"""


def endpoint(member: Place, subnet: Subnet) -> str:
    """Where clients find the member."""
    return f"https://{subnet.back(member.number)}:{CLIENT_PORT}"


def peer_url(member: Place, subnet: Subnet) -> str:
    """Where its peers find the member; this is what it is known by."""
    return f"https://{subnet.back(member.number)}:{PEER_PORT}"


def addresses(member: Place, subnet: Subnet) -> tuple[str, ...]:
    """Every address that the member's certificate must be good for."""
    return (subnet.back(member.number), subnet.public(member.number), "127.0.0.1")


def certificate_files(authority: str, certificate: str) -> Mapping[str, str]:
    """The member's files that do not change, without its private key: path below / → text."""
    return {
        f"{_FILES}/ca.pem": authority,
        f"{_FILES}/member.pem": certificate,
        "etc/systemd/system/etcd.service.d/lab.conf": _UNIT,
    }


#: Where the member's private key goes, readable by root alone.
KEY_FILE = f"{_FILES}/member.key"


def environment(
    member: Place, subnet: Subnet, cluster: Mapping[str, str], token: str, *, founding: bool
) -> str:
    """The member's environment file. It counts until the member has data.

    :param cluster: name → peer URL of all members, this one too.
    :param token: what keeps two clusters apart that have the same addresses.
    :param founding: the members make a new cluster together, else this one joins one that is there.
    """
    settings = {
        "NAME": member.name,
        "LISTEN_CLIENT_URLS": f"https://0.0.0.0:{CLIENT_PORT}",
        "ADVERTISE_CLIENT_URLS": endpoint(member, subnet),
        "LISTEN_PEER_URLS": peer_url(member, subnet),
        "INITIAL_ADVERTISE_PEER_URLS": peer_url(member, subnet),
        "INITIAL_CLUSTER": ",".join(f"{name}={url}" for name, url in cluster.items()),
        "INITIAL_CLUSTER_STATE": "new" if founding else "existing",
        "INITIAL_CLUSTER_TOKEN": token,
    }
    for side in ("", "PEER_"):
        settings |= {
            f"{side}CLIENT_CERT_AUTH": "true",
            f"{side}TRUSTED_CA_FILE": f"/{_FILES}/ca.pem",
            f"{side}CERT_FILE": f"/{_FILES}/member.pem",
        }
    return "".join(f"ETCD_{name}={value}\n" for name, value in settings.items())


def environment_file(folder: Path) -> Path:
    """Where the environment file is, in the host's `folder`. A member without one is in no cluster."""
    return folder / "upper" / _ENVIRONMENT


def has_data(folder: Path) -> bool:
    """Whether the member whose host's folder this is has ever run."""
    return (folder / "upper/var/lib/etcd/default/member").is_dir()


def majority(members: int) -> int:
    """How many of `members` it takes for the cluster to answer."""
    return members // 2 + 1

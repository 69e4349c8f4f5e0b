"""What fleetctl had for options and this console has otherwise: said to whoever types one (fleetctl.go).

Those that it has too are `spellings` and `taken` of its commands.
"""

from __future__ import annotations

_ETCD = "etcd is named by [etcd] in the fleet's file, or by etcdctl's variables: there is no API server"
_TLS = "ca, cert and key stand in [etcd] of the fleet's file, or in ETCDCTL_CACERT, _CERT and _KEY"

#: By the option.
INSTEAD = {
    "--ca-file": _TLS,
    "--cert-file": _TLS,
    "--debug": "what went wrong is said without; what was done to hosts: `audit list`",
    "--driver": _ETCD,
    "--endpoint": _ETCD,
    "--etcd-key-prefix": "prefix in [etcd] of the fleet's file",
    "--forward-agent": "an agent is not forwarded to hosts",
    "--key-file": _TLS,
    "--known-hosts-file": "known_hosts in [ssh] of the fleet's file",
    "--request-timeout": "--timeout",
    "--ssh-port": "port of the [[host]] in the fleet's file",
    "--ssh-timeout": "--timeout",
    "--ssh-username": "user in [ssh] of the fleet's file",
    "--strict-host-key-checking": "a key that is unknown or has changed is always refused",
    "--tunnel": "ProxyJump in ~/.ssh/config, for hosts that stand behind another",
}

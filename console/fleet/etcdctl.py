"""Where the fleet's etcd is: from `[etcd]`, and from the variables that etcdctl itself goes by.

What the file says comes first; a variable fills what it leaves out. etcdctl(1): `--endpoints` is
`ETCDCTL_ENDPOINTS`, and so on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from console.errors import ConfigError, Problem
from console.fleet import config_values as values
from console.fleet.config_values import Rejected
from console.model.config import EtcdConfig

#: Of no use to us, and to be told rather than passed over: it would make what looks safe unsafe.
_SKIP_VERIFY = "ETCDCTL_INSECURE_SKIP_TLS_VERIFY"


def etcd_config(file: EtcdConfig | None, environ: Mapping[str, str]) -> EtcdConfig | None:
    """The fleet's etcd; None where neither the file nor a variable says where it is.

    :raises ConfigError: a variable cannot be understood, or asks for what we will not do.
    """
    found = file or EtcdConfig(())
    if not found.endpoints:
        if not environ.get("ETCDCTL_ENDPOINTS"):
            return None
        if environ.get(_SKIP_VERIFY, "").lower() in ("1", "true"):
            raise _wrong(
                _SKIP_VERIFY, "is set, and certificates are always checked; ETCDCTL_CACERT names whose"
            )
        found = replace(found, endpoints=_endpoints(environ))
    found = replace(
        found,
        ca=found.ca or _file("ETCDCTL_CACERT", environ),
        cert=found.cert or _file("ETCDCTL_CERT", environ),
        key=found.key or _file("ETCDCTL_KEY", environ),
    )
    if found.user is None and (given := environ.get("ETCDCTL_USER")):
        user, colon, password = given.partition(":")
        found = replace(found, user=user, password=password if colon else None)
        if not colon and (password := environ.get("ETCDCTL_PASSWORD", "")):
            found = replace(found, password=password)
    return found


def _endpoints(environ: Mapping[str, str]) -> tuple[str, ...]:
    """`host:port` is what etcdctl takes too: TLS where there is a certificate or an authority."""
    secure = bool(environ.get("ETCDCTL_CACERT") or environ.get("ETCDCTL_CERT"))
    scheme = "https" if secure else "http"
    given = [one.strip() for one in environ["ETCDCTL_ENDPOINTS"].split(",") if one.strip()]
    urls = [one if "://" in one else f"{scheme}://{one}" for one in given]
    try:
        return values.endpoints(urls, Path())
    except Rejected as error:
        raise _wrong("ETCDCTL_ENDPOINTS", str(error)) from None


def _file(variable: str, environ: Mapping[str, str]) -> Path | None:
    given = environ.get(variable)
    if not given:
        return None
    try:
        return values.existing_file(given, Path.cwd())
    except Rejected as error:
        raise _wrong(variable, str(error)) from None


def _wrong(variable: str, text: str) -> ConfigError:
    return ConfigError((Problem(Path(f"${variable}"), 0, text),))

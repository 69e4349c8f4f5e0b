"""Where the fleet's etcd is: the file, and etcdctl's own variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.errors import ConfigError
from console.fleet.etcdctl import etcd_config
from console.model.config import EtcdConfig

FILE = EtcdConfig(("http://etcd1:2379",))


def test_without_a_file_or_a_variable_there_is_none() -> None:
    assert etcd_config(None, {"ETCDCTL_API": "3", "ETCDCTL_USER": "alice:x"}) is None


def test_endpoints_are_taken_as_etcdctl_takes_them() -> None:
    found = etcd_config(None, {"ETCDCTL_ENDPOINTS": "etcd1:2379, http://etcd2:2379"})
    assert found is not None
    assert found.endpoints == ("http://etcd1:2379", "http://etcd2:2379")


def test_with_a_certificate_addresses_without_a_scheme_are_meant_with_tls(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.touch()
    found = etcd_config(None, {"ETCDCTL_ENDPOINTS": "etcd1:2379", "ETCDCTL_CACERT": str(ca)})
    assert found == EtcdConfig(("https://etcd1:2379",), ca=ca)


@pytest.mark.parametrize(
    ("variables", "user", "password"),
    [
        ({"ETCDCTL_USER": "alice:secret:more"}, "alice", "secret:more"),
        ({"ETCDCTL_USER": "alice", "ETCDCTL_PASSWORD": "secret"}, "alice", "secret"),
        ({"ETCDCTL_USER": "alice"}, "alice", None),
        ({"ETCDCTL_PASSWORD": "secret"}, None, None),
    ],
)
def test_a_user_and_a_password(variables: dict[str, str], user: str | None, password: str | None) -> None:
    found = etcd_config(FILE, variables)
    assert found is not None
    assert (found.user, found.password) == (user, password)
    assert "secret" not in repr(found)


def test_the_file_counts_and_a_variable_fills_what_it_leaves_out(tmp_path: Path) -> None:
    (ca := tmp_path / "ca.pem").touch()
    variables = {"ETCDCTL_ENDPOINTS": "http://other:2379", "ETCDCTL_CACERT": str(ca), "ETCDCTL_USER": "bob:b"}
    found = etcd_config(EtcdConfig(FILE.endpoints, user="alice"), variables)
    assert found == EtcdConfig(FILE.endpoints, user="alice", ca=ca)


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"ETCDCTL_ENDPOINTS": "etcd1"}, r"\$ETCDCTL_ENDPOINTS: .*is not an endpoint"),
        ({"ETCDCTL_ENDPOINTS": "ftp://etcd1:1"}, r"\$ETCDCTL_ENDPOINTS"),
        ({"ETCDCTL_ENDPOINTS": "e:1", "ETCDCTL_CACERT": "/none"}, r"\$ETCDCTL_CACERT: .*No such file"),
        (
            {"ETCDCTL_ENDPOINTS": "e:1", "ETCDCTL_INSECURE_SKIP_TLS_VERIFY": "true"},
            "certificates are always checked",
        ),
    ],
)
def test_what_cannot_be_understood_is_told_with_its_variable(variables: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        etcd_config(None, variables)

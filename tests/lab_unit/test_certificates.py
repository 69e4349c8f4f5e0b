"""The lab's authority: what it signs is good for TLS both ways, and nobody else's is."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from console.lab.certificates import Authority, write_private
from console.lab.etcd_api import Credentials


def server_context(folder: Path, authority: Authority) -> ssl.SSLContext:
    """A server as etcd is one: with a certificate for 198.19.7.11 and web1, asking clients for theirs."""
    pair = authority.issue("web1", addresses=["198.19.7.11"], names=["web1"])
    (folder / "server.pem").write_text(pair.certificate)
    write_private(folder / "server.key", pair.key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.certificate)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> str:
    """Connect in memory to the server called `name`; the client's name as the server sees it."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(down, up, server_hostname=name)
    theirs = server.wrap_bio(up, down, server_side=True)
    for _ in range(4):
        for side in (ours, theirs):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    shown = theirs.getpeercert()
    assert shown is not None
    subject: tuple[tuple[tuple[str, str], ...], ...] = shown["subject"]  # type: ignore[assignment]
    return subject[0][0][1]


@pytest.fixture
def credentials(tmp_path: Path) -> Credentials:
    found = Credentials(tmp_path / "etcd")
    found.ensure("lab")
    return found


def test_client_and_server_know_each_other_by_address_and_by_name(
    tmp_path: Path, credentials: Credentials
) -> None:
    server = server_context(tmp_path, credentials.authority)
    for name in ("198.19.7.11", "web1"):
        assert shake_hands(credentials.context(), server, name) == "quarterdeck"


def test_a_server_at_another_address_is_not_believed(tmp_path: Path, credentials: Credentials) -> None:
    server = server_context(tmp_path, credentials.authority)
    with pytest.raises(ssl.SSLCertVerificationError, match=r"198\.19\.7\.12"):
        shake_hands(credentials.context(), server, "198.19.7.12")


def test_a_client_of_another_lab_is_refused_and_refuses(tmp_path: Path, credentials: Credentials) -> None:
    other = Credentials(tmp_path / "other")
    other.ensure("other")
    server = server_context(tmp_path, credentials.authority)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(other.context(), server, "web1")
    trusting = ssl.create_default_context(cafile=credentials.authority.certificate)
    trusting.load_cert_chain(other.certificate, other.key)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(trusting, server, "web1")


def test_a_client_without_a_certificate_is_refused(tmp_path: Path, credentials: Credentials) -> None:
    server = server_context(tmp_path, credentials.authority)
    nobody = ssl.create_default_context(cafile=credentials.authority.certificate)
    with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
        shake_hands(nobody, server, "web1")


def test_private_keys_are_their_owners_alone_and_stay_when_asked_for_again(credentials: Credentials) -> None:
    keys = {path: path.read_bytes() for path in credentials.folder.glob("*.key")}
    assert {path.name for path in keys} == {"ca.key", "client.key"}
    for path in keys:
        assert path.stat().st_mode & 0o777 == 0o600
    credentials.ensure("lab")
    assert {path: path.read_bytes() for path in keys} == keys

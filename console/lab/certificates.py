"""Certificates for what the lab serves over TLS: an authority of its own, and what it signs (RFC 5280).

Keys are elliptic (P-256), private ones readable by their owner alone; everything is PEM.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from console.lab import state

#: As long as anybody keeps a lab; and from before now, for clocks that differ.
_VALID_FOR = timedelta(days=3650)
_BACKDATED = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key, each the text of a PEM file."""

    certificate: str
    key: str


class Authority:
    """The authority whose files are in `folder`: `ca.pem`, and `ca.key`, which nobody else needs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def certificate(self) -> Path:
        return self._folder / "ca.pem"

    @property
    def _key(self) -> Path:
        return self._folder / "ca.key"

    def ensure(self, name: str) -> None:
        """Have the authority; one that is there stays, with all that it has signed."""
        if self.certificate.exists():
            return
        self._folder.mkdir(exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        ca = (
            _builder(_named(name), _named(name), key.public_key(), key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_may(sign_certificates=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        write_private(self._key, _key_text(key))
        state.replace(self.certificate, _text(ca))

    def issue(self, name: str, *, addresses: Iterable[str] = (), names: Iterable[str] = ()) -> Pair:
        """A certificate for the client called `name`; a server's too, with IP `addresses` or DNS `names`."""
        ca = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        signer = serialization.load_pem_private_key(self._key.read_bytes(), None)
        assert isinstance(signer, ec.EllipticCurvePrivateKey)  # ensure() made it
        key = ec.generate_private_key(ec.SECP256R1())
        called: list[x509.GeneralName] = [x509.DNSName(text) for text in names]
        called += [x509.IPAddress(ip_address(text)) for text in addresses]
        uses = [ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = _builder(_named(name), ca.subject, key.public_key(), signer.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_may(sign_certificates=False), critical=True)
        if called:
            uses.append(ExtendedKeyUsageOID.SERVER_AUTH)
            builder = builder.add_extension(x509.SubjectAlternativeName(called), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        return Pair(_text(builder.sign(signer, hashes.SHA256())), _key_text(key))


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, at no moment otherwise."""
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, signer: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _VALID_FOR)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False)
    )


def _may(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _text(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_text(key: ec.EllipticCurvePrivateKey) -> str:
    how = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*how).decode()

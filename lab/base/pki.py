"""The lab's certificate authority: certificates for the cluster's programs and for any user.

Keys are ECDSA on P-256, made in a millisecond, and written readable by their owner only.
`lab.control_plane.kubeconfig` writes a user's certificate into a kubeconfig file.

trustme issues none of the kind that users need: each of its certificates is a server's, too, and has exactly one
organization, which the API server takes for a group (trustme 1.2.1: its own name and version where none is given).
"""

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = timedelta(days=3650)
CLOCK_SKEW = timedelta(minutes=10)


@dataclass(frozen=True)
class KeyPair:
    """The paths of a certificate and of its private key, both PEM."""

    certificate: Path
    key: Path


class Authority:
    """One certificate authority in one folder; made when the folder does not hold it yet."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.pair = KeyPair(folder / "ca.crt", folder / "ca.key")
        if not self.pair.certificate.exists():
            self._create()
        self._certificate = x509.load_pem_x509_certificate(self.pair.certificate.read_bytes())
        key = serialization.load_pem_private_key(self.pair.key.read_bytes(), password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self._key = key

    def server(self, name: str, hosts: Sequence[str]) -> KeyPair:
        """Issue a certificate for DNS names and IP addresses, which its holder may also use as a client."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        return self._issue(name, subject, [_general_name(host) for host in hosts])

    def client(self, user: str, groups: Sequence[str] = ()) -> KeyPair:
        """Issue a certificate that the API server takes for `user` as a member of `groups`."""
        attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        subject = x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, user)])
        return self._issue(f"user-{user}", subject, [])

    def signing_key(self, name: str) -> KeyPair:
        """Return a key pair without certificate (the first path is the public key), made on the first call."""
        pair = KeyPair(self.folder / f"{name}.pub", self.folder / f"{name}.key")
        if not pair.certificate.exists():
            key = ec.generate_private_key(ec.SECP256R1())
            _write_key(pair.key, key)
            public = key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            pair.certificate.write_bytes(public)
        return pair

    def _create(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "amalthea-lab")])
        builder = _builder(name, key).issuer_name(name)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        _write_key(self.pair.key, key)
        self.pair.certificate.write_bytes(_signed(builder, key))

    def _issue(self, name: str, subject: x509.Name, alternatives: Sequence[x509.GeneralName]) -> KeyPair:
        file = quote(name, safe="")
        pair = KeyPair(self.folder / f"{file}.crt", self.folder / f"{file}.key")
        key = ec.generate_private_key(ec.SECP256R1())
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = _builder(subject, key).issuer_name(self._certificate.subject)
        if alternatives:
            usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
        )
        _write_key(pair.key, key)
        pair.certificate.write_bytes(_signed(builder, self._key))
        return pair


def write_secret(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, also while it is being written."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(data)


def _builder(subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _signed(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> bytes:
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    # Controller manager and API server read service account keys in this form only ("EC PRIVATE KEY").
    form = serialization.PrivateFormat.TraditionalOpenSSL
    write_secret(path, key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)

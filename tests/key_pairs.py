"""Certificates with keys of each kind that a server may have, for 127.0.0.1."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
NOT_ENCRYPTED = serialization.NoEncryption()

KINDS: dict[str, Callable[[], Key]] = {
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
}


@dataclass(frozen=True)
class KeyPair:
    """Certificate and key, in PEM."""

    certificate: bytes
    key: bytes

    @property
    def der(self) -> bytes:
        """The certificate as a client sees it."""
        return ssl.PEM_cert_to_DER_cert(self.certificate.decode())

    def in_one_file(self, folder: Path) -> Path:
        """As Ganeti keeps its own."""
        file = folder / "both.pem"
        file.write_bytes(self.key + self.certificate)
        return file


def of_an_older_version(pair: KeyPair) -> KeyPair:
    """The pair, whose certificate says that it is of X.509 version 2: OpenSSL takes it, Python's library does not."""
    der = ssl.PEM_cert_to_DER_cert(pair.certificate.decode("ascii"))
    version_3 = bytes.fromhex("a003020102")
    place = der.index(version_3) + len(version_3) - 1
    return KeyPair(ssl.DER_cert_to_PEM_cert(der[:place] + b"\x01" + der[place + 1 :]).encode("ascii"), pair.key)


def key_pair(kind: str = "P-256", encryption: serialization.KeySerializationEncryption = NOT_ENCRYPTED) -> KeyPair:
    """A new key of that kind, and a certificate that it signed itself."""
    key = KINDS[kind]()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    )
    return KeyPair(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption),
    )

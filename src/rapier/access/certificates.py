"""A certificate for a daemon that has none: self-signed, for all names and addresses of this host.

It is an end entity's, not an authority's: who trusts it (`curl --cacert`) trusts this daemon and nobody else.
"""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import re
import socket
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import psutil
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from rapier.access.files import changing, replace_file
from rapier.errors import CertificateError

VALID_DAYS = 825  # what Apple's platforms take at most
_CLOCKS_DIFFER_BY = datetime.timedelta(hours=1)
_LABEL = "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_is_host_name = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*").fullmatch


class CertificateFiles(NamedTuple):
    """Where a certificate and its key are."""

    certificate: Path
    key: Path


def make_certificate_files(
    folder: Path, names: Iterable[str] = (), *, valid_days: int = VALID_DAYS, overwrite: bool = False
) -> CertificateFiles:
    """`cert.pem` and `key.pem` (mode 0600) in `folder`, which is made where it is not there.

    The certificate is for this host's names and addresses and for `names`. Raises CertificateError: for a name that is
    none, for files that are there (unless `overwrite`), and where nothing can be written.
    """
    files = CertificateFiles(folder / "cert.pem", folder / "key.pem")
    certificate, key = make_certificate([*names_of_this_host(), *names], valid_days)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with changing(files.key):
            there = [str(file) for file in files if file.exists()]
            if there and not overwrite:
                raise CertificateError(
                    f"{' and '.join(there)} would be overwritten: name another folder, or say --force"
                )
            replace_file(files.key, key, mode=0o600)
            replace_file(files.certificate, certificate, mode=0o644)
    except OSError as problem:
        raise CertificateError(f"{problem.filename or folder}: {problem.strerror}") from problem
    return files


def make_certificate(names: Iterable[str], valid_days: int = VALID_DAYS) -> tuple[bytes, bytes]:
    """A new key and its certificate for `names` (host names and addresses), as PEM: (certificate, key)."""
    alternatives = [_general_name(name) for name in dict.fromkeys(names)]
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Rapier on {socket.gethostname()}"[:64])])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS_DIFFER_BY)
        .not_valid_after(now + datetime.timedelta(days=valid_days))
        .add_extension(x509.SubjectAlternativeName(dict.fromkeys(alternatives)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_SIGNS_HANDSHAKES, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM), key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


_SIGNS_HANDSHAKES = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


def fingerprint(certificate: Path | bytes) -> str:
    """SHA-256 of the first certificate in a PEM file or PEM text, as `openssl x509 -fingerprint -sha256` writes it.

    Raises CertificateError.
    """
    try:
        pem = certificate.read_text() if isinstance(certificate, Path) else certificate.decode()
        first = pem[pem.index("-----BEGIN CERTIFICATE-----") :].partition("-----END CERTIFICATE-----")
        der = ssl.PEM_cert_to_DER_cert(f"{first[0]}{first[1]}\n")
    except (OSError, ValueError) as problem:
        raise CertificateError(f"no certificate can be read: {problem}") from problem
    return hashlib.sha256(der).digest().hex(":").upper()


def names_of_this_host() -> list[str]:
    """Its names and addresses, `localhost` and the loopback addresses among them; no address of one link only."""
    names = dict.fromkeys(["localhost", socket.gethostname(), socket.getfqdn(), "127.0.0.1", "::1"])
    for addresses in psutil.net_if_addrs().values():
        for address in addresses:
            if address.family in (socket.AF_INET, socket.AF_INET6):
                text = address.address.partition("%")[0]
                if not (address.family == socket.AF_INET6 and ipaddress.ip_address(text).is_link_local):
                    names[text] = None
    return [name for name in names if _is_name(name)]


def _is_name(name: str) -> bool:
    try:
        _general_name(name)
    except CertificateError:
        return False
    return True


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        plain = name.removesuffix(".").encode("idna").decode()
    except ValueError:
        plain = ""
    if not _is_host_name(plain):
        raise CertificateError(f"neither a host's name nor an address: {name!r}")
    return x509.DNSName(plain)

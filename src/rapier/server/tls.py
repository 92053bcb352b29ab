"""The TLS context: which certificate, which versions."""

from __future__ import annotations

import ssl
from pathlib import Path

from rapier.errors import CertificateError

ADVICE = "`rapier cert DIR` makes a certificate and its key"

# What OpenSSL calls the trouble, in words that say what to do about it.
_TROUBLES = {
    "KEY_VALUES_MISMATCH": "the key {key} belongs to another certificate than {certificate}",
    "KEY_TYPE_MISMATCH": "the key {key} belongs to another certificate than {certificate}",
    "NO_CERTIFICATE_ASSIGNED": "the key {key} belongs to another certificate than {certificate}",
    "EE_KEY_TOO_SMALL": "the key of {certificate} is too short to be safe",
    "CA_MD_TOO_WEAK": "{certificate} is signed with a digest that is not safe",
}


def server_context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """A context for TLS 1.2 and 1.3 with the certificate (and its chain) in the PEM file `certificate`.

    `key` is None where that file holds the key too. Raises CertificateError, whose text says what would be right.
    """
    key_file = key or certificate
    for file, holds in ((certificate, b"CERTIFICATE-----"), (key_file, b"PRIVATE KEY-----")):
        what = "certificate" if holds.startswith(b"C") else "private key"
        try:
            text = file.read_bytes()
        except OSError as problem:
            raise CertificateError(f"cannot read the {what} {file}: {problem.strerror}; {ADVICE}") from problem
        if holds not in text:
            raise CertificateError(f"there is no {what} in PEM form in {file}; {ADVICE}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A renegotiation costs us twenty times what it costs the peer, and nothing needs one.
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except _Encrypted:
        raise CertificateError(
            f"the private key {key_file} is encrypted, and a daemon has nobody to ask for the password: "
            f"write it without one (`openssl pkey`); {ADVICE}"
        ) from None
    except ssl.SSLError as problem:
        trouble = _TROUBLES.get(problem.reason or "", "{certificate} and {key} are no certificate with its key: {why}")
        raise CertificateError(
            trouble.format(certificate=certificate, key=key_file, why=problem.reason or problem) + f"; {ADVICE}"
        ) from problem
    return context


class _Encrypted(Exception):
    """The key wants a password."""


def _no_password() -> bytes:
    # Without this, OpenSSL would ask on the terminal, and a daemon would wait for ever.
    raise _Encrypted

"""The TLS context: which versions, and how a certificate with its key gets into it."""

from __future__ import annotations

import contextlib
import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rapier.access.following import read_regular
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


class Pair(NamedTuple):
    """What a certificate's file (the chain behind it) and its key's file held, in PEM; perhaps they are one file."""

    certificate_file: Path
    key_file: Path
    certificate: bytes
    key: bytes


def blank_context() -> ssl.SSLContext:
    """A context for TLS 1.2 and 1.3 that has no certificate yet."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A renegotiation costs us twenty times what it costs the peer, and nothing needs one.
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    return context


def read_pair(certificate_file: Path, key_file: Path) -> Pair:
    """The pair in these files. That it is one has been tried. Raises CertificateError that says what would be right."""
    pair = Pair(
        certificate_file,
        key_file,
        _read(certificate_file, "certificate", b"CERTIFICATE-----"),
        _read(key_file, "private key", b"PRIVATE KEY-----"),
    )
    load(blank_context(), pair)
    return pair


def load(context: ssl.SSLContext, pair: Pair) -> None:
    """Has the context present the pair in handshakes that begin from now on; those under way keep what they have.

    What was read is loaded, and not the files again: these may hold something else meanwhile. Raises CertificateError,
    and then the context may have lost what it had: where that matters, `read_pair` has tried the pair before.
    """
    try:
        with _as_file(pair.certificate) as certificate, _as_file(pair.key) as key:
            context.load_cert_chain(certificate, key, password=_no_password)
    except _Encrypted:
        raise CertificateError(
            f"the private key {pair.key_file} is encrypted, and a daemon has nobody to ask for the password: "
            f"write it without one (`openssl pkey`); {ADVICE}"
        ) from None
    except ssl.SSLError as problem:
        trouble = _TROUBLES.get(problem.reason or "", "{certificate} and {key} are no certificate with its key: {why}")
        files = {"certificate": pair.certificate_file, "key": pair.key_file}
        raise CertificateError(f"{trouble.format(**files, why=problem.reason or problem)}; {ADVICE}") from problem
    except OSError as problem:
        raise CertificateError(f"cannot load {pair.certificate_file}: {problem.strerror}") from problem


def _read(file: Path, what: str, marked: bytes) -> bytes:
    try:
        text = read_regular(file)
    except OSError as problem:
        raise CertificateError(f"cannot read the {what} {file}: {problem.strerror}; {ADVICE}") from problem
    if marked not in text:
        raise CertificateError(f"there is no {what} in PEM form in {file}; {ADVICE}")
    return text


@contextlib.contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """A path for the content, since Python's `ssl` takes nothing else. It is in memory: no key is written to a disk."""
    with open(os.memfd_create("pem"), "wb", buffering=0) as file:
        file.write(content)
        yield f"/proc/self/fd/{file.fileno()}"


class _Encrypted(Exception):
    """The key wants a password."""


def _no_password() -> bytes:
    # Without this, OpenSSL would ask on the terminal, and a daemon would wait for ever.
    raise _Encrypted

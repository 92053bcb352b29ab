"""The certificate as a running daemon sees it: loaded at the start, and again when its files have changed.

Files that hold no certificate with its key leave what was loaded last in place, with an error in the log; but only
after a moment, since most tools replace the two files one after the other.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ObjectIdentifier, PublicKeyAlgorithmOID

from rapier.access.following import Followed
from rapier.errors import CertificateError
from rapier.server.tls import Pair, blank_context, load, read_pair

log = logging.getLogger("rapier.server")

LOOK_EVERY_SECONDS = 0.25
SETTLED_AFTER_SECONDS = 2.0  # how long the second file may be missing until the pair counts as a bad one

# OpenSSL keeps one certificate for each kind of key: a new one of another kind would stand beside the old one, and that
# would go on being offered. So each kind has a context of its own. They are made before any worker is started, so that
# all workers have their ticket keys: a client resumes its session with any of them, also after a change.
_USUAL_KINDS = (
    PublicKeyAlgorithmOID.EC_PUBLIC_KEY,
    PublicKeyAlgorithmOID.RSAES_PKCS1_v1_5,
    PublicKeyAlgorithmOID.ED25519,
)


class Certificate:
    """A certificate and its key in files that may change. `context` is for the next connection."""

    context: ssl.SSLContext

    def __init__(self, certificate: Path, key: Path | None) -> None:
        """Load it; `key` is None where the certificate's file holds it too. Raises CertificateError."""
        self._paths = certificate, key or certificate
        self._files = Followed(*self._paths)
        self._contexts: dict[ObjectIdentifier | None, ssl.SSLContext] = {kind: blank_context() for kind in _USUAL_KINDS}
        self._loaded: Pair | None = None
        self._reading = asyncio.Lock()
        self._complaint: object = None
        self._take(self._read())

    def look(self) -> None:
        """Takes what the files hold if they have changed and it is good, for a process that comes after others.

        Those have said what there was to say; `follow` says the rest.
        """
        if self._files.changed():
            try:
                self._take(self._read(), logging.DEBUG)
            except Exception:  # `follow` will meet it again, and say it
                self._files.read_again_in(0)

    async def follow(self, taken: Callable[[], None]) -> None:
        """Looks at the files for ever, and calls `taken` for each other certificate that they brought.

        Nothing that goes wrong with them ends it, or the daemon.
        """
        while True:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            try:
                if self._files.changed() and await self.reread():
                    taken()
            except Exception as problem:
                self._complain(f"the certificate cannot be loaded: {problem!r}", said_anew=False)

    async def reread(self, *, said_anew: bool = False) -> bool:
        """Takes what the files hold now, and answers whether that is another certificate.

        What is wrong with them is said in the log once for each change; and again where it shall be `said_anew`.
        """
        loop = asyncio.get_running_loop()
        async with self._reading:
            settled = loop.time() + SETTLED_AFTER_SECONDS
            while True:
                try:
                    # Reading may take its time. Loading takes none, and must not happen while a handshake begins.
                    return self._take(await asyncio.to_thread(self._read))
                except CertificateError as problem:
                    if loop.time() >= settled:
                        self._complain(str(problem), said_anew)
                        return False
                await asyncio.sleep(LOOK_EVERY_SECONDS)

    def _read(self) -> Pair:
        self._files.begin_reading()
        return read_pair(*self._paths)

    def _take(self, pair: Pair, level: int = logging.INFO) -> bool:
        """Loads the pair, unless it is loaded already; whether it was another one."""
        if pair == self._loaded:
            if self._complaint is not None:
                log.log(level, "certificate %s is again as it was loaded", pair.certificate_file)
                self._complaint = None
            return False
        kind, said = _described(pair)
        context = self._contexts.setdefault(kind, blank_context())
        load(context, pair)
        self.context, self._loaded, self._complaint = context, pair, None
        log.log(level, "certificate %s loaded: %s", pair.certificate_file, said)
        return True

    def _complain(self, what: str, said_anew: bool) -> None:
        complaint = (what, self._files.stamps)
        if said_anew or complaint != self._complaint:
            self._complaint = complaint
            log.error("%s. Going on with the certificate loaded before", what)


def _described(pair: Pair) -> tuple[ObjectIdentifier | None, str]:
    """The kind of its key, and what an administrator knows it by."""
    try:
        certificate = x509.load_pem_x509_certificate(pair.certificate)
        kind = certificate.public_key_algorithm_oid
        fingerprint = certificate.fingerprint(SHA256()).hex(":").upper()
        return kind, f"SHA-256 {fingerprint}, valid until {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    except Exception:  # OpenSSL forgives mistakes that this library does not, and it has many names for them
        return None, "its fields cannot be read"

"""Password hashes as users files hold them: which they are, and whether a password belongs to one.

Apache's `htpasswd` writes some; its plain text is refused, and `docs/decisions/0031-users-file.md` says how that is
told from DES crypt. Stock ganeti-rapi has two more, which are kept here in a form that no line of htpasswd's has.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from typing import NamedTuple

import bcrypt
from passlib import hash as passlib_hash

from rapier.access.basic import REALM

BCRYPT_LONGEST = 72
BCRYPT_COST = 10


def _bcrypt_matches(password: bytes, stored: str) -> bool:
    # Apache cuts a longer password off, so that what follows the 72nd byte does not count. Here it matches nothing.
    return len(password) <= BCRYPT_LONGEST and bcrypt.checkpw(password, stored.encode())


def _clear_text_matches(password: bytes, stored: str) -> bool:
    # by digests, so that the time tells nothing of the length either
    expected = stored.removeprefix(_CLEAR_TEXT).encode()
    return hmac.compare_digest(hashlib.sha256(password).digest(), hashlib.sha256(expected).digest())


def _ha1_matches(password: bytes, stored: str) -> bool:
    user_and_realm, _, digest = stored.removeprefix(_HA1).rpartition(":")
    given = hashlib.md5(user_and_realm.encode() + b":" + password, usedforsecurity=False)
    return hmac.compare_digest(given.hexdigest(), digest)


class Scheme(NamedTuple):
    """One of them: what its hashes begin with, what the rest looks like, and who compares."""

    name: str
    start: str
    rest: re.Pattern[str]
    compare: Callable[[bytes, str], bool]


# The costs of bcrypt are those that htpasswd makes: one of 31 would hold a worker for days.
_BCRYPT_REST = re.compile(r"(0[4-9]|1[0-7])\$[./A-Za-z0-9]{53}")
_SCHEMES = (
    Scheme("bcrypt", "$2y$", _BCRYPT_REST, _bcrypt_matches),
    Scheme("bcrypt", "$2b$", _BCRYPT_REST, _bcrypt_matches),
    Scheme("bcrypt", "$2a$", _BCRYPT_REST, _bcrypt_matches),
    Scheme("apr1", "$apr1$", re.compile(r"[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22}"), passlib_hash.apr_md5_crypt.verify),
    Scheme("SHA", "{SHA}", re.compile(r"[A-Za-z0-9+/]{27}="), passlib_hash.ldap_sha1.verify),
    Scheme(
        "SHA-256 crypt",
        "$5$",
        re.compile(r"(rounds=[1-9]\d{3,8}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43}"),
        passlib_hash.sha256_crypt.verify,
    ),
    Scheme(
        "SHA-512 crypt",
        "$6$",
        re.compile(r"(rounds=[1-9]\d{3,8}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}"),
        passlib_hash.sha512_crypt.verify,
    ),
    # DES crypt writes 64 bits as 11 letters of 6 bits: the last letter's two lowest bits are always zero.
    Scheme("DES crypt", "", re.compile(r"[./0-9A-Za-z]{12}[.26AEIMQUYcgkosw]"), passlib_hash.des_crypt.verify),
)

_CLEAR_TEXT = "{CLEARTEXT}"
_HA1 = "{HA1}"
_STOCK_SCHEMES = (
    Scheme("clear text", _CLEAR_TEXT, re.compile(".+", re.DOTALL), _clear_text_matches),
    Scheme("HA1", _HA1, re.compile(".+:[0-9a-f]{32}", re.DOTALL), _ha1_matches),
)


def clear_text(password: str) -> str:
    """A password that stands in a stock users file as it is, as `matches` takes it."""
    return _CLEAR_TEXT + password


def ha1(user: str, digest: str) -> str:
    """A hash of a stock users file, as `matches` takes it: whose it is stands before it, since it was made of that too.

    `digest` is 32 hexadecimal digits in lower case.
    """
    return f"{_HA1}{user}:{REALM}:{digest}"


def scheme_of(stored: str) -> Scheme:
    """The scheme of htpasswd's that `stored` is a whole hash of.

    Raises ValueError, whose text never holds `stored`, for none.
    """
    for scheme in _SCHEMES:
        if stored.startswith(scheme.start) and scheme.rest.fullmatch(stored, len(scheme.start)):
            return scheme
        if scheme.start and stored.startswith(scheme.start):
            raise ValueError(f"damaged {scheme.name} hash (a part is missing, or a letter does not belong there)")
    if not stored:
        raise ValueError("no password hash")
    if re.match(r"\$\w*\$|\{\w+\}", stored):
        raise ValueError("a kind of hash that Apache's htpasswd does not write")
    raise ValueError("the password is in plain text, which is refused")


def matches(stored: str, password: bytes) -> bool:
    """Whether `stored` was made of `password`. As slow as the hash is meant to be: never on the event loop.

    A password that the scheme cannot take (over 72 bytes for bcrypt, zero bytes, over 4096 bytes) matches nothing.
    """
    try:
        scheme = next((scheme for scheme in _STOCK_SCHEMES if stored.startswith(scheme.start)), None)
        return (scheme or scheme_of(stored)).compare(password, stored)
    except ValueError:
        return False


def make_hash(password: bytes) -> str:
    """A bcrypt hash as `htpasswd -B` writes it. Raises ValueError for a password that bcrypt cannot take whole."""
    if len(password) > BCRYPT_LONGEST:
        raise ValueError(f"the password has {len(password)} bytes; bcrypt takes {BCRYPT_LONGEST} at most")
    # One algorithm, two names: the bcrypt module calls it 2b, Apache 2y, and Apache's own comparer knows only its own.
    return bcrypt.hashpw(password, bcrypt.gensalt(BCRYPT_COST)).decode().replace("$2b$", "$2y$", 1)

"""The `Authorization` header of HTTP Basic (RFC 7617) as user and password."""

from __future__ import annotations

import re
from binascii import a2b_base64
from typing import NamedTuple

REALM = "Ganeti Remote API"  # stock's: its users file's hashes are made of it, and clients know it

_has_control_characters = re.compile(rb"[\x00-\x1f\x7f]").search


class Credentials(NamedTuple):
    """What a client says of itself. The password stays bytes: the hashes in the users file are made of bytes."""

    user: str
    password: bytes


def read_basic(authorization: bytes | str | None) -> Credentials | None:
    """User and password in the header's value; None for another scheme and for whatever RFC 7617 does not allow.

    The user's name is UTF-8 and ends at the first colon, so that no name holds one; the password may. Control
    characters are in neither.
    """
    if authorization is None:
        return None
    try:
        value = authorization.encode("ascii") if isinstance(authorization, str) else authorization
        scheme, _, token = value.partition(b" ")
        if scheme.lower() != b"basic":
            return None
        decoded = a2b_base64(token.strip(b" "), strict_mode=True)
        name, colon, password = decoded.partition(b":")
        if not colon or not name or _has_control_characters(decoded):
            return None
        return Credentials(name.decode(), password)
    except ValueError:  # not ASCII, not base64, not UTF-8
        return None

"""The users file of stock ganeti-rapi, `rapi/users`: `USER PASSWORD [OPTION,...]` a line. No I/O.

As stock reads it (ganeti-rapi(8)): blank lines and lines that start with `#` are skipped, the last line of a user is
the one that counts, a line that names no password is ignored, and only the options `read` and `write` give a right. The
password stands in clear text, with `{CLEARTEXT}` before it or without, or as `{HA1}` and the MD5 of
`USER:REALM:PASSWORD` (RFC 2617 3.2.2.2). One thing is otherwise: an empty password lets nobody in.
"""

from __future__ import annotations

import re

from rapier.access.htpasswd import Users
from rapier.access.rights import EVERY, Rights
from rapier.access.schemes import clear_text, ha1
from rapier.errors import UsersFileError

_is_md5 = re.compile(r"[0-9a-f]{32}").fullmatch
_scheme = re.compile(r"\{([^}]+)\}(.*)", re.DOTALL).fullmatch


def parse_users(content: bytes, path: str) -> Users:
    """The users in `content`; none for an empty one.

    Raises UsersFileError for what is no text. A remark names `path`, a line and its user, and never holds what may be
    a part of a password.
    """
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError:
        raise UsersFileError(f"users file {path} is not UTF-8") from None
    hashes: dict[str, str] = {}
    rights: dict[str, Rights] = {}
    remarks: list[str] = []
    for number, line in enumerate(lines, 1):
        words = line.split(maxsplit=2)
        if not words or words[0].startswith("#"):
            continue
        where = f"users file {path}, line {number}"
        if len(words) == 1:
            remarks.append(f"{where}: one word alone is no user: a line is USER PASSWORD [OPTION,...]")
            continue
        user, password, options = (*words, "")[:3]
        if rights.pop(user, None) is not None:
            hashes.pop(user, None)
            remarks.append(f"{where}, user {user!r}: named before; this line counts, not that one")
        given = {option.strip() for option in options.split(",")} - {""}
        rights[user] = frozenset(given & EVERY)
        if given - EVERY:
            remarks.append(f"{where}, user {user!r}: an option that is neither read nor write gives no right")
        try:
            hashes[user] = _stored(user, password)
        except ValueError as problem:
            remarks.append(f"{where}, user {user!r}: {problem}, so nobody comes in by it")
    return Users(hashes, {user: rights[user] for user in hashes}, tuple(remarks))


def _stored(user: str, password: str) -> str:
    """What a password is compared with. Raises ValueError, whose text never holds `password`, where nothing matches."""
    if not password.startswith("{"):
        return clear_text(password)
    found = _scheme(password)
    match found and (found[1].upper(), found[2]):
        case ("CLEARTEXT", ""):
            raise ValueError("the password is empty")
        case ("CLEARTEXT", text):
            return clear_text(text)
        case ("HA1", text) if _is_md5(text.lower()):
            return ha1(user, text.lower())
        case ("HA1", _):
            raise ValueError("{HA1} is followed by 32 hexadecimal digits")
    raise ValueError("what begins with { is {CLEARTEXT} or {HA1}")

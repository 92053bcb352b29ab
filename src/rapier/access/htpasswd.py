"""The format of Apache's users file: `user:hash` a line, and nothing else that counts. No I/O.

As Apache reads it: blank lines and lines that start with `#` are skipped, the first line of a user is the one that
counts, and what follows a second colon does not. A file with one line that Rapier would not understand is refused
whole, since nobody can know who was meant by it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from rapier.access.rights import EVERY, Rights
from rapier.access.schemes import scheme_of
from rapier.errors import UsersFileError

_REPORTED_AT_MOST = 5
_control_characters = re.compile(r"[\x00-\x1f\x7f]")


class Users(NamedTuple):
    """A users file, read: each user's hash and rights by name, and what the administrator ought to know."""

    hashes: dict[str, str]
    rights: dict[str, Rights]
    remarks: tuple[str, ...]


def parse_users(content: bytes, path: str) -> Users:
    """The users in `content`; none for an empty one.

    Raises UsersFileError, which names `path`, each bad line and its user, but never holds what stands for a password.
    """
    hashes: dict[str, str] = {}
    faults: list[str] = []
    remarks: list[str] = []
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith(b"#"):
            continue
        try:
            user, stored = _parse_line(line)
        except ValueError as problem:
            faults.append(f"line {number}{_user_named_in(line)}: {problem}")
            continue
        if user in hashes:
            remarks.append(f"users file {path}, line {number}, user {user!r}: named before; that line counts, not this")
            continue
        hashes[user] = stored
        if scheme_of(stored).name == "DES crypt":
            remarks.append(
                f"users file {path}, line {number}, user {user!r}: DES crypt, of which only a password's first 8 bytes "
                "count; if these 13 letters are a password in plain text, it will match nothing"
            )
    if faults:
        more = f"; and {len(faults) - _REPORTED_AT_MOST} lines more" if len(faults) > _REPORTED_AT_MOST else ""
        raise UsersFileError(
            f"users file {path}: {'; '.join(faults[:_REPORTED_AT_MOST])}{more}. "
            f"To write a line anew: rapier passwd {path} USER"
        )
    return Users(hashes, dict.fromkeys(hashes, EVERY), tuple(remarks))


def check_user_name(user: str) -> None:
    """Raise ValueError, with a text that says why, for a name that no line of the file can hold."""
    if not user:
        raise ValueError("a user's name cannot be empty")
    if ":" in user:
        raise ValueError(f"a user's name cannot hold a colon: {user!r}")
    if _control_characters.search(user):
        raise ValueError(f"a user's name cannot hold control characters: {user!r}")
    if not _is_utf8(user):
        raise ValueError(f"a user's name has to be UTF-8: {user!r}")
    if user.startswith("#") or user != user.strip():
        raise ValueError(f"a user's name cannot begin with '#', nor begin or end with a space: {user!r}")


def with_user(content: bytes, user: str, stored: str) -> bytes:
    """`content` with `stored` as the user's hash, in the user's old place or at the end; all else stays as it is."""
    new_line = f"{user}:{stored}\n".encode()
    lines: list[bytes] = []
    for line in _whole_lines(content):
        if not _is_line_of(line, user):
            lines.append(line)
        elif new_line not in lines:  # a second line of the same user would come to count when the first is removed
            lines.append(new_line)
    if new_line not in lines:
        lines.append(new_line)
    return b"".join(lines)


def without_user(content: bytes, user: str) -> bytes:
    """`content` without any line of the user. Raises ValueError where there is none."""
    lines = _whole_lines(content)
    kept = [line for line in lines if not _is_line_of(line, user)]
    if len(kept) == len(lines):
        raise ValueError(f"there is no user {user!r}")
    return b"".join(kept)


def _parse_line(line: bytes) -> tuple[str, str]:
    try:
        text = line.decode().rstrip()
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    user, colon, rest = text.partition(":")
    if not colon:
        raise ValueError("no colon: a line is USER:HASH")
    check_user_name(user)
    stored = rest.partition(":")[0]
    scheme_of(stored)
    return user, stored


def _is_utf8(text: str) -> bool:
    """No, for what the command line passed on undecoded (PEP 383)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _user_named_in(line: bytes) -> str:
    """The user as part of a message; nothing where the line has no colon, since all of it may be a password."""
    user, colon, _ = line.partition(b":")
    return f", user {user.decode(errors='replace')!r}" if colon else ""


def _whole_lines(content: bytes) -> list[bytes]:
    lines = content.splitlines(keepends=True)
    if lines and not lines[-1].endswith((b"\n", b"\r")):
        lines[-1] += b"\n"
    return lines


def _is_line_of(line: bytes, user: str) -> bool:
    return line.startswith(user.encode() + b":")

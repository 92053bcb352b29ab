"""Changing a users file, as `rapier passwd` does: whole or not at all, seen by a running daemon at once."""

from __future__ import annotations

import re
from pathlib import Path

from rapier.access.files import changing, replace_file
from rapier.access.htpasswd import check_user_name, with_user, without_user
from rapier.access.schemes import make_hash
from rapier.errors import UsersFileError

_control_characters = re.compile(r"[\x00-\x1f\x7f]")


def set_password(path: Path, user: str, password: str) -> bool:
    """Have the user in the file with this password, as bcrypt; a file that is not there is made, mode 0600.

    Answers whether the file was made. Raises UsersFileError, and then nothing has changed.
    """
    try:
        check_user_name(user)
        stored = make_hash(_checked(password))
    except ValueError as problem:
        raise UsersFileError(f"{path} is unchanged: {problem}") from problem
    try:
        with changing(path):
            made = not path.exists()
            replace_file(path, with_user(b"" if made else path.read_bytes(), user, stored))
            return made
    except OSError as problem:
        raise _not_changed(path, problem) from problem


def remove_user(path: Path, user: str) -> None:
    """Have the user in the file no longer. Raises UsersFileError, also where there was none."""
    try:
        with changing(path):
            replace_file(path, without_user(path.read_bytes(), user))
    except ValueError as problem:
        raise UsersFileError(f"{path} is unchanged: {problem}") from problem
    except OSError as problem:
        raise _not_changed(path, problem) from problem


def _checked(password: str) -> bytes:
    if not password:
        raise ValueError("the password is empty")
    if _control_characters.search(password):
        raise ValueError("the password holds control characters, which HTTP Basic cannot carry")
    try:
        return password.encode()
    except UnicodeEncodeError:  # typed on a terminal that is not UTF-8 (PEP 383)
        raise ValueError("the password has to be UTF-8") from None


def _not_changed(path: Path, problem: OSError) -> UsersFileError:
    return UsersFileError(f"{path} is unchanged: {problem.filename or path}: {problem.strerror}")

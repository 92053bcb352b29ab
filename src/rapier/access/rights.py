"""What a user may do, in the words of the stock users file's options."""

from __future__ import annotations

Rights = frozenset[str]

READ = "read"
WRITE = "write"

NONE: Rights = frozenset()
EVERY: Rights = frozenset({READ, WRITE})  # of whoever is in a file of htpasswd's

# What may be needed: any one of these is enough. `NONE` is needed where it is enough to be known.
READER: Rights = frozenset({READ, WRITE})
WRITER: Rights = frozenset({WRITE})


def suffice(rights: Rights, needed: Rights) -> bool:
    """Whether who has `rights` may do what needs any one of `needed`."""
    return not needed or bool(rights & needed)

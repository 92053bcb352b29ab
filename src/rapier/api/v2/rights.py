"""Who may do what on version 2: stock's rule, and where it makes an exception. The one table of it.

The rule: reads need no right, all else needs the right to write. Where no right is needed it is enough to be a user,
and with anonymous reads to be anybody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from rapier.access.rights import NONE, READER, WRITER, Rights

# method, URI with its variable parts left out
_EXCEPTIONS: Mapping[tuple[str, str], Rights] = {
    ("GET", "/2/instances/{}/console"): READER,
    ("GET", "/2/query/{}"): READER,
    ("PUT", "/2/query/{}"): READER,  # a read whose question is too long for a URI
    ("GET", "/2/jobs/{}/wait"): WRITER,
    ("GET", "/2/nodes/{}/storage"): WRITER,
}


def needed(method: str, uri: str) -> Rights:
    """Any one of these rights is needed. `uri` is a key of `routes.ROUTES`."""
    shape = re.sub(r"\{[^}]*\}", "{}", uri)
    return _EXCEPTIONS.get((method, shape), NONE if method == "GET" else WRITER)

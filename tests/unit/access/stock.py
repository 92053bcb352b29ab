"""Runs beside Ganeti's own code: what it makes of a users file, and which rights its resources need.

Not imported: it is started with Debian's Python, as `stock.py FOLDER`, with `[[CONTENT, [[USER, PASSWORD], ...]], ...]`
on its standard input.
"""

import json
import logging
import sys
from typing import Any

sys.path.insert(0, sys.argv[1])
logging.disable(logging.CRITICAL)

from ganeti.http import auth  # type: ignore[import-not-found]  # noqa: E402
from ganeti.rapi import baserlib, connector  # type: ignore[import-not-found]  # noqa: E402
from ganeti.server import rapi  # type: ignore[import-not-found]  # noqa: E402


def judged(content: str, tries: Any) -> Any:
    """For each try the user's options where the password is right, else null."""
    users = auth.ParsePasswordFile(content)
    handler = rapi.RemoteApiHandler(users.get, True)
    return [
        users[name].options
        if name in users and handler.VerifyBasicAuthPassword(None, name, password, users[name].password)
        else None
        for name, password in tries
    ]


def rights() -> Any:
    """The rights that each method of each resource needs one of, by `METHOD URI`."""
    uri = lambda *parts: "".join(getattr(part, "content", part) for part in parts)  # noqa: E731
    handlers = connector.GetHandlers(*["{}"] * 8, translate=uri)
    found = {}
    for path, kind in handlers.items():
        handler = kind([""] * 3, {}, None)
        for method in ("GET", "PUT", "POST", "DELETE"):
            if hasattr(handler, method):
                found[f"{method} {path}"] = list(baserlib.GetHandlerAccess(handler, method))
    return found


answers = {"users": [judged(content, tries) for content, tries in json.load(sys.stdin)], "rights": rights()}
json.dump(answers, sys.stdout)

"""Prints what Debian's ganeti-rapi itself knows of its URIs, a row as JSON in each line.

Not imported: it is started with Debian's Python, as `stocks_tables.py FOLDER`. A row is: URI, method, the rights of
which any one is enough, the opcode, what is renamed, what is forbidden.
"""

import json
import sys

sys.path.insert(0, sys.argv[1])

from ganeti.rapi import connector  # type: ignore[import-not-found]

NAMES = [f"{{{name}}}" for name in ("node", "instance", "group", "network", "job", "disk", "filter", "resource")]

for place, handler in connector.GetHandlers(*NAMES).items():
    uri = place if isinstance(place, str) else place.pattern.strip("^$").replace("(", "").replace(")", "")
    for method in ("GET", "PUT", "POST", "DELETE"):
        opcode = getattr(handler, f"{method}_OPCODE", None)
        if opcode is None and not hasattr(handler, method):
            continue
        rights = sorted(getattr(handler, f"{method}_ACCESS"))
        renamed = getattr(handler, f"{method}_RENAME", None) or {}
        forbidden = getattr(handler, f"{method}_FORBIDDEN", None) or []
        print(json.dumps([uri, method, rights, opcode and opcode.OP_ID, renamed, list(forbidden)]))

"""Prints what Debian's ganeti makes of values: reads a list from standard input, writes their texts as a list.

Not imported: it is started with Debian's Python, as `stocks_text.py FOLDER`.
"""

import json
import sys

sys.path.insert(0, sys.argv[1])

from ganeti import serializer  # type: ignore[import-not-found]

print(json.dumps([serializer.DumpJson(value).decode() for value in json.load(sys.stdin)]))

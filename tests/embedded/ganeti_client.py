"""Runs beside Ganeti's own LUXI client: a call a line on the standard input as JSON, its answer a line on the output.

Not imported: it is started with Debian's Python, which has what Ganeti needs.
"""

import json
import sys
from typing import Any

sys.path.insert(0, sys.argv[1])

from ganeti import errors, luxi, objects, opcodes  # type: ignore[import-not-found]


def with_opcodes(value: Any) -> Any:
    """`{"OP_ID": ...}` becomes one of Ganeti's opcode objects, wherever it stands."""
    if isinstance(value, dict) and "OP_ID" in value:
        opcode = opcodes.OpCode.LoadOpCode(value)
        opcode.Validate(True)
        return opcode
    return [with_opcodes(one) for one in value] if isinstance(value, list) else value


def plain(value: Any) -> Any:
    """What the client makes of an answer, as JSON."""
    if isinstance(value, objects.ConfigObject):
        return {"made": type(value).__name__, **value.ToDict()}
    return value


client = luxi.Client(address=sys.argv[2])
for line in sys.stdin:
    method, arguments = json.loads(line)
    try:
        answer = {"result": plain(getattr(client, method)(*with_opcodes(arguments)))}
    except errors.GenericError as problem:
        answer = {"error": type(problem).__name__, "args": problem.args}
    except luxi.RequestError as problem:
        answer = {"error": "RequestError", "args": problem.args}
    print(json.dumps(answer), flush=True)

"""Runs beside Ganeti's own code: reads questions as JSON from the standard input, and answers what Ganeti thinks.

Not imported: it is started with Debian's Python, which has what Ganeti needs.
"""

import json
import logging
import sys
from typing import Any

sys.path.insert(0, sys.argv[1])
logging.disable(logging.CRITICAL)

from ganeti import errors, opcodes, serializer  # type: ignore[import-not-found]  # noqa: E402


def received(params: Any) -> Any:
    """Parameters as stock's RAPI reads them from a body: it wraps those that are private, and checks for the wrap."""
    return serializer.LoadJson(json.dumps(params))


def accepts(check: Any, name: str, value: Any) -> Any:
    """true, false, or null where Ganeti fails to look at the value."""
    try:
        return bool(check(received({name: value})[name]))
    except Exception:
        return None


def filled(op_id: str, params: Any) -> Any:
    """The opcode with its defaults, the text of the refusal, or null where Ganeti fails to look at a value."""
    try:
        opcode = opcodes.OP_MAPPING[op_id](**received(params))
    except Exception as problem:
        return str(problem) if "support" in str(problem) else None
    try:
        opcode.Validate(True)
    except errors.OpPrereqError as problem:
        return problem.args[0]
    except Exception:
        return None
    return json.loads(serializer.DumpJson(opcode.__getstate__(), private_encoder=serializer.EncodeWithPrivateFields))


asked = json.load(sys.stdin)
values = asked["values"]
answers = {
    "parameters": {
        op_id: {
            name: {
                "default": default() if callable(default) else default,
                "accepts": [accepts(check, name, value) for value in values],
            }
            for name, default, check, _ in kind.GetAllParams()
        }
        for op_id, kind in opcodes.OP_MAPPING.items()
    },
    "summary_fields": {op_id: getattr(kind, "OP_DSC_FIELD", None) for op_id, kind in opcodes.OP_MAPPING.items()},
    "filled": [filled(op_id, params) for op_id, params in asked["opcodes"]],
}
json.dump(answers, sys.stdout)

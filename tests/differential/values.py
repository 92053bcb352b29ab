"""JSON values of Ganeti's types, and values that are not."""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from rapier.ganeti.words import JSONSchema, Type, read

# No letters beyond ASCII: luxid in the C locale, as the lab's is, cannot write the message that names one, and says
# nothing for a minute.

# Names of what is there, of what is not, and texts that some type or other wants
TEXTS = (
    *("node1", "node2", "differential-up", "differential-down", "differential", "default", "no-such-thing"),
    *("dummy+default", "hail", "fake", "diskless", "sharedfile", "live", "32m", "1", "-1", "192.0.2.1", "2001:db8::1"),
    *("192.0.2.0/24", "2001:db8::/64", "aa:00:00:11:22:33", "xen-br0", "none", "gzip", "a b", "<b>&'\"", " ", ""),
)
NUMBERS = (0, 1, 2, 5, 15, 16, 128, 1024, 2**31, 2**40, -1, -128)
KEYS = ("memory", "maxmem", "vcpus", "kernel_path", "usb_devices", "size", "mode", "0", "fake", "dummy", "")

texts = st.sampled_from(TEXTS)
numbers = st.sampled_from(NUMBERS)
atoms: SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), numbers, st.sampled_from((0.0, 1.0, 0.5, -2.25, 1e300)), texts
)
anything: SearchStrategy[Any] = st.recursive(
    atoms,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)),
    max_leaves=5,
)


def accepted(kind: Type, value: Any) -> bool:
    """Whether the value is of the type; one that cannot even be compared is not."""
    try:
        return kind.accepts(value)
    except TypeError:
        return False


@cache
def fitting(words: str) -> SearchStrategy[Any]:
    """Values of the type that Ganeti calls so; the shortest of them first."""
    kind = read(words)
    return _of(kind.schema).filter(lambda value: accepted(kind, value))


@cache
def unfitting(words: str) -> SearchStrategy[Any]:
    """Values that are not of that type; for one that takes everything, everything."""
    kind = read(words)
    if accepted(kind, object()):
        return anything
    return anything.filter(lambda value: not accepted(kind, value))


def _of(schema: JSONSchema) -> SearchStrategy[Any]:
    """Values as a type's JSON Schema has them. Not all that a type asks for is in there, hence the filter above."""
    if "anyOf" in schema:
        return st.one_of([_of(one) for one in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "integer":
            return numbers
        case "number":
            return st.sampled_from((0.0, 1.5, 100.0))
        case "string":
            return texts
        case "array":
            return _array(schema)
        case "object":
            keys = _of({"type": "string", **schema.get("propertyNames", {})})
            values = _of(schema["additionalProperties"]) if "additionalProperties" in schema else anything
            return st.dictionaries(keys, values, max_size=2)
        case list():  # the id of a job
            return st.one_of(numbers, st.just("1"))
    return anything


def _array(schema: JSONSchema) -> SearchStrategy[Any]:
    if "prefixItems" in schema:
        return st.tuples(*[_of(one) for one in schema["prefixItems"]]).map(list)
    if "minItems" in schema:
        return st.lists(anything, min_size=schema["minItems"], max_size=schema["maxItems"])
    return st.lists(_of(schema.get("items", {})), max_size=2)

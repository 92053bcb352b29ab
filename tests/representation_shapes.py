"""Shapes that resemble what the API answers, and values of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from hypothesis import strategies as st
from msgspec import UNSET, Meta, Struct, UnsetType


class Disk(Struct):
    uuid: str
    size_mib: Annotated[int, Meta(description="MiB")]
    name: str | None = None


class Unavailable(Struct):
    unavailable: Literal["offline", "timeout", "no-data"]


class Live(Struct):
    status: str | UnsetType = UNSET
    memory_mib: int | Unavailable | UnsetType = UNSET
    load: float | UnsetType = UNSET
    unavailable: Literal["offline", "timeout", "no-data"] | UnsetType = UNSET


class Parameters(Struct):
    hvparams: dict[str, Any]
    beparams: dict[str, int]
    osparams: dict[str, str]


class Instance(Struct):
    kind: Literal["instance"]
    name: str
    serial_no: int
    primary_node: str | None
    secondary_nodes: list[str]
    disks: list[Disk]
    custom: Parameters
    admin_state: Annotated[Literal["up", "down", "offline"], Meta(description="What the administrator wants")]
    tags: list[str]
    enabled: bool
    ratio: float | None
    pairs: list[list[str | int | None]]
    live: Live | UnsetType = UNSET
    children: list[Instance] | UnsetType = UNSET
    memory_mib: int | UnsetType = UNSET


class Startup(Struct, tag="OP_INSTANCE_STARTUP", tag_field="OP_ID"):
    instance_name: str
    force: bool = False


class Migrate(Struct, tag="OP_INSTANCE_MIGRATE", tag_field="OP_ID"):
    instance_name: str
    mode: Literal["live", "non-live"] | None
    force: int = 0


class Job(Struct):
    kind: Literal["job"]
    id: str
    ops: list[Startup | Migrate]
    results: list[Any]


class InstanceCollection(Struct):
    items: list[Instance]
    next: str | UnsetType = UNSET
    incomplete: list[dict[str, str]] = []


ODD_KEYS = ["", "0", "a", "hv/serial", "disk.size/0", "xml:lang", "xmlns", "XML1", "entry", "item", "i", "type", "key"]
ODD_KEYS += ["a b", " a", "\t\n\r", "\x00", "é", "ſ", "-a", "_a", "a.b-c", "<&>\"'", "\ufffe", "😀"]

text = st.text() | st.sampled_from(
    ["", " ", "\r\n", "\r", " a ", "]]>", "<&>\"'", "\x0b", "a\x00b", "\u2028\x85", "😀", "true"]
)
keys = st.sampled_from(ODD_KEYS) | text
integers = st.integers() | st.sampled_from([2**64, -(2**70), 0])
floats = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | integers | floats | text
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)


def maps(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(keys, values, max_size=5)


disks = st.fixed_dictionaries({"uuid": text, "size_mib": integers}, optional={"name": st.none() | text})
unavailable = st.fixed_dictionaries({"unavailable": st.sampled_from(["offline", "timeout", "no-data"])})
live = st.fixed_dictionaries({"status": text, "memory_mib": integers | unavailable, "load": floats | integers})
parameters = st.fixed_dictionaries({"hvparams": maps(anything), "beparams": maps(integers), "osparams": maps(text)})


def _instances(children: st.SearchStrategy[Any] | None = None) -> st.SearchStrategy[dict[str, Any]]:
    optional: dict[str, st.SearchStrategy[Any]] = {"live": live | unavailable, "memory_mib": integers}
    if children is not None:
        optional["children"] = st.lists(children, max_size=2)
    return st.fixed_dictionaries(
        {
            "kind": st.just("instance"),
            "name": text,
            "serial_no": integers,
            "primary_node": st.none() | text,
            "secondary_nodes": st.lists(text, max_size=3),
            "disks": st.lists(disks, max_size=3),
            "custom": parameters,
            "admin_state": st.sampled_from(["up", "down", "offline"]),
            "tags": st.lists(text, max_size=3),
            "enabled": st.booleans(),
            "ratio": st.none() | floats,
            "pairs": st.lists(st.lists(text | integers | st.none(), max_size=3), max_size=3),
        },
        optional=optional,
    )


instances = _instances(_instances())
startups = st.fixed_dictionaries(
    {"OP_ID": st.just("OP_INSTANCE_STARTUP"), "instance_name": text, "force": st.booleans()}
)
migrates = st.fixed_dictionaries(
    {
        "OP_ID": st.just("OP_INSTANCE_MIGRATE"),
        "instance_name": text,
        "mode": st.sampled_from(["live", "non-live", None]),
        "force": integers,
    }
)
jobs = st.fixed_dictionaries(
    {
        "kind": st.just("job"),
        "id": text,
        "ops": st.lists(startups | migrates, max_size=3),
        "results": st.lists(anything, max_size=3),
    }
)
collections = st.fixed_dictionaries(
    {"items": st.lists(instances, max_size=2), "incomplete": st.lists(maps(text), max_size=2)}, optional={"next": text}
)

VALUES: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (Instance, instances),
    (Job, jobs),
    (InstanceCollection, collections),
    (dict[str, Any], maps(anything)),
    (list[list[str]], st.lists(st.lists(text, max_size=3), max_size=3)),
    (Any, anything),
    (int | None, integers | st.none()),
    (list[Disk] | None, st.none() | st.lists(disks, max_size=3)),
    (str, text),
]

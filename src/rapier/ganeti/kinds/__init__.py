"""The kinds of objects a cluster has, one module each: the object's members, and the opcodes that change it.

A new kind is a module here and a row in `KINDS`; version 2's lists of fields and version 3's objects are views of it.
"""

from __future__ import annotations

from rapier.ganeti.kinds.cluster import CLUSTER
from rapier.ganeti.kinds.group import GROUP
from rapier.ganeti.kinds.instance import GROW_DISK, INSTANCE, QUERY_DATA
from rapier.ganeti.kinds.job import JOB
from rapier.ganeti.kinds.kind import Kind
from rapier.ganeti.kinds.network import NETWORK
from rapier.ganeti.kinds.node import NODE
from rapier.ganeti.kinds.system import OS, OS_DIAGNOSE

KINDS = (CLUSTER, INSTANCE, NODE, GROUP, NETWORK, JOB, OS)

# What changes tags, whatever they hang on: `kind` and `name` say which object
TAGS_SET = "OP_TAGS_SET"
TAGS_DELETE = "OP_TAGS_DEL"

__all__ = [
    "CLUSTER",
    "GROUP",
    "GROW_DISK",
    "INSTANCE",
    "JOB",
    "KINDS",
    "NETWORK",
    "NODE",
    "OS",
    "OS_DIAGNOSE",
    "QUERY_DATA",
    "TAGS_DELETE",
    "TAGS_SET",
    "Kind",
]

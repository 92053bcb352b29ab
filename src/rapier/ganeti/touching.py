"""Which objects a job touches: those whose own configuration its opcodes may change.

An object's *own* configuration is what is stored with it: an instance's nodes, disks, NICs and parameters, a node's
role and group, tags. Figures (free memory, which instances a node has) and inherited values are not: creating an
instance touches no node, and changing the cluster's defaults touches no instance.

One row for each opcode, read off the logical units of Ganeti 3.0.2 (lib/cmdlib). Most opcodes touch what they name. A
row that says more or less than that says why. What an opcode's jobs will touch counts as well, since those are not in
the queue before their parent has ended. What cannot be told touches everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

CLUSTER, INSTANCE, NODE, GROUP, NETWORK = KINDS = ("cluster", "instance", "node", "group", "network")
ANY = "*"  # in the place of a name: every object of that kind; no object can be called so

Touch = tuple[str, str]
Touches = frozenset[Touch]
Queued = Mapping[str, Any]  # an opcode as it stands in the queue: OP_ID and parameters
Rule = Callable[[Queued], Iterable[Touch]]

NOTHING: Touches = frozenset()
EVERYTHING: Touches = frozenset((kind, ANY) for kind in KINDS)


@dataclass(frozen=True)
class Target:
    """What a write is about: one object by all its names (name and uuid), all objects of a kind, or everything."""

    kinds: frozenset[str]
    names: frozenset[str] = frozenset({ANY})

    @classmethod
    def object(cls, kind: str, *names: str) -> Target:
        """One object; the cluster's names do not matter."""
        return cls(frozenset({kind}), frozenset({ANY} if kind == CLUSTER else names))

    @classmethod
    def collection(cls, kind: str) -> Target:
        """Every object of a kind, those to come included."""
        return cls(frozenset({kind}))

    @classmethod
    def everything(cls) -> Target:
        """Every object of the cluster, and the cluster."""
        return cls(frozenset(KINDS))

    def touched_by(self, opcodes: Iterable[Queued]) -> bool:
        """Whether a job of these opcodes touches it. Names may be short in the queue: one that could be ours is."""
        return any(
            kind in self.kinds and any(_may_be_the_same(name, own) for own in self.names)
            for kind, name in touches(opcodes)
        )


def touches(opcodes: Iterable[Queued]) -> Touches:
    """The objects that a job of these opcodes touches, by kind and the name or uuid that the opcodes give."""
    touched: set[Touch] = set()
    for opcode in opcodes:
        # nothing is carried out: luxid's logical units answer a dry run after their checks
        if opcode.get("dry_run") is True:
            continue
        rules = RULES.get(str(opcode.get("OP_ID")))
        if rules is None:
            return EVERYTHING
        for rule in rules:
            try:
                named = frozenset(rule(opcode))
            except (KeyError, TypeError, AttributeError):  # parameters of another shape than the table's
                return EVERYTHING
            touched |= named
    return frozenset(touched)


def surely_change(opcodes: Iterable[Queued]) -> bool:
    """Whether a job of these opcodes that ended well has changed what it touches.

    Others may find it as it was to be: a reboot, a startup of what is up.
    """
    return any(opcode.get("OP_ID") in _SURELY_CHANGE and opcode.get("dry_run") is not True for opcode in opcodes)


def _may_be_the_same(one: str, other: str) -> bool:
    """Ganeti takes an instance's or node's name without its domain, in any case; and a new one may get a domain."""
    one, other = one.casefold(), other.casefold()
    return ANY in (one, other) or one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


# -- rules -----------------------------------------------------------------------------------------------------------


def _named(kind: str, *parameters: str) -> Rule:
    """What these parameters name, one or a list each. An opcode that names none of the kind could mean any."""

    def rule(opcode: Queued) -> Iterable[Touch]:
        names: list[str] = []
        for parameter in parameters:
            value = opcode.get(parameter) or []
            listed = [value] if isinstance(value, str) else value
            if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
                raise TypeError(f"{parameter} holds no names")
            names += listed
        return [(kind, name) for name in names] or [(kind, ANY)]

    return rule


def _all(kind: str) -> Rule:
    return lambda opcode: [(kind, ANY)]


def _when(parameter: str, rule: Rule) -> Rule:
    """`rule` where the opcode's parameter is set."""
    return lambda opcode: rule(opcode) if opcode.get(parameter) else ()


def _everything(opcode: Queued) -> Iterable[Touch]:
    return EVERYTHING


def _tagged(opcode: Queued) -> Iterable[Touch]:
    match opcode["kind"], opcode.get("name"):
        case "cluster", _:
            return [(CLUSTER, ANY)]
        case "nodegroup", str(name):
            return [(GROUP, name)]
        case ("instance" | "node" | "network") as kind, str(name):
            return [(kind, name)]
    return EVERYTHING


def _allocated_together(opcode: Queued) -> Iterable[Touch]:
    return [(INSTANCE, str(one["instance_name"])) for one in opcode["instances"]]


_cluster = _all(CLUSTER)
_instance = _named(INSTANCE, "instance_name", "instance_uuid")
_node = _named(NODE, "node_name", "node_uuid")
_group = _named(GROUP, "group_name")
_network = _named(NETWORK, "network_name")

_SURELY_CHANGE = frozenset(
    {
        "OP_GROUP_ADD",
        "OP_GROUP_REMOVE",
        "OP_GROUP_RENAME",
        "OP_INSTANCE_CREATE",
        "OP_INSTANCE_GROW_DISK",
        "OP_INSTANCE_REMOVE",
        "OP_INSTANCE_RENAME",
        "OP_NETWORK_ADD",
        "OP_NETWORK_REMOVE",
        "OP_TAGS_DEL",
        "OP_TAGS_SET",
    }
)

RULES: Mapping[str, tuple[Rule, ...]] = {
    # It may be shut down, its disks activated, and with `remove_instance` it goes
    "OP_BACKUP_EXPORT": (_instance,),
    # Files on a node, of an instance that may be gone
    "OP_BACKUP_PREPARE": (),
    "OP_BACKUP_REMOVE": (),
    "OP_CLUSTER_ACTIVATE_MASTER_IP": (),
    "OP_CLUSTER_CONFIG_QUERY": (),
    "OP_CLUSTER_DEACTIVATE_MASTER_IP": (),
    "OP_CLUSTER_DESTROY": (_everything,),
    # Hooks
    "OP_CLUSTER_POST_INIT": (_cluster,),
    "OP_CLUSTER_QUERY": (),
    # Writes the cluster object anew: its serial number and time move
    "OP_CLUSTER_REDIST_CONF": (_cluster,),
    "OP_CLUSTER_RENAME": (_cluster,),
    # The candidates' certificates are the cluster's
    "OP_CLUSTER_RENEW_CRYPTO": (_cluster,),
    # No instance named: all
    "OP_CLUSTER_REPAIR_DISK_SIZES": (_named(INSTANCE, "instances"),),
    # `candidate_pool_size` changes nodes' roles; `instance_communication_network` makes a network and, by jobs,
    # connects every group to it
    "OP_CLUSTER_SET_PARAMS": (_cluster, _all(NODE), _when("instance_communication_network", _everything)),
    # Looks, and jobs that look
    "OP_CLUSTER_VERIFY": (),
    "OP_CLUSTER_VERIFY_CONFIG": (),
    "OP_CLUSTER_VERIFY_DISKS": (),
    "OP_CLUSTER_VERIFY_GROUP": (),
    "OP_EXT_STORAGE_DIAGNOSE": (),
    # A new group may be connected, by a job, to the network for instances' communication
    "OP_GROUP_ADD": (_group, _all(NETWORK)),
    # The nodes leave groups that it does not name
    "OP_GROUP_ASSIGN_NODES": (_all(GROUP), _named(NODE, "nodes", "node_uuids")),
    # By jobs: whatever instance has a node there
    "OP_GROUP_EVACUATE": (_group, _all(INSTANCE)),
    "OP_GROUP_REMOVE": (_group,),
    "OP_GROUP_RENAME": (_named(GROUP, "group_name", "new_name"),),
    "OP_GROUP_SET_PARAMS": (_group,),
    "OP_GROUP_VERIFY_DISKS": (),
    # Whether its disks are active is an instance's own
    "OP_INSTANCE_ACTIVATE_DISKS": (_instance,),
    # By jobs, which are about the same instance
    "OP_INSTANCE_CHANGE_GROUP": (_instance,),
    "OP_INSTANCE_CONSOLE": (),
    # A node's figures change, and a network's map of addresses: neither is their own configuration
    "OP_INSTANCE_CREATE": (_named(INSTANCE, "instance_name"),),
    "OP_INSTANCE_DEACTIVATE_DISKS": (_instance,),
    "OP_INSTANCE_FAILOVER": (_instance,),
    "OP_INSTANCE_GROW_DISK": (_instance,),
    "OP_INSTANCE_MIGRATE": (_instance,),
    "OP_INSTANCE_MOVE": (_instance,),
    "OP_INSTANCE_MULTI_ALLOC": (_allocated_together,),
    "OP_INSTANCE_QUERY_DATA": (),
    "OP_INSTANCE_REBOOT": (_instance,),
    "OP_INSTANCE_RECREATE_DISKS": (_instance,),
    "OP_INSTANCE_REINSTALL": (_instance,),
    "OP_INSTANCE_REMOVE": (_instance,),
    "OP_INSTANCE_RENAME": (_named(INSTANCE, "instance_name", "instance_uuid", "new_name"),),
    "OP_INSTANCE_REPLACE_DISKS": (_instance,),
    "OP_INSTANCE_SET_PARAMS": (_instance,),
    "OP_INSTANCE_SHUTDOWN": (_instance,),
    "OP_INSTANCE_STARTUP": (_instance,),
    "OP_NETWORK_ADD": (_network,),
    # Which networks it is connected to is the group's; the network shows its groups
    "OP_NETWORK_CONNECT": (_network, _group),
    "OP_NETWORK_DISCONNECT": (_network, _group),
    "OP_NETWORK_REMOVE": (_network,),
    "OP_NETWORK_SET_PARAMS": (_network,),
    # The group is the default one where it names none; a master candidate's certificate is the cluster's
    "OP_NODE_ADD": (_node, _cluster, _all(GROUP)),
    # By jobs: whatever instance is there
    "OP_NODE_EVACUATE": (_node, _all(INSTANCE)),
    "OP_NODE_MIGRATE": (_node, _all(INSTANCE)),
    "OP_NODE_MODIFY_STORAGE": (_node,),
    "OP_NODE_POWERCYCLE": (_node,),
    "OP_NODE_QUERYVOLS": (),
    "OP_NODE_QUERY_STORAGE": (),
    # Another node may become a master candidate in its place
    "OP_NODE_REMOVE": (_all(NODE), _cluster, _all(GROUP)),
    # With `auto_promote` another node may become a master candidate in its place
    "OP_NODE_SET_PARAMS": (_node, _cluster, _when("auto_promote", _all(NODE))),
    # No node named: all. Whether it is powered is a node's own
    "OP_OOB_COMMAND": (_named(NODE, "node_names", "node_uuids"),),
    "OP_OS_DIAGNOSE": (),
    "OP_QUERY": (),
    "OP_QUERY_FIELDS": (),
    "OP_REPAIR_NODE_STORAGE": (_node,),
    # An administrator's own program on these nodes; nobody knows what it does there, the configuration it cannot change
    "OP_RESTRICTED_COMMAND": (_named(NODE, "nodes", "node_uuids"),),
    "OP_TAGS_DEL": (_tagged,),
    "OP_TAGS_GET": (),
    "OP_TAGS_SEARCH": (),
    "OP_TAGS_SET": (_tagged,),
    "OP_TEST_ALLOCATOR": (),
    # Takes locks, and changes nothing under them
    "OP_TEST_DELAY": (),
    # Submits whatever jobs it is given
    "OP_TEST_DUMMY": (_when("submit_jobs", _everything),),
    "OP_TEST_JQUEUE": (),
    "OP_TEST_OS_PARAMS": (),
}

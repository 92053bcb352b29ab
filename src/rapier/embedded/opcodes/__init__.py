"""Which opcodes the embedded master carries out, and how. A new one is a function and a row here."""

from __future__ import annotations

from collections.abc import Mapping

from rapier.embedded.opcodes import (
    clusters,
    creation,
    disks,
    groups,
    instances,
    migration,
    modification,
    networks,
    nodes,
    systems,
    tags,
    waiting,
)
from rapier.embedded.work import Execution, instance_lock

EXECUTIONS: Mapping[str, Execution] = {
    "OP_INSTANCE_CREATE": Execution(creation.create, creation.locks),
    "OP_INSTANCE_STARTUP": Execution(instances.startup, instance_lock),
    "OP_INSTANCE_SHUTDOWN": Execution(instances.shutdown, instance_lock),
    "OP_INSTANCE_REBOOT": Execution(instances.reboot, instance_lock),
    "OP_INSTANCE_REMOVE": Execution(instances.remove, instance_lock),
    "OP_INSTANCE_QUERY_DATA": Execution(instances.query_data),
    "OP_INSTANCE_MIGRATE": Execution(migration.migrate, migration.locks),
    "OP_INSTANCE_FAILOVER": Execution(migration.fail_over, migration.locks),
    "OP_INSTANCE_GROW_DISK": Execution(disks.grow, instance_lock),
    "OP_INSTANCE_REPLACE_DISKS": Execution(disks.replace, disks.replacement_locks),
    "OP_NODE_MIGRATE": Execution(nodes.migrate, nodes.lock),
    "OP_NODE_EVACUATE": Execution(nodes.evacuate, nodes.lock),
    "OP_NODE_SET_PARAMS": Execution(nodes.set_params, nodes.lock),
    "OP_INSTANCE_RENAME": Execution(instances.rename, instances.rename_locks),
    "OP_INSTANCE_SET_PARAMS": Execution(modification.set_params, modification.locks),
    "OP_CLUSTER_SET_PARAMS": Execution(clusters.set_params, clusters.lock),
    "OP_GROUP_ADD": Execution(groups.add, groups.name_lock),
    "OP_GROUP_REMOVE": Execution(groups.remove, groups.name_lock),
    "OP_GROUP_RENAME": Execution(groups.rename, groups.name_lock),
    "OP_GROUP_SET_PARAMS": Execution(groups.set_params, groups.group_lock),
    "OP_GROUP_ASSIGN_NODES": Execution(groups.assign_nodes, groups.assignment_locks),
    "OP_NETWORK_ADD": Execution(networks.add, networks.addition_locks),
    "OP_NETWORK_REMOVE": Execution(networks.remove, networks.removal_locks),
    "OP_NETWORK_SET_PARAMS": Execution(networks.set_params, networks.lock),
    "OP_NETWORK_CONNECT": Execution(networks.connect, networks.connection_locks),
    "OP_NETWORK_DISCONNECT": Execution(networks.disconnect, networks.connection_locks),
    "OP_TAGS_SET": Execution(tags.set_tags, tags.lock),
    "OP_TAGS_DEL": Execution(tags.delete_tags, tags.lock),
    "OP_TAGS_GET": Execution(tags.get_tags),
    "OP_TAGS_SEARCH": Execution(tags.search_tags),
    "OP_OS_DIAGNOSE": Execution(systems.diagnose),
    "OP_TEST_DELAY": Execution(waiting.delay, waiting.locks),
}

"""Which opcodes the embedded master carries out, and how. A new one is a function and a row here."""

from __future__ import annotations

from collections.abc import Mapping

from rapier.embedded.opcodes import creation, instances, systems, tags, waiting
from rapier.embedded.work import Execution, instance_lock

EXECUTIONS: Mapping[str, Execution] = {
    "OP_INSTANCE_CREATE": Execution(creation.create, creation.locks),
    "OP_INSTANCE_STARTUP": Execution(instances.startup, instance_lock),
    "OP_INSTANCE_SHUTDOWN": Execution(instances.shutdown, instance_lock),
    "OP_INSTANCE_REBOOT": Execution(instances.reboot, instance_lock),
    "OP_INSTANCE_REMOVE": Execution(instances.remove, instance_lock),
    "OP_INSTANCE_QUERY_DATA": Execution(instances.query_data),
    "OP_TAGS_SET": Execution(tags.set_tags, tags.lock),
    "OP_TAGS_DEL": Execution(tags.delete_tags, tags.lock),
    "OP_TAGS_GET": Execution(tags.get_tags),
    "OP_TAGS_SEARCH": Execution(tags.search_tags),
    "OP_OS_DIAGNOSE": Execution(systems.diagnose),
    "OP_TEST_DELAY": Execution(waiting.delay, waiting.locks),
}

"""Guarded writers in a process of their own: guarded_writers.py SOCKET COUNT NAME. Prints what became of them."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path

from rapier.cluster.cluster import Cluster
from rapier.errors import Busy, Stale
from rapier.ganeti.touching import Target
from rapier.luxi.client import Luxi


async def writers(socket: Path, count: int, name: str) -> Counter[str]:
    """What became of so many writers in one more process: how many were `submitted`, `Busy`, `Stale`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, socket, str(count), name, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return Counter(json.loads(said))


async def main(socket: Path, count: int, name: str) -> None:
    """Each would set the cluster's first tag."""
    cluster = Cluster(Luxi(socket))
    outcomes: Counter[str] = Counter()

    async def write(number: int) -> None:
        try:
            await cluster.guard.submit(
                read=lambda: cluster.luxi.query_tags("cluster", None),
                matches=lambda tags: not tags,
                target=lambda tags: Target.object("cluster"),
                opcodes=lambda tags: [
                    {"OP_ID": "OP_TAGS_SET", "kind": "cluster", "tags": [f"{name}-{number}"], "reason": []}
                ],
            )
            outcomes["submitted"] += 1
        except (Busy, Stale) as refusal:
            outcomes[type(refusal).__name__] += 1

    await asyncio.gather(*(write(number) for number in range(count)))
    await cluster.close()
    print(json.dumps(outcomes))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))

"""Rapier with a kind of object and a representation of one's own: what docs/extending.md shows, as a program.

Run as `python extended.py LUXI_SOCKET USERS CERTIFICATE KEY`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from rapier.access.doorkeeper import Doorkeeper
from rapier.access.everyone import Everyone
from rapier.access.users import UsersFile
from rapier.api.app import Application, refusal_of_the_server
from rapier.api.browsers import Origins
from rapier.api.v3.settings import Settings
from rapier.cluster.cluster import Cluster
from rapier.ganeti.kinds import KINDS, Kind
from rapier.ganeti.members import Group, Object, inherited, own
from rapier.luxi.client import Luxi
from rapier.representation.formats import default_registry
from rapier.representation.reading import NotReadable, not_too_deep
from rapier.representation.registry import Representation
from rapier.server import Settings as ServerSettings
from rapier.server import run

# -- a kind of object --------------------------------------------------------------------------------------------------


class Waiting(Group):
    """Jobs that wait for a lock together."""

    mode: str
    jobs: list[str]


def _waiting(pending: list[Any]) -> list[dict[str, Any]]:
    """Ganeti's rows are `[mode, [job, ...]]`."""
    return [{"mode": mode, "jobs": jobs} for mode, jobs in pending]


class Lock(Object, kw_only=True):
    """What jobs hold while they work, so that no two change the same thing."""

    kind: Literal["lock"]
    name: Annotated[str, own("name")]
    mode: Annotated[str | None, inherited("mode")]
    owner: Annotated[list[str] | None, inherited("owner")]
    pending: Annotated[list[Waiting] | None, inherited("pending", _waiting)]


LOCK = Kind("lock", "locks", "name", Lock)

# -- a representation --------------------------------------------------------------------------------------------------


def _encode(value: Any, shape: Any) -> bytes:
    return msgspec.msgpack.encode(value)


def _decode(body: bytes, shape: Any) -> Any:
    try:
        return not_too_deep(msgspec.msgpack.decode(body))
    except (msgspec.DecodeError, RecursionError) as problem:
        raise NotReadable(str(problem)) from None


MESSAGE_PACK = Representation(name="msgpack", media_type="application/msgpack", encode=_encode, decode=_decode)

# -- the daemon --------------------------------------------------------------------------------------------------------


def serve(luxi_socket: Path, users: Path, certificate: Path, key: Path) -> int:
    """As `rapier serve` does, with more kinds and one more format."""
    formats = default_registry()
    formats.register(MESSAGE_PACK)
    version_3 = Settings(kinds=(*KINDS, LOCK), representations=formats)
    return run(
        lambda: Application(
            lambda: Cluster(Luxi(luxi_socket)), Doorkeeper(Everyone([UsersFile(users)])), Origins([]), version_3
        ),
        ServerSettings(listen=(("127.0.0.1", 0),), certificate=certificate, key=key, error_body=refusal_of_the_server),
        announce=lambda urls: print("serving", *urls, flush=True),
    )


if __name__ == "__main__":
    sys.exit(serve(*map(Path, sys.argv[1:])))

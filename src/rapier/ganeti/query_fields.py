"""The fields that luxid answers queries for, by kind of object: `QUERY_FIELDS["instance"]["pnode"]`.

The facts are in `query-fields.json`, read off Ganeti 3.0.2. Asking for a `live` field makes luxid call the nodes, which
takes tenths of a second instead of milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

import msgspec


@dataclass(frozen=True)
class QueryField:
    """One field. `kind` is text, bool, number, unit (MiB), timestamp (seconds since 1970), other or unknown."""

    name: str
    title: str
    kind: str
    live: bool = False


def _load() -> dict[str, dict[str, QueryField]]:
    table = msgspec.json.decode(resources.files(__package__).joinpath("query-fields.json").read_bytes())
    return {kind: {name: QueryField(name, **facts) for name, facts in fields.items()} for kind, fields in table.items()}


QUERY_FIELDS: Mapping[str, Mapping[str, QueryField]] = _load()

"""Parameters of operating systems that are nobody else's business: passwords, mostly (gnt-instance(8), `add`).

luxid shows them in each job that brought them. Ganeti's own programs look for them in all that they read, wherever it
stands, and show the names without the values.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

PRIVATE = frozenset({"osparams_private", "osparams_secret"})
PRIVATE_BY_SYSTEM = "osparams_private_cluster"  # an object of them for each operating system
MARK = b'"osparams_'  # stands in each JSON text that holds any


def hide(value: Any) -> None:
    """Puts null in the place of each private value in what JSON holds; parameters that are null become none."""
    for members, name in _places(value):
        members[name] = dict.fromkeys(members[name] or ())


def none_for_null(value: Any) -> None:
    """What Ganeti's programs make of private parameters that are null when they read them: none."""
    for members, name in _places(value):
        if members[name] is None:
            members[name] = {}


def _places(value: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Each object with a member that holds private parameters or null, and the member's name."""
    todo = [value]
    while todo:
        match todo.pop():
            case list() as items:
                todo += items
            case dict() as members:
                for name, inner in members.items():
                    if name in PRIVATE and _are_parameters(inner):
                        yield members, name
                    elif name == PRIVATE_BY_SYSTEM and isinstance(inner, dict):
                        yield from (
                            (inner, system) for system, of_system in inner.items() if _are_parameters(of_system)
                        )
                    else:
                        todo.append(inner)


def _are_parameters(value: Any) -> bool:
    return value is None or isinstance(value, dict)

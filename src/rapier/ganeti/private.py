"""Private parameters: passwords and the like, for an operating system's scripts. No API shows their values.

Ganeti's own Python programs hide them as soon as they read an answer of the master's.
"""

from __future__ import annotations

from typing import Any

# by name, wherever they stand
PRIVATE = frozenset({"osparams_private", "osparams_secret"})
PRIVATE_BY_SYSTEM = "osparams_private_cluster"  # for each operating system a set of its own
MARK = b'"osparams_'  # stands in each JSON text that holds any


def none_for_null(value: Any) -> None:
    """Makes none of private parameters that are null, wherever they stand in `value`, as Ganeti's programs do."""
    todo = [value]
    while todo:
        match todo.pop():
            case list() as items:
                todo += items
            case dict() as members:
                for name, one in members.items():
                    if name in PRIVATE and one is None:
                        members[name] = {}
                    else:
                        todo.append(one)


def hidden(value: Any) -> Any:
    """A value with null in the place of each private one; the names stay, and no parameters are an empty object."""
    match value:
        case list():
            return [hidden(one) for one in value]
        case dict():
            return {name: _hidden_member(name, one) for name, one in value.items()}
    return value


def _hidden_member(name: str, value: Any) -> Any:
    if name in PRIVATE:
        return dict.fromkeys(value or {})
    if name == PRIVATE_BY_SYSTEM and value is not None:
        return {system: dict.fromkeys(own or {}) for system, own in value.items()}
    return hidden(value)

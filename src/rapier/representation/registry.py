"""The representations there are. A new one is a class that has what `Representation` says, and a call of `register`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from rapier.representation.json import JSON
from rapier.representation.xml import XML


class Representation(Protocol):
    """A format: values of a shape to bytes, and back.

    `name` is what `?format=` says. A shape is a `msgspec.Struct` class or another type that msgspec knows; values are
    plain ones (dictionaries, lists, text, numbers), of that shape.
    """

    name: str
    media_type: str
    problem_media_type: str

    def encode(self, value: Any, shape: Any) -> bytes:
        """The representation of a value."""
        ...

    def encode_problem(self, problem: dict[str, Any]) -> bytes:
        """The representation of a problem document (RFC 9457)."""
        ...

    def decode(self, body: bytes, shape: Any) -> Any:
        """The value; members that the shape does not have are there too. Raises `NotReadable`."""
        ...


class Representations:
    """Those that are registered, in their order: the first is the default."""

    def __init__(self, *known: Representation) -> None:
        self._known = list(known)

    def __iter__(self) -> Iterator[Representation]:
        return iter(self._known)

    def register(self, representation: Representation) -> None:
        """Adds one; from now on clients may ask for it."""
        self._known.append(representation)

    def remove(self, representation: Representation) -> None:
        """Takes one back."""
        self._known.remove(representation)

    @property
    def default(self) -> Representation:
        """What who does not say gets."""
        return self._known[0]

    def media_types(self) -> list[str]:
        """What there is."""
        return [one.media_type for one in self._known]

    def by_name(self, name: str) -> Representation | None:
        """The one that `?format=` names."""
        return next((one for one in self._known if one.name == name), None)

    def by_media_type(self, text: str) -> Representation | None:
        """The one of a Content-Type, whose parameters do not matter (RFC 9110 8.3)."""
        media_type = text.partition(";")[0].strip().lower()
        return next((one for one in self._known if media_type in (one.media_type, one.problem_media_type)), None)

    def negotiate(self, accept: str | None) -> Representation | None:
        """The one that an Accept header likes best, of equal ones the first; `None` where none is liked.

        No header, or an empty one, likes all of them (RFC 9110 12.5.1).
        """
        if accept is None or not accept.strip():
            return self.default
        ranges = [one for one in map(_media_range, accept.split(",")) if one is not None]
        best = max(self._known, key=lambda one: _quality(one, ranges))  # the first of equals
        return best if _quality(best, ranges) > 0 else None


_MediaRange = tuple[str, float]


def _media_range(text: str) -> _MediaRange | None:
    """A media range and its weight; `None` for what is none. Other parameters than `q` are left aside."""
    media_range, *parameters = (part.strip().lower() for part in text.split(";"))
    if media_range.count("/") != 1 or media_range.startswith("*/") and media_range != "*/*":
        return None
    quality = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                return None
            if not 0 <= quality <= 1:
                return None
    return media_range, quality


def _quality(representation: Representation, ranges: list[_MediaRange]) -> float:
    """The weight of the most specific range that fits."""
    kind = representation.media_type.partition("/")[0]
    names = {representation.media_type: 3, representation.problem_media_type: 3, f"{kind}/*": 2, "*/*": 1}
    fitting = [(names[media_range], quality) for media_range, quality in ranges if media_range in names]
    if not fitting:
        return 0.0
    most = max(specific for specific, _ in fitting)
    return max(quality for specific, quality in fitting if specific == most)


REGISTRY = Representations(JSON(), XML())

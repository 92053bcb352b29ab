"""The formats there are, and which of them a request asks for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Representation:
    """One format. Values are plain builtins, as `msgspec.to_builtins` gives them.

    A shape is whatever type msgspec understands; a format that needs none ignores it. `decode` raises `NotReadable`.
    """

    name: str
    """What `?format=` calls it."""
    media_type: str
    encode: Callable[[Any, Any], bytes]
    """Bytes of a value, and of its shape."""
    decode: Callable[[bytes, Any], Any] | None = None
    """The value in a body of that shape; `None`: a format for answers only."""
    problem_media_type: str = ""
    encode_problem: Callable[[dict[str, Any]], bytes] | None = None
    """Bytes of a problem (RFC 9457); `None`: problems are told in the registry's first format."""
    collections_only: bool = False
    also: tuple[str, ...] = ()
    """Further media types that a body may come under."""


@dataclass(frozen=True, slots=True)
class _Range:
    """One element of an Accept header: `text/*;q=0.5`."""

    type: str
    subtype: str
    quality: float

    def specificity(self, media_type: str) -> int:
        """How closely it names `media_type`: 0 not at all, 1 `*/*`, 2 `type/*`, 3 `type/subtype`."""
        kind, _, subtype = media_type.partition("/")
        if (self.type, self.subtype) == ("*", "*"):
            return 1
        if self.type != kind:
            return 0
        return 2 if self.subtype == "*" else 3 if self.subtype == subtype else 0


class Registry:
    """Formats in the order of preference: the first is what a client gets that does not care."""

    def __init__(self, *representations: Representation) -> None:
        self._by_name: dict[str, Representation] = {}
        for representation in representations:
            self.register(representation)

    def register(self, representation: Representation) -> None:
        """Adds a format. Raises ValueError when its name or one of its media types is taken."""
        if representation.name in self._by_name:
            raise ValueError(f"there is a representation called {representation.name!r} already")
        for media_type in _media_types(representation):
            if taken := self.by_media_type(media_type):
                raise ValueError(f"{media_type} belongs to {taken.name!r} already")
        self._by_name[representation.name] = representation

    def __iter__(self) -> Iterator[Representation]:
        return iter(self._by_name.values())

    @property
    def default(self) -> Representation:
        return next(iter(self))

    def by_name(self, name: str) -> Representation | None:
        """The format that `?format=` calls `name`."""
        return self._by_name.get(name)

    def by_media_type(self, content_type: str) -> Representation | None:
        """The format of a Content-Type; its parameters, such as a charset, do not count."""
        media_type = content_type.partition(";")[0].strip().lower()
        return next((each for each in self if media_type in _media_types(each)), None)

    def negotiate(self, accept: str | None, *, collection: bool = False) -> Representation | None:
        """The format that an Accept header likes best (RFC 9110 12.5.1), `None` when it takes none of ours.

        Several header lines come joined with commas. Elements that cannot be read are passed over; no header, or
        none that can be read, is `*/*`. Of equally good ones the first registered wins. Formats for collections only
        count with `collection`. A media type's own parameters are not compared, since ours has none.
        """
        ranges = list(_ranges(accept or ""))
        if not ranges:
            return self.default
        best, best_quality = None, 0.0
        for representation in self:
            if representation.collections_only and not collection:
                continue
            quality = _quality(representation.media_type, ranges)
            if quality > best_quality:
                best, best_quality = representation, quality
        return best

    def for_problems(self, representation: Representation | None) -> Representation:
        """The format to tell a problem in, to a client that is answered in `representation`."""
        return representation if representation and representation.encode_problem else self.default


def _media_types(representation: Representation) -> list[str]:
    own = [representation.media_type, representation.problem_media_type, *representation.also]
    return [media_type for media_type in own if media_type]


def _quality(media_type: str, ranges: list[_Range]) -> float:
    """What the closest range says of it; the best of equally close ones; 0 when none names it."""
    closest, quality = max((each.specificity(media_type), each.quality) for each in ranges)
    return quality if closest else 0.0


_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
# A longer header than any program sends says nothing; and who wants to keep the server busy gets no long one read
_LONGEST_ACCEPT = 4096
# Possessive throughout: a header made for it must not find two ways to read the same blanks.
_RANGE = re.compile(rf"\s*+({_WORD})/({_WORD})\s*+((?:;\s*+(?:{_WORD}(?:=(?:{_WORD}|{_QUOTED}))?+\s*+)?+)*+)")
_PARAMETER = re.compile(rf";\s*({_WORD})=({_WORD}|{_QUOTED})")
_QUALITY = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")


def _ranges(accept: str) -> Iterator[_Range]:
    """The elements that can be read."""
    # a comma within a quoted parameter makes two elements that cannot be read: no media type here has such parameters
    for element in accept[:_LONGEST_ACCEPT].split(","):
        if found := _RANGE.fullmatch(element):
            kind, subtype = found[1].lower(), found[2].lower()
            quality = next((value for name, value in _PARAMETER.findall(found[3]) if name.lower() == "q"), "1")
            if _QUALITY.fullmatch(quality) and (kind != "*" or subtype == "*"):
                yield _Range(kind, subtype, float(quality))

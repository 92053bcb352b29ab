"""XML: values to elements and back, without loss.

A member of an object is an element of its name, an item of a list is an `<item>`, a key that is no plain name is an
`<entry key="…">`. What an element holds follows from the document's shape; where it holds something else, or where
the shape leaves it open, the attribute `type` says what (`integer`, `number`, `boolean`, `null`, `list`, `map`; what
is open is a `string` otherwise). Text that XML 1.0 cannot carry is base64 of its UTF-8, and `encoding` says so.

Written by hand and read by expat, not by lxml: see docs/decisions/0061-xml.md.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

import msgspec

from rapier.representation.reading import DEEPEST, MOST_VALUES, NotReadable, TooMany
from rapier.representation.registry import Representation
from rapier.representation.shapes import KINDS, Kind, Shape, kind_of, name_of, shape_of

NAMESPACE = "urn:ganeti-rapier:3"
PROBLEM_NAMESPACE = "urn:ietf:rfc:7807"
"""RFC 9457 appendix B; still named after the RFC that 9457 replaced."""

ENTRY = "entry"
ITEM = "item"
PROBLEM_ITEM = "i"

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NAME = re.compile(r"(?![xX][mM][lL])[A-Za-z_][A-Za-z0-9_.-]*")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_SPACE = " \t\r\n"


class _Problem(msgspec.Struct):
    """The members that RFC 9457 names; others are extensions."""

    type: str = ""
    title: str = ""
    status: int = 0
    detail: str = ""
    instance: str = ""


def encode(value: Any, shape: Any) -> bytes:
    """The document of `value`; its root is named after the shape (`name_of`).

    Raises TypeError for what is no builtin, and UnicodeEncodeError for a lone surrogate, as JSON does. NaN and the
    infinities are null, as in JSON.
    """
    return _document(value, shape_of(shape), name_of(shape), NAMESPACE, ITEM)


def decode(body: bytes, shape: Any) -> Any:
    """The value in a document of that shape, whatever its root is called. Raises `NotReadable`.

    Members that the shape does not know are read as its open places are: as strings, if no `type` is given.
    """
    return _Reading(shape_of(shape), NAMESPACE, ITEM).read(body)


def encode_problem(problem: dict[str, Any]) -> bytes:
    """The document of a problem, in the format of RFC 9457 appendix B; extension members carry a `type`."""
    return _document(problem, shape_of(_Problem), "problem", PROBLEM_NAMESPACE, PROBLEM_ITEM)


def decode_problem(body: bytes) -> dict[str, Any]:
    """The problem in a document that `encode_problem` made. Raises `NotReadable`."""
    problem: dict[str, Any] = _Reading(shape_of(_Problem), PROBLEM_NAMESPACE, PROBLEM_ITEM).read(body)
    return problem


def is_element_name(key: str, item: str = ITEM) -> bool:
    """Whether a member of that name is an element of that name, not an entry."""
    return bool(_NAME.fullmatch(key)) and key not in (ENTRY, item)


def _document(value: Any, shape: Shape, root: str, namespace: str, item: str) -> bytes:
    parts = [_DECLARATION]
    _write(parts.append, root, f' xmlns="{namespace}"', value, shape, item)
    return "".join(parts).encode()


def _write(write: Callable[[str], None], name: str, attributes: str, value: Any, shape: Shape, item: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        value = None
    kind = kind_of(value)
    if kind != shape.default and (kind, shape.default) != ("integer", "number"):
        attributes += f' type="{kind}"'
    if kind == "list":
        write(f"<{name}{attributes}>")
        inner = shape.of_item()
        for each in value:
            _write(write, item, "", each, inner, item)
        write(f"</{name}>")
    elif kind == "map":
        write(f"<{name}{attributes}>")
        for key, each in value.items():
            if is_element_name(key, item):
                _write(write, key, "", each, shape.of_member(key), item)
            else:
                _write(write, ENTRY, _key_attributes(key), each, shape.of_member(key), item)
        write(f"</{name}>")
    elif kind == "string" and _NOT_XML.search(value):
        write(f'<{name}{attributes} encoding="base64">{_base64(value)}</{name}>')
    else:
        write(f"<{name}{attributes}>{_escaped(plain(value))}</{name}>")


def plain(value: Any) -> str:
    """A scalar as text; null is empty."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def _key_attributes(key: str) -> str:
    if _NOT_XML.search(key):
        return f' key="{_base64(key)}" key-encoding="base64"'
    text = _escaped(key).replace('"', "&quot;").replace("\t", "&#9;").replace("\n", "&#10;")
    return f' key="{text}"'


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


# What the attributes of an element can be, by their names as expat gives them.
_ATTRIBUTES = ("type", "encoding", "key", "key-encoding")
_SCHEMA_LOCATION = "http://www.w3.org/2001/XMLSchema-instance schemaLocation"
"""Editors write it where there is a schema. Nothing is ever loaded from it."""


@dataclass(slots=True)
class _Open:
    """An element that has begun and not ended."""

    key: str | int
    shape: Shape
    kind: Kind
    base64: bool
    text: list[str] = field(default_factory=list)
    items: list[Any] = field(default_factory=list)
    members: dict[str, Any] = field(default_factory=dict)


class _Reading:
    """One document on its way to a value. What may not be is refused where it begins; nothing after it is read."""

    def __init__(self, shape: Shape, namespace: str, item: str) -> None:
        self._shape, self._namespace, self._item = shape, namespace, item
        self._open: list[_Open] = []
        self._value: Any = None
        self._begun = 0

    def read(self, body: bytes) -> Any:
        if body.count(b"<") > 3 * MOST_VALUES:  # two for each element, and some for comments: there is no need to begin
            raise TooMany
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.CharacterDataHandler = self._text
        parser.EndElementHandler = self._end
        try:
            parser.Parse(body, True)
        except NotReadable:
            raise
        except (expat.ExpatError, LookupError, ValueError) as problem:  # the last two: an encoding it does not know
            raise NotReadable(str(problem)) from problem
        return self._value

    def _doctype(self, name: str, *identifiers: object) -> None:
        raise NotReadable("a document type declaration is not taken")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._begun += 1
        if self._begun > MOST_VALUES:
            raise TooMany
        namespace, _, local = name.rpartition(" ")
        if namespace != self._namespace:
            raise self._wrong(f"<{_shown(local)}> is in namespace {_shown(namespace)!r}, not in {self._namespace!r}")
        for each in attributes:
            if each not in _ATTRIBUTES and not (each == _SCHEMA_LOCATION and not self._open):
                raise self._wrong(f"<{_shown(local)}> has an unknown attribute {_shown(each)!r}")
        key, shape = self._place(local, attributes)
        kind = attributes.get("type", shape.default)
        opened = _Open(key, shape, kind, "encoding" in attributes)  # type: ignore[arg-type]
        self._open.append(opened)
        if kind not in KINDS:
            raise self._wrong(f"{_shown(kind)!r} is no type: {', '.join(sorted(KINDS))}")
        if opened.base64 and (kind != "string" or attributes["encoding"] != "base64"):
            raise self._wrong('the only encoding is "base64", and of a string')
        if len(self._open) > DEEPEST and kind in ("list", "map"):
            raise self._wrong(f"nested deeper than {DEEPEST} levels")

    def _place(self, local: str, attributes: dict[str, str]) -> tuple[str | int, Shape]:
        """Which member or item an element is, and its shape."""
        if "key" in attributes and (local != ENTRY or not self._open or self._open[-1].kind != "map"):
            raise self._wrong(f"only an <{ENTRY}> in a map has a key, <{_shown(local)}> has none")
        if not self._open:
            return "", self._shape  # whatever it is called: the URI says what it is
        parent = self._open[-1]
        if parent.kind == "list":
            if local != self._item:
                raise self._wrong(f"a list holds <{self._item}>, not <{_shown(local)}>")
            return len(parent.items), parent.shape.of_item()
        if parent.kind != "map":
            raise self._wrong(f"a {parent.kind} holds text, not <{_shown(local)}>")
        key = local
        if local == ENTRY:
            if "key" not in attributes:
                raise self._wrong(f"an <{ENTRY}> has no key")
            key = attributes["key"]
            if encoding := attributes.get("key-encoding"):
                if encoding != "base64":
                    raise self._wrong(f"{_shown(encoding)!r} is no encoding of a key: base64")
                key = self._text_of_base64(key)
        if key in parent.members:
            raise self._wrong(f"{_shown(key)!r} occurs twice")
        return key, parent.shape.of_member(key)

    def _text(self, text: str) -> None:
        opened = self._open[-1]
        if opened.kind in ("list", "map", "null"):
            if text.strip(_SPACE):
                raise self._wrong(f"a {opened.kind} holds no text, but there is {_shown(text.strip())!r}")
        else:
            opened.text.append(text)

    def _end(self, name: str) -> None:
        value = self._held(self._open[-1])
        ended = self._open.pop()
        if not self._open:
            self._value = value
        elif isinstance(ended.key, int):
            self._open[-1].items.append(value)
        else:
            self._open[-1].members[ended.key] = value

    def _held(self, ended: _Open) -> Any:
        match ended.kind:
            case "list":
                return ended.items
            case "map":
                return ended.members
            case "null":
                return None
        text = "".join(ended.text)
        if ended.kind == "string":
            return self._text_of_base64(text) if ended.base64 else text
        text = text.strip(_SPACE)
        value = _SCALARS[ended.kind](text)
        if value is None:
            raise self._wrong(f"{_shown(text)!r} is no {ended.kind}")
        return value

    def _text_of_base64(self, text: str) -> str:
        try:
            return base64.b64decode(re.sub(r"[ \t\r\n]+", "", text), validate=True).decode()
        except (binascii.Error, UnicodeError, ValueError):
            raise self._wrong(f"{_shown(text)!r} is no base64 of UTF-8") from None

    def _wrong(self, problem: str) -> NotReadable:
        keys = [str(opened.key).replace("~", "~0").replace("/", "~1") for opened in self._open[1:]]
        return NotReadable(problem, "".join(f"/{key}" for key in keys))


def _integer(text: str) -> int | None:
    """Python reads no integer of more than 4300 digits, as msgspec does not in JSON."""
    try:
        return int(text) if re.fullmatch(r"[+-]?[0-9]+", text) else None
    except ValueError:
        return None


def _number(text: str) -> float | None:
    if (whole := _integer(text)) is not None:
        return whole
    if not re.fullmatch(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


_SCALARS: dict[str, Callable[[str], Any]] = {
    "integer": _integer,
    "number": _number,
    "boolean": {"true": True, "1": True, "false": False, "0": False}.get,
}


def _shown(text: str) -> str:
    """A stranger's words in a message of ours."""
    return text if len(text) <= 40 else text[:39] + "…"


XML = Representation(
    name="xml",
    media_type="application/xml",
    encode=encode,
    decode=decode,
    problem_media_type="application/problem+xml",
    encode_problem=encode_problem,
    also=("text/xml",),
)

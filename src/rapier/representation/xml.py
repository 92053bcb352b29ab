"""XML: values of a shape to elements and back, without loss.

    <instance xmlns="urn:ganeti-rapier:3">
      <name>web1</name>
      <disks><item><size_mib>10240</size_mib></item></disks>
      <custom><hvparams><kernel_path>/boot/vmlinuz</kernel_path></hvparams></custom>
    </instance>

Each member is an element, each value of a list an `item` in it, each key of a dictionary an element of that name, or
`<entry key="...">` where the key is no name. The shape says what is text, a number, a list. Where it does not (a
parameter of a hypervisor, say), and for null, the attribute `type` does: `integer`, `number`, `boolean`, `null`,
`list`, `map`; without it the value is text. Text that XML 1.0 cannot carry is base64 of its UTF-8, and `encoding` says so.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import msgspec
from lxml import etree
from msgspec import inspect

from rapier.representation.unreadable import DEEPEST, NotReadable

NAMESPACE = "urn:ganeti-rapier:3"
PROBLEM_NAMESPACE = "urn:ietf:rfc:7807"  # RFC 9457 appendix B keeps it
_NAME = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
# what XML 1.0 cannot hold, and a carriage return, which every parser makes a line's end of
_UNFIT = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_UNFIT_IN_ATTRIBUTE = re.compile("[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ENCODED = "base64"
_Element = Any  # lxml has no types of its own


class XML:
    """As a representation of version 3."""

    name = "xml"
    media_type = "application/xml"
    problem_media_type = "application/problem+xml"

    def encode(self, value: Any, shape: Any) -> bytes:
        """A document; its root is called as the value's `kind`, or as the shape."""
        kind = value.get("kind") if isinstance(value, dict) else None
        root = etree.Element(_qualified(kind if isinstance(kind, str) else root_name(shape)), nsmap={None: NAMESPACE})
        _writer(inspect.type_info(shape))(root, value)
        return _document(root)

    def encode_problem(self, problem: dict[str, Any]) -> bytes:
        """A problem document (RFC 9457 appendix B): lists are `i` elements, and there are no types."""
        root = etree.Element(f"{{{PROBLEM_NAMESPACE}}}problem", nsmap={None: PROBLEM_NAMESPACE})
        _write_problem(root, problem)
        return _document(root)

    def decode(self, body: bytes, shape: Any) -> Any:
        """The value of a document, whatever its root is called. Raises `NotReadable`."""
        return _reader(inspect.type_info(shape))(_parse(body), 1)


def root_name(shape: Any) -> str:
    """What a document of the shape is called where no `kind` says it."""
    return getattr(shape, "__name__", "value")


def _document(root: _Element) -> bytes:
    return bytes(etree.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _qualified(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


# -- writing -------------------------------------------------------------------------------------------------------------

_Write = Callable[[_Element, Any], None]


@cache
def _members(shape: type) -> Mapping[str, inspect.Type]:
    info = inspect.type_info(shape)
    assert isinstance(info, inspect.StructType)
    return {field.encode_name: field.type for field in info.fields}


def _plain(kind: inspect.Type) -> inspect.Type:
    """The type without its description, and without the possibility that the member is missing or null."""
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.UnionType):
        there = [one for one in map(_plain, kind.types) if not isinstance(one, inspect.NoneType)]
        return there[0] if len(there) == 1 else inspect.AnyType()
    if isinstance(kind, inspect.LiteralType) and not all(isinstance(value, str) for value in kind.values):
        return inspect.AnyType()
    return kind


def _writer(kind: inspect.Type) -> _Write:
    """What writes a value of the type into an element."""
    match _plain(kind):
        case inspect.StructType() as struct:
            return _struct_writer(struct.cls)
        case inspect.ListType() as items:
            return lambda element, value: _write_list(element, value, items.item_type)
        case inspect.DictType() as entries:
            return lambda element, value: _write_map(element, value, entries.value_type)
        case inspect.StrType() | inspect.LiteralType():
            return _write_text
        case inspect.BoolType():
            return _write_boolean
        case inspect.IntType() | inspect.FloatType():
            return _write_number
    return _write_any


def _struct_writer(shape: type) -> _Write:
    def write(element: _Element, value: Any) -> None:
        members = _members(shape)
        for name, member in value.items():
            _write(etree.SubElement(element, _qualified(name)), member, members[name])

    return write


def _write(element: _Element, value: Any, kind: inspect.Type) -> None:
    if value is None:
        element.set("type", "null")
    else:
        _writer(kind)(element, value)


def _write_list(element: _Element, value: Any, kind: inspect.Type) -> None:
    for one in value:
        _write(etree.SubElement(element, _qualified("item")), one, kind)


def _write_map(element: _Element, value: Any, kind: inspect.Type) -> None:
    for key, one in value.items():
        _write(_entry(element, key), one, kind)


def _entry(element: _Element, key: str) -> _Element:
    if _NAME.fullmatch(key) and key != "entry":
        return etree.SubElement(element, _qualified(key))
    entry = etree.SubElement(element, _qualified("entry"))
    if _UNFIT_IN_ATTRIBUTE.search(key):
        entry.set("key", base64.b64encode(key.encode()).decode())
        entry.set("key-encoding", _ENCODED)
    else:
        entry.set("key", key)
    return entry


def _write_text(element: _Element, value: str) -> None:
    if _UNFIT.search(value):
        element.set("encoding", _ENCODED)
        element.text = base64.b64encode(value.encode()).decode()
    else:
        element.text = value


def _write_boolean(element: _Element, value: bool) -> None:
    element.text = "true" if value else "false"


def _write_number(element: _Element, value: float) -> None:
    element.text = repr(value)


def _write_any(element: _Element, value: Any) -> None:
    """A value whose type the shape does not tell: the element does."""
    match value:
        case None:
            element.set("type", "null")
        case bool():
            element.set("type", "boolean")
            _write_boolean(element, value)
        case int():
            element.set("type", "integer")
            _write_number(element, value)
        case float():
            element.set("type", "number")
            _write_number(element, value)
        case list():
            element.set("type", "list")
            _write_list(element, value, inspect.AnyType())
        case dict():
            element.set("type", "map")
            _write_map(element, value, inspect.AnyType())
        case _:
            _write_text(element, value)


def _write_problem(element: _Element, value: Any) -> None:
    match value:
        case dict():
            for key, one in value.items():
                _write_problem(etree.SubElement(element, f"{{{PROBLEM_NAMESPACE}}}{key}"), one)
        case list():
            for one in value:
                _write_problem(etree.SubElement(element, f"{{{PROBLEM_NAMESPACE}}}i"), one)
        case bool():
            _write_boolean(element, value)
        case None:
            pass
        case _:
            element.text = _UNFIT.sub("\ufffd", str(value))


# -- reading -------------------------------------------------------------------------------------------------------------

_Read = Callable[[_Element, int], Any]


def _parse(body: bytes) -> _Element:
    """The root element. A document type declaration is refused before the parser sees it: nothing is ever expanded."""
    if b"\0" in body or body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise NotReadable("it is not UTF-8")
    if b"<!DOCTYPE" in body:
        raise NotReadable("it has a document type declaration, and no document here may have one")
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as problem:
        raise NotReadable(str(problem)) from None


def _reader(kind: inspect.Type) -> _Read:
    """What reads a value of the type from an element."""
    match _plain(kind):
        case inspect.StructType() as struct:
            return lambda element, depth: _read_struct(element, depth, struct.cls)
        case inspect.ListType() as items:
            return lambda element, depth: _read_list(element, depth, items.item_type)
        case inspect.DictType() as entries:
            return lambda element, depth: _read_map(element, depth, entries.value_type)
        case inspect.StrType() | inspect.LiteralType():
            return lambda element, depth: _text(element)
        case inspect.BoolType():
            return lambda element, depth: _boolean(element)
        case inspect.IntType():
            return lambda element, depth: _integer(element)
        case inspect.FloatType():
            return lambda element, depth: _number(element)
    return _read_any


def _read(element: _Element, depth: int, kind: inspect.Type) -> Any:
    if depth > DEEPEST:
        raise NotReadable(f"it is nested deeper than {DEEPEST}")
    if element.get("type") == "null":
        _nothing_below(element)
        return None
    return _reader(kind)(element, depth)


def _read_struct(element: _Element, depth: int, shape: type) -> dict[str, Any]:
    members, value = _members(shape), {}
    for child in _children(element):
        name = _local_name(child)
        if name in value:
            raise NotReadable(f"{_place(child)} is there twice")
        # what the shape does not know is read as it says of itself: somebody else says that it is unknown
        value[name] = _read(child, depth + 1, members.get(name, inspect.AnyType()))
    return value


def _read_list(element: _Element, depth: int, kind: inspect.Type) -> list[Any]:
    values = []
    for child in _children(element):
        if _local_name(child) != "item":
            raise NotReadable(f"{_place(child)} has no place in a list, whose values are called item")
        values.append(_read(child, depth + 1, kind))
    return values


def _read_map(element: _Element, depth: int, kind: inspect.Type) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for child in _children(element):
        key = _key(child)
        if key in value:
            raise NotReadable(f"{_place(child)}: the key {key!r} is there twice")
        value[key] = _read(child, depth + 1, kind)
    return value


def _read_any(element: _Element, depth: int) -> Any:
    match element.get("type"):
        case None if len(element):
            return _read_map(element, depth, inspect.AnyType())  # as everybody would write it
        case None | "string":
            return _text(element)
        case "integer":
            return _integer(element)
        case "number":
            return _number(element)
        case "boolean":
            return _boolean(element)
        case "null":
            return None
        case "list":
            return _read_list(element, depth, inspect.AnyType())
        case "map":
            return _read_map(element, depth, inspect.AnyType())
        case other:
            raise NotReadable(f"{_place(element)}: there is no type {other!r}")


def _children(element: _Element) -> list[_Element]:
    if any(text and not text.isspace() for text in (element.text, *(child.tail for child in element))):
        raise NotReadable(f"{_place(element)} holds text beside its elements")
    return list(element)


def _local_name(element: _Element) -> str:
    if not isinstance(element.tag, str):
        raise NotReadable("it refers to an entity")
    namespace, _, name = element.tag.rpartition("}")
    if namespace[1:] not in (NAMESPACE, ""):
        raise NotReadable(f"{name} is in the namespace {namespace[1:]!r}, not in {NAMESPACE!r}")
    return str(name)


def _key(element: _Element) -> str:
    name = _local_name(element)
    key = element.get("key")
    if name != "entry" or key is None:
        return name
    return _decoded(element, key) if element.get("key-encoding") == _ENCODED else str(key)


def _nothing_below(element: _Element) -> None:
    if len(element):
        raise NotReadable(f"{_place(element)} has elements in it where a value is wanted")


def _text(element: _Element) -> str:
    _nothing_below(element)
    text = element.text or ""
    return _decoded(element, text) if element.get("encoding") == _ENCODED else str(text)


def _decoded(element: _Element, text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise NotReadable(f"{_place(element)} is no base64 of UTF-8") from None


def _boolean(element: _Element) -> bool:
    values = {"true": True, "1": True, "false": False, "0": False}
    return bool(_one_of(element, values.get, "a boolean, which is true or false"))


def _integer(element: _Element) -> int:
    return int(_one_of(element, lambda text: int(text) if re.fullmatch(r"[+-]?\d{1,400}", text, re.ASCII) else None, "an integer"))


def _number(element: _Element) -> float:
    number = r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?"
    return float(
        _one_of(element, lambda text: float(text) if re.fullmatch(number, text, re.IGNORECASE) else None, "a number")
    )


def _one_of(element: _Element, read: Callable[[str], Any], what: str) -> Any:
    text = _text(element).strip()
    value = read(text)
    if value is None:
        raise NotReadable(f"{_place(element)}: {text[:60]!r} is not {what}")
    return value


def _place(element: _Element) -> str:
    """Where the element stands, from the root on."""
    names = [str(one.tag).rpartition("}")[2] for one in (element, *element.iterancestors())]
    return "/".join(reversed(names))

"""The XML schema (XSD 1.0) of what `xml` writes, made from the shapes.

XSD 1.0 cannot say what a value of one attribute means for an element's content, so the schema is a little wider than
the truth in three places: an element that may be null may also be empty without saying `type="null"`; one that may be
a scalar or an object is mixed; and what hangs below an open place or in a map of free keys is not looked into.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from rapier.representation.shapes import Kind, Shape, name_of, shape_of
from rapier.representation.xml import ITEM, NAMESPACE, is_element_name, plain

XSD = "http://www.w3.org/2001/XMLSchema"

_SIMPLE = {"string": "xs:string", "integer": "xs:integer", "number": "number", "boolean": "xs:boolean"}
_NUMBER = r"[+\-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+\-]?[0-9]+)?"


def schema(shapes: Mapping[str, Any]) -> bytes:
    """The schema of documents of these shapes, by the names of their roots.

    A class is a type of its own name, once. Descriptions (`msgspec.Meta`) are annotations, a `Literal` is an
    enumeration. Raises ValueError for a name under which `xml.encode` would not write that shape.
    """
    writer = _Writer()
    for name, type_ in shapes.items():
        if name != name_of(type_):
            raise ValueError(f"documents of {type_!r} are called {name_of(type_)!r}, not {name!r}")
        writer.element(writer.root, name, shape_of(type_))
    ElementTree.indent(writer.root)
    text: str = ElementTree.tostring(writer.root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


class _Writer:
    def __init__(self) -> None:
        self.root = ElementTree.Element(
            "xs:schema",
            {
                "xmlns:xs": XSD,
                "xmlns": NAMESPACE,
                "targetNamespace": NAMESPACE,
                "elementFormDefault": "qualified",
            },
        )
        self._named: dict[tuple[int, frozenset[Kind]], str] = {}
        self._simple: dict[tuple[str, ...], str] = {}
        number = _add(self.root, "simpleType", name="number")
        _add(_add(number, "restriction", base="xs:double"), "pattern", value=_NUMBER)
        nothing = _add(self.root, "simpleType", name="nothing")
        _add(_add(nothing, "restriction", base="xs:string"), "length", value="0")

    def element(self, parent: ElementTree.Element, name: str, shape: Shape, **attributes: str) -> None:
        element = _add(parent, "element", name=name, **attributes)
        if shape.description:
            _add(_add(element, "annotation"), "documentation").text = shape.description
        if shape.members is not None and shape.name:
            element.set("type", self._class(shape))
        else:
            self._content(_add(element, "complexType"), shape)

    def _class(self, shape: Shape) -> str:
        """The name of a class's type, which is written where it is first asked for."""
        key = (id(shape.members), shape.kinds)
        if key not in self._named:
            others = sorted(shape.kinds - {"map"})
            name = "-or-".join([shape.name, *others])
            taken = set(self._named.values())
            while name in taken:
                name += "-"
            self._named[key] = name
            self._content(_add(self.root, "complexType", name=name), shape)
        return self._named[key]

    def _content(self, complex_type: ElementTree.Element, shape: Shape) -> None:
        scalars = shape.kinds - {"list", "map", "null"}
        if not shape.kinds & {"list", "map"}:
            self._scalar(_add(complex_type, "simpleContent"), shape, scalars)
            return
        if scalars:
            complex_type.set("mixed", "true")
        if "map" not in shape.kinds and shape.item:
            self.element(_add(complex_type, "sequence"), ITEM, shape.item, minOccurs="0", maxOccurs="unbounded")
        elif "list" not in shape.kinds and shape.members and all(is_element_name(name) for name in shape.members):
            self._members(complex_type, shape)
        else:
            free = _add(complex_type, "sequence")
            _add(
                free, "any", namespace="##targetNamespace", processContents="skip", minOccurs="0", maxOccurs="unbounded"
            )
        _attributes(complex_type, shape.kinds)

    def _members(self, complex_type: ElementTree.Element, shape: Shape) -> None:
        """In any order; each that is required, unless the element may hold no object at all."""
        every = _add(complex_type, "all")
        if shape.kinds != {"map"}:
            every.set("minOccurs", "0")
        for name, member in (shape.members or {}).items():
            self.element(every, name, member, minOccurs="1" if name in shape.required else "0")

    def _scalar(self, content: ElementTree.Element, shape: Shape, scalars: frozenset[Kind]) -> None:
        if shape.choices:
            simple = self._enumeration((*shape.choices, None) if "null" in shape.kinds else shape.choices)
        elif not scalars:
            simple = "nothing"
        elif scalars == {"number", "integer"}:
            simple = "number"
        else:
            simple = _SIMPLE[next(iter(scalars))] if len(scalars) == 1 else "xs:string"
        if "null" in shape.kinds and scalars and not shape.choices and simple != "xs:string":
            simple = self._or_nothing(simple)
        _attributes(_add(content, "extension", base=simple), shape.kinds)

    def _enumeration(self, choices: tuple[Any, ...]) -> str:
        """The name of the type of these values; null is an empty element."""
        texts = tuple(dict.fromkeys(plain(value) for value in choices))
        if texts not in self._simple:
            self._simple[texts] = name = f"choice{len(self._simple) + 1}"
            restriction = _add(_add(self.root, "simpleType", name=name), "restriction", base="xs:string")
            for text in texts:
                _add(restriction, "enumeration", value=text)
        return self._simple[texts]

    def _or_nothing(self, simple: str) -> str:
        name = simple.removeprefix("xs:") + "-or-nothing"
        if (name,) not in self._simple:
            self._simple[(name,)] = name
            _add(_add(self.root, "simpleType", name=name), "union", memberTypes=f"{simple} nothing")
        return name


def _add(parent: ElementTree.Element, tag: str, **attributes: str) -> ElementTree.Element:
    return ElementTree.SubElement(parent, f"xs:{tag}", attributes)


def _attributes(parent: ElementTree.Element, kinds: frozenset[Kind]) -> None:
    """What an element of these kinds may say of itself. `type` is always allowed, also where it goes without saying."""
    kind = _add(parent, "attribute", name="type")
    restriction = _add(_add(kind, "simpleType"), "restriction", base="xs:string")
    for each in sorted(kinds):
        _add(restriction, "enumeration", value=each)
    if "string" in kinds:
        _add(parent, "attribute", name="encoding", type="xs:string", fixed="base64")

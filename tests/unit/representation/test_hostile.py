"""Bodies made to do harm: each is refused, at once and in little memory."""

from __future__ import annotations

import resource
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from rapier.representation import xml
from rapier.representation.json import JSON
from rapier.representation.reading import NotReadable
from rapier.representation.registry import Representation
from representation_shapes import Instance

NS = b' xmlns="urn:ganeti-rapier:3"'
LAUGHS = b"".join(b'<!ENTITY l%d "%s">' % (n + 1, b"&l%d;" % n * 10) for n in range(30))


def value(content: bytes, attributes: bytes = b"") -> bytes:
    return b"<value" + NS + attributes + b">" + content + b"</value>"


def refused(body: bytes, words: str, representation: Representation = xml.XML, shape: Any = Any) -> NotReadable:
    """Refuses `body` for that reason, and takes no more than 4 MiB and what a body of its size may take."""
    assert representation.decode is not None
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    try:
        with pytest.raises(NotReadable, match=words) as caught:
            representation.decode(body, shape)
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20 + 4 * len(body)
    finally:
        tracemalloc.stop()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024 + len(body) * 8 // 1024
    return caught.value


@pytest.mark.parametrize(
    "doctype",
    [
        b"<!DOCTYPE value>",
        b'<!DOCTYPE value [<!ENTITY l0 "ha">' + LAUGHS + b"]>",
        b'<!DOCTYPE value [<!ENTITY big "' + b"x" * 1_000_000 + b'">]>',
        b'<!DOCTYPE value SYSTEM "http://192.0.2.1/x.dtd">',
        b'<!-- c --><?p i?><!DOCTYPE value [<!ENTITY % p SYSTEM "http://192.0.2.1/x"> %p;]>',
    ],
    ids=["bare", "laughs", "quadratic", "network", "parameter"],
)
def test_a_document_type_is_refused(doctype: bytes) -> None:
    refused(doctype + value(b"&l30;"), "document type")


def test_no_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    body = b'<!DOCTYPE value [<!ENTITY x SYSTEM "file://%s/secret">]>' % str(tmp_path).encode() + value(b"&x;")
    assert "secret" not in str(refused(body, "document type"))
    refused(body.decode().encode("utf-16"), "document type")


@pytest.mark.parametrize("depth", [65, 10_000, 200_000])
def test_a_deep_nest_is_refused(depth: int) -> None:
    inner = b'<item type="list">' * (depth - 1) + b"</item>" * (depth - 1)
    refused(value(inner, b' type="list"'), "nested deeper than 64|more than 100,000")
    refused(b"[" * depth + b"]" * depth, "nested deeper|recursion|more than 100,000", JSON)
    refused(b'{"a":' * depth + b"0" + b"}" * depth, "nested deeper|recursion|more than 100,000", JSON)


def test_sixty_four_levels_are_taken_and_brackets_in_strings_do_not_count() -> None:
    assert JSON.decode is not None
    nest: Any = "[" * 100
    for _ in range(64):
        nest = [nest]
    assert JSON.decode(JSON.encode(nest, Any), Any) == nest
    assert xml.decode(xml.encode(nest, Any), Any) == nest


def test_names_that_were_never_seen_before_are_not_kept() -> None:
    """The reason why lxml does not read: it keeps every name for as long as its thread lives."""

    def document(number: int) -> bytes:
        return value(b"".join(b"<k%d_%d/>" % (number, each) for each in range(20_000)), b' type="map"')

    xml.decode(document(0), Any)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(1, 40):
        xml.decode(document(number), Any)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 * 1024


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no element"),
        (b"<value/>", "namespace"),
        (value(b"&x;"), "undefined entity"),
        (value(b"\xff"), "not well-formed"),
        (b'<?xml version="1.0" encoding="x-nonsense"?>' + value(b""), "encoding"),
        (value(b"", b' a%s="1"' % (b"x" * 1_000_000)), "unknown attribute"),
        (value(b"", b' type="%s"' % (b"x" * 1_000_000)), "is no type"),
        (value(b"", b' type="date"'), "'date' is no type"),
        (value(b"", b' key="a"'), "has a key"),
        (value(b"AA=A", b' encoding="base64"'), "base64"),
        (value(b"/w==", b' encoding="base64"'), "base64"),
        (value(b"1", b' encoding="base64" type="integer"'), "encoding"),
        (value(b"<a/>"), "a string holds text"),
        (value(b"x", b' type="null"'), "a null holds no text"),
        (value(b"<a/>", b' type="list"'), "a list holds <item>"),
        (value(b"<a/><a/>", b' type="map"'), "'a' occurs twice"),
        (value(b"<entry/>", b' type="map"'), "no key"),
        (value(b"1" * 5000, b' type="integer"'), "is no integer"),
        (value(b"1e999", b' type="number"'), "is no number"),
        (value(b"NaN", b' type="number"'), "is no number"),
        (value(b"yes", b' type="boolean"'), "is no boolean"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_what_is_no_document_of_ours_is_refused_with_the_reason(body: bytes, words: str) -> None:
    assert len(str(refused(body, words))) < 250


def test_a_refusal_names_the_member() -> None:
    body = b"<instance" + NS + b"><disks><item/><item><size_mib>abc</size_mib></item></disks></instance>"
    problem = refused(body, "'abc' is no integer", shape=Instance)
    assert problem.pointer == "/disks/1/size_mib"
    assert str(problem) == "/disks/1/size_mib: 'abc' is no integer"


@pytest.mark.parametrize("body", [b"", b"NaN", b"[1e999]", b"-Infinity", b'"\xff"', b'"\\ud800"', b"{", b"[1] 2"])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    refused(body, ".", JSON)


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b",".join([b"[]"] * 3_000_000) + b"]",
        b"[" + b",".join([b"1"] * 200_000) + b"]",
        b"{" + b",".join(b'"%d":0' % number for number in range(200_000)) + b"}",
        b"[" * 60 + b",".join([b"{}"] * 200_000) + b"]" * 60,
    ],
    ids=["lists", "numbers", "members", "deep"],
)
def test_more_values_than_anybody_means_are_refused_before_they_are_made(body: bytes) -> None:
    refused(body, "more than 100,000 values", JSON)


def test_more_elements_than_anybody_means_are_refused_where_the_last_good_one_ends() -> None:
    refused(value(b"<item/>" * 300_000, b' type="list"'), "more than 100,000 values")


def test_as_many_values_as_may_be_are_taken_and_a_long_text_is_one() -> None:
    assert JSON.decode is not None
    assert len(JSON.decode(b"[" + b",".join([b"[]"] * 49_000) + b"]", Any)) == 49_000
    assert len(xml.decode(value(b"<item/>" * 99_000, b' type="list"'), Any)) == 99_000
    assert JSON.decode(b'["' + b"x" * 9_000_000 + b'"]', Any) == ["x" * 9_000_000]

"""Which format a request gets."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from rapier.representation.formats import default_registry
from rapier.representation.reading import NotReadable
from rapier.representation.registry import Registry, Representation


def with_lines() -> Registry:
    registry = default_registry()
    registry.register(Representation("ndjson", "application/x-ndjson", lambda value, shape: b"", collections_only=True))
    return registry


@pytest.mark.parametrize(
    ("accept", "name"),
    [
        (None, "json"),
        ("", "json"),
        ("*/*", "json"),
        ("application/*", "json"),
        ("application/xml", "xml"),
        ("Application/XML; charset=utf-8", "xml"),
        ("application/xml, application/json", "json"),  # equally good: the first registered
        ("application/xml, application/json;q=0.9", "xml"),
        ("application/json;q=0.2, application/xml;q=0.3", "xml"),
        ("application/json;q=0, */*", "xml"),
        ("application/json;q=0, application/*;q=0.1", "xml"),
        ("*/*;q=0.1, application/xml;q=0.05", "json"),
        ("*/*, application/json;q=0.5", "xml"),  # the closest range counts, not the best
        ("text/html, application/xml;q=0.9, */*;q=0.8", "xml"),
        ("text/html", None),
        ("application/json;q=0, application/xml;q=0", None),
        ("*/*;q=0", None),
        ("application/xml;q=7, application/json;q=0.1", "json"),  # no quality: passed over
        ("nonsense, */json, ;;, application/xml", "xml"),
        ("nonsense", "json"),
        ('text/plain;x="a, application/xml", application/json;q=0.1', "json"),
        ('application/xml;x="a;q=0"', "xml"),
        ("application/json;Q=0.1, application/xml;q=0.2", "xml"),
        ("application/x-ndjson", None),
    ],
)
def test_the_accept_header_decides(accept: str | None, name: str | None) -> None:
    found = with_lines().negotiate(accept)
    assert (found.name if found else None) == name


def test_formats_for_collections_are_found_for_those_only() -> None:
    found = with_lines().negotiate("application/x-ndjson, */*;q=0.1", collection=True)
    assert found is not None
    assert found.name == "ndjson"
    assert with_lines().for_problems(found).name == "json"


@pytest.mark.parametrize("accept", ["a/b" + ";  " * 9_999 + "/", '"' * 20_000, 'a/b;c="' + "\\" * 20_000, " " * 40_000])
def test_a_header_made_to_be_slow_is_not(accept: str) -> None:
    begun = time.perf_counter()
    default_registry().negotiate(accept)
    assert time.perf_counter() - begun < 2


@pytest.mark.parametrize(
    ("content_type", "name"),
    [
        ("application/json", "json"),
        ("Application/JSON; charset=utf-8", "json"),
        ("application/problem+json", "json"),
        ("application/problem+xml", "xml"),
        ("text/xml;charset=utf-8", "xml"),
        ("text/plain", None),
        ("", None),
    ],
)
def test_a_body_is_read_by_its_content_type(content_type: str, name: str | None) -> None:
    found = default_registry().by_media_type(content_type)
    assert (found.name if found else None) == name


def test_a_format_from_outside_is_found_and_goes_both_ways() -> None:
    registry = default_registry()
    registry.register(
        Representation(
            "msgpack",
            "application/msgpack",
            encode=lambda value, shape: msgspec.msgpack.encode(value),
            decode=lambda body, shape: msgspec.msgpack.decode(body),
        )
    )
    value: dict[str, Any] = {"name": "web1", "disks": [{"size_mib": 10240}]}
    found = registry.negotiate("application/msgpack, application/json;q=0.9")
    assert found is not None
    assert found is registry.by_name("msgpack") is registry.by_media_type("application/msgpack")
    assert found.decode is not None
    body = found.encode(value, dict[str, Any])
    assert body == msgspec.msgpack.encode(value)
    assert found.decode(body, dict[str, Any]) == value
    assert default_registry().by_name("msgpack") is None


def test_a_name_or_media_type_that_is_taken_is_refused() -> None:
    for name, media_type in (("json", "application/x"), ("x", "application/json"), ("x", "text/xml")):
        with pytest.raises(ValueError, match="already"):
            default_registry().register(Representation(name, media_type, lambda value, shape: b""))
    assert issubclass(NotReadable, ValueError)

"""Whose pages may write, and which may read."""

from __future__ import annotations

from typing import Any

import pytest

from rapier.api.browsers import Origins, origin

OPS = "https://ops.example"
OWN = {"host": "cluster.example:5080"}


def scope(method: str, scheme: str = "https", **headers: str) -> Any:
    """A request with these headers, `_` for the dash in their names."""
    pairs = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return {"method": method, "scheme": scheme, "headers": pairs}


def may(method: str = "POST", scheme: str = "https", **headers: str) -> bool:
    """Whether such a request is let through."""
    rejection = Origins([OPS]).rejection(scope(method, scheme, **(OWN | headers)))
    assert rejection is None or (int(rejection.status), rejection.slug) == (403, "foreign-origin")
    return rejection is None


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "BREW"])
def test_a_write_of_another_origins_page_is_rejected(method: str) -> None:
    assert not may(method, origin="https://evil.example")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_what_is_safe_is_not(method: str) -> None:
    assert may(method, origin="https://evil.example", sec_fetch_site="cross-site")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_program_that_says_nothing_is_let_through(method: str) -> None:
    assert may(method)


@pytest.mark.parametrize(
    "page",
    [
        "null",
        "",
        "http://cluster.example:5080",  # a page that anybody on the way could have written
        "https://cluster.example",
        "https://cluster.example:5081",
        "https://cluster.example:50800",
        "https://cluster.example:5080.evil.example",
        "https://evil.example:5080",
        "https://a.cluster.example:5080",
        "https://cluster.example:5080/",
        "https://ops.example.evil.example",
        "https://ops.example https://evil.example",
        "cluster.example:5080",
        "https://ops.example\xff",
    ],
)
def test_nearly_this_servers_origin_is_another(page: str) -> None:
    assert not may(origin=page)
    assert not may(origin=page, sec_fetch_site="same-origin")


def test_this_servers_own_page_may_write() -> None:
    assert may(origin="https://cluster.example:5080", sec_fetch_site="same-origin")
    assert may(origin="https://CLUSTER.example:5080")
    assert may(scheme="http", origin="http://cluster.example:5080")


@pytest.mark.parametrize(("host", "page"), [("a:443", "https://a"), ("a", "https://a"), ("[::1]:1", "https://[::1]:1")])
def test_the_default_port_may_be_said_or_not(host: str, page: str) -> None:
    assert may(host=host, origin=page)


def test_without_a_host_no_page_is_our_own() -> None:
    assert Origins().rejection(scope("POST", origin="https://a")) is not None
    assert Origins().rejection(scope("POST", origin="null")) is not None


@pytest.mark.parametrize(("site", "let_through"), [("cross-site", False), ("same-site", False), ("none", True)])
def test_where_there_is_no_origin_the_site_decides(site: str, let_through: bool) -> None:
    assert may(sec_fetch_site=site) is let_through


def test_a_site_that_is_another_counts_against_our_own_origin() -> None:
    assert not may(origin="https://cluster.example:5080", sec_fetch_site="cross-site")


def test_a_configured_origin_may_write_from_its_other_site() -> None:
    assert may(origin=OPS, sec_fetch_site="cross-site")
    assert may(origin="https://ops.example:443")


def test_two_origins_count_as_the_worse_one() -> None:
    request = scope("POST", **OWN)
    request["headers"] += [(b"origin", OPS.encode()), (b"origin", b"https://evil.example")]
    assert Origins([OPS]).rejection(request) is not None


def test_a_configured_page_reads_what_it_asked_for_and_no_other_does() -> None:
    origins = Origins([OPS])
    readable = origins.readable_headers(scope("GET", origin=OPS))
    assert (b"access-control-allow-origin", OPS.encode()) in readable
    assert (b"vary", b"Origin") in readable
    exposed = dict(readable)[b"access-control-expose-headers"].split(b", ")
    assert exposed == [b"ETag", b"Location", b"Link", b"Preference-Applied", b"X-Request-Id", b"Retry-After"]
    for other in (scope("GET", origin="https://evil.example"), scope("GET", origin="null"), scope("GET")):
        assert origins.readable_headers(other) == [(b"vary", b"Origin")]
    assert Origins().readable_headers(scope("GET", origin=OPS)) == []


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("https://ops.example", "https://ops.example"),
        ("HTTPS://Ops.Example:443", "https://ops.example"),
        ("http://ops.example:80", "http://ops.example"),
        ("http://ops.example:0080", "http://ops.example"),
        ("https://[0:0::1]:8443", "https://[::1]:8443"),
        ("https://[:::]", None),
        ("moz-extension://0b3-a", "moz-extension://0b3-a"),
        ("https://ops.example/", None),
        ("https://user@ops.example", None),
        ("https://*.example", None),
        ("null", None),
        ("*", None),
        ("ops.example", None),
        ("https://ops.example\n", None),
    ],
)
def test_origins_are_compared_as_browsers_write_them(text: str, canonical: str | None) -> None:
    assert origin(text) == canonical

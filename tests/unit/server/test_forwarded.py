"""Whose request a proxy brings: one table of headers and the address that they lead to."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapier.server.forwarded import Origin, Proxies

PEER = "10.0.0.1"  # trusted, as all of 10.0.0.0/8 and 2001:db8:7::/48
TRUSTED = Proxies(["10.0.0.0/8", "2001:db8:7::/48"])
CLIENT = "203.0.113.9"

# header lines as `F: …` (Forwarded) and `X: …` (X-Forwarded-For), and the address that counts
CASES: list[tuple[str, list[str], str]] = [
    ("no header", [], PEER),
    ("one address", [f"F: for={CLIENT}"], CLIENT),
    ("one address", [f"X: {CLIENT}"], CLIENT),
    ("names in any case, spaces", [f"F:  For={CLIENT} ; Proto=https ;by=10.0.0.1 "], CLIENT),
    ("a port", [f'F: for="{CLIENT}:4711"'], CLIENT),
    ("a port", [f"X: {CLIENT}:4711"], CLIENT),
    ("an obfuscated port", [f'F: for="{CLIENT}:_x9"'], CLIENT),
    ("IPv6", ['F: for="[2001:db8::17]"'], "2001:db8::17"),
    ("IPv6 and a port", ['F: for="[2001:db8::17]:4711"'], "2001:db8::17"),
    ("IPv6 bare", ["X: 2001:db8::17"], "2001:db8::17"),
    ("IPv6 in brackets with a port", ["X: [2001:db8::17]:4711"], "2001:db8::17"),
    ("IPv6 in its long form is written shortly", ["X: 2001:0DB8:0::0017"], "2001:db8::17"),
    ("IPv4 in IPv6 form", ["X: ::ffff:203.0.113.9"], CLIENT),
    ("an escape in quotes", [r'F: for="203.0.113\.9"'], CLIENT),
    ("what the client invents stands before it", [f"X: 127.0.0.1, {CLIENT}"], CLIENT),
    ("what the client invents stands before it", [f"F: for=127.0.0.1, for={CLIENT}"], CLIENT),
    ("through a second trusted proxy", [f"X: {CLIENT}, 10.9.9.9"], CLIENT),
    ("through trusted proxies of both kinds", [f'F: for={CLIENT}, for="[2001:db8:7::1]", for=10.2.2.2'], CLIENT),
    ("an invented trusted one", [f"X: 10.1.1.1, {CLIENT}, 10.9.9.9"], CLIENT),
    ("all are trusted: the first of them", ["X: 10.3.3.3, 10.9.9.9"], "10.3.3.3"),
    ("several lines are one list", ["X: 127.0.0.1", f"X: {CLIENT}", "X: 10.9.9.9"], CLIENT),
    ("several lines are one list", ["F: for=127.0.0.1", f"F: for={CLIENT}, for=10.9.9.9"], CLIENT),
    ("empty elements", [f"X: , {CLIENT},,"], CLIENT),
    ("empty elements", [f"F: ,for={CLIENT};, ,"], CLIENT),
    ("parameters that are not known", [f'F: for={CLIENT};secret="a,b;c=\\"d"'], CLIENT),
    ("unknown", ["F: for=unknown"], PEER),
    ("unknown", [f"X: {CLIENT}, unknown"], PEER),
    ("obfuscated", ["F: for=_hidden"], PEER),
    ("obfuscated, behind a trusted one", [f"F: for={CLIENT}, for=_hidden, for=10.9.9.9"], "10.9.9.9"),
    ("obfuscated, before the client", [f"F: for=_hidden, for={CLIENT}"], CLIENT),
    ("the last proxy does not say", [f"F: for={CLIENT}, proto=https"], PEER),
    ("both, and the same", [f"F: for={CLIENT}", f"X: {CLIENT}"], CLIENT),
    ("both, and not the same", [f"F: for={CLIENT}", "X: 203.0.113.66"], PEER),
    ("both, one cannot be read", ["F: for=", f"X: {CLIENT}"], CLIENT),
    ("both, one cannot be read", [f"F: for={CLIENT}", "X: nonsense"], CLIENT),
    ("no value", ["F: for="], PEER),
    ("no pair", ["F: for"], PEER),
    ("IPv6 without quotes", ["F: for=[2001:db8::17]"], PEER),
    ("IPv6 without brackets", ['F: for="2001:db8::17:4711:0:0:0:0:0"'], PEER),
    ("a port without quotes", [f"F: for={CLIENT}:80"], PEER),
    ("a quote that does not end", [f'F: for="{CLIENT}'], PEER),
    ("twice in an element", [f"F: for={CLIENT};for=203.0.113.66"], PEER),
    ("one bad element spoils the line", [f"F: for={CLIENT}, for=10.9.9.9, nonsense"], PEER),
    ("a name", ["X: client.example.com"], PEER),
    ("a number that is too large", ["X: 203.0.113.256"], PEER),
    ("an address and more", [f"X: {CLIENT} (really)"], PEER),
    ("a zone", ["X: fe80::1%eth0"], PEER),
    ("what is no Latin", ["X: 203.0.113.٩"], PEER),
]


def headers(lines: list[str]) -> list[tuple[bytes, bytes]]:
    names = {"F": b"forwarded", "X": b"x-forwarded-for", "P": b"x-forwarded-proto", "H": b"x-forwarded-host"}
    return [(names[line[0]], line[2:].strip(" ").encode("utf-8")) for line in lines]


@pytest.mark.parametrize(("title", "lines", "address"), CASES, ids=lambda value: str(value)[:50])
def test_the_address_behind_a_trusted_proxy(title: str, lines: list[str], address: str) -> None:
    assert TRUSTED.origin(PEER, headers(lines)).address == address, title


@pytest.mark.parametrize(
    ("lines", "origin"),
    [
        ([f"F: for={CLIENT};proto=https;host=api.example.com"], Origin(CLIENT, "https", "api.example.com")),
        ([f'F: for={CLIENT};proto=HTTPS;host="[::1]:8443"'], Origin(CLIENT, "https", "[::1]:8443")),
        # the element is that of who asked the first of our proxies
        (
            [f"F: proto=http;host=evil, for={CLIENT};proto=https;host=a, for=10.1.1.1;proto=http;host=b"],
            Origin(CLIENT, "https", "a"),
        ),
        ([f"X: {CLIENT}", "P: https", "H: api.example.com"], Origin(CLIENT, "https", "api.example.com")),
        (["P: https"], Origin(PEER, "https")),
        (
            [f"X: {CLIENT}", "P: http, https", "H: evil, api.example.com:8443"],
            Origin(CLIENT, "https", "api.example.com:8443"),
        ),
        ([f"X: {CLIENT}", "P: gopher", "H: a b"], Origin(CLIENT)),
        ([f"F: for={CLIENT};proto=https", "X: 203.0.113.66", "P: http"], Origin(PEER)),
        # what the client sent along with the header that the proxy writes
        ([f"F: for={CLIENT}", "P: https", "H: evil"], Origin(CLIENT)),
    ],
)
def test_scheme_and_host_behind_a_trusted_proxy(lines: list[str], origin: Origin) -> None:
    assert TRUSTED.origin(PEER, headers(lines)) == origin


@pytest.mark.parametrize(
    ("address", "trusted"),
    [
        ("10.255.0.1", True),
        ("11.0.0.1", False),
        ("::ffff:10.0.0.1", True),
        ("2001:db8:7::1", True),
        ("2001:db8:8::1", False),
        ("2001:db8:7::1%eth0", True),
        ("", False),
        ("/run/socket", False),
    ],
)
def test_who_is_trusted(address: str, trusted: bool) -> None:
    assert TRUSTED.trusts(address) is trusted
    assert not Proxies().trusts(address)


@pytest.mark.parametrize("network", ["localhost", "10.0.0.1/8", "10.0.0.0/33", ""])
def test_what_is_no_network_is_refused(network: str) -> None:
    with pytest.raises(ValueError, match=r"network|host bits|netmask"):
        Proxies([network])


def test_the_scope_gets_address_scheme_and_host() -> None:
    scope: dict[str, Any] = {
        "client": (PEER, 17),
        "scheme": "http",
        "headers": [(b"host", b"inside:5080"), *headers([f"F: for={CLIENT};proto=https;host=api.example.com"])],
    }
    TRUSTED.apply(scope, PEER)
    assert scope["client"] == (CLIENT, 0)
    assert scope["scheme"] == "https"
    assert scope["headers"][0] == (b"host", b"api.example.com")


@given(st.lists(st.tuples(st.sampled_from([b"forwarded", b"x-forwarded-for"]), st.binary(max_size=100))))
def test_whatever_comes_is_read_or_left_aside(lines: list[tuple[bytes, bytes]]) -> None:
    TRUSTED.origin(PEER, lines)


def test_a_header_as_long_as_a_head_may_be_takes_no_time() -> None:
    blanks = f"for={CLIENT};" + " " * 60_000 + ";by=x"
    odd = ("for=" * 16_000, 'for="' + "\\a" * 30_000, ";" * 60_000, "for=1;" * 10_000, "a," * 30_000, "a=b \t" * 12_000)
    for text in (blanks, *odd):
        began = time.process_time()
        TRUSTED.origin(PEER, [(b"forwarded", text.encode()), (b"x-forwarded-for", text.encode())])
        assert time.process_time() - began < 0.5, text[:20]

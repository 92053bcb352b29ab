"""Whose request a proxy brings: `Forwarded` (RFC 7239) and `X-Forwarded-For`, from proxies that are trusted.

Each proxy writes behind what it was given the address of whom it was asked by. So the list is walked from its end: an
address counts as long as the one that wrote it is trusted, and what stands before the first stranger is that stranger's
invention.

A proxy writes one of the two headers, and passes on the other as its client sent it. Which one it writes cannot be
seen, so where both are there and tell of different clients, neither counts.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

Headers = Iterable[tuple[bytes, bytes]]  # names in lower case
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 (a grammar's word: RFC 9110 5.6.2)
_pair = re.compile(rf'({_TOKEN})=(?:({_TOKEN})|"((?:[^"\\]|\\.)*+)")[ \t]*+').match
_between = re.compile(r"[ \t;]*+").match  # each character is looked at once: strangers write here, and much
# RFC 7239 6: an address, in brackets where it has colons, with a port or an obfuscated one
_node = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?").fullmatch
_nobody = re.compile(r"(?:unknown|_[A-Za-z0-9._-]+)(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?", re.IGNORECASE).fullmatch
_host = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?").fullmatch


class BadSyntax(Exception):
    """A header that cannot be read. It counts as if it were not there."""


class Hop(NamedTuple):
    """What one proxy says of whom it was asked by. None: it does not say, or says that it does not know."""

    client: Address | None
    scheme: str | None = None
    host: str | None = None


class Origin(NamedTuple):
    """Who really asks: the address, and under which scheme and host, where the proxies say so."""

    address: str
    scheme: str | None = None
    host: str | None = None


class Proxies:
    """The proxies that are trusted, by addresses and networks in CIDR notation. False where there are none."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        """Raises ValueError for what is no network, or a network whose address has bits beyond its length."""
        self._networks = [ipaddress.ip_network(network) for network in networks]

    def __bool__(self) -> bool:
        return bool(self._networks)

    def trusts(self, address: str) -> bool:
        """Whether this peer is one of them."""
        try:
            return self._trusts(_plain(ipaddress.ip_address(address.partition("%")[0])))
        except ValueError:
            return False

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._networks)

    def origin(self, peer: str, headers: Headers) -> Origin:
        """Who asks behind a trusted peer: the peer itself, where its headers do not say or cannot be read."""
        given: dict[bytes, list[str]] = {}
        for name, value in headers:
            if name == b"forwarded" or name.startswith(b"x-forwarded-"):
                given.setdefault(name, []).append(value.decode("latin-1"))
        if not given:
            return Origin(peer)
        by_standard = self._walked(peer, given.get(b"forwarded"), forwarded)
        by_custom = self._walked(peer, given.get(b"x-forwarded-for"), x_forwarded_for)
        if by_standard is not None and by_custom is not None and by_standard.address != by_custom.address:
            return Origin(peer)
        found = by_standard or by_custom or Origin(peer)
        if b"forwarded" in given and by_custom is None:
            return found
        host = _last(given.get(b"x-forwarded-host"))
        return Origin(
            found.address,
            found.scheme or _scheme(_last(given.get(b"x-forwarded-proto"))),
            found.host or (host if host and _host(host) else None),
        )

    def _walked(
        self, peer: str, lines: Sequence[str] | None, read: Callable[[Sequence[str]], list[Hop]]
    ) -> Origin | None:
        """Who asks by one kind of header; None where it is not there or cannot be read."""
        if lines is None:
            return None
        try:
            hops = read(lines)
        except BadSyntax:
            return None
        found = Origin(peer)
        for hop in reversed(hops):
            if hop.client is None:
                break  # somebody, behind the last one that is known
            found = Origin(str(hop.client), hop.scheme, hop.host)
            if not self._trusts(hop.client):
                break
        return found

    def apply(self, scope: Any, peer: str) -> None:
        """Puts who asks, and how, into a request's scope, in place of its peer, a trusted proxy."""
        address, scheme, host = self.origin(peer, scope["headers"])
        if address != peer:
            scope["client"] = (address, 0)
        if scheme is not None:
            scope["scheme"] = scheme
        if host is not None:
            headers = scope["headers"]
            headers[:] = [(name, host.encode("ascii") if name == b"host" else value) for name, value in headers]


def forwarded(lines: Sequence[str]) -> list[Hop]:
    """The hops of `Forwarded`, several lines being one list. Raises BadSyntax."""
    text = ",".join(lines)
    hops: list[Hop] = []
    position = 0
    while True:
        pairs, position = _element(text, position)
        if pairs:
            host = pairs.get("host")
            hops.append(
                Hop(
                    _client(pairs["for"]) if "for" in pairs else None,
                    _scheme(pairs.get("proto")),
                    host if host and _host(host) else None,
                )
            )
        if position == len(text):
            return hops
        position += 1  # the comma


def _element(text: str, position: int) -> tuple[dict[str, str], int]:
    """The pairs of one element of the list, empty for an empty one, and where it ends."""
    pairs: dict[str, str] = {}
    while True:
        position = _between(text, position).end()  # type: ignore[union-attr]  # an empty one is found anywhere
        if position == len(text) or text[position] == ",":
            return pairs, position
        found = _pair(text, position)
        if found is None:
            raise BadSyntax(text)
        name, token, quoted = found.groups()
        if name.lower() in pairs:
            raise BadSyntax(text)  # RFC 7239 4: once in an element
        pairs[name.lower()] = token if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        position = found.end()
        if position < len(text) and text[position] not in ",;":
            raise BadSyntax(text)


def x_forwarded_for(lines: Sequence[str]) -> list[Hop]:
    """The hops of `X-Forwarded-For`: addresses in a list, IPv6 also without brackets. Raises BadSyntax."""
    words = [word.strip(" \t") for word in ",".join(lines).split(",")]
    return [Hop(_client(word)) for word in words if word]


def _client(word: str) -> Address | None:
    """The address that a proxy was asked by; None where it keeps that to itself. Raises BadSyntax."""
    if _nobody(word):
        return None
    found = _node(word)
    try:
        if found is None:
            return _plain(ipaddress.IPv6Address(word.replace("%", "-")))  # a zone is another host's own business
        inside_brackets, plain = found.groups()
        return _plain(ipaddress.IPv6Address(inside_brackets)) if inside_brackets else ipaddress.IPv4Address(plain)
    except ValueError:
        raise BadSyntax(word) from None


def _plain(address: Address) -> Address:
    """An IPv4 address that is written as IPv6 is that IPv4 address."""
    return getattr(address, "ipv4_mapped", None) or address


def _scheme(word: str | None) -> str | None:
    return word.lower() if word is not None and word.lower() in ("http", "https") else None


def _last(lines: Sequence[str] | None) -> str | None:
    """What the proxy before us wrote into a list."""
    return ",".join(lines).rpartition(",")[2].strip(" \t") if lines else None

"""Odd requests, and what comes back: one table, which the tests send and `docs/odd-http.md` shows.

`python odd_requests.py` (in this folder) prints the page's tables.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

OF_STOCK = Path(__file__).with_name("odd_requests_of_stock.json")  # what `odd_beside_stock` was answered
READ = "GET {read} HTTP/1.1\r\nHost: x\r\n{user}"
WRITE = "PUT {write} HTTP/1.1\r\nHost: x\r\n{user}Content-Type: application/json\r\n"
BODY = '{"tags": ["odd"]}'
SIZE = len(BODY)
CHUNKED = f"{SIZE:x}\r\n{BODY}\r\n0\r\n\r\n"
# Nobody may ever see this one: it would be a job in the master's queue
SMUGGLED = "PUT /2/tags?tag=smuggled HTTP/1.1\r\nHost: x\r\n{user}\r\n"


class Outcome(NamedTuple):
    """The statuses that come back, one for each request that is seen; whether the connection can be used on."""

    statuses: tuple[int, ...]
    kept: bool

    @property
    def of_a_stranger(self) -> Outcome:
        """The same for who brings no password: 401 each time, and nobody is told to go on with a body."""
        return Outcome(tuple(401 for status in self.statuses if status != 100), self.kept)


class Odd(NamedTuple):
    """One exchange. `{read}` and `{write}` are URIs of the version that is asked, `{user}` is the password's header.

    `versions` are the outcomes for a user of each version of the API, `strangers` for who has no password.
    """

    what: str
    sent: str
    versions: dict[str, Outcome]
    strangers: dict[str, Outcome]


def answered(what: str, sent: str, versions: dict[str, Outcome], refused: bool = False) -> Odd:
    """`refused`: the server itself says no, whoever asks."""
    strangers = {version: outcome if refused else outcome.of_a_stranger for version, outcome in versions.items()}
    return Odd(what, sent, versions, strangers)


def refused(what: str, sent: str, status: int = 400) -> Odd:
    """The server says no, and closes."""
    return answered(what, sent, dict.fromkeys("23", Outcome((status,), kept=False)), refused=True)


def asked(what: str, sent: str, *statuses: int, kept: bool = True) -> Odd:
    """Reads: the same in each version."""
    return answered(what, sent, dict.fromkeys("23", Outcome(statuses or (200,), kept)))


def read(what: str, *headers: str, kept: bool = True) -> Odd:
    """A read with further header lines."""
    return asked(what, READ + "".join(f"{header}\r\n" for header in headers) + "\r\n", kept=kept)


def written(what: str, sent: str, *further: int, before: tuple[int, ...] = ()) -> Odd:
    """A write of what is there already. On `/2` its answer closes the connection, and nothing `further` is seen."""
    return answered(what, sent, {"2": Outcome((*before, 200), False), "3": Outcome((*before, 200, *further), True)})


def target(what: str, path: str, status: int) -> Odd:
    """A read of another target, of the version that the target names."""
    version = "3" if path.startswith("/3") or path.endswith("/3") else "2"
    return answered(what, READ.replace("{read}", path) + "\r\n", {version: Outcome((status,), True)})


TABLE: dict[str, list[Odd]] = {
    "How long is the body": [
        refused(
            "Content-Length beside Transfer-Encoding",
            WRITE + f"Content-Length: {SIZE}\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKED + SMUGGLED,
        ),
        refused(
            "Transfer-Encoding before Content-Length",
            WRITE + "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n" + CHUNKED + SMUGGLED,
        ),
        refused(
            "two Content-Lengths that differ",
            WRITE + f"Content-Length: {SIZE}\r\nContent-Length: 0\r\n\r\n" + BODY + SMUGGLED,
        ),
        refused(
            "two Content-Lengths that agree",
            WRITE + f"Content-Length: {SIZE}\r\nContent-Length: {SIZE}\r\n\r\n" + BODY + SMUGGLED,
        ),
        refused("a list of lengths", WRITE + f"Content-Length: {SIZE}, {SIZE}\r\n\r\n" + BODY + SMUGGLED),
        refused("a length with a sign", WRITE + f"Content-Length: +{SIZE}\r\n\r\n" + BODY + SMUGGLED),
        refused("a negative length", WRITE + "Content-Length: -1\r\n\r\n" + SMUGGLED),
        refused("a length in hexadecimal", WRITE + f"Content-Length: 0x{SIZE:x}\r\n\r\n" + BODY + SMUGGLED),
        refused("a length with a point", WRITE + f"Content-Length: {SIZE}.0\r\n\r\n" + BODY + SMUGGLED),
        refused("a length with a blank in it", WRITE + "Content-Length: 1 7\r\n\r\n" + BODY + SMUGGLED),
        refused("an empty length", WRITE + "Content-Length:\r\n\r\n" + SMUGGLED),
        refused("a length beyond 64 bits", WRITE + f"Content-Length: {2**64 + SIZE}\r\n\r\n" + BODY + SMUGGLED),
        asked("a length larger than a body may be", WRITE + f"Content-Length: {2**63 - 1}\r\n\r\n", 413, kept=False),
        written("zeros before a length", WRITE + f"Content-Length: 000{SIZE}\r\n\r\n" + BODY),
        written(
            "a body that is longer than its length: the rest is the next request",
            WRITE + f"Content-Length: {SIZE}\r\n\r\n" + BODY + READ + "\r\n",
            200,
        ),
        answered(
            "neither length nor chunks: there is no body",
            WRITE + "\r\n",
            {"2": Outcome((200,), False), "3": Outcome((422,), True)},
        ),
        answered(
            "a read with a body",
            READ + "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n[]",
            {"2": Outcome((200,), True), "3": Outcome((422,), True)},
        ),
    ],
    "Chunks": [
        written("chunks", WRITE + "Transfer-Encoding: chunked\r\n\r\n" + CHUNKED),
        written("CHUNKED in capitals", WRITE + "Transfer-Encoding: CHUNKED\r\n\r\n" + CHUNKED),
        refused("another coding than chunked", WRITE + "Transfer-Encoding: gzip\r\n\r\n" + SMUGGLED),
        refused("another coding after chunked", WRITE + "Transfer-Encoding: chunked, gzip\r\n\r\n" + CHUNKED),
        refused("another coding before chunked", WRITE + "Transfer-Encoding: gzip, chunked\r\n\r\n" + CHUNKED),
        refused("chunked twice, as a list", WRITE + "Transfer-Encoding: chunked, chunked\r\n\r\n" + CHUNKED),
        refused(
            "Transfer-Encoding twice",
            WRITE + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKED,
        ),
        refused("identity and chunked", WRITE + "Transfer-Encoding: identity, chunked\r\n\r\n" + CHUNKED),
        refused("a coding that only looks like chunked", WRITE + "Transfer-Encoding: xchunked\r\n\r\n" + CHUNKED),
        refused("chunked with a tab before it (0x0b)", WRITE + "Transfer-Encoding: \x0bchunked\r\n\r\n" + CHUNKED),
        refused("an empty coding", WRITE + "Transfer-Encoding:\r\n\r\n" + SMUGGLED),
        refused(
            "chunks from a 1.0 client", WRITE.replace("1.1", "1.0") + "Transfer-Encoding: chunked\r\n\r\n" + CHUNKED
        ),
        written(
            "an extension after a chunk's size",
            WRITE + f"Transfer-Encoding: chunked\r\n\r\n{SIZE:x};a=b\r\n" + BODY + "\r\n0\r\n\r\n",
        ),
        written(
            "zeros before a chunk's size",
            WRITE + f"Transfer-Encoding: chunked\r\n\r\n000{SIZE:x}\r\n" + BODY + "\r\n0\r\n\r\n",
        ),
        written(
            "a trailer: it does not become a header",
            WRITE + f"Transfer-Encoding: chunked\r\n\r\n{SIZE:x}\r\n" + BODY + "\r\n0\r\nX-Name: value\r\n\r\n",
        ),
        refused(
            "a chunk's size with 0x",
            WRITE + f"Transfer-Encoding: chunked\r\n\r\n0x{SIZE:x}\r\n" + BODY + "\r\n0\r\n\r\n",
        ),
        refused("a negative chunk's size", WRITE + "Transfer-Encoding: chunked\r\n\r\n-1\r\n" + BODY),
        refused(
            "a chunk's size with a sign",
            WRITE + f"Transfer-Encoding: chunked\r\n\r\n+{SIZE:x}\r\n" + BODY + "\r\n0\r\n\r\n",
        ),
        refused(
            "a chunk's size beyond 64 bits",
            WRITE + f"Transfer-Encoding: chunked\r\n\r\n1{SIZE:016x}\r\n" + BODY + "\r\n0\r\n\r\n",
        ),
        refused("a chunk's size that is empty", WRITE + "Transfer-Encoding: chunked\r\n\r\n\r\n" + BODY),
        refused(
            "a blank after a chunk's size",
            WRITE + f"Transfer-Encoding: chunked\r\n\r\n{SIZE:x} \r\n" + BODY + "\r\n0\r\n\r\n",
        ),
        refused(
            "a chunk's size that ends in LF alone",
            WRITE + f"Transfer-Encoding: chunked\r\n\r\n{SIZE:x}\n" + BODY + "\r\n0\r\n\r\n",
        ),
        refused(
            "a chunk that is not followed by a line's end",
            WRITE + f"Transfer-Encoding: chunked\r\n\r\n{SIZE:x}\r\n" + BODY + "0\r\n\r\n",
        ),
        refused(
            "a chunk that is followed by LF alone",
            WRITE + f"Transfer-Encoding: chunked\r\n\r\n{SIZE:x}\r\n" + BODY + "\n0\r\n\r\n",
        ),
    ],
    "Lines": [
        refused("a header line that ends in LF alone", "GET {read} HTTP/1.1\r\nHost: x\n{user}\r\n"),
        refused("a request line that ends in LF alone", "GET {read} HTTP/1.1\nHost: x\r\n{user}\r\n"),
        refused("a head that ends in LF alone", READ + "\n"),
        refused("a CR within a value", READ + "X-Name: a\rb\r\n\r\n"),
        refused("a line that ends in CR alone", "GET {read} HTTP/1.1\rHost: x\r\n{user}\r\n"),
        refused("a value that goes on in the next line (obs-fold)", READ + "X-Name: a\r\n b\r\n\r\n"),
        refused("a length that goes on in the next line", WRITE + f"Content-Length:\r\n {SIZE}\r\n\r\n" + BODY),
        refused("a line of blanks in the head", READ + " \r\n\r\n"),
        refused("a blank before the first header", "GET {read} HTTP/1.1\r\n Host: x\r\n{user}\r\n"),
        refused("a blank before a colon", READ + "X-Name : a\r\n\r\n"),
        refused("a blank before the colon of a length", WRITE + f"Content-Length : {SIZE}\r\n\r\n" + BODY),
        refused("a header without a name", READ + ": a\r\n\r\n"),
        refused("a header without a colon", READ + "X-Name\r\n\r\n"),
        refused("NUL in a header's name", READ + "X-Na\0me: a\r\n\r\n"),
        refused("NUL in a value", READ + "X-Name: a\0b\r\n\r\n"),
        refused("a control character in a value", READ + "X-Name: a\x01b\r\n\r\n"),
        refused("letters beyond ASCII in a header's name", READ + "X-N\xe4me: a\r\n\r\n"),
        read("letters beyond ASCII in a value", "X-Name: \xe4"),
        read("a header without a value", "X-Name:"),
        read("tabs around a value", "X-Name:\ta\t"),
        asked("an empty line before the request", "\r\n" + READ + "\r\n"),
    ],
    "The request line": [
        asked("two blanks between method and target", "GET  {read} HTTP/1.1\r\nHost: x\r\n{user}\r\n"),
        refused("a tab between method and target", "GET\t{read} HTTP/1.1\r\nHost: x\r\n{user}\r\n"),
        refused("a blank in the target", "GET {read} x HTTP/1.1\r\nHost: x\r\n{user}\r\n"),
        refused("no method", " {read} HTTP/1.1\r\nHost: x\r\n{user}\r\n"),
        refused("no target", "GET HTTP/1.1\r\nHost: x\r\n{user}\r\n"),
        refused("a method that is no word", "G@T {read} HTTP/1.1\r\nHost: x\r\n{user}\r\n"),
        refused("CONNECT", "CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n{user}\r\n", 501),
        answered(
            "a method that nobody knows",
            READ.replace("GET", "FROB") + "\r\n",
            {"2": Outcome((501,), False), "3": Outcome((405,), True)},
        ),
        asked("a method in small letters is the same method", READ.replace("GET", "get") + "\r\n"),
        refused("HTTP/0.9", "GET {read}\r\n\r\n", 505),
        refused("HTTP/1.2", "GET {read} HTTP/1.2\r\nHost: x\r\n{user}\r\n"),
        refused("HTTP/2.0", "GET {read} HTTP/2.0\r\nHost: x\r\n{user}\r\n", 505),
        refused("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        refused("a version in small letters", "GET {read} http/1.1\r\nHost: x\r\n{user}\r\n"),
        refused("a version of two digits", "GET {read} HTTP/1.10\r\nHost: x\r\n{user}\r\n"),
        refused("another protocol", "GET {read} SIP/2.0\r\nHost: x\r\n{user}\r\n"),
        refused("TLS's first bytes, inside of TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc"),
    ],
    "Host": [
        refused("no Host", "GET {read} HTTP/1.1\r\n{user}\r\n"),
        refused("two Hosts", READ + "Host: y\r\n\r\n"),
        refused("the same Host twice", READ + "Host: x\r\n\r\n"),
        asked("an empty Host", "GET {read} HTTP/1.1\r\nHost:\r\n{user}\r\n"),
        asked("a Host of another server", "GET {read} HTTP/1.1\r\nHost: elsewhere.example.com\r\n{user}\r\n"),
        refused("a Host that is none", "GET {read} HTTP/1.1\r\nHost: a b/c\r\n{user}\r\n"),
        refused("two names in one Host", "GET {read} HTTP/1.1\r\nHost: a, b\r\n{user}\r\n"),
    ],
    "HTTP/1.0": [
        asked("without Host: answered in 1.0, and closed", "GET {read} HTTP/1.0\r\n{user}\r\n", kept=False),
        asked(
            "with keep-alive: closed all the same",
            "GET {read} HTTP/1.0\r\nConnection: keep-alive\r\n{user}\r\n",
            kept=False,
        ),
        refused("with two Hosts", "GET {read} HTTP/1.0\r\nHost: x\r\nHost: x\r\n{user}\r\n"),
    ],
    "Connections": [
        read("Connection: close", "Connection: close", kept=False),
        read("Connection: keep-alive", "Connection: keep-alive"),
        asked("two requests at once", READ + "\r\n" + READ + "\r\n", 200, 200),
        asked("a request behind one that said close", READ + "Connection: close\r\n\r\n" + SMUGGLED, kept=False),
        Odd(
            "a request that is refused behind one that is not",
            READ + "\r\nGET {read} HTTP/1.1\r\n\r\n",
            dict.fromkeys("23", Outcome((200, 400), False)),
            dict.fromkeys("23", Outcome((401, 400), False)),
        ),
        read(
            "an upgrade to HTTP/2: it goes on in 1.1",
            "Connection: Upgrade, HTTP2-Settings",
            "Upgrade: h2c",
            "HTTP2-Settings: AAMAAABkAAQAAP__",
        ),
        read("an upgrade to a web socket: it goes on in HTTP", "Connection: Upgrade", "Upgrade: websocket"),
        refused(
            "an upgrade together with a body",
            WRITE + f"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: {SIZE}\r\n\r\n" + BODY,
        ),
    ],
    "Expect": [
        written(
            "100-continue", WRITE + f"Expect: 100-continue\r\nContent-Length: {SIZE}\r\n\r\n" + BODY, before=(100,)
        ),
        read("100-continue without a body", "Expect: 100-continue"),
        read("another expectation", "Expect: the-unexpected"),
    ],
    "Targets": [
        target("a whole URI", "https://x/version", 200),
        target("a whole URI", "https://x/3", 200),
        target("a whole URI of another host", "https://elsewhere.example.com/version", 200),
        refused("a whole URI without a host", "GET https:///version HTTP/1.1\r\nHost: x\r\n{user}\r\n"),
        refused("host and port alone", "GET x:443 HTTP/1.1\r\nHost: x\r\n{user}\r\n"),
        refused("no slash at the beginning", "GET version HTTP/1.1\r\nHost: x\r\n{user}\r\n"),
        target("* for a read", "*", 404),
        asked("OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: x\r\n{user}\r\n", 404, kept=False),
        target("%2F is no slash", "/2%2Finfo", 404),
        target("%2F is no slash", "/3%2F-", 404),
        target("an escaped letter is not that letter", "/2/inf%6f", 404),
        target("an escape that is none", "/2/instances/%zz", 404),
        target("an escape that is none", "/3/{cluster}/instances/%zz", 400),
        target("an escape that is cut short", "/3/{cluster}/instances/a%2", 400),
        target("% alone", "/2/instances/%", 404),
        target("% alone", "/3/{cluster}/instances/%", 400),
        target("%00", "/2/instances/a%00", 404),
        target("%00", "/3/{cluster}/instances/a%00", 404),
        target("an escape that is no UTF-8", "/3/{cluster}/instances/%FF", 400),
        target("an escape that is none, in the query", "/2/info?a=%zz", 200),
        target("an escape that is no UTF-8, in the query", "/3/{cluster}/instances?filter=%FF", 400),
        target("a fragment: it is no part of the target", "/version#part", 200),
        target("two slashes", "//version", 404),
        target("two slashes", "/3//", 404),
        target("/./", "/./version", 404),
        target("/../", "/2/../version", 404),
        target("/../ with escapes", "/2/%2e%2e/version", 404),
        target("a backslash", "/2\\info", 404),
        target("a slash at the end", "/2/info/", 404),
        refused("letters beyond ASCII", "GET /2/instances/\xe4 HTTP/1.1\r\nHost: x\r\n{user}\r\n"),
        refused("NUL", "GET /2/\0 HTTP/1.1\r\nHost: x\r\n{user}\r\n"),
        refused("a target of more than 8 kB", f"GET /{'a' * 8192} HTTP/1.1\r\nHost: x\r\n{{user}}\r\n", 414),
    ],
    "Too much": [
        refused("101 headers", READ + "A: b\r\n" * 101 + "\r\n", 431),
        refused("a head of more than 64 kB", READ + f"A: {'b' * 65_536}\r\n\r\n", 431),
        refused("a head that never ends", READ + f"A: {'b' * 200_000}", 431),
        refused("a header's name that never ends", READ + "A" * 200_000, 431),
    ],
}

LONGEST_SHOWN = 130  # of a request, on the page


def rows_of_the_page() -> list[str]:
    """The tables as Markdown: what, as it is sent, and what comes back."""
    of_stock = json.loads(OF_STOCK.read_text())
    lines: list[str] = []
    for section, rows in TABLE.items():
        lines += [
            f"## {section}",
            "",
            "| what | as sent | answer on `/2` | stock's | on `/3` |",
            "|---|---|---|---|---|",
        ]
        for row in rows:
            ours, new = (_shown(row.versions[version]) if version in row.versions else "" for version in "23")
            theirs = of_stock[row.what] if ours else ""
            lines.append(f"| {row.what} | `{_as_sent(row.sent)}` | {ours} | {theirs} | {new} |")
        lines.append("")
    return lines[:-1]


def _shown(outcome: Outcome) -> str:
    return f"{', '.join(map(str, outcome.statuses))}; {'kept' if outcome.kept else 'closed'}"


def _as_sent(sent: str) -> str:
    """What is odd in it: without the lines that most requests have, and cut where it goes on for long."""
    for common in ("{user}", "Host: x\r\n", "Content-Type: application/json\r\n"):
        if sent.count(common) == 1:
            sent = sent.replace(common, "")
    text = sent.encode("latin-1").decode("latin-1").encode("unicode_escape").decode().replace("|", "\\|")
    text = text.replace("{read}", "…").replace("{write}", "…").replace("{user}", "")
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 30]}…{text[-29:]}"


if __name__ == "__main__":
    print("\n".join(rows_of_the_page()))

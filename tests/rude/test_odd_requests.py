"""The table of odd requests against the daemon as it is run: TLS, a master behind it, with a password and without."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from endpoints import Access, Endpoint, embedded_master, rapier
from lab.luxi import ask
from rude.odd_beside_stock import USER, answers_of
from rude.odd_requests import OF_STOCK, TABLE, Odd, Outcome, rows_of_the_page

PAGE = Path(__file__).parents[2] / "docs" / "odd-http.md"
# Sent when the first answer is there: where the connection is kept it is answered, and that is the end
LAST = "GET /nowhere HTTP/1.1\r\nHost: x\r\n{user}Connection: close\r\n\r\n"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory, access: Access) -> Iterator[Endpoint]:
    """A daemon before a master of its own, in whose queue nothing but this table's jobs can be."""
    folder = tmp_path_factory.mktemp("odd")
    with embedded_master(folder) as luxi_socket, rapier("rapier-odd", luxi_socket, access) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def uris(endpoint: Endpoint) -> dict[str, dict[str, str]]:
    """What the table's words stand for, in each version. The tag that its writes set is there already."""
    with endpoint.client() as client:
        cluster = client.get("/2/info").json()["name"]
        made = client.put(f"/3/{cluster}/tag", json={"tags": ["odd"]}, headers={"Prefer": "wait=30"})
        assert made.json()["tags"] == ["odd"]
    return {
        "2": {"{read}": "/version", "{write}": "/2/tags?tag=odd", "{cluster}": cluster},
        "3": {"{read}": "/3", "{write}": f"/3/{cluster}/tag", "{cluster}": cluster},
    }


class Talk:
    """One connection: everything that is sent and that comes back."""

    def __init__(self, endpoint: Endpoint, context: ssl.SSLContext) -> None:
        raw = socket.create_connection(endpoint.address, 10)
        self._sock = context.wrap_socket(raw, server_hostname=endpoint.address[0])
        self._received = b""
        self.versions: set[str] = set()

    def send(self, text: str) -> None:
        with contextlib.suppress(OSError):  # it was closed in the middle: what came back tells
            self._sock.sendall(text.encode("latin-1"))

    def answers(self, last: str) -> Outcome:
        """What comes back until the connection ends. `last` is sent behind the first final answer that keeps it."""
        statuses: list[int] = []
        asked_for_the_end = False
        while (answer := self._answer()) is not None:
            status, closes = answer
            statuses.append(status)
            if closes:
                assert self._answer() is None, "it had said that it closes"
                break
            if status != 100 and not asked_for_the_end:
                asked_for_the_end = True
                self.send(last)
        kept = asked_for_the_end and statuses[-1] in (404, 401)
        return Outcome(tuple(statuses[:-1] if kept else statuses), kept)

    def _answer(self) -> tuple[int, bool] | None:
        while b"\r\n\r\n" not in self._received:
            if not self._receive():
                assert not self._received, "half an answer"
                return None
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        version, status, *_ = first.split(" ")
        self.versions.add(version)
        headers = dict(line.lower().split(": ", 1) for line in lines)
        length = int(headers.get("content-length", "0"))
        while len(self._received) < length:
            assert self._receive(), "half a body"
        self._received = self._received[length:]
        return int(status), headers.get("connection") == "close"

    def _receive(self) -> bool:
        try:
            piece = self._sock.recv(65_536)
        except (ConnectionError, ssl.SSLError):
            return False
        self._received += piece
        return bool(piece)

    def close(self) -> None:
        self._sock.close()


def talked(endpoint: Endpoint, row: Odd, words: dict[str, str], user: str) -> tuple[Outcome, set[str]]:
    """The row's outcome, and the versions of HTTP that its answers were in."""
    talk = Talk(endpoint, endpoint.tls())
    try:
        sent = row.sent
        for word, text in {**words, "{user}": user}.items():
            sent = sent.replace(word, text)
        talk.send(sent)
        return talk.answers(LAST.replace("{user}", user)), talk.versions
    finally:
        talk.close()


@pytest.mark.parametrize("row", [row for rows in TABLE.values() for row in rows], ids=lambda row: row.what)
def test_an_odd_request_has_the_answers_of_the_table(
    endpoint: Endpoint, uris: dict[str, dict[str, str]], row: Odd
) -> None:
    version_1_0 = row.sent.split("\r\n")[0].endswith("HTTP/1.0")
    for version, words in uris.items():
        if version in row.versions:
            for user, expected in ((USER, row.versions[version]), ("", row.strangers[version])):
                outcome, versions = talked(endpoint, row, words, user)
                assert outcome == expected, f"/{version}, {'a user' if user else 'a stranger'}"
                assert versions == {"HTTP/1.0" if version_1_0 else "HTTP/1.1"}


def test_no_request_that_was_hidden_in_another_one_became_a_job(
    endpoint: Endpoint, uris: dict[str, dict[str, str]]
) -> None:
    for row in (row for rows in TABLE.values() for row in rows if "smuggled" in row.sent):
        talked(endpoint, row, uris["2"], USER)
    tags = {
        tag
        for _, opcodes in ask(endpoint.luxi_socket, "QueryJobs", [None, ["id", "ops"]])
        for opcode in opcodes
        for tag in opcode.get("tags", ())
    }
    assert "smuggled" not in tags
    with endpoint.client() as client:
        client.put("/2/tags", params={"tag": "smuggled"})
    [[_, [last]]] = ask(endpoint.luxi_socket, "QueryJobs", [None, ["id", "ops"]])[-1:]
    assert last["tags"] == ["smuggled"], "one that is not hidden would be seen"


@pytest.mark.long
@pytest.mark.real
@pytest.mark.timeout(600)
def test_stock_answers_what_the_page_says_that_it_answers(stock: Endpoint) -> None:
    assert answers_of(stock) == json.loads(OF_STOCK.read_text())


def test_the_page_shows_this_table() -> None:
    page = PAGE.read_text()
    assert page[page.index("## ") :].splitlines() == rows_of_the_page()

"""Bodies that a signed-in user sends to keep the daemon busy: what everybody else waits for meanwhile."""

from __future__ import annotations

import threading
import time

import pytest

from endpoints import Endpoint

LISTS = b"[" + b",".join([b"[]"] * 3_000_000) + b"]"  # 9 MB; Python takes seconds to make them
ELEMENTS = b'<tag xmlns="urn:ganeti-rapier:3"><tags>' + b"<item/>" * 1_300_000 + b"</tags></tag>"
SECONDS = 2.0  # it was 7 to 15; of which most is what the test itself and its neighbours take from the processor


@pytest.mark.parametrize(
    ("method", "path", "body", "media_type"),
    [
        ("POST", "/2/instances", LISTS, "application/json"),
        ("PUT", "/2/instances/a/shutdown", LISTS, "application/json"),
        ("PUT", "/3/{cluster}/tag", LISTS, "application/json"),
        ("PUT", "/3/{cluster}/tag", ELEMENTS, "application/xml"),
    ],
)
def test_a_body_of_millions_of_values_holds_up_nobody(
    rapier_embedded: Endpoint, method: str, path: str, body: bytes, media_type: str
) -> None:
    waited: list[float] = []
    over = threading.Event()

    def ask_meanwhile() -> None:
        with rapier_embedded.client() as other:
            while not over.is_set():
                began = time.monotonic()
                assert other.get("/version").status_code == 200
                waited.append(time.monotonic() - began)

    asking = threading.Thread(target=ask_meanwhile)
    with rapier_embedded.client() as client:
        uri = path.replace("{cluster}", client.get("/2/info").json()["name"])
        asking.start()
        began = time.monotonic()
        answer = client.request(method, uri, content=body, headers={"Content-Type": media_type})
        took = time.monotonic() - began
        over.set()
        asking.join()
    assert answer.status_code == 400
    assert "more than 100,000 values" in answer.text
    assert max(waited) < SECONDS
    assert took < 2 * SECONDS  # what sending 9 MB takes is in it

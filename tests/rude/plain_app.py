"""A small ASGI application served by `rapier.server.run`, as a program: what the tests of the server part talk to.

`python plain_app.py '{"listen": [["127.0.0.1", 0]], "limits": {...}, ...}'` prints `serving` and its URLs as JSON when
they answer.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

from rapier.errors import RapierError
from rapier.server import Limits, Settings, run

PASSWORD = b"Basic YWRtaW46c2VjcmV0"  # admin:secret
BIG = b"x" * 5_000_000


class PlainApp:
    """`/secret` wants a password and reads no body without it; `/wait` is a long poll; the others are their names."""

    def __init__(self) -> None:
        self.waiting = 0
        self.left_alone = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        name = scope["path"].strip("/") or "small"
        handler = getattr(self, f"on_{name}", None)
        if handler is None:
            await answer(send, 404, {"error": 404})
        else:
            await handler(scope, receive, send)

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def on_small(self, scope: Any, receive: Any, send: Any) -> None:
        await answer(send, 200, {"process": os.getpid()})

    async def on_secret(self, scope: Any, receive: Any, send: Any) -> None:
        if dict(scope["headers"]).get(b"authorization") == PASSWORD:
            await self.on_length(scope, receive, send)
        else:
            await answer(send, 401, {"error": 401}, (b"www-authenticate", b'Basic realm="x"'))

    async def on_length(self, scope: Any, receive: Any, send: Any) -> None:
        length, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.left_alone += 1
                raise ConnectionError("the client left in the middle of its body")
            length += len(message["body"])
            more = message["more_body"]
        await answer(send, 200, {"length": length})

    async def on_scope(self, scope: Any, receive: Any, send: Any) -> None:
        told = {name: scope[name] for name in ("method", "path", "http_version", "scheme", "client", "server")}
        told["raw_path"] = scope["raw_path"].decode("latin-1")
        told["query_string"] = scope["query_string"].decode("latin-1")
        told["headers"] = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]]
        await answer(send, 200, told)

    async def on_marked(self, scope: Any, receive: Any, send: Any) -> None:
        """Wants a header in every answer to this request, then does as the query says."""
        scope["state"]["answer_headers"].append((b"x-mark", b"one"))
        await getattr(self, f"on_{scope['query_string'].decode()}")(scope, receive, send)

    async def on_wait(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers after 30 s, or early when the server drains; gives up when the client has left."""
        await receive()
        self.waiting += 1
        draining = asyncio.ensure_future(scope["state"]["draining"].wait())
        gone = asyncio.ensure_future(receive())
        try:
            await asyncio.wait({draining, gone}, timeout=30, return_when=asyncio.FIRST_COMPLETED)
            await answer(send, 200, {"draining": draining.done(), "gone": gone.done()})
        finally:
            self.waiting -= 1
            self.left_alone += gone.done()
            draining.cancel()
            gone.cancel()

    async def on_slow(self, scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(float(scope["query_string"] or b"1"))
        await answer(send, 200, {"slow": True})

    async def on_stubborn(self, scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(60)

    async def on_hang(self, scope: Any, receive: Any, send: Any) -> None:
        time.sleep(60)  # and with it the event loop

    async def on_big(self, scope: Any, receive: Any, send: Any) -> None:
        await start(send, 200, (b"content-length", b"%d" % len(BIG)), (b"connection", b"close"))
        await send({"type": "http.response.body", "body": BIG})

    async def on_sized(self, scope: Any, receive: Any, send: Any) -> None:
        """As many bytes as the query says; the connection ends with the last."""
        body = BIG[: int(scope["query_string"])]
        await start(send, 200, (b"content-length", b"%d" % len(body)), (b"connection", b"close"))
        await send({"type": "http.response.body", "body": body})

    async def on_stream(self, scope: Any, receive: Any, send: Any) -> None:
        await start(send, 200)
        for piece in (b"one ", b"two ", b"three"):
            await asyncio.sleep(0.05)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def on_unmeasured(self, scope: Any, receive: Any, send: Any) -> None:
        await start(send, 200)
        await send({"type": "http.response.body", "body": b"as long as it is"})

    async def on_nothing(self, scope: Any, receive: Any, send: Any) -> None:
        await start(send, 204)
        await send({"type": "http.response.body"})

    async def on_close(self, scope: Any, receive: Any, send: Any) -> None:
        await answer(send, 200, {"close": True}, (b"connection", b"close"))

    async def on_broken(self, scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("a mistake of the application")

    async def on_halfway(self, scope: Any, receive: Any, send: Any) -> None:
        await start(send, 200, (b"content-length", b"100"))
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ValueError("a mistake of the application, in the middle")

    async def on_injecting(self, scope: Any, receive: Any, send: Any) -> None:
        await start(send, 200, (b"x-name", b"a\r\nx-other: b"))
        await send({"type": "http.response.body", "body": b""})

    async def on_counters(self, scope: Any, receive: Any, send: Any) -> None:
        files = len(os.listdir("/proc/self/fd"))
        await answer(send, 200, {"waiting": self.waiting, "left_alone": self.left_alone, "files": files})


async def start(send: Any, status: int, *headers: tuple[bytes, bytes]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})


async def answer(send: Any, status: int, value: Any, *headers: tuple[bytes, bytes]) -> None:
    body = json.dumps(value).encode()
    await start(send, status, (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *headers)
    await send({"type": "http.response.body", "body": body})


def error_body(status: int, reason: str, target: bytes) -> tuple[str, bytes]:
    return "application/json", json.dumps({"code": status, "explain": reason}).encode()


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    told = json.loads(sys.argv[1])
    settings = Settings(
        listen=tuple((host, port) for host, port in told["listen"]),
        certificate=Path(told["certificate"]) if told.get("certificate") else None,
        key=Path(told["key"]) if told.get("key") else None,
        insecure_http=told.get("insecure_http", False),
        workers=told.get("workers", 1),
        limits=Limits(**told.get("limits", {})),
        error_body=error_body,
    )
    try:
        return run(PlainApp, settings, lambda urls: print("serving", json.dumps(urls), flush=True))
    except RapierError as problem:
        print(problem, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())

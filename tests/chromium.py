"""Debian's Chromium without a window, led over Chrome's DevTools protocol: pages do in it what they do at a user's."""

from __future__ import annotations

import functools
import json
import os
import shutil
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from lab.machine import LabError, install
from processes import Program

Event = dict[str, Any]
SECONDS = 20.0


@functools.cache
def why_unavailable() -> str | None:
    """Installs it where it is missing. The reason why there is none, with what would help; None where it is there."""
    if shutil.which("chromium"):
        return None
    if os.geteuid() != 0 or not Path("/etc/debian_version").exists():
        return "a browser is needed: install Chromium, or run `make test` as root on Debian"
    try:
        install(lambda: shutil.which("chromium") is not None, ["chromium"])
    except LabError as problem:
        return f"a browser is needed, and Debian's chromium could not be installed: {problem}"
    return None


@dataclass
class Tab:
    """One page, and what the network did for it."""

    _line: ClientConnection
    events: list[Event] = field(default_factory=list)
    _number: int = 0

    def call(self, method: str, **parameters: Any) -> Any:
        """One command of the protocol; its result."""
        self._number += 1
        self._line.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._line.recv(timeout=SECONDS))
            if message.get("id") == self._number:
                assert "error" not in message, message
                return message["result"]
            self.events.append(message)

    def event(self, method: str, fits: Callable[[Any], bool] = lambda _: True) -> Any:
        """The parameters of the first event like this, among those that came or are to come."""
        end = time.monotonic() + SECONDS
        seen = 0
        while True:
            for one in self.events[seen:]:
                if one["method"] == method and fits(one["params"]):
                    return one["params"]
            seen = len(self.events)
            self.events.append(json.loads(self._line.recv(timeout=max(0.01, end - time.monotonic()))))

    def visit(self, url: str) -> None:
        """Goes there, as one who types it. Returns when the page is loaded; what came before is forgotten."""
        self.events.clear()
        self.call("Page.navigate", url=url)
        self.event("Page.loadEventFired")

    def text(self) -> str:
        """What the page shows."""
        shown = self.call("Runtime.evaluate", expression="document.body.innerText")
        return str(shown["result"]["value"])

    def run(self, script: str) -> None:
        """Runs a script of the page's."""
        self.events.clear()
        self.call("Runtime.evaluate", expression=script)

    def answer_to(self, method: str, url: str) -> tuple[int, dict[str, str]]:
        """The status of the answer to that request, and the headers that went with it, credentials included."""
        sent = self.event(
            "Network.requestWillBeSent", lambda one: (one["request"]["method"], one["request"]["url"]) == (method, url)
        )
        request = sent["requestId"]
        headers = self.event("Network.requestWillBeSentExtraInfo", lambda one: bool(one["requestId"] == request))
        answer = self.event("Network.responseReceived", lambda one: bool(one["requestId"] == request))
        return answer["response"]["status"], {name.lower(): value for name, value in headers["headers"].items()}


@contextmanager
def browser(profile: Path) -> Iterator[Tab]:
    """A browser that knows nobody, with one empty page. It takes any certificate: ours are self-signed."""
    command: list[str | Path] = [
        "chromium",
        "--headless=new",
        "--no-sandbox",  # which root cannot have
        "--disable-gpu",
        "--log-level=3",  # nothing of the desktop that it misses
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--ignore-certificate-errors",
        "--remote-debugging-port=0",
        f"--user-data-dir={profile}",
        "about:blank",
    ]
    with Program("chromium", command) as program:
        port = program.wait_for(r"DevTools listening on ws://127\.0\.0\.1:(\d+)/", timeout_seconds=40)[1]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=SECONDS) as answer:
            [page] = [one for one in json.load(answer) if one["type"] == "page"]
        with connect(page["webSocketDebuggerUrl"], max_size=None, proxy=None) as line:
            tab = Tab(line)
            tab.call("Page.enable")
            tab.call("Network.enable")
            yield tab

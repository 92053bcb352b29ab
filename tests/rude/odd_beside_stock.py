"""What stock ganeti-rapi answers to the odd requests of version 2: sent to it, and kept for the page.

`python -m rude.odd_beside_stock URL SOCKET` in tests/ asks it anew and writes `odd_requests_of_stock.json`.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from conformance.client import Api
from endpoints import USERS, Endpoint
from rude.odd_requests import OF_STOCK, TABLE, Odd

USER = "Authorization: Basic " + base64.b64encode(f"admin:{USERS['admin']}".encode()).decode() + "\r\n"
WORDS = {"{read}": "/version", "{write}": "/2/tags?tag=odd", "{user}": USER}
SECONDS = 20  # stock waits for half of that for what does not come
AT_ONCE = 8


def answers_of(endpoint: Endpoint) -> dict[str, str]:
    """Each row's answer: its status; `none` where the connection ends without one."""
    rows = [row for rows in TABLE.values() for row in rows if "2" in row.versions]
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(
                zip([row.what for row in rows], pool.map(lambda row: _answer(endpoint, row), rows), strict=True)
            )
    finally:
        Api("stock", endpoint).job("DELETE", "/2/tags?tag=odd")


def _answer(endpoint: Endpoint, row: Odd) -> str:
    sent = row.sent
    for word, text in WORDS.items():
        sent = sent.replace(word, text)
    received = Api("stock", endpoint).exchange(sent.encode("latin-1"), SECONDS)
    statuses = [int(status) for status in re.findall(rb"^HTTP/\d\.\d (\d{3})\b", received, re.MULTILINE)]
    return next((str(status) for status in statuses if status >= 200), "none")


def main() -> None:
    """Keeps what stock answers."""
    url, socket = sys.argv[1:]
    answers = answers_of(Endpoint(url, Path(socket)))
    OF_STOCK.write_text(json.dumps(answers, indent=1) + "\n")


if __name__ == "__main__":
    main()

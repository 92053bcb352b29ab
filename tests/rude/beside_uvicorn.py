"""What our accept loop and guards cost: bare uvicorn and ours, the same application, one run with `wrk` over TLS.

A program, not a test: `python tests/rude/beside_uvicorn.py [SECONDS]`. Rounds alternate, so that both see the same
machine; the figures are medians. On a machine that does other things as well, the time of the server's own process for
each request tells more than the rate.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from rapier.access.certificates import make_certificate_files
from rude.daemon import running

ROUNDS = 3
BARE = """
import sys; sys.path.insert(0, {tests!r})
import uvicorn
from rude.plain_app import PlainApp
uvicorn.run(PlainApp(), port={port}, http="httptools", loop="uvloop", ssl_certfile={pem!r}, access_log=False,
            log_level="warning", server_header=False, timeout_keep_alive=60)
"""


def measured(url: str, process: int, clients: int, seconds: int, *, fresh: bool) -> tuple[float, float]:
    """Requests a second, and microseconds of the server's processor time for each."""
    before = processor_seconds(process)
    headers = ["-H", "Connection: close"] if fresh else []
    said = subprocess.run(
        ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", *headers, url], capture_output=True, text=True, check=True
    ).stdout
    found = re.search(r"Requests/sec:\s+([0-9.]+)", said)
    total = re.search(r"(\d+) requests in", said)
    assert found, said
    assert total, said
    return float(found[1]), 1e6 * (processor_seconds(process) - before) / int(total[1])


def processor_seconds(process: int) -> float:
    words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    folder = Path(tempfile.mkdtemp())
    files = make_certificate_files(folder)
    pem = folder / "both.pem"
    pem.write_bytes(files.certificate.read_bytes() + files.key.read_bytes())
    port = 15080
    program = BARE.format(tests=str(Path(__file__).parents[1]), port=port, pem=str(pem))
    bare = subprocess.Popen([sys.executable, "-c", program])
    try:
        with running(pem) as ours:
            time.sleep(1.5)
            servers = {
                "bare uvicorn": (f"https://127.0.0.1:{port}/", bare.pid),
                "ours": (f"{ours.urls[0]}/", ours.pid),
            }
            print(f"{'':24}{'':14}{'requests/s':>12}{'us of CPU each':>16}")
            for clients, fresh in ((1, False), (16, False), (16, True)):
                seen: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}
                for _ in range(ROUNDS):
                    for name, (url, process) in servers.items():
                        seen[name].append(measured(url, process, clients, seconds, fresh=fresh))
                medians = {
                    name: [statistics.median(column) for column in zip(*seen[name], strict=True)] for name in servers
                }
                for name, (rate, cost) in medians.items():
                    print(f"{clients:3} {'fresh' if fresh else 'kept-alive':20}{name:14}{rate:12.0f}{cost:16.0f}")
                (bare_rate, bare_cost), (our_rate, our_cost) = medians.values()
                print(f"{'':24}{'ratio':14}{our_rate / bare_rate:12.2f}{our_cost / bare_cost:16.2f}")
    finally:
        bare.terminate()
        bare.wait()


if __name__ == "__main__":
    main()

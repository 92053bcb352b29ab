"""Who may come in, while the daemon runs: guesses that cost much, a users file that changes, breaks and is gone."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import bcrypt
import httpx
import pytest

from conftest import Figures
from endpoints import Access, Endpoint, rapier_program
from processes import RAPIER, Program
from rude.daemon import eventually

COST = 12  # of bcrypt: about a quarter of a second for each comparison
GUESSES_OF_AN_ADDRESS = 5
ADDRESSES = [f"127.0.0.{number}" for number in range(11, 15)]


@pytest.fixture
def served(tmp_path: Path, access: Access) -> Iterator[tuple[Program, Endpoint, Path]]:
    """A daemon with a users file of its own, and no master."""
    users = tmp_path / "users"
    users.write_bytes(b"admin:" + bcrypt.hashpw(b"secret", bcrypt.gensalt(COST)) + b"\n")
    with rapier_program("rapier-users", tmp_path / "luxi", replace(access, users=users)) as (program, endpoint):
        yield program, endpoint, users


async def guess(endpoint: Endpoint, address: str, password: str) -> int:
    """The status that a wrong password gets, from that address."""
    transport = httpx.AsyncHTTPTransport(verify=endpoint.tls(), local_address=address)
    async with httpx.AsyncClient(transport=transport, base_url=endpoint.url, timeout=60) as client:
        return (await client.get("/version", auth=("admin", password))).status_code


@pytest.mark.alone
async def test_a_user_is_served_while_many_wrong_passwords_are_compared(
    served: tuple[Program, Endpoint, Path], figures: Figures
) -> None:
    _, endpoint, users = served
    began = time.monotonic()
    assert not bcrypt.checkpw(b"wrong", users.read_bytes().strip().removeprefix(b"admin:"))
    one_comparison = time.monotonic() - began
    async with endpoint.async_client() as client:
        assert (await client.get("/version")).json() == 2
        guesses = [
            asyncio.create_task(guess(endpoint, address, f"wrong {address} {number}"))
            for address in ADDRESSES
            for number in range(GUESSES_OF_AN_ADDRESS)
        ]
        waits = []
        began = time.monotonic()
        while not all(task.done() for task in guesses):
            asked = time.monotonic()
            assert (await client.get("/version")).json() == 2
            waits.append(time.monotonic() - asked)
            await asyncio.sleep(0.01)
        took = time.monotonic() - began
        assert {await task for task in guesses} == {401}
    figures(
        f"{len(guesses)} wrong passwords at once: ms that a user waits, median/longest",
        rapier=f"{statistics.median(waits) * 1000:.1f} / {max(waits) * 1000:.0f}",
    )
    assert took > 4 * one_comparison, "or there was nothing to wait for"
    assert statistics.median(waits) < one_comparison / 4
    assert max(waits) < 2 * one_comparison, "on the loop all of them would have been before it"


def test_a_users_file_that_breaks_or_goes_keeps_the_last_good_one_and_the_log_says_so(
    served: tuple[Program, Endpoint, Path],
) -> None:
    program, endpoint, users = served

    def status(password: str) -> int:
        with endpoint.client() as client:
            return client.get("/version", auth=("admin", password)).status_code

    assert status("secret") == 200
    users.write_text("admin:in clear text\n")
    assert (status("secret"), status("in clear text")) == (200, 401)
    said = program.wait_for(r"ERROR .*users file .*line 1.*Going on with the 1 users read before")[0]
    assert "clear text" not in said
    users.unlink()
    assert status("secret") == 200
    program.wait_for(r"users file .* cannot be read: No such file or directory.*rapier passwd .*Going on with the 1")
    subprocess.run([*RAPIER, "passwd", users, "admin"], input="another\n", text=True, check=True, capture_output=True)
    assert (status("another"), status("secret")) == (200, 401)
    program.wait_for(r"users file .* can be read again")
    assert program.log.count("Going on with the 1 users") == 2, "each trouble is said once"


def test_a_user_who_is_removed_is_out_at_once_though_the_connection_stays(
    served: tuple[Program, Endpoint, Path],
) -> None:
    _, endpoint, users = served
    with endpoint.client() as client:
        assert client.get("/version").status_code == 200
        users.write_bytes(users.read_bytes().replace(b"admin:", b"other:"))
        assert eventually(lambda: client.get("/version").status_code == 401, 1)
        assert client.get("/version", auth=("other", "secret")).status_code == 200

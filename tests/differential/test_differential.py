"""Requests made from the contract, valid and broken ones: stock and Rapier answer each of them alike.

What both put into the queue is compared too. No job runs meanwhile; each is cancelled. The only differences let off are
those of `conformance.differences` that `accepted` knows. The short run asks the same each time, the long one something
new, unless DIFFERENTIAL_SEED=N repeats the one that had printed N.
"""

from __future__ import annotations

import os
import secrets
import zlib
from collections import defaultdict

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from conftest import Figures
from differential.asking import Pair
from differential.contract import CONTRACT
from differential.generator import Case, cases
from differential.tally import Tally

pytestmark = [pytest.mark.real, pytest.mark.timeout(1800)]

ROWS = [(method, uri) for uri, rows in CONTRACT.items() for method in rows]
SHORT, LONG = 4, 62  # how often each row is asked: some 330 requests in all, and some 5,000
AT_LEAST = {SHORT: (3, 300), LONG: (20, 5_000)}  # for each row, and in all
SEEDS = {SHORT: 0, LONG: int(os.environ.get("DIFFERENTIAL_SEED", 0)) or secrets.randbelow(10**6)}
SLOW = {"/2/os"}  # takes a job that runs for a second: no more often than at least
both_lengths = pytest.mark.parametrize(
    "length", [pytest.param(SHORT, id="short"), pytest.param(LONG, id="long", marks=pytest.mark.long)]
)


@both_lengths
@pytest.mark.parametrize(("method", "uri"), ROWS, ids=[f"{method} {uri}" for method, uri in ROWS])
def test_stock_and_rapier_answer_alike(
    pair: Pair, tallies: defaultdict[int, Tally], method: str, uri: str, length: int
) -> None:
    times = AT_LEAST[length][0] if uri in SLOW else length

    def alike(case: Case) -> None:
        outcome = pair.compare(case)
        tallies[length].add(outcome)
        assert not outcome.different, f"\nDIFFERENTIAL_SEED={SEEDS[length]}\n{outcome}"

    seed(zlib.crc32(f"{method} {uri} {SEEDS[length]}".encode()))(
        settings(
            max_examples=times,
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )(given(cases(method, uri))(alike))
    )()
    assert tallies[length].rows[method, uri] >= AT_LEAST[length][0]


@both_lengths
def test_enough_was_asked_and_enough_of_it_accepted(
    tallies: defaultdict[int, Tally], figures: Figures, length: int
) -> None:
    tally = tallies[length]
    if set(tally.rows) != set(ROWS):
        pytest.skip("only a part of the requests was made")
    stock, rapier = tally.share_of_successes(tally.stock), tally.share_of_successes(tally.rapier)
    figures(
        f"generated requests, {len(ROWS)} rows, DIFFERENTIAL_SEED={SEEDS[length]}",
        stock=f"{tally.stock.total()}, {stock:.0%} of them 2xx",
        rapier=f"{tally.rapier.total()}, {rapier:.0%} of them 2xx",
    )
    for name, times in sorted(tally.accepted.items()):
        figures(f"of these, accepted as {name}", stock="-", rapier=str(times))
    assert tally.rows.total() >= AT_LEAST[length][1]
    assert stock >= 0.4

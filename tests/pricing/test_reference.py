"""The engine agrees with the slow reference to the last digit, on random tariffs and sessions."""

from __future__ import annotations

import os
from fractions import Fraction
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pricing
from tests.pricing.reference import Answer, cdr_pieces, price_reference, session_pieces
from tests.pricing.worlds import Case, random_case

PAIRS_A_SEED = 20
FUZZ_PAIRS = int(os.environ.get("FUZZ_PAIRS", "1000000"))
BILLED = {
    "energy_wh": "ENERGY",
    "time_s": "TIME",
    "parking_s": "PARKING_TIME",
    "reservation_s": "RESERVATION_TIME",
}


def session_of(case: Case) -> pricing.Session:
    if case.session is not None:
        return pricing.Session.from_json(case.session)
    assert case.cdr is not None
    return pricing.Session.from_cdr(case.cdr)


def expected(case: Case) -> Answer:
    if case.session is not None:
        start, pieces = session_pieces(case.session)
    else:
        assert case.cdr is not None
        start, pieces = cdr_pieces(case.cdr)
    return price_reference(case.tariff, start, pieces, ZoneInfo(case.zone), expired=case.expired)


def assert_agrees(case: Case) -> None:
    answer = expected(case)
    priced = pricing.price(
        pricing.Tariff.from_json(case.tariff), session_of(case), case.zone, reservation_expired=case.expired
    )

    assert (priced.exact.net, priced.exact.gross) == (answer.net, answer.gross), case
    assert {name: answer.billed.get(kind, 0) for name, kind in BILLED.items()} == priced.billed, case
    assert dict(priced.unpriced) == answer.unpriced, case
    if answer.limited:
        assert abs(Fraction(priced.total.gross) - answer.gross) <= Fraction(1, 2 * 10**priced.digits), case
    else:
        assert Fraction(priced.total.net) == answer.total_net, case
        assert Fraction(priced.total.gross) == answer.total_gross, case


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**63))
def test_twenty_thousand_random_pairs_agree_with_the_reference(seed: int) -> None:
    rng = Random(seed)
    for _ in range(PAIRS_A_SEED):
        assert_agrees(random_case(rng))


@pytest.mark.fuzz
def test_a_million_random_pairs_agree_with_the_reference() -> None:
    rng = Random()
    seed = rng.getrandbits(64)
    print(f"seed {seed}")
    rng.seed(seed)
    for _ in range(FUZZ_PAIRS):
        assert_agrees(random_case(rng))

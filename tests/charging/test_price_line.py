"""The price line's shares are as near to the exact amounts as whole cents can be, and sum to the net."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pricing
from charging.price_line import allocate, price_line
from tests.builders import MONDAY, make_tariff_document

amounts = st.fractions(min_value=0, max_value=10_000, max_denominator=360_000)


@given(st.lists(amounts, min_size=4, max_size=4), st.integers(-3, 3))
def test_shares_sum_to_the_total_and_stay_close(exact: list[Fraction], moved: int) -> None:
    exact_total = sum(exact, Fraction(0))
    total = max(0, round(exact_total) + moved)
    shares = allocate(total, exact)
    assert sum(shares) == total
    if any(exact) and abs(total - exact_total) <= Fraction(1, 2):
        assert all(abs(share - part) < 1 for share, part in zip(shares, exact, strict=True))
        assert all(share >= 0 for share in shares)
        assert all(share == 0 for share, part in zip(shares, exact, strict=True) if part == 0)


@pytest.mark.parametrize(
    ("total", "exact", "shares"),
    [
        (10, ["3.4", "3.3", "3.3"], [4, 3, 3]),
        (10, ["3.6", "6.4", "0"], [4, 6, 0]),
        (0, ["0.4", "0.4", "0.4"], [0, 0, 0]),
        (1, ["0.5", "0.5", "0"], [1, 0, 0]),
        (8, ["12", "0", "-4"], [12, 0, -4]),
        (2, ["1", "1", "1"], [0, 1, 1]),
        (1, ["0", "0", "0"], [1, 0, 0]),
    ],
)
def test_worked_examples(total: int, exact: list[str], shares: list[int]) -> None:
    assert allocate(total, [Fraction(part) for part in exact]) == shares


def priced(document: dict[str, object], energy_wh: int = 10_000) -> pricing.PricedSession:
    session = pricing.Session(
        start=MONDAY, end=MONDAY + timedelta(hours=1), readings=((0, 0), (3600, energy_wh))
    )
    return pricing.price(pricing.Tariff.from_json(document), session, "UTC")


def test_a_price_cap_shows_as_a_negative_fee() -> None:
    line = price_line(priced(make_tariff_document("1.00", flat="2", tax=None, max_price={"excl_vat": "9"})))
    assert (line.energy, line.fees) == (Decimal("10.00"), Decimal("-1.00"))


@pytest.mark.parametrize(("currency", "energy"), [("JPY", "5"), ("EUR", "5.01"), ("KWD", "5.005")])
def test_shares_are_in_the_currencys_minor_unit(currency: str, energy: str) -> None:
    line = price_line(priced(make_tariff_document("0.5005", currency=currency, tax=None)))
    assert line.energy == Decimal(energy)
    assert line.energy.as_tuple().exponent == Decimal(energy).as_tuple().exponent

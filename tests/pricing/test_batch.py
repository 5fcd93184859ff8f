"""Columns give the same minor units as sessions one by one, whatever the tariff."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pricing
from pricing import batch
from tests.pricing.builders import component, element, make_tariff
from tests.pricing.worlds import ZONES, random_tariff


def make_columns(rng: Random, n: int) -> batch.Columns:
    start, length, parked, first, seconds, wh = [], [], [], [0], [], []
    for _ in range(n):
        start.append(1_711_843_200 + rng.choice((0, 60, 3333, 86_400, 18_000_000)) + rng.randrange(100))
        length.append(rng.choice((0, 60, 3600, 10_800, 90_000)))
        parked.append(rng.choice((0, length[-1], rng.randint(0, length[-1]))))
        pace = rng.choice((60, 7, 900))
        own = list(range(rng.choice((0, 30)), length[-1] + 1, max(pace, length[-1] // 40))) or [0]
        if rng.random() < 0.3:
            own = sorted(rng.sample(own, max(1, len(own) // 2)))
        seconds += own
        register = rng.choice((0, 5000))
        for _ in own:
            wh.append(register)
            register += rng.choice((0, 60, 100, 123))
        first.append(len(seconds))
    columns = [np.array(each, np.int64) for each in (start, length, parked, first, seconds, wh)]
    return batch.Columns(*columns)


def assert_same(
    tariff: pricing.Tariff, columns: batch.Columns, zone: str, *, checked: bool = False, **more: Any
) -> batch.Totals:
    totals = batch.rate(tariff, columns, zone, checked=checked, **more)
    for i in range(len(columns)):
        one = pricing.price(tariff, columns.session(i), zone, **more)
        assert (one.net_minor, one.tax_minor) == (totals.net[i], totals.tax[i]), i
    return totals


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**63))
def test_any_tariff_gives_the_minor_units_of_the_scalar_engine(seed: int) -> None:
    rng = Random(seed)
    tariff = pricing.Tariff.from_json(random_tariff(rng))
    policy = rng.choice((pricing.HALF_UP, pricing.FLOOR))

    assert_same(tariff, make_columns(rng, 6), rng.choice(ZONES), policy=policy)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**63))
def test_a_tariff_of_clock_and_time_needs_no_scalar_engine(seed: int) -> None:
    rng = Random(seed)
    tariff = make_tariff(
        element(component("ENERGY", 0.45, 21), start_time="17:00", end_time="21:00"),
        element(component("ENERGY", 0.25, 9)),
        element(component("TIME", 1.2, 21), min_duration=1200),
        element(
            component("PARKING_TIME", 6, None, 0), min_idle_time=600, start_time="07:00", end_time="22:00"
        ),
        element(component("FLAT", 0.5, 21), day_of_week=["SUNDAY", "MONDAY"]),
    )
    columns = make_columns(rng, 20)

    columns.check()
    totals = assert_same(tariff, columns, rng.choice(ZONES), checked=True)
    assert totals.scalar < len(columns)


def test_one_by_one_when_amounts_outgrow_63_bits() -> None:
    tariff = make_tariff(element(component("ENERGY", "99999999.123456789", 21)))
    columns = make_columns(Random(1), 5)

    assert assert_same(tariff, columns, "UTC").scalar == 5


def test_no_sessions_are_no_totals() -> None:
    none = np.zeros(0, np.int64)
    empty = batch.Columns(none, none, none, np.zeros(1, np.int64), none, none)

    assert len(batch.rate(make_tariff(element(component("FLAT", 1))), empty, "UTC").net) == 0


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"length": [5]}, "columns"),
        ({"length": [-1, 60]}, "columns.length[0]"),
        ({"parked_from": [0, 61]}, "columns.parked_from[1]"),
        ({"first": [0, 0, 4]}, "columns.first[0]"),
        ({"wh": [0, 5, 9, 4]}, "columns.wh[1]"),
        ({"seconds": [0, 60, -1, 60]}, "columns.seconds[1]"),
        ({"seconds": [0, 60, 0, 61]}, "columns.seconds[1]"),
    ],
)
def test_columns_are_checked(change: dict[str, list[int]], field: str) -> None:
    good = {
        "start": [0, 0],
        "length": [60, 60],
        "parked_from": [60, 60],
        "first": [0, 2, 4],
        "seconds": [0, 60, 0, 60],
        "wh": [5, 9, 0, 4],
    }
    columns = batch.Columns(**{name: np.array(each, np.int64) for name, each in {**good, **change}.items()})
    tariff = make_tariff(element(component("FLAT", 1)))

    with pytest.raises(pricing.PricingError) as caught:
        batch.rate(tariff, columns, "UTC")
    assert caught.value.field == field

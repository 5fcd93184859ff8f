"""The worked examples published with OCPI, by the public command line."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import pricing
from tests.pricing.builders import (
    MONDAY,
    cdr_json,
    component,
    element,
    make_session,
    make_tariff,
    period,
    rate,
    tariff_json,
)

E, F = component("ENERGY", 0.25, 10), component("FLAT", 0.50, 20)
ENERGY, START_FEE = element(E), element(F)
ONE_HOUR = 3600


def charged(kwh: float, seconds: int = ONE_HOUR) -> tuple[int, dict[str, Any]]:
    return period(seconds, ENERGY=kwh, TIME=True)


def parked(minutes: int) -> tuple[int, dict[str, Any]]:
    return period(minutes * 60, PARKING_TIME=True)


MAX_10_11 = {"max_price": {"excl_vat": 10, "incl_vat": 11}}
MIN_50_55 = {"min_price": {"before_taxes": 0.50, "after_taxes": 0.55}}
FIGURES = [
    ("energy", tariff_json(ENERGY), [charged(20)], "5.00", "5.50"),
    ("energy and fee", tariff_json(START_FEE, ENERGY), [charged(20)], "5.50", "6.10"),
    ("minimum", tariff_json(ENERGY, **MIN_50_55), [charged(1)], "0.50", "0.55"),
    ("minimum not met", tariff_json(ENERGY, **MIN_50_55), [charged(20)], "5.00", "5.50"),
    (
        "parking in quarters",
        tariff_json(START_FEE, ENERGY, element(component("PARKING_TIME", 2.00, 20, 900))),
        [charged(20), parked(40)],
        "7.00",
        "7.90",
    ),
    ("maximum", tariff_json(START_FEE, ENERGY, **MAX_10_11), [charged(50)], "10.00", "11.00"),
    ("below the maximum", tariff_json(START_FEE, ENERGY, **MAX_10_11), [charged(30)], "8.00", "8.85"),
    ("gross limb alone", tariff_json(START_FEE, ENERGY, **MAX_10_11), [charged(38)], "10.00", "11.00"),
    ("time", tariff_json(element(component("TIME", 2, 10, 60))), [charged(9, 9000)], "5.00", "5.50"),
    (
        "time and parking",
        tariff_json(element(component("TIME", 3, 10, 60)), element(component("PARKING_TIME", 5, 20, 300))),
        [charged(9, 9000), parked(42)],
        "11.25",
        "12.75",
    ),
    (
        "half up, not half even",
        tariff_json(START_FEE, element(component("ENERGY", 0.25, 10, 100))),
        [charged(20.45)],
        "5.63",
        "6.24",
    ),
    ("5.2 %", tariff_json(element(component("TIME", 1.90, 5.2, 300))), [charged(9, 9000)], "4.75", "5.00"),
    ("free", tariff_json(element(component("FLAT", 0.00))), [charged(20)], "0.00", "0.00"),
]


@pytest.mark.parametrize(
    ("tariff", "periods", "net", "gross"), [f[1:] for f in FIGURES], ids=[f[0] for f in FIGURES]
)
def test_published_figure(tariff: Any, periods: Any, net: str, gross: str) -> None:
    answer = rate(tariff, cdr_json(*periods))

    assert (answer["total"]["net"], answer["total"]["gross"]) == (net, gross)


def test_parking_is_billed_by_the_step_and_says_so() -> None:
    tariff = tariff_json(START_FEE, ENERGY, element(component("PARKING_TIME", 2.00, 20, 900)))

    answer = rate(tariff, cdr_json(charged(20), parked(40)))

    assert answer["billed"] == {"energy_wh": 20000, "time_s": 0, "parking_s": 2700, "reservation_s": 0}
    (line,) = [line for line in answer["lines"] if line["kind"] == "PARKING_TIME"]
    assert (line["quantity"], line["surplus"], line["net"]) == (2400, 300, "1.5")


def clock_tariff() -> dict[str, Any]:
    early, late = component("TIME", 1.20, None, 1800), component("TIME", 2.40, None, 900)
    parking = component("PARKING_TIME", 1.00, None, 900)
    return tariff_json(
        element(early, parking, start_time="00:00", end_time="17:00"),
        element(late, parking, start_time="17:00", end_time="20:00"),
        element(late, start_time="20:00", end_time="23:59"),
    )


@pytest.mark.parametrize(
    ("hour", "minute", "charging", "parking", "net"),
    [(16, 55, 10, 2, "0.55"), (16, 35, 35, 0, "1.30"), (19, 55, 10, 2, "0.60")],
    ids=["parking is rounded, charging not", "last element's step", "free parking is no parking"],
)
def test_step_size_over_a_change_of_element(
    hour: int, minute: int, charging: int, parking: int, net: str
) -> None:
    start = datetime(2024, 1, 1, hour, minute, tzinfo=ZoneInfo("Europe/Amsterdam"))
    periods = [period(charging * 60, TIME=True), *([parked(parking)] if parking else [])]

    assert rate(clock_tariff(), cdr_json(*periods, start=start))["total"]["net"] == net


def reservation_tariff(expires: dict[str, Any], while_reserved: dict[str, Any]) -> dict[str, Any]:
    return tariff_json(
        element(expires, reservation="RESERVATION_EXPIRES"),
        element(while_reserved, reservation="RESERVATION"),
        element(F, E),
    )


EXPIRE_FEE = reservation_tariff(component("FLAT", 4, 20), component("TIME", 2, 20, 600))
EXPIRE_TIME = reservation_tariff(component("TIME", 6, 20, 600), component("TIME", 3, 20, 600))


@pytest.mark.parametrize(
    ("tariff", "periods", "expired", "net", "gross"),
    [
        (EXPIRE_FEE, [period(22 * 60, RESERVATION_TIME=True), charged(20)], False, "6.50", "7.30"),
        (EXPIRE_FEE, [period(3600, RESERVATION_TIME=True)], True, "6.00", "7.20"),
        (EXPIRE_TIME, [period(22 * 60, RESERVATION_TIME=True), charged(20)], False, "7.00", "7.90"),
        (EXPIRE_TIME, [period(5400, RESERVATION_TIME=True)], True, "9.00", "10.80"),
    ],
    ids=["fee, came", "fee, expired", "time, came", "time, expired"],
)
def test_reservation(tariff: Any, periods: Any, expired: bool, net: str, gross: str) -> None:
    answer = rate(tariff, cdr_json(*periods), reservation_expired=expired)

    assert (answer["total"]["net"], answer["total"]["gross"]) == (net, gross)


def complex_tariff() -> dict[str, Any]:
    week = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"]
    parking = component("PARKING_TIME", 5, 10, 300), component("PARKING_TIME", 6, 10, 300)
    return tariff_json(
        element(component("FLAT", 2.5, 15)),
        element(component("TIME", 1, 20, 900), max_current=32),
        element(component("TIME", 2, 20, 600), min_current=32, day_of_week=week),
        element(component("TIME", 1.25, 20, 600), min_current=32, day_of_week=["SATURDAY", "SUNDAY"]),
        element(parking[0], start_time="09:00", end_time="18:00", day_of_week=week),
        element(parking[1], start_time="10:00", end_time="17:00", day_of_week=["SATURDAY"]),
    )


def test_current_without_its_other_limb_decides_what_it_can() -> None:
    """A minimum of 43 A says that the current is not below 32 A, though no maximum was measured."""
    start = datetime(2024, 1, 6, 13, 30, tzinfo=ZoneInfo("Europe/Amsterdam"))
    periods = [period(114 * 60, TIME=True, MIN_CURRENT=43), period(71 * 60, PARKING_TIME=True)]

    answer = rate(complex_tariff(), cdr_json(*periods, start=start))

    # 114 min at 1.25 are not rounded, 71 min of parking are: OCPI's printed 12.50 rounds both.
    assert answer["billed"]["time_s"] == 114 * 60
    assert answer["components"]["TIME"]["net"] == "2.375"
    assert answer["components"]["PARKING_TIME"]["net"] == "7.5"


def test_power_bands() -> None:
    tariff = tariff_json(
        element(component("ENERGY", 0.20), max_power=16),
        element(component("ENERGY", 0.35), max_power=32),
        element(component("ENERGY", 0.50)),
    )
    periods = [
        period(600, ENERGY=1, MAX_POWER=6),
        period(3000, ENERGY=40, MAX_POWER=48),
        period(450, ENERGY=0.5, MAX_POWER=4),
    ]

    assert rate(tariff, cdr_json(*periods, start=MONDAY))["total"]["net"] == "20.30"


def test_first_kilowatt_hour_free() -> None:
    tariff = tariff_json(
        element(component("ENERGY", 0), max_kwh=1), element(component("ENERGY", 0.20), min_kwh=1)
    )

    answer = rate(tariff, cdr_json(charged(20)))

    assert answer["total"]["net"] == "3.80"
    assert [(line["element"], line["quantity"]) for line in answer["lines"]] == [(0, 1000), (1, 19000)]


def test_an_exact_amount_without_decimals_is_a_fraction() -> None:
    answer = rate(tariff_json(element(component("TIME", 10))), cdr_json(period(1200, TIME=True)))

    assert answer["exact"] == {"net": "10/3", "gross": "10/3"}
    assert answer["total"] == {"net": "3.33", "tax": "0.00", "gross": "3.33"}


def test_a_line_works_out_its_amounts_once() -> None:
    priced = pricing.price(make_tariff(ENERGY, START_FEE), make_session((0, 0), (60, 1000)), "UTC")
    assert sum(line.exact.net for line in priced.lines) == Fraction("0.75")
    assert all(line.exact is line.exact for line in priced.lines)

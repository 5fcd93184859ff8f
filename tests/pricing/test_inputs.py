"""Bad input is answered with the path of the field; every spelling of OCPI is read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

import pricing
from pricing import fields
from pricing.currency import minor_digits
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

ENERGY = element(component("ENERGY", 0.25, 10))
COMPONENT, RULES = "tariff.elements[0].price_components[0]", "tariff.elements[0].restrictions"
HOUR = period(3600, ENERGY=4, TIME=True)


def field_of(call: Any, *arguments: Any, **named: Any) -> str:
    with pytest.raises(pricing.PricingError) as caught:
        call(*arguments, **named)
    assert caught.value.message
    return caught.value.field


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"currency": "XXQ"}, "tariff.currency"),
        ({"currency": 3}, "tariff.currency"),
        ({"elements": []}, "tariff.elements"),
        ({"elements": None}, "tariff.elements"),
        ({"elements": {}}, "tariff.elements"),
        ({"elements": [7]}, "tariff.elements[0]"),
        ({"elements": [{"price_components": []}]}, "tariff.elements[0].price_components"),
        ({"elements": [element(component("ENERGY", -1))]}, f"{COMPONENT}.price"),
        ({"elements": [element(component("ENERGY", None))]}, f"{COMPONENT}.price"),
        ({"elements": [element(component("ENERGY", "x"))]}, f"{COMPONENT}.price"),
        ({"elements": [element(component("ENERGY", True))]}, f"{COMPONENT}.price"),
        (
            {"elements": [element(component("ENERGY", float("nan")))]},
            f"{COMPONENT}.price",
        ),
        ({"elements": [element(component("ENERGY", 10**300))]}, f"{COMPONENT}.price"),
        ({"elements": [element(component("ENERGY", -(10**300)))]}, f"{COMPONENT}.price"),
        ({"elements": [element({**component("ENERGY", 1), "step_size": 0.5})]}, f"{COMPONENT}.step_size"),
        ({"elements": [element(component("GAS", 1))]}, f"{COMPONENT}.type"),
        ({"elements": [element(component("FLAT", 1), start_time="25:00")]}, f"{RULES}.start_time"),
        ({"elements": [element(component("FLAT", 1), start_time=9)]}, f"{RULES}.start_time"),
        ({"elements": [element(component("FLAT", 1), end_date="2024-02-30")]}, f"{RULES}.end_date"),
        ({"elements": [element(component("FLAT", 1), start_date=1)]}, f"{RULES}.start_date"),
        ({"elements": [element(component("FLAT", 1), day_of_week=["X"])]}, f"{RULES}.day_of_week[0]"),
        ({"elements": [element(component("FLAT", 1), min_kwh=-1)]}, f"{RULES}.min_kwh"),
        ({"elements": [element(component("FLAT", 1), reservation="NO")]}, f"{RULES}.reservation"),
        ({"tax_included": "MAYBE"}, "tariff.tax_included"),
        ({"tax_included": "N/A"}, f"{COMPONENT}.vat"),
        ({"min_price": {}}, "tariff.min_price"),
        ({"max_price": {"before_taxes": 1, "taxes": [{"name": "VAT"}]}}, "tariff.max_price.taxes[0].amount"),
        ({"start_date_time": "soon"}, "tariff.start_date_time"),
        ({"end_date_time": "2024-02-30T00:00:00Z"}, "tariff.end_date_time"),
        ({"end_date_time": "1024-02-20T00:00:00Z"}, "tariff.end_date_time"),
    ],
)
def test_a_tariff_that_cannot_be_used_names_the_field(change: dict[str, Any], field: str) -> None:
    assert field_of(pricing.Tariff.from_json, {**tariff_json(ENERGY), **change}) == field


def test_a_missing_tariff_is_an_error_never_a_price_of_zero() -> None:
    session = make_session((0, 0), (60, 100))

    assert field_of(pricing.Tariff.from_json, None) == "tariff"
    assert field_of(pricing.price, None, session, "UTC") == "tariff"
    assert field_of(pricing.price, make_tariff(ENERGY), None, "UTC") == "session"
    assert field_of(pricing.price, make_tariff(ENERGY), session, "Mars/Olympus") == "timezone"
    assert field_of(pricing.price, make_tariff(ENERGY), session, "../etc") == "timezone"


@pytest.mark.parametrize(
    ("readings", "states", "more", "field"),
    [
        (((0, 5), (60, 4)), (), {}, "session.readings[1][1]"),
        (((0, 5), (60, 9), (30, 10)), (), {}, "session.readings[2][0]"),
        (((-1, 5),), (), {}, "session.readings[0][0]"),
        (((0, 5), (61, 6)), (), {}, "session.readings[1][0]"),
        (((0, 5, 7),), (), {}, "session.readings"),
        ((5,), (), {}, "session.readings"),
        (((0, 1.5), (60, 2.5)), (), {}, "session.readings"),
        (((0, 0), (float("nan"), 2)), (), {}, "session.readings"),
        ((), ((10, pricing.State.PARKED), (5, pricing.State.CHARGING)), {}, "session.states[1][0]"),
        ((), ((61, pricing.State.PARKED),), {}, "session.states[0][0]"),
        ((), ((0, "PARKED"),), {}, "session.states[0][1]"),
        ((), (), {"powers_w": ((61, 5),)}, "session.powers_w[0][0]"),
        ((), (), {"currents_a": ((0, -5),)}, "session.currents_a[0][1]"),
    ],
)
def test_a_session_that_cannot_be_used_names_the_field(
    readings: Any, states: Any, more: dict[str, Any], field: str
) -> None:
    end = MONDAY + timedelta(seconds=60)

    assert field_of(pricing.Session, MONDAY, end, readings, states, **more) == field


def test_session_times_are_checked() -> None:
    assert field_of(pricing.Session, MONDAY, MONDAY - timedelta(seconds=1)) == "session.end"
    assert field_of(pricing.Session, MONDAY, MONDAY + timedelta(days=4000)) == "session.end"
    assert field_of(pricing.Session, MONDAY.replace(tzinfo=None), MONDAY) == "session.start"
    assert field_of(pricing.Session, MONDAY.replace(year=1800), MONDAY) == "session.start"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"readings": [[0]]}, "session.readings[0]"),
        ({"readings": [["x", 1]]}, "session.readings[0][0]"),
        ({"states": [[0, "SLEEPING"]]}, "session.states[0][1]"),
        ({"states": 4}, "session.states"),
        ({"evse_kind": "XC"}, "session.evse_kind"),
        ({"start": None}, "session.start"),
    ],
)
def test_session_json_names_the_field(change: dict[str, Any], field: str) -> None:
    raw = {"start": "2024-01-01T00:00:00Z", "end": "2024-01-01T01:00:00Z"}

    assert field_of(pricing.Session.from_json, {**raw, **change}) == field
    assert field_of(pricing.Session.from_json, []) == "session"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"charging_periods": []}, "cdr.charging_periods"),
        ({"charging_periods": None}, "cdr.charging_periods"),
        ({"end_date_time": None}, "cdr.end_date_time"),
        (
            {"charging_periods": [{"start_date_time": "2023-01-01T00:00:00Z", "dimensions": []}]},
            "cdr.charging_periods[0].start_date_time",
        ),
        (
            {"charging_periods": [{"start_date_time": "2024-01-01T02:00:00Z", "dimensions": []}]},
            "cdr.charging_periods[0].start_date_time",
        ),
        (
            {
                "charging_periods": [
                    {
                        "start_date_time": "2024-01-01T00:00:00Z",
                        "dimensions": [{"type": "TIME", "volume": -1}],
                    }
                ]
            },
            "cdr.charging_periods[0].dimensions[0].volume",
        ),
        (
            {
                "charging_periods": [
                    {"start_date_time": "2024-01-01T01:00:00Z", "dimensions": [{"type": "TIME", "volume": 1}]}
                ]
            },
            "cdr.charging_periods[0].start_date_time",
        ),
    ],
)
def test_a_cdr_that_cannot_be_used_names_the_field(change: dict[str, Any], field: str) -> None:
    assert field_of(pricing.Session.from_cdr, {**cdr_json(HOUR), **change}) == field


def test_a_cdr_in_another_currency_is_refused() -> None:
    assert rate(tariff_json(ENERGY), {**cdr_json(HOUR), "currency": "GBP"})["field"] == "cdr.currency"


def test_ocpi_2_1_1_is_read() -> None:
    """`stop_date_time`, times without an offset, no vat, no step beyond the tariff's."""
    old = cdr_json(HOUR)
    old["stop_date_time"] = old.pop("end_date_time").rstrip("Z")
    old["start_date_time"] = old["start_date_time"].rstrip("Z")

    assert rate(tariff_json(element(component("ENERGY", 0.25))), old)["total"]["gross"] == "1.00"


def test_limits_in_every_spelling() -> None:
    spellings: list[Any] = [
        {"excl_vat": 2, "incl_vat": 2.2},
        {"before_taxes": 2, "after_taxes": 2.2},
        {"before_taxes": 2, "taxes": [{"name": "VAT", "amount": "0.2"}]},
    ]
    for limit in spellings:
        assert make_tariff(ENERGY, min_price=limit).min_price == pricing.tariff.PriceLimit(
            Fraction(2), Fraction(11, 5)
        )
    assert make_tariff(ENERGY, min_price=3).min_price == pricing.tariff.PriceLimit(Fraction(3), None)
    gross = make_tariff(ENERGY, min_price=3, tax_included=True).min_price
    assert gross == pricing.tariff.PriceLimit(None, Fraction(3))


def test_taxes_of_a_component_add_up() -> None:
    taxed = {
        **component("ENERGY", 1),
        "taxes": [{"name": "GST", "percentage": 5}, {"name": "QST", "percentage": 9.975}],
    }
    priced = pricing.price(make_tariff(element(taxed)), make_session((0, 0), (60, 100_000)), "UTC")

    assert (priced.total.net, priced.total.tax) == (Decimal("100.00"), Decimal("14.98"))


def test_tax_included_derives_the_net() -> None:
    tariff = make_tariff(element(component("ENERGY", 0.5, 21)), tax_included="YES")
    priced = pricing.price(tariff, make_session((0, 0), (60, 20_000)), "UTC")

    assert priced.exact.net == Fraction(1000, 121)
    assert priced.total == (Decimal("8.26"), Decimal("1.74"), Decimal("10.00"))


@pytest.mark.parametrize(
    ("currency", "total"), [("JPY", "1"), ("EUR", "0.75"), ("KWD", "0.750"), ("CLF", "0.7500")]
)
def test_currencies_have_their_own_digits(currency: str, total: str) -> None:
    tariff = make_tariff(element(component("FLAT", 0.75)), currency=currency)

    assert str(pricing.price(tariff, make_session((0, 0), (60, 1)), "UTC").total.gross) == total
    assert field_of(minor_digits, "ZZZ", "here") == "here"


def test_the_floor_policy_cuts_and_is_named() -> None:
    tariff = make_tariff(element(component("FLAT", "0.999", 10)))
    priced = pricing.price(tariff, make_session((0, 0), (60, 1)), "UTC", policy=pricing.FLOOR)

    assert (priced.policy, priced.total.net, priced.total.tax) == ("floor", Decimal("0.99"), Decimal("0.09"))


def test_a_plan_is_checked() -> None:
    assert field_of(pricing.planned, MONDAY, energy_wh=-1, power_w=1) == "energy_wh"
    assert field_of(pricing.planned, MONDAY, energy_wh=1, power_w=1, parked_s=-1) == "parked_s"


def test_numbers_are_read_exactly_and_bounded() -> None:
    assert fields.number(0.1, "x") == Fraction(1, 10)
    assert fields.number(Decimal("1E+2"), "x") == 100
    assert field_of(fields.number, Decimal("1E+999999"), "x") == "x"
    assert field_of(fields.number, Decimal("1E-999999"), "x") == "x"
    assert field_of(fields.number, float("inf"), "x") == "x"
    assert field_of(fields.integer, 1.5, "x") == "x"
    assert field_of(fields.text, "", "x") == "x"
    assert field_of(fields.choice, 10**300, "x", ("A",)) == "x"
    assert field_of(fields.choice, "A" * 99, "x", ("B",)) == "x"


def test_fractions_of_a_second_count() -> None:
    start = datetime(2024, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)
    session = pricing.Session(start, start + timedelta(seconds=1, microseconds=250_000))
    priced = pricing.price(make_tariff(element(component("TIME", 3600, None, 0))), session, "UTC")

    assert priced.exact.net == Fraction(5, 4)
    assert priced.to_json()["billed"]["time_s"] == "1.25"

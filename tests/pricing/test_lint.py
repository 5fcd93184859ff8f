"""The linter names the element, says what is wrong and how to put it right."""

from __future__ import annotations

from typing import Any

import pytest

import pricing
from tests.pricing.builders import component, element, make_tariff

ENERGY, TIME, FLAT = component("ENERGY", 0.25, 10), component("TIME", 1, 10), component("FLAT", 0.5, 10)
PARKING = component("PARKING_TIME", 2, 10)
CAP = {"max_price": 50}


def codes(*elements: dict[str, Any], **more: Any) -> list[tuple[int | None, str]]:
    station = {name: more.pop(name) for name in ("evse_kind", "power_kw") if name in more}
    findings = pricing.lint(make_tariff(*elements, **more), **station)
    assert all(finding.message and finding.remedy for finding in findings)
    assert all(finding.severity in ("error", "warning", "info") for finding in findings)
    return [(finding.element, finding.code) for finding in findings]


def test_a_plain_tariff_has_no_findings() -> None:
    assert codes(element(ENERGY)) == []


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ({}, {"min_kwh": 5}),
        ({"start_time": "08:00", "end_time": "20:00"}, {"start_time": "09:00", "end_time": "18:00"}),
        ({"start_time": "22:00", "end_time": "06:00"}, {"end_time": "05:00"}),
        ({"day_of_week": ["MONDAY", "TUESDAY"]}, {"day_of_week": ["MONDAY"]}),
        ({"start_date": "2024-01-01"}, {"start_date": "2024-02-01"}),
        ({"end_date": "2024-03-01"}, {"end_date": "2024-02-01"}),
        ({"max_kwh": 10}, {"max_kwh": 5}),
    ],
)
def test_a_shadowed_element_is_named(earlier: dict[str, Any], later: dict[str, Any]) -> None:
    found = codes(element(ENERGY, **earlier), element(ENERGY, **later), element(ENERGY))

    assert (1, "shadowed") in found


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ({"min_kwh": 5}, {}),
        ({"start_time": "09:00"}, {"start_time": "08:00"}),
        ({"day_of_week": ["MONDAY"]}, {}),
        ({"start_date": "2024-02-01"}, {"start_date": "2024-01-01"}),
        ({"end_date": "2024-02-01"}, {}),
        ({}, {"min_kwh": 9, "max_kwh": 3}),
        ({"evse_kind": "AC"}, {"evse_kind": "DC"}),
        ({"reservation": "RESERVATION"}, {}),
    ],
)
def test_an_element_that_can_win_is_not_shadowed(earlier: dict[str, Any], later: dict[str, Any]) -> None:
    assert (1, "shadowed") not in codes(element(ENERGY, **earlier), element(ENERGY, **later))


def test_hours_and_energies_that_nothing_prices() -> None:
    assert codes(element(ENERGY, start_time="08:00", end_time="22:00")) == [(None, "gap")]
    assert codes(element(ENERGY, max_kwh=20)) == [(None, "gap")]
    assert codes(element(ENERGY, start_time="06:00", end_time="24:00")) == [(None, "gap")]
    (finding,) = pricing.lint(make_tariff(element(ENERGY, max_kwh=20)))
    assert "beyond 20 kWh" in finding.message
    assert codes(element(ENERGY, start_time="08:00"), element(ENERGY, end_time="08:00")) == []


def test_limits_that_contradict() -> None:
    assert codes(element(ENERGY), min_price=5, max_price=4) == [(None, "min-above-max")]
    assert codes(element(ENERGY), max_price={"excl_vat": 5, "incl_vat": 4}) == [(None, "limit-limbs")]


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        ({"start_time": "09:00", "end_time": "09:00"}, "end-is-start"),
        ({"start_date": "2024-01-02", "end_date": "2024-01-02"}, "end-is-start"),
        ({"min_kwh": 5, "max_kwh": 5}, "min-above-max"),
        ({"max_duration": 0}, "min-above-max"),
        ({"min_distance": 5}, "unknown-restriction"),
    ],
)
def test_restrictions_that_cannot_be_meant(rules: dict[str, Any], code: str) -> None:
    assert (0, code) in codes(element(FLAT, **rules), element(ENERGY))


def test_time_without_a_cap_steps_and_doubles() -> None:
    assert (1, "no-cap") in codes(element(ENERGY), element(TIME))
    assert (1, "no-cap") not in codes(element(ENERGY), element(TIME), **CAP)
    assert (0, "step-size") in codes(element(component("ENERGY", 1, None, 500)))
    assert (0, "duplicate-component") in codes(element(ENERGY, ENERGY))


def test_a_tax_unlike_its_siblings() -> None:
    odd, none = component("FLAT", 0.5, 1), component("FLAT", 0.5)
    assert (2, "tax-differs") in codes(element(ENERGY), element(PARKING), element(odd), **CAP)
    assert (2, "tax-differs") in codes(element(ENERGY), element(PARKING), element(none), **CAP)
    assert codes(element(ENERGY), element(odd), country_code="CH") == []


def test_afir_from_fifty_kilowatts() -> None:
    assert codes(element(ENERGY), element(PARKING), evse_kind="DC", **CAP) == []
    found = codes(element(TIME), element(FLAT), evse_kind="DC", **CAP)
    assert {code for _, code in found} == {"afir-kwh", "afir-other"}
    assert codes(element(FLAT), power_kw=50)[0] == (None, "afir-kwh")
    assert codes(element(FLAT), country_code="CH") == []
    assert codes(element(FLAT), type="REGULAR") == []
    assert pricing.lint(make_tariff(element(FLAT)))[0].to_json()["code"] == "afir-kwh"
    severities = {finding.severity for finding in pricing.lint(make_tariff(element(FLAT)))}
    assert severities == {"info"}


def test_afir_below_fifty_kilowatts_asks_for_an_order() -> None:
    assert codes(element(FLAT), element(ENERGY), power_kw=22) == [(None, "afir-order")]
    assert codes(element(ENERGY), element(FLAT), power_kw=22) == []


def test_nevi() -> None:
    assert codes(element(ENERGY), currency="USD") == []
    assert codes(element(FLAT), currency="USD") == [(None, "nevi-kwh")]
    rising = element(ENERGY, min_kwh=0, max_kwh=5), element(component("ENERGY", 1, 10))
    assert codes(*rising, country_code="US") == [(0, "nevi-change")]
    assert (0, "nevi-change") in codes(element(ENERGY, start_time="08:00"), country_code="US")

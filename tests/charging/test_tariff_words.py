"""A tariff in OCPP 2.1's words says what ours says, or says that it can't."""

import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

import pricing
from charging.price_now import Moment, price_now
from charging.tariff_words import worded
from tests.builders import make_tariff_document
from tests.pricing.worlds import MOMENTS, random_tariff

PER = {"energy": ("ENERGY", "priceKwh", 1), "chargingTime": ("TIME", "priceMinute", 60)}
PER |= {"idleTime": ("PARKING_TIME", "priceMinute", 60), "fixedFee": ("FLAT", "priceFixed", 1)}


@cache
def official() -> Any:
    """The schema of SetDefaultTariff, from the package `ocpp`."""
    found = find_spec("ocpp")
    assert found is not None
    assert found.origin is not None
    path = Path(found.origin).parent / "v21/schemas/SetDefaultTariffRequest.json"
    return Draft7Validator(json.loads(path.read_text("utf-8-sig")))


def read(**document: Any) -> pricing.Tariff:
    return pricing.Tariff.from_json(make_tariff_document(**document))


def priced(told: dict[str, Any], at: datetime, wh: int, second: int) -> dict[str, float]:
    """What a station would ask for: a reading of the TariffType of our own, apart from the code under test."""
    found = {}
    for name, (dimension, field, per) in PER.items():
        part = told.get(name, {})
        for price in part.get("prices", ()):
            if holds(price.get("conditions", {}), at, wh, second):
                tax = sum(rate["tax"] for rate in part.get("taxRates", ()))
                found[dimension] = price[field] * per * (100 + tax) / 100
                break
    return {dimension: price for dimension, price in found.items() if price}


def holds(rules: dict[str, Any], at: datetime, wh: int, second: int) -> bool:
    clock = f"{at:%H:%M}"
    start, end = rules.get("startTimeOfDay", "00:00"), rules.get("endTimeOfDay", "00:00")
    end = "24:00" if end == "00:00" else end
    inside = start <= clock < end if start < end else clock >= start or clock < end
    days = rules.get("dayOfWeek")
    return (
        inside
        and (days is None or f"{at:%A}" in days)
        and date.fromisoformat(rules.get("validFromDate", "0001-01-01")) <= at.date()
        and at.date() < date.fromisoformat(rules.get("validToDate", "9999-12-31"))
        and rules.get("minEnergy", 0) <= wh < rules.get("maxEnergy", 10**9)
        and rules.get("minTime", 0) <= second < rules.get("maxTime", 10**9)
    )


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_every_tariff_is_a_tariff_of_the_official_schema(seed: int) -> None:
    told = worded(pricing.Tariff.from_json(random_tariff(Random(seed))), "t" * 39)
    assert list(official().iter_errors({"evseId": 1, "tariff": told.tariff})) == []
    assert told.tariff["description"][0]["content"]
    has_prices = not PER.keys().isdisjoint(told.tariff)
    assert has_prices is not bool(told.unsaid)


@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    moment=st.sampled_from(MOMENTS),
    minutes=st.integers(0, 4000),
    wh=st.integers(0, 25_000),
    second=st.integers(0, 90_000),
)
def test_what_is_said_asks_for_what_we_ask_for(
    seed: int, moment: datetime, minutes: int, wh: int, second: int
) -> None:
    document = random_tariff(Random(seed))
    for element in document["elements"]:  # what only shows while it is measured, and what 2.1 can't say
        rules = element.get("restrictions", {})
        for name in list(rules):
            if name.endswith(("power", "current", "idle_time")) or name == "reservation":
                del rules[name]
        for component in element["price_components"]:
            component |= {"step_size": 1, "vat": 20}
    tariff = pricing.Tariff.from_json(document)
    told = worded(tariff, "t")
    if told.unsaid:
        return
    at = moment + timedelta(minutes=minutes)
    ours = price_now(tariff, Moment(at, "UTC", wh, second))
    assert priced(told.tariff, at, wh, second) == pytest.approx(
        {name: float(price) for name, price in ours.items()}, abs=0.0001
    )


def test_prices_are_without_tax_by_kwh_and_by_minute() -> None:
    told = worded(
        read(energy="0.50", time="3.00", parking="6.00", flat="1.00", min_price={"excl_vat": "2"}), "x"
    )
    vat = [{"type": "VAT", "tax": 20}]
    assert told.unsaid == ""
    assert told.tariff == {
        "tariffId": "x",
        "currency": "EUR",
        "description": [
            {
                "format": "UTF8",
                "language": "en",
                "content": "0.6 EUR/kWh + 3.6 EUR/h + 7.2 EUR/h idle + 1.2 EUR start, tax included",
            }
        ],
        "energy": {"prices": [{"priceKwh": 0.5}], "taxRates": vat},
        "chargingTime": {"prices": [{"priceMinute": 0.05}], "taxRates": vat},
        "idleTime": {"prices": [{"priceMinute": 0.1}], "taxRates": vat},
        "fixedFee": {"prices": [{"priceFixed": 1}], "taxRates": vat},
        "minCost": {"exclTax": 2},
    }


def test_a_price_that_includes_tax_is_told_without_it() -> None:
    told = worded(read(energy="0.60", tax_included="YES"), "x").tariff["energy"]
    assert told == {"prices": [{"priceKwh": 0.5}], "taxRates": [{"type": "VAT", "tax": 20}]}


def component(kind: str, price: str, vat: str | None = None, step: int = 1) -> dict[str, Any]:
    return {"type": kind, "price": price, "step_size": step, **({"vat": vat} if vat else {})}


def element(*components: dict[str, Any], **restrictions: Any) -> dict[str, Any]:
    return {"price_components": list(components), "restrictions": restrictions}


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        ([element(component("TIME", "1", step=300))], "step_size 300"),
        ([element(component("ENERGY", "1"), start_time="10:00:30")], "with seconds"),
        ([element(component("ENERGY", "1"), start_time="10:00", end_time="10:00")], "no length"),
        ([element(component("FLAT", "1"), min_duration=60)], "how the session goes"),
        ([element(component("FLAT", "1"), start_time="22:00")], "first match"),
        ([element(component("TIME", "1"), reservation="RESERVATION")], "reservation"),
        (
            [element(component("ENERGY", "1", "10"), max_kwh=5), element(component("ENERGY", "1", "20"))],
            "different taxes",
        ),
    ],
)
def test_what_2_1_has_no_word_for_leaves_a_description(elements: list[Any], reason: str) -> None:
    told = worded(pricing.Tariff.from_json({"currency": "EUR", "elements": elements}), "x")
    assert reason in told.unsaid
    assert told.tariff.keys() == {"tariffId", "currency", "description"}


def test_the_tariffs_own_words_are_its_description() -> None:
    words = [{"language": "de", "text": "Fünfzig Cent"}, {"language": "fr", "text": ""}, "no text"]
    told = worded(read(tariff_alt_text=words), "x").tariff["description"]
    assert told == [{"format": "UTF8", "language": "de", "content": "Fünfzig Cent"}]


def test_a_number_is_the_decimal_it_stands_for() -> None:
    told = worded(read(energy="0.1234567", tax="7.7"), "x").tariff
    assert Decimal(json.dumps(told["energy"]["prices"][0]["priceKwh"])) == Decimal("0.1234567")
    assert told["energy"]["taxRates"][0]["tax"] == 7.7

"""Our tariff as OCPP 2.1 stations read it (TariffType), or as a sentence where they can't.

OCPI and OCPP 2.1 agree that, for each dimension, the first price whose conditions hold is in force; so a
tariff becomes one list of prices a dimension. What 2.1 has no word for is never left out in silence: then
the station gets a description alone, and the cost from us.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import pricing
from charging.price_now import UNITS
from pricing.restrictions import DAY_S, WEEKDAYS, Restrictions
from pricing.tariff import PriceComponent, PriceLimit, TariffElement

Payload = dict[str, Any]
FINEST = Decimal("1e-9")  # of the currency for a kWh or a minute: digits that a JSON number keeps
LONGEST = 512  # characters of a description
MOST_TEXTS = 10
PLACES = {"ENERGY": "energy", "TIME": "chargingTime", "PARKING_TIME": "idleTime", "FLAT": "fixedFee"}
PRICES = {"ENERGY": "priceKwh", "TIME": "priceMinute", "PARKING_TIME": "priceMinute", "FLAT": "priceFixed"}
DURING = {"energy_wh": "Energy", "power_w": "Power", "current_a": "Current"}
SECONDS = {"duration_s": "Time", "idle_s": "IdleTime"}


class Unsayable(ValueError):
    """OCPP 2.1 has no word for it; the text names the element and what it asks for."""


@dataclass(frozen=True, slots=True)
class Worded:
    """A TariffType, and what of the tariff it could not say: nothing, or the reason for a description alone."""

    tariff: Payload
    unsaid: str = ""


def worded(tariff: pricing.Tariff, tariff_id: str, *, plain: bool = False) -> Worded:
    """`tariff` as a TariffType of OCPP 2.1 (part 2, 2.1 edition 1); `plain` asks for the description alone.

    Prices are without tax, energy in Wh, times in seconds.
    """
    told: Payload = {"tariffId": tariff_id, "currency": tariff.currency, "description": description(tariff)}
    if plain:
        return Worded(told, "asked for in plain words")
    try:
        return Worded(told | _prices(tariff) | _limits(tariff))
    except Unsayable as reason:
        return Worded(told, str(reason))


def description(tariff: pricing.Tariff) -> list[Payload]:
    """The tariff's own words (OCPI tariff_alt_text), or its prices, lowest to highest, tax included."""
    own = [_text(text.get("language"), text.get("text")) for text in _alternatives(tariff)]
    return [text for text in own if text is not None][:MOST_TEXTS] or [_ranges(tariff)]


def _alternatives(tariff: pricing.Tariff) -> list[Payload]:
    listed = tariff.raw.get("tariff_alt_text")
    return [text for text in listed if isinstance(text, dict)] if isinstance(listed, list) else []


def _text(language: Any, text: Any) -> Payload | None:
    if not isinstance(text, str) or not text or not isinstance(language, str) or not 2 <= len(language) <= 8:
        return None
    return {"format": "UTF8", "language": language, "content": text[:LONGEST]}


def _ranges(tariff: pricing.Tariff) -> Payload:
    found: dict[str, list[Fraction]] = {}
    for component in (one for element in tariff.elements for one in element.components):
        tax = Fraction(0) if tariff.tax_included else (component.tax_percent or Fraction(0))
        found.setdefault(component.dimension, []).append(component.price * (100 + tax) / 100)
    parts = [_range(prices, tariff.currency) + UNITS[dimension] for dimension, prices in found.items()]
    return {"format": "UTF8", "language": "en", "content": " + ".join(parts) + ", tax included"}


def _range(prices: list[Fraction], currency: str) -> str:
    low, high = (f"{_decimal(price, Decimal('0.0001')):f}" for price in (min(prices), max(prices)))
    return f"{low} {currency}" if low == high else f"{low} to {high} {currency}"


def _prices(tariff: pricing.Tariff) -> Payload:
    return {
        PLACES[dimension]: _dimension(tariff, dimension)
        for dimension in PLACES
        if any(component.dimension == dimension for e in tariff.elements for component in e.components)
    }


def _dimension(tariff: pricing.Tariff, dimension: str) -> Payload:
    """The list of prices of one dimension, in the order of the elements; one tax for all of them."""
    prices, taxes = [], set()
    for element, component in _components(tariff, dimension):
        _check_step(component)
        tax = component.tax_percent or Fraction(0)
        taxes.add(tax)
        net = component.price * 100 / (100 + tax) if tariff.tax_included else component.price
        told: Payload = {PRICES[dimension]: _number(net / 60 if "Minute" in PRICES[dimension] else net)}
        if conditions := _conditions(element.restrictions, f"element {element.index}", dimension):
            told["conditions"] = conditions
        prices.append(told)
    if len(taxes) > 1:
        raise Unsayable(f"{dimension}: prices with different taxes")
    rate = taxes.pop()
    return {"prices": prices} | ({"taxRates": [{"type": "VAT", "tax": _number(rate)}]} if rate else {})


def _components(tariff: pricing.Tariff, dimension: str) -> Iterator[tuple[TariffElement, PriceComponent]]:
    for element in tariff.elements:
        found = next((one for one in element.components if one.dimension == dimension), None)
        if found is not None:
            yield element, found


def _check_step(component: PriceComponent) -> None:
    if component.dimension != "FLAT" and component.step_size > 1 and component.price:
        raise Unsayable(f"element {component.element}: step_size {component.step_size}; 2.1 has no steps")


def _conditions(rules: Restrictions, at: str, dimension: str) -> Payload:
    if rules.reservation is not None:
        raise Unsayable(f"{at}: a price of a reservation")
    told = _clock(rules, at)
    if rules.evse_kind is not None:
        told["evseKind"] = rules.evse_kind
    during = _during(rules, at)
    if during and dimension == "FLAT":
        raise Unsayable(f"{at}: a fee that depends on how the session goes")
    if rules.on_the_clock and dimension == "FLAT":
        raise Unsayable(f"{at}: a fee by the clock; ours falls due at its first match, theirs at the start")
    return told | during


def _clock(rules: Restrictions, at: str) -> Payload:
    told: Payload = {}
    start, end = rules.start_time or 0, DAY_S if rules.end_time is None else rules.end_time
    if start == end:
        raise Unsayable(f"{at}: a time of day of no length")
    if (start, end) != (0, DAY_S):
        told = {"startTimeOfDay": _time(start, at), "endTimeOfDay": _time(end % DAY_S, at)}
    if rules.start_date is not None:
        told["validFromDate"] = rules.start_date.isoformat()
    if rules.end_date is not None:
        told["validToDate"] = rules.end_date.isoformat()
    if rules.weekdays is not None:
        told["dayOfWeek"] = [WEEKDAYS[day].capitalize() for day in sorted(rules.weekdays)]
    return told


def _time(second: int, at: str) -> str:
    if second % 60:
        raise Unsayable(f"{at}: a time of day with seconds")
    return f"{second // 3600:02}:{second // 60 % 60:02}"


def _during(rules: Restrictions, at: str) -> Payload:
    told: Payload = {}
    for field, name in (DURING | SECONDS).items():
        for side, value in zip(("min", "max"), getattr(rules, field), strict=True):
            if value is None:
                continue
            if field in SECONDS and value.denominator != 1:
                raise Unsayable(f"{at}: {side}_{field} of parts of a second")
            told[f"{side}{name}"] = int(value) if field in SECONDS else _number(value)
    return told


def _limits(tariff: pricing.Tariff) -> Payload:
    sides = {"minCost": tariff.min_price, "maxCost": tariff.max_price}
    return {name: _limit(limit) for name, limit in sides.items() if limit is not None}


def _limit(limit: PriceLimit) -> Payload:
    amounts = {"exclTax": limit.net, "inclTax": limit.gross}
    return {name: _number(amount) for name, amount in amounts.items() if amount is not None}


def _number(value: Fraction) -> int | float:
    """A JSON number. Within nine decimals and fifteen digits it is written as the decimal it stands for."""
    decimal = _decimal(value, FINEST)
    if len(decimal.as_tuple().digits) > 15:
        raise Unsayable(f"{decimal:f} has more digits than a JSON number keeps")
    return int(decimal) if decimal == decimal.to_integral_value() else float(decimal)


def _decimal(value: Fraction, finest: Decimal) -> Decimal:
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return exact.quantize(finest, ROUND_HALF_UP).normalize()

"""What a tariff asks for now, in the few words that a station's display has: tax included."""

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pricing

MOST_DIGITS = Decimal("0.0001")
UNITS = {"ENERGY": "/kWh", "TIME": "/h", "PARKING_TIME": "/h idle", "FLAT": " start"}


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a session stands: local time of its site, Wh and seconds since its start, AC or DC."""

    at: datetime
    zone: str
    energy_wh: int = 0
    duration_s: int = 0
    kind: str = "AC"


def price_now(tariff: pricing.Tariff, moment: Moment) -> dict[str, Decimal]:
    """Dimension -> price with tax of the first element that holds now; dimensions that cost nothing are out."""
    found: dict[str, Decimal] = {}
    for element in tariff.elements:
        if not _holds(element.restrictions, moment):
            continue
        for component in element.components:
            tax = Fraction(0) if tariff.tax_included else (component.tax_percent or Fraction(0))
            gross = component.price * (100 + tax) / 100
            found.setdefault(component.dimension, _decimal(gross))
    return {dimension: price for dimension, price in found.items() if price}


def as_text(prices: dict[str, Decimal], currency: str) -> str:
    """E.g. "0.54 EUR/kWh + 0.50 EUR start, tax included"."""
    if not prices:
        return f"0.00 {currency}"
    parts = [f"{_shown(price)} {currency}{UNITS[dimension]}" for dimension, price in prices.items()]
    return " + ".join(parts) + ", tax included"


def to_json(prices: dict[str, Decimal], currency: str) -> dict[str, Any]:
    """What a notice keeps: the prices as text, and the sentence."""
    return {"text": as_text(prices, currency), **{name: str(price) for name, price in prices.items()}}


def _holds(restrictions: Any, moment: Moment) -> bool:
    """Power and current are not looked at: the display says what is asked for, the bill what was given."""
    local = moment.at.astimezone(ZoneInfo(moment.zone))
    second = local.hour * 3600 + local.minute * 60 + local.second
    return (
        restrictions.reservation is None
        and restrictions.evse_kind in (None, moment.kind)
        and restrictions.hold_at(local.toordinal(), second)
        and _within(restrictions.energy_wh, moment.energy_wh)
        and _within(restrictions.duration_s, moment.duration_s)
    )


def _within(band: tuple[Fraction | None, Fraction | None], value: int) -> bool:
    least, most = band
    return (least is None or value >= least) and (most is None or value < most)


def _decimal(value: Fraction) -> Decimal:
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return exact.quantize(MOST_DIGITS, ROUND_HALF_UP).normalize()


def _shown(price: Decimal) -> str:
    """Two decimals at least."""
    exponent = int(price.as_tuple().exponent)
    return f"{price:.2f}" if exponent > -2 else f"{price:f}"

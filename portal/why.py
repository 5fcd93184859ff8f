"""Why a session cost what it cost: the engine's lines in words, one row a line, nothing recomputed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from charging.models import PricedSession
from portal import words
from portal.tariff_words import conditions_of

DIGITS_OF_EXACT = 4
MINUTES_PER_HOUR = 60


@dataclass(frozen=True)
class WhyLine:
    """One line of a price: its part of the price line, its rule and its sum, ready to read."""

    kind: str
    name: str
    rule: str
    span: str
    quantity: str
    price: str
    tax: str
    net: str


def why_lines(priced: PricedSession, document: Mapping[str, Any], zone: tzinfo) -> list[WhyLine]:
    """The lines of `priced` in the order of the engine; times in `zone`. `document` is the tariff's."""
    currency = str(priced.gross.currency)
    return [_line(raw, document, currency, zone) for raw in priced.result.get("lines", ())]


def _line(raw: Mapping[str, Any], document: Mapping[str, Any], currency: str, zone: tzinfo) -> WhyLine:
    kind, name = _part(raw["kind"])
    return WhyLine(
        kind=kind,
        name=name,
        rule=_rule(raw.get("element"), document),
        span=_span(raw.get("start"), raw.get("end"), zone),
        quantity=_quantity(raw),
        price=_price(raw, document, currency),
        tax=_tax(raw.get("tax_percent")),
        net=words.number(decimal_of(raw["net"]), DIGITS_OF_EXACT),
    )


def _part(kind: str) -> tuple[str, str]:
    parts = {
        "ENERGY": ("energy", _("Energy")),
        "TIME": ("time", _("Charging time")),
        "PARKING_TIME": ("idle", _("Idle")),
        "FLAT": ("fees", _("Start fee")),
        "RESERVATION_TIME": ("fees", _("Reservation")),
        "RESERVATION_FLAT": ("fees", _("Reservation fee")),
        "MIN_PRICE": ("fees", _("Up to the lowest price")),
        "MAX_PRICE": ("fees", _("Down to the highest price")),
    }
    return parts.get(kind, ("fees", kind.replace("_", " ").capitalize()))


def _rule(element: int | None, document: Mapping[str, Any]) -> str:
    if element is None:
        return _("Limit of the tariff")
    elements = document.get("elements", ())
    conditions = conditions_of(elements[element]) if element < len(elements) else ""
    rule = _("Rule %(number)s") % {"number": element + 1}
    return f"{rule}: {conditions or _('always')}"


def _span(start: str | None, end: str | None, zone: tzinfo) -> str:
    if not start or not end or start == end:
        return ""
    first, last = (datetime.fromisoformat(moment).astimezone(zone) for moment in (start, end))
    return f"{date_format(first, 'H:i')}–{date_format(last, 'H:i')}"


def _quantity(raw: Mapping[str, Any]) -> str:
    billed, surplus = decimal_of(raw["billed"]), decimal_of(raw.get("surplus", 0))
    if raw["kind"] == "ENERGY":
        text = f"{words.number(billed / words.WH_PER_KWH, 3)} kWh"
    elif raw["kind"] in ("TIME", "PARKING_TIME", "RESERVATION_TIME"):
        text = words.duration(int(billed))
    else:
        return ""
    return _("%(quantity)s, rounded up to the step") % {"quantity": text} if surplus else text


def _price(raw: Mapping[str, Any], document: Mapping[str, Any], currency: str) -> str:
    if raw.get("price") is None:
        return ""
    price = decimal_of(raw["price"])
    per = {"ENERGY": "kWh", "TIME": "h", "PARKING_TIME": "h", "RESERVATION_TIME": "h"}.get(raw["kind"], "")
    text = words.unit_price(price, currency, per)
    return (
        _("%(price)s with tax") % {"price": text} if document.get("tax_included") in (True, "YES") else text
    )


def _tax(percent: str | None) -> str:
    return _("none") if percent is None else f"{words.plain(decimal_of(percent))} %"


def decimal_of(text: str | int) -> Decimal:
    """An exact amount as the engine writes it, a fraction such as `10/3` cut to twelve digits for showing."""
    value = Fraction(text)
    return (
        (Decimal(value.numerator) / Decimal(value.denominator))
        .quantize(Decimal("0.000000000001"))
        .normalize()
    )

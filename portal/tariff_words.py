"""A tariff in words a person at the station reads: what one pays, with tax, and when it applies."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from portal import words

MINUTES_PER_HOUR = 60
KIND_OF = {"ENERGY": "energy", "TIME": "time", "PARKING_TIME": "idle", "FLAT": "fees"}
DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")


@dataclass(frozen=True)
class PriceWord:
    """One price: its part of the price line, its name, the price with its unit, and its conditions."""

    kind: str
    name: str
    price: str
    conditions: str


def price_words(document: Mapping[str, Any]) -> tuple[PriceWord, ...]:
    """The prices of an OCPI tariff in its order, tax included, then its lowest and highest total."""
    currency = str(document["currency"])
    return (*_components(document, currency), *_limits(document, currency))


def _components(document: Mapping[str, Any], currency: str) -> Iterator[PriceWord]:
    included = document.get("tax_included") in (True, "YES")
    seen: set[str] = set()
    for element in document["elements"]:
        conditions = conditions_of(element)
        for component in element["price_components"]:
            dimension = component["type"]
            price, unit = _per(dimension, _with_tax(component, included))
            when = conditions or (_("at all other times") if dimension in seen else "")
            seen.add(dimension)
            yield PriceWord(
                KIND_OF[dimension], _name(dimension), words.unit_price(price, currency, unit), when
            )


def _name(dimension: str) -> str:
    names = {
        "ENERGY": _("Energy"),
        "TIME": _("Charging time"),
        "PARKING_TIME": _("Idle, once the car is full"),
        "FLAT": _("Start fee"),
    }
    return names[dimension]


def _with_tax(component: Mapping[str, Any], included: bool) -> Decimal:
    price = Decimal(str(component["price"]))
    if included:
        return price
    listed = component.get("taxes") or ()
    rate = component.get("vat")
    percent = (
        Decimal(str(rate))
        if rate is not None
        else sum((Decimal(str(tax["percentage"])) for tax in listed), Decimal(0))
    )
    return price * (100 + percent) / 100


def _per(dimension: str, price: Decimal) -> tuple[Decimal, str]:
    if dimension == "ENERGY":
        return price, "kWh"
    if dimension == "FLAT":
        return price, ""
    per_minute = (price / MINUTES_PER_HOUR).quantize(Decimal("0.0001"))
    if per_minute * MINUTES_PER_HOUR == price:
        return per_minute, _("min")
    return price, _("hour")


def conditions_of(element: Mapping[str, Any]) -> str:
    """When a tariff element applies, in words; empty: always."""
    restrictions = element.get("restrictions") or {}
    return ", ".join(
        text for text in (_clock(restrictions), _days(restrictions), *_bounds(restrictions)) if text
    )


def _clock(restrictions: Mapping[str, Any]) -> str:
    start, end = restrictions.get("start_time"), restrictions.get("end_time")
    if start and end:
        return f"{start}–{end}"
    if start:
        return _("from %(time)s") % {"time": start}
    return _("until %(time)s") % {"time": end} if end else ""


def _days(restrictions: Mapping[str, Any]) -> str:
    named = restrictions.get("day_of_week") or ()
    places = sorted({DAYS.index(day) for day in named})
    if not places:
        return ""
    short = (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))
    if len(places) > 2 and places == list(range(places[0], places[-1] + 1)):
        return f"{short[places[0]]}–{short[places[-1]]}"
    return " ".join(short[place] for place in places)


def _bounds(restrictions: Mapping[str, Any]) -> Iterator[str]:
    for name, text in (
        ("min_kwh", _("from %(value)s kWh")),
        ("max_kwh", _("up to %(value)s kWh")),
        ("min_power", _("from %(value)s kW")),
        ("max_power", _("below %(value)s kW")),
        ("min_current", _("from %(value)s A")),
        ("max_current", _("below %(value)s A")),
    ):
        if restrictions.get(name) is not None:
            yield text % {"value": words.plain(Decimal(str(restrictions[name])))}
    for name, text in (
        ("min_duration", _("after %(value)s")),
        ("max_duration", _("for the first %(value)s")),
        ("min_idle_time", _("after %(value)s idle")),
        ("max_idle_time", _("for the first %(value)s idle")),
    ):
        if restrictions.get(name) is not None:
            yield text % {"value": words.duration(int(restrictions[name]))}
    for name, text in (("start_date", _("from %(value)s")), ("end_date", _("before %(value)s"))):
        if restrictions.get(name):
            yield text % {"value": restrictions[name]}
    if restrictions.get("reservation"):
        yield _("when reserved")


def _limits(document: Mapping[str, Any], currency: str) -> Iterator[PriceWord]:
    for name, words_for_it in (("min_price", _("You pay at least")), ("max_price", _("You pay at most"))):
        value, taxed = _limit(document.get(name))
        if value is not None:
            yield PriceWord(
                "fees", words_for_it, words.unit_price(value, currency), "" if taxed else _("before tax")
            )


def _limit(raw: Any) -> tuple[Decimal | None, bool]:
    """The gross limb where there is one, else the net one; and whether it is gross."""
    if raw is None:
        return None, False
    if not isinstance(raw, Mapping):
        return Decimal(str(raw)), False
    gross = raw.get("after_taxes", raw.get("incl_vat"))
    net = raw.get("before_taxes", raw.get("excl_vat"))
    chosen = gross if gross is not None else net
    return (Decimal(str(chosen)) if chosen is not None else None), gross is not None

"""The tariff document of one price per kWh: the base tariff with its energy prices replaced by one.

One unrestricted ENERGY price makes a session's price certain at its start (23 CFR 680.106(i) asks for it),
because a session is priced by the version in force when it starts.
"""

import copy
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pricing import Finding, PricingError, Tariff, lint

ENERGY, IDLE = "ENERGY", "PARKING_TIME"
Document = dict[str, Any]


def document_at(base: Mapping[str, Any], price: Decimal, *, waives_idle: bool = False) -> Document:
    """`base` with `price` per kWh at all times, and without its idle fee if that is waived.

    Everything else is kept: fees, limits, tax rates, names. Raises PricingError where the base has no energy
    price to replace, or several tax rates on it.
    """
    document = copy.deepcopy(dict(base))
    energy = _energy_component(document)
    kept = [_without_energy(element, waives_idle=waives_idle) for element in document["elements"]]
    first = {"price_components": [{**energy, "price": _plain(price)}]}
    document["elements"] = [first, *(element for element in kept if element["price_components"])]
    return document


def energy_price(base: Mapping[str, Any]) -> Decimal:
    """The base tariff's price per kWh: that of the element without restrictions, or else the first one's."""
    found = [
        (bool(element.get("restrictions")), component)
        for element in base["elements"]
        for component in element["price_components"]
        if component["type"] == ENERGY
    ]
    if not found:
        raise PricingError("elements", "have no ENERGY price that could move; add one per kWh")
    return Decimal(str(min(found, key=lambda each: each[0])[1]["price"]))


def forbids(document: Mapping[str, Any], evse_kind: str | None, power_kw: int | None) -> list[Finding]:
    """What the linter calls an error (among it what AFIR forbids at such a station)."""
    found = lint(Tariff.from_json(document), evse_kind=evse_kind, power_kw=power_kw)
    return [finding for finding in found if finding.severity == "error"]


def _energy_component(document: Document) -> dict[str, Any]:
    prices = [
        component
        for element in document["elements"]
        for component in element["price_components"]
        if component["type"] == ENERGY
    ]
    if not prices:
        raise PricingError("elements", "have no ENERGY price that could move; add one per kWh")
    taxes = {(str(each.get("vat")), str(each.get("taxes"))) for each in prices}
    if len(taxes) > 1:
        raise PricingError("elements", "tax energy at several rates; dynamic prices need one rate")
    return dict(prices[0])


def _without_energy(element: Document, *, waives_idle: bool) -> Document:
    components = [
        {**component, "price": "0"} if waives_idle and component["type"] == IDLE else component
        for component in element["price_components"]
        if component["type"] != ENERGY
    ]
    return {**element, "price_components": components}


def _plain(price: Decimal) -> str:
    """The price without an exponent and without idle zeros: two prices that are equal read the same."""
    text = f"{price:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text

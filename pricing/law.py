"""What the law asks of public prices: AFIR in the European Union, NEVI in the United States."""

from __future__ import annotations

from collections.abc import Iterator

from pricing.tariff import Tariff

_EU = frozenset(
    [
        "AT",
        "BE",
        "BG",
        "CY",
        "CZ",
        "DE",
        "DK",
        "EE",
        "ES",
        "FI",
        "FR",
        "GR",
        "HR",
        "HU",
        "IE",
        "IT",
        "LT",
        "LU",
        "LV",
        "MT",
        "NL",
        "PL",
        "PT",
        "RO",
        "SE",
        "SI",
        "SK",
    ]
)
_EU_CURRENCIES = frozenset(["EUR", "BGN", "CZK", "DKK", "HUF", "PLN", "RON", "SEK"])
_AD_HOC = (None, "AD_HOC_PAYMENT")
_FAST_KW = 50
_DISPLAY_ORDER = ("ENERGY", "TIME", "PARKING_TIME", "FLAT")

Parts = tuple[int | None, str, str, str, str]
"""Element, code, message, remedy, severity."""


def afir(tariff: Tariff, evse_kind: str | None, power_kw: int | None) -> Iterator[Parts]:
    """Regulation (EU) 2023/1804, article 5: from 50 kW the ad hoc price is per kWh, plus at most an occupancy
    fee per minute; below, price parts are shown in the order kWh, minute, session, other."""
    if not _in_eu(tariff) or tariff.raw.get("type") not in _AD_HOC:
        return
    fast = evse_kind == "DC" or (power_kw is not None and power_kw >= _FAST_KW)
    known = evse_kind is not None or power_kw is not None
    if fast or not known:
        yield from _afir_fast(tariff, "error" if fast else "info")
    if not fast:
        yield from _afir_order(tariff)


def _afir_fast(tariff: Tariff, severity: str) -> Iterator[Parts]:
    where = "on a public DC or 50 kW station"
    if not _prices(tariff, "ENERGY"):
        text = f"AFIR: {where} the ad hoc price must be per kWh"
        yield None, "afir-kwh", text, "add an ENERGY price", severity
    for dimension in ("FLAT", "TIME"):
        for element in _prices(tariff, dimension):
            text = f"AFIR: {where} a {dimension} price is not allowed; only kWh and an occupancy fee are"
            yield element, "afir-other", text, "put it into the kWh price or into PARKING_TIME", severity


def _afir_order(tariff: Tariff) -> Iterator[Parts]:
    shown = [component.dimension for element in tariff.elements for component in element.components]
    order = [_DISPLAY_ORDER.index(dimension) for dimension in dict.fromkeys(shown)]
    if order != sorted(order):
        text = "AFIR: price parts are shown in the order kWh, minute, session, other"
        yield None, "afir-order", text, "order the elements that way", "info"


def nevi(tariff: Tariff) -> Iterator[Parts]:
    """23 CFR 680.106(i): the price is per kWh and doesn't change during a session."""
    if tariff.raw.get("country_code", "US" if tariff.currency == "USD" else None) != "US":
        return
    if not _prices(tariff, "ENERGY"):
        yield (
            None,
            "nevi-kwh",
            "NEVI: the price for charging must be per kWh",
            "add an ENERGY price",
            "warning",
        )
    for element in _prices(tariff, "ENERGY"):
        rules = tariff.elements[element].restrictions
        bands = (rules.energy_wh, rules.duration_s, rules.power_w, rules.current_a)
        if rules.on_the_clock or any(limit is not None for band in bands for limit in band):
            text = "NEVI: the price per kWh may change during a session"
            yield element, "nevi-change", text, "price the session by what held at its start", "warning"


def _in_eu(tariff: Tariff) -> bool:
    country = tariff.raw.get("country_code")
    return country in _EU if isinstance(country, str) else tariff.currency in _EU_CURRENCIES


def _prices(tariff: Tariff, dimension: str) -> list[int]:
    """Elements with a price above zero for the dimension, reservations aside."""
    return [
        element.index
        for element in tariff.elements
        if element.restrictions.reservation is None
        and any(each.dimension == dimension and each.price > 0 for each in element.components)
    ]

"""Tariffs as OCPI 2.1.1, 2.2.1 and 2.3.0 write them, read into exact numbers."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any, Literal

from pricing import fields
from pricing.currency import minor_digits
from pricing.errors import PricingError
from pricing.restrictions import Restrictions

Dimension = Literal["ENERGY", "TIME", "PARKING_TIME", "FLAT"]
DIMENSIONS: tuple[Dimension, ...] = ("ENERGY", "TIME", "PARKING_TIME", "FLAT")


@dataclass(frozen=True, slots=True)
class PriceComponent:
    """A price per kWh, per hour or once; `tax_percent` None means not subject, which is not 0 %."""

    dimension: Dimension
    price: Fraction
    tax_percent: Fraction | None
    step_size: int
    element: int


@dataclass(frozen=True, slots=True)
class TariffElement:
    index: int
    components: tuple[PriceComponent, ...]
    restrictions: Restrictions

    def component(self, dimension: Dimension) -> PriceComponent | None:
        """The component of `dimension`; the first one where an element names it twice."""
        return next((each for each in self.components if each.dimension == dimension), None)


@dataclass(frozen=True, slots=True)
class PriceLimit:
    """min_price or max_price: a net and a gross limb, each of which may be missing."""

    net: Fraction | None
    gross: Fraction | None


@dataclass(frozen=True, slots=True, eq=False)
class Tariff:
    """One immutable tariff version. Build it with `from_json`; compare and hash it by identity."""

    currency: str
    digits: int
    elements: tuple[TariffElement, ...]
    min_price: PriceLimit | None
    max_price: PriceLimit | None
    tax_included: bool
    start: datetime | None
    end: datetime | None
    raw: Mapping[str, Any]
    compiled: dict[str, Any] = field(default_factory=dict, repr=False)
    """What the engine has compiled of this version, by zone: a cache that dies with the tariff."""

    @classmethod
    def from_json(cls, obj: Mapping[str, Any], at: str = "tariff") -> Tariff:
        """Read an OCPI tariff object; unknown fields are kept for `to_json`.

        Raises PricingError with the path of the first field that can't be used.
        """
        if obj is None:
            raise PricingError(at, "is missing; a session without a tariff has no price, not a price of zero")
        raw = fields.mapping(obj, at)
        currency = fields.text(raw.get("currency"), f"{at}.currency")
        digits = minor_digits(currency, f"{at}.currency")
        regime = _tax_regime(raw.get("tax_included"), f"{at}.tax_included")
        return cls(
            currency=currency,
            digits=digits,
            elements=_elements(raw.get("elements"), f"{at}.elements", taxed=regime != "N/A"),
            min_price=_limit(raw.get("min_price"), f"{at}.min_price", gross=regime == "YES"),
            max_price=_limit(raw.get("max_price"), f"{at}.max_price", gross=regime == "YES"),
            tax_included=regime == "YES",
            start=_moment(raw, "start_date_time", at),
            end=_moment(raw, "end_date_time", at),
            raw=copy.deepcopy(dict(raw)),
        )

    def to_json(self) -> dict[str, Any]:
        """The object `from_json` was given, unknown fields included."""
        return copy.deepcopy(dict(self.raw))


def _elements(value: Any, at: str, *, taxed: bool) -> tuple[TariffElement, ...]:
    if value is None or value == []:
        raise PricingError(at, "is empty; a tariff needs one element at least, free charging is FLAT at 0.00")
    listed = enumerate(fields.sequence(value, at))
    return tuple(_element(element, index, f"{at}[{index}]", taxed=taxed) for index, element in listed)


def _element(value: Any, index: int, at: str, *, taxed: bool) -> TariffElement:
    raw = fields.mapping(value, at)
    listed = fields.sequence(raw.get("price_components"), f"{at}.price_components")
    if not listed:
        raise PricingError(f"{at}.price_components", "is empty; name one price at least")
    components = tuple(
        _component(component, index, f"{at}.price_components[{i}]", taxed=taxed)
        for i, component in enumerate(listed)
    )
    restrictions = Restrictions.from_json(raw.get("restrictions"), f"{at}.restrictions")
    return TariffElement(index, components, restrictions)


def _component(value: Any, element: int, at: str, *, taxed: bool) -> PriceComponent:
    raw = fields.mapping(value, at)
    dimension = fields.choice(raw.get("type"), f"{at}.type", DIMENSIONS)
    tax = _tax_percent(raw, at)
    if tax and not taxed:
        raise PricingError(
            f"{at}.vat", "names a tax, but the tariff's tax_included says N/A (no tax applies)"
        )
    return PriceComponent(
        dimension=next(each for each in DIMENSIONS if each == dimension),
        price=fields.number(raw.get("price"), f"{at}.price"),
        tax_percent=tax,
        step_size=1 if raw.get("step_size") is None else fields.integer(raw["step_size"], f"{at}.step_size"),
        element=element,
    )


def _tax_percent(raw: Mapping[str, Any], at: str) -> Fraction | None:
    """`vat` (2.2.1, 2.3.0) or the sum of a list of `taxes` with percentages (several taxes at once)."""
    if raw.get("vat") is not None:
        return fields.number(raw["vat"], f"{at}.vat")
    if not raw.get("taxes"):
        return None
    listed = fields.sequence(raw["taxes"], f"{at}.taxes")
    total = Fraction(0)
    for i, tax in enumerate(listed):
        percentage = fields.mapping(tax, f"{at}.taxes[{i}]").get("percentage")
        total += fields.number(percentage, f"{at}.taxes[{i}].percentage")
    return total


def _tax_regime(value: Any, at: str) -> str:
    if isinstance(value, bool):
        return "YES" if value else "NO"
    return "NO" if value is None else fields.choice(value, at, ("YES", "NO", "N/A"))


def _limit(value: Any, at: str, *, gross: bool) -> PriceLimit | None:
    """A number, 2.2's {excl_vat, incl_vat} or 2.3.0's {before_taxes, after_taxes | taxes}."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        amount = fields.number(value, at)
        return PriceLimit(None, amount) if gross else PriceLimit(amount, None)
    net = _first_amount(value, ("before_taxes", "excl_vat"), at)
    total = _first_amount(value, ("after_taxes", "incl_vat"), at)
    if total is None and net is not None and value.get("taxes"):
        listed = fields.sequence(value["taxes"], f"{at}.taxes")
        total = net + sum(_tax_amount(tax, f"{at}.taxes[{i}]") for i, tax in enumerate(listed))
    if net is None and total is None:
        raise PricingError(at, "needs before_taxes or after_taxes (excl_vat or incl_vat in OCPI 2.2)")
    return PriceLimit(net, total)


def _first_amount(raw: Mapping[str, Any], names: tuple[str, ...], at: str) -> Fraction | None:
    found = (fields.number(raw[name], f"{at}.{name}") for name in names if raw.get(name) is not None)
    return next(found, None)


def _tax_amount(value: Any, at: str) -> Fraction:
    return fields.number(fields.mapping(value, at).get("amount"), f"{at}.amount")


def _moment(raw: Mapping[str, Any], name: str, at: str) -> datetime | None:
    value = raw.get(name)
    return None if value is None else fields.moment(value, f"{at}.{name}")

"""What is probably not meant: findings about a tariff, each with its element and a remedy of one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from pricing.coverage import clock_never_holds, covers, empty_bands, first_gap
from pricing.law import afir, nevi
from pricing.tariff import PriceLimit, Tariff, TariffElement

_KNOWN = frozenset(
    [
        "start_time",
        "end_time",
        "start_date",
        "end_date",
        "day_of_week",
        "min_kwh",
        "max_kwh",
        "min_duration",
        "max_duration",
        "min_power",
        "max_power",
        "min_current",
        "max_current",
        "min_idle_time",
        "max_idle_time",
        "evse_kind",
        "reservation",
    ]
)


@dataclass(frozen=True, slots=True)
class Finding:
    """severity: error (can't be meant), warning (costs or confuses), info. element None: all of it."""

    element: int | None
    code: str
    message: str
    remedy: str
    severity: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def lint(tariff: Tariff, *, evse_kind: str | None = None, power_kw: int | None = None) -> list[Finding]:
    """All findings, by element. `evse_kind` (AC, DC) and `power_kw` of the station sharpen the rules of law;
    without them those are told as what would hold on a DC or 50 kW station."""
    findings = [
        *_limits(tariff),
        *_uncapped(tariff),
        *_taxes(tariff),
        *_gaps(tariff),
        *(finding for element in tariff.elements for finding in _element(tariff, element)),
        *(Finding(*parts) for parts in afir(tariff, evse_kind, power_kw)),
        *(Finding(*parts) for parts in nevi(tariff)),
    ]
    return sorted(findings, key=lambda each: (-1 if each.element is None else each.element, each.code))


def _element(tariff: Tariff, element: TariffElement) -> Iterator[Finding]:
    yield from _dead(element)
    yield from _shadowed(tariff, element)
    for component in element.components:
        if component.step_size > 1 and component.dimension != "FLAT":
            text = f"{component.dimension} is billed in steps of {component.step_size}"
            yield Finding(
                element.index, "step-size", text, "set step_size to 1: drivers pay what they use", "warning"
            )
    raw = tariff.raw["elements"][element.index].get("restrictions") or {}
    for name in sorted(set(raw) - _KNOWN):
        text = f"the restriction {name} is not one the engine knows, so it restricts nothing"
        yield Finding(
            element.index, "unknown-restriction", text, "remove it or spell it as OCPI does", "warning"
        )
    named = Counter(component.dimension for component in element.components)
    for dimension in sorted(each for each, times in named.items() if times > 1):
        text = f"{dimension} is priced twice in one element; only the first counts"
        yield Finding(element.index, "duplicate-component", text, "remove the second price", "error")


def _dead(element: TariffElement) -> Iterator[Finding]:
    rules = element.restrictions
    for name in empty_bands(rules):
        text = f"min_{name} is not below max_{name}, so the element never holds"
        yield Finding(element.index, "min-above-max", text, f"swap min_{name} and max_{name}", "error")
    if rules.start_time is not None and rules.start_time == rules.end_time:
        text = "end_time equals start_time, so the element never holds"
        yield Finding(element.index, "end-is-start", text, "leave both out for the whole day", "error")
    if rules.start_date is not None and rules.end_date is not None and rules.end_date <= rules.start_date:
        text = "end_date is exclusive and not after start_date, so the element never holds"
        yield Finding(element.index, "end-is-start", text, "set end_date to the day after the last", "error")


def _shadowed(tariff: Tariff, element: TariffElement) -> Iterator[Finding]:
    if clock_never_holds(element.restrictions) or empty_bands(element.restrictions):
        return
    for component in element.components:
        for earlier in tariff.elements[: element.index]:
            same = earlier.component(component.dimension) is not None
            if same and covers(earlier.restrictions, element.restrictions):
                text = f"its {component.dimension} price never applies: element {earlier.index} comes first"
                remedy = f"move it before element {earlier.index}, or restrict that one"
                yield Finding(element.index, "shadowed", text, remedy, "warning")
                break


def _limits(tariff: Tariff) -> Iterator[Finding]:
    low, high = tariff.min_price or PriceLimit(None, None), tariff.max_price or PriceLimit(None, None)
    for name, least, most in (("net", low.net, high.net), ("gross", low.gross, high.gross)):
        if least is not None and most is not None and least > most:
            text = f"the {name} min_price is above the {name} max_price; the maximum wins"
            yield Finding(None, "min-above-max", text, "lower min_price or raise max_price", "error")
    for field, limit in (("min_price", low), ("max_price", high)):
        if limit.net is not None and limit.gross is not None and limit.gross < limit.net:
            text = f"{field} is lower after taxes than before"
            yield Finding(None, "limit-limbs", text, f"swap the two amounts of {field}", "error")


def _uncapped(tariff: Tariff) -> Iterator[Finding]:
    if tariff.max_price is not None:
        return
    for element in tariff.elements:
        for component in element.components:
            if component.dimension in ("TIME", "PARKING_TIME") and component.price > 0:
                text = f"{component.dimension} costs by the minute without an end"
                yield Finding(element.index, "no-cap", text, "add a max_price", "warning")


def _taxes(tariff: Tariff) -> Iterator[Finding]:
    """A rate that one component has and most others have not: often a typing error."""
    components = [component for element in tariff.elements for component in element.components]
    usual, times = Counter(component.tax_percent for component in components).most_common(1)[0]
    if times * 2 <= len(components):
        return
    for component in components:
        if component.tax_percent != usual:
            shown = [
                "no tax" if rate is None else f"{float(rate):g} %" for rate in (component.tax_percent, usual)
            ]
            text = f"{component.dimension} has {shown[0]}, most other prices {shown[1]}"
            yield Finding(component.element, "tax-differs", text, "check the rate", "warning")


def _gaps(tariff: Tariff) -> Iterator[Finding]:
    for dimension in ("ENERGY", "TIME", "PARKING_TIME"):
        gap = first_gap(tariff, dimension)
        if gap is not None:
            severity = "warning" if dimension == "ENERGY" else "info"
            remedy = f"add a last element with a {dimension} price and no restrictions"
            yield Finding(None, "gap", f"nothing prices {dimension} {gap}", remedy, severity)

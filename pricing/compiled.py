"""A tariff version and a zone, compiled: thresholds, integer prices and the winners of every situation."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from pricing.amounts import ExactAmounts
from pricing.fields import Rational, whole
from pricing.restrictions import Band
from pricing.tariff import DIMENSIONS, Dimension, PriceComponent, Tariff, TariffElement
from pricing.timetable import Timetable

_UNITS_PER = {"ENERGY": 1000, "TIME": 3600, "PARKING_TIME": 3600, "FLAT": 1}

SESSION, RESERVATION, EXPIRED = "session", "reservation", "expired"


@dataclass(frozen=True, slots=True, eq=False)
class Rate:
    """A price component in whole amount units for each Wh, second or time; see `Compiled.scale`."""

    component: PriceComponent
    dimension: Dimension
    units: int
    step: int
    group: int
    element: TariffElement


class Winners(NamedTuple):
    """The component that prices each dimension in one situation; None costs nothing."""

    energy: Rate | None
    time: Rate | None
    parking: Rate | None
    flat: Rate | None


class Situation(NamedTuple):
    """What the restrictions look at, each threshold reduced to the number of limits already reached."""

    row: int
    duration: int
    energy: int
    idle: int
    low_power: int | None
    high_power: int | None
    low_current: int | None
    high_current: int | None
    evse_kind: str | None


class TaxGroup(NamedTuple):
    """One tax rate: units * net_top / bottom is the net in minor units, units * tax_top / bottom the tax."""

    percent: Fraction | None
    net_top: int
    tax_top: int
    bottom: int


class Compiled:
    """`scale` amount units are one unit of the currency; every price per Wh and per second is a whole number
    of them, so that amounts are sums of integer products and are divided once."""

    def __init__(self, tariff: Tariff, zone: ZoneInfo) -> None:
        self.tariff, self.zone = tariff, zone
        components = [each for element in tariff.elements for each in element.components]
        self.scale = lcm(*((each.price / _UNITS_PER[each.dimension]).denominator for each in components))
        self.percents = sorted({each.tax_percent for each in components}, key=_tax_order)
        self.groups = [self._tax_group(percent) for percent in self.percents]
        self.timetable = Timetable([each.restrictions for each in tariff.elements], zone)
        self.limits = tariff.min_price is not None or tariff.max_price is not None
        self._find_thresholds()
        self._rates = {
            (element.index, dimension): self._rate(element, component)
            for element in tariff.elements
            for dimension in DIMENSIONS
            if (component := element.component(dimension)) is not None
        }
        self.memo: dict[str, dict[tuple[Any, ...], Winners]] = {SESSION: {}, RESERVATION: {}, EXPIRED: {}}

    @property
    def rates(self) -> list[Rate]:
        """All prices of the tariff, in order."""
        return list(self._rates.values())

    def _find_thresholds(self) -> None:
        rules = [each.restrictions for each in self.tariff.elements]
        self.durations = _thresholds(each.duration_s for each in rules)
        self.energies = _thresholds(each.energy_wh for each in rules)
        self.idles = _thresholds(each.idle_s for each in rules)
        self.powers = _thresholds(each.power_w for each in rules)
        self.currents = _thresholds(each.current_a for each in rules)

    def _tax_group(self, percent: Fraction | None) -> TaxGroup:
        rate = (percent or Fraction(0)) / 100
        minor = Fraction(10**self.tariff.digits, self.scale)
        net = minor / (1 + rate) if self.tariff.tax_included else minor
        tax = net * rate
        bottom = lcm(net.denominator, tax.denominator)
        return TaxGroup(percent, int(net * bottom), int(tax * bottom), bottom)

    def _rate(self, element: TariffElement, component: PriceComponent) -> Rate:
        units = component.price / _UNITS_PER[component.dimension] * self.scale
        group = self.percents.index(component.tax_percent)
        return Rate(component, component.dimension, int(units), component.step_size, group, element)

    def winners(self, scope: str, situation: tuple[Any, ...]) -> Winners:
        """The first matching element for each dimension in the order of the tariff; see `Situation`."""
        memo = self.memo[scope]
        found = memo.get(situation)
        if found is None:
            found = memo[situation] = self._decide(scope, Situation(*situation))
        return found

    def _decide(self, scope: str, situation: Situation) -> Winners:
        matching = [each for each in self.tariff.elements if self._holds(each, situation)]
        if scope == SESSION:
            order = [each for each in matching if each.restrictions.reservation is None]
            return Winners(*(self._first(order, dimension) for dimension in DIMENSIONS))
        order = [each for each in matching if each.restrictions.reservation == "RESERVATION"]
        if scope == EXPIRED:
            order = [e for e in matching if e.restrictions.reservation == "RESERVATION_EXPIRES"] + order
        return Winners(None, self._first(order, "TIME"), None, self._first(order, "FLAT"))

    def _first(self, elements: Sequence[TariffElement], dimension: Dimension) -> Rate | None:
        found = (self._rates.get((element.index, dimension)) for element in elements)
        return next((rate for rate in found if rate is not None), None)

    def _holds(self, element: TariffElement, now: Situation) -> bool:
        return not self.failing(element, now)

    def failing(self, element: TariffElement, now: Situation) -> tuple[str, ...]:
        """The restrictions of the element that don't hold, by name; `clock` is time, date and day of week."""
        rules = element.restrictions
        other_kind = None not in (rules.evse_kind, now.evse_kind) and rules.evse_kind != now.evse_kind
        checks = {
            "clock": bool(now.row >> element.index & 1),
            "duration": _within(rules.duration_s, _edge(self.durations, now.duration)),
            "kwh": _within(rules.energy_wh, _edge(self.energies, now.energy)),
            "idle_time": _within(rules.idle_s, _edge(self.idles, now.idle)),
            "power": _measured_within(rules.power_w, self.powers, now.low_power, now.high_power),
            "current": _measured_within(rules.current_a, self.currents, now.low_current, now.high_current),
            "evse_kind": not other_kind,
        }
        return tuple(name for name, holds in checks.items() if not holds)

    def passed_over(self, now: Situation, winner: Rate) -> tuple[tuple[int, tuple[str, ...]], ...]:
        """Elements before the winner that price its dimension, with what kept them out."""
        earlier = self.tariff.elements[: winner.element.index]
        rivals = [each for each in earlier if (each.index, winner.dimension) in self._rates]
        return tuple((each.index, self.failing(each, now) or ("reservation",)) for each in rivals)

    def amounts(self, group: int, units: Rational) -> ExactAmounts:
        """Exact net and tax of amount units at one tax rate, in the currency."""
        of = self.groups[group]
        minor = 10**self.tariff.digits * of.bottom
        return ExactAmounts(Fraction(units * of.net_top, minor), Fraction(units * of.tax_top, minor))


def compile_tariff(tariff: Tariff, zone: ZoneInfo) -> Compiled:
    """The compiled form, kept with the tariff version for the next session."""
    found: Compiled | None = tariff.compiled.get(zone.key)
    if found is None:
        found = tariff.compiled[zone.key] = Compiled(tariff, zone)
    return found


def reached(limits: Sequence[Rational], value: Rational | None) -> int | None:
    """How many of the limits a measured value has reached; None where nothing was measured."""
    return None if value is None else bisect_right(limits, value)


def _tax_order(percent: Fraction | None) -> Fraction:
    return Fraction(-1) if percent is None else percent


def _thresholds(bands: Iterable[Band]) -> list[Rational]:
    return sorted({whole(limit) for band in bands for limit in band if limit is not None})


def _edge(limits: Sequence[Rational], count: int) -> Rational:
    """A value that has reached `count` of the limits and stands for all that have."""
    return limits[count - 1] if count else 0


def _within(band: Band, value: Rational) -> bool:
    low, high = band
    return (low is None or low <= value) and (high is None or value < high)


def _measured_within(band: Band, limits: Sequence[Rational], low: int | None, high: int | None) -> bool:
    """Whether a measured range lies in the band. One known end decides what it can; unknown matches."""
    minimum, maximum = band
    least = low if low is not None else high
    most = high if high is not None else low
    if least is None or most is None:
        return True
    above = minimum is None or _edge(limits, least) >= minimum
    return above and (maximum is None or _edge(limits, most) < maximum)

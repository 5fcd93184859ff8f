"""The best prices for the coming hours under the guardrails, if demand answers with a constant elasticity. Pure.

Demand of an hour at price p is d (p / p0)^e, with d expected at the normal price p0. Prices lie on a grid; a path
through it is found by dynamic programming, day by day, so that steps, the range of a day, floor and cap hold.

Revenue: only prices that earn at least what the normal price earns *in that very hour* are allowed. What an hour
earns at p, relative to p0, does not depend on how much demand it has; so however wrong the forecast is, the schedule
earns at least what the flat price earns, if the elasticity is as assumed. Flattening: the sum of squared loads is made
small, as far as expected revenue does not fall below the flat price's.

Where -1 < e < 0 and energy costs nothing, dearer always earns more: then the guardrails alone set the price.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from itertools import groupby
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from revenue.dynamic.guardrails import Guardrails

Floats = NDArray[np.float64]
MOST_LEVELS = 61
TINY = 1e-9
LAMBDAS = 24


@dataclass(frozen=True, slots=True)
class Ahead:
    """The coming hours, in order. kwh: expected of sessions that start in them, at the normal price;
    unit_cost: what a kWh costs to buy; both by hour."""

    slots: tuple[datetime, ...]
    kwh: Floats
    unit_cost: Floats
    zone: ZoneInfo

    def days(self) -> list[tuple[int, int]]:
        """First and last (exclusive) position of each local day."""
        dates = [slot.astimezone(self.zone).date() for slot in self.slots]
        found, at = [], 0
        for _day, hours in groupby(dates):
            count = len(list(hours))
            found.append((at, at + count))
            at += count
        return found


@dataclass(frozen=True, slots=True)
class Schedule:
    """A price for each hour, and what is expected of it beside the flat normal price. Money in the currency, before
    tax as prices are; loads in kWh."""

    prices: tuple[Decimal, ...]
    margin: float
    margin_flat: float
    peak_kwh: float
    peak_kwh_flat: float
    kwh: float
    kwh_flat: float


def most_revenue(ahead: Ahead, rails: Guardrails, elasticity: float, last: Decimal) -> Schedule:
    """The schedule that earns most; in no hour less than the normal price would. `last`: the price in force."""
    levels = _levels(rails)
    earned = _margins(ahead, levels, rails, elasticity)
    normal = _place(levels, rails.normal)
    relative = _per_kwh(ahead, levels, rails, elasticity)
    worse = relative < relative[:, [normal]] - TINY
    return _schedule(
        ahead, rails, elasticity, _best(ahead, rails, levels, np.where(worse, -np.inf, earned), last)
    )


def flattest(ahead: Ahead, rails: Guardrails, elasticity: float, last: Decimal) -> Schedule:
    """The schedule with the evenest load that is expected to earn no less than the flat normal price."""
    levels = _levels(rails)
    earned, load = _margins(ahead, levels, rails, elasticity), _loads(ahead, levels, rails, elasticity)
    flat = [rails.normal] * len(ahead.slots)
    best = _schedule(ahead, rails, elasticity, flat)
    rough = float((ahead.kwh**2).sum())
    scale = rough / max(abs(best.margin_flat), TINY)
    for weight in (0.0, *np.geomspace(0.01, 100, LAMBDAS)):
        path = _best(ahead, rails, levels, weight * scale * earned - load**2, last)
        found = _schedule(ahead, rails, elasticity, path)
        if found.margin >= found.margin_flat - TINY:
            return found if _roughness(ahead, rails, elasticity, path) < rough - TINY else best
    return best


def _levels(rails: Guardrails) -> list[Decimal]:
    """Prices to choose from: floor to cap in whole units, the normal price among them, not too many."""
    span = rails.cap - rails.floor
    units = max((span / rails.unit / (MOST_LEVELS - 1)).to_integral_value(ROUND_CEILING), Decimal(1))
    step = rails.unit * units
    below = [rails.normal - step * n for n in range(1, int((rails.normal - rails.floor) / step) + 1)]
    above = [rails.normal + step * n for n in range(1, int((rails.cap - rails.normal) / step) + 1)]
    return sorted({rails.floor, rails.cap, rails.normal, *below, *above})


def _place(levels: Sequence[Decimal], price: Decimal) -> int:
    return min(range(len(levels)), key=lambda at: abs(levels[at] - price))


def _ratio(levels: Sequence[Decimal], rails: Guardrails, elasticity: float) -> Floats:
    """(price / normal)^elasticity; a price of nothing counts as a tenth of the smallest unit."""
    least = float(rails.unit) / 10
    prices = np.maximum(np.array([float(level) for level in levels]), least)
    ratio: Floats = (prices / max(float(rails.normal), least)) ** elasticity
    return ratio


def _per_kwh(ahead: Ahead, levels: Sequence[Decimal], rails: Guardrails, elasticity: float) -> Floats:
    """Margin for each expected kWh: (hours, levels)."""
    prices = np.array([float(level) for level in levels])
    gained: Floats = (prices[None, :] - ahead.unit_cost[:, None]) * _ratio(levels, rails, elasticity)
    return gained


def _margins(ahead: Ahead, levels: Sequence[Decimal], rails: Guardrails, elasticity: float) -> Floats:
    return ahead.kwh[:, None] * _per_kwh(ahead, levels, rails, elasticity)


def _loads(ahead: Ahead, levels: Sequence[Decimal], rails: Guardrails, elasticity: float) -> Floats:
    return ahead.kwh[:, None] * _ratio(levels, rails, elasticity)[None, :]


def _best(
    ahead: Ahead, rails: Guardrails, levels: Sequence[Decimal], gain: Floats, last: Decimal
) -> list[Decimal]:
    """The path of prices with the largest sum of gains. Days are windows of the grid, tried one after another.

    A day's prices span at most the day's range: for each window of that width the best path inside it. Falls back
    to flat where no path is allowed.
    """
    count = len(levels)
    allowed = np.array([[_may_follow(a, b, rails) for b in levels] for a in levels])
    windows = _windows(levels, rails.max_step_day)
    start = np.array([_may_follow(last, level, rails) for level in levels])
    value = np.where(start, 0.0, -np.inf)  # of standing at a level *in* the first hour, before its gain
    trails: list[list[NDArray[np.int64]]] = []
    first_day = True
    for low, high in ahead.days():
        best_end = np.full(count, -np.inf)
        best_trail: list[NDArray[np.int64]] = [np.full(count, -1, np.int64) for _ in range(high - low)]
        for inside in windows:
            end, trail = _walk(gain[low:high], allowed, inside, value, first_day=first_day)
            better = end > best_end
            best_end = np.where(better, end, best_end)
            for hour, back in enumerate(trail):
                best_trail[hour] = np.where(better, back, best_trail[hour])
        value, first_day = best_end, False
        trails.append(best_trail)
    if not np.isfinite(value).any():
        return [rails.normal] * len(ahead.slots)
    return [levels[place] for place in _retrace(trails, int(np.argmax(value)))]


def _walk(
    gain: Floats, allowed: NDArray[np.bool_], inside: NDArray[np.bool_], before: Floats, *, first_day: bool
) -> tuple[Floats, list[NDArray[np.int64]]]:
    """One day inside one window: the best sum that ends at each level, and for each end level the whole path
    of this day: trail[0] is the level of the hour before it (or -1 on the first day), trail[h] that of hour h - 1."""
    count = gain.shape[1]
    barred = np.where(inside, 0.0, -np.inf)
    if first_day:
        value, path = before + gain[0] + barred, [np.arange(count)]
        came = np.full(count, -1, np.int64)
    else:
        step = np.where(allowed, before[:, None], -np.inf)
        came = step.argmax(axis=0)
        value, path = step.max(axis=0) + gain[0] + barred, [np.arange(count)]
    for hour in range(1, len(gain)):
        step = np.where(allowed, value[:, None], -np.inf)
        back = step.argmax(axis=0)
        value = step.max(axis=0) + gain[hour] + barred
        path = [each[back] for each in path]
        came = came[back]
        path.append(np.arange(count))
    return value, [came, *path[:-1]]


def _retrace(trails: Sequence[Sequence[NDArray[np.int64]]], end: int) -> list[int]:
    """Levels of all hours, from the last day's end back to the first hour."""
    places: list[int] = []
    for trail in reversed(trails):
        day = [int(back[end]) for back in trail[1:]] + [end]
        places = day + places
        end = int(trail[0][end])
    return places


def _may_follow(before: Decimal, after: Decimal, rails: Guardrails) -> bool:
    change = abs(after - before)
    return change == 0 or rails.hysteresis <= change <= rails.max_step


def _windows(levels: Sequence[Decimal], width: Decimal) -> list[NDArray[np.bool_]]:
    """Stretches of levels no wider than a day's range; one inside another is left out."""
    found: list[NDArray[np.bool_]] = []
    for low in levels:
        inside = np.array([low <= level <= low + width for level in levels])
        found.append(inside)
        if inside[-1]:
            break
    return found


def _schedule(ahead: Ahead, rails: Guardrails, elasticity: float, path: Sequence[Decimal]) -> Schedule:
    """What is expected of `path`, beside the flat price."""
    ratio = _ratio(path, rails, elasticity)
    prices = np.array([float(price) for price in path])
    load = ahead.kwh * ratio
    flat = float(rails.normal)
    return Schedule(
        prices=tuple(path),
        margin=float(((prices - ahead.unit_cost) * load).sum()),
        margin_flat=float(((flat - ahead.unit_cost) * ahead.kwh).sum()),
        peak_kwh=float(load.max(initial=0.0)),
        peak_kwh_flat=float(ahead.kwh.max(initial=0.0)),
        kwh=float(load.sum()),
        kwh_flat=float(ahead.kwh.sum()),
    )


def _roughness(ahead: Ahead, rails: Guardrails, elasticity: float, path: Sequence[Decimal]) -> float:
    return float(((ahead.kwh * _ratio(path, rails, elasticity)) ** 2).sum())

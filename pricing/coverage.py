"""Which restrictions cover which, and what a tariff leaves without a price."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Literal

from pricing.fields import Rational
from pricing.restrictions import DAY_S, WEEKDAYS, Band, Restrictions
from pricing.tariff import Dimension, Tariff

# Ordinal 1 was a Monday: the seven days of a week without a date.
_WEEK = range(1, 8)
_BANDS = ("kwh", "duration", "power", "current", "idle_time")


def empty_bands(rules: Restrictions) -> list[str]:
    """Names of the bands whose minimum is not below their maximum."""
    named = zip(_BANDS, _bands(rules), strict=True)
    return [name for name, (low, high) in named if high is not None and (low or 0) >= high]


def clock_never_holds(rules: Restrictions) -> bool:
    same_time = rules.start_time is not None and rules.start_time == rules.end_time
    dates = rules.start_date, rules.end_date
    return same_time or (dates[0] is not None and dates[1] is not None and dates[1] <= dates[0])


def covers(earlier: Restrictions, later: Restrictions) -> bool:
    """Whether `earlier` holds wherever `later` does."""
    return (
        earlier.reservation == later.reservation
        and earlier.evse_kind in (None, later.evse_kind)
        and _window_covers(earlier, later)
        and _dates_cover(earlier, later)
        and (earlier.weekdays is None or (later.weekdays or frozenset(range(7))) <= earlier.weekdays)
        and all(map(_band_covers, _bands(earlier), _bands(later)))
    )


def first_gap(tariff: Tariff, dimension: Literal["ENERGY", "TIME", "PARKING_TIME"]) -> str | None:
    """Words for the first stretch of a week or of energy that no element prices though others are priced.

    Restrictions on date, power, current, duration, idle time and EVSE count as holding: only what is sure to
    be without a price is told.
    """
    rules = _pricing(tariff, dimension)
    if not rules:
        return None
    seconds = sorted(
        {0} | {each.start_time or 0 for each in rules} | {(each.end_time or 0) % DAY_S for each in rules}
    )
    limits: list[Rational] = sorted(
        {0} | {limit for each in rules for limit in each.energy_wh if limit is not None}
    )
    for day, second, wh in product(_WEEK, seconds, limits):
        if not any(_dateless(each).hold_at(day, second) and _in(each.energy_wh, wh) for each in rules):
            hour = f"{second // 3600:02}:{second // 60 % 60:02}"
            beyond = f" beyond {float(wh) / 1000:g} kWh" if wh else ""
            return f"from {WEEKDAYS[day - 1].capitalize()} {hour} on{beyond}"
    return None


def _pricing(tariff: Tariff, dimension: Dimension) -> list[Restrictions]:
    return [
        each.restrictions
        for each in tariff.elements
        if each.restrictions.reservation is None and each.component(dimension) is not None
    ]


def _dateless(rules: Restrictions) -> Restrictions:
    return replace(rules, start_date=None, end_date=None)


def _bands(rules: Restrictions) -> tuple[Band, ...]:
    return rules.energy_wh, rules.duration_s, rules.power_w, rules.current_a, rules.idle_s


def _band_covers(wide: Band, narrow: Band) -> bool:
    below = wide[0] is None or wide[0] <= (narrow[0] or 0)
    return below and (wide[1] is None or (narrow[1] is not None and narrow[1] <= wide[1]))


def _dates_cover(earlier: Restrictions, later: Restrictions) -> bool:
    first, last = earlier.start_date, earlier.end_date
    begins = first is None or (later.start_date is not None and later.start_date >= first)
    return begins and (last is None or (later.end_date is not None and later.end_date <= last))


def _window_covers(earlier: Restrictions, later: Restrictions) -> bool:
    """Compared at every edge of both windows: between two edges neither changes."""
    edges = {0, *(each for rules in (earlier, later) for each in (rules.start_time, rules.end_time) if each)}
    return all(_in_window(earlier, edge % DAY_S) or not _in_window(later, edge % DAY_S) for edge in edges)


def _in_window(rules: Restrictions, second: int) -> bool:
    start, end = rules.start_time or 0, DAY_S if rules.end_time is None else rules.end_time
    return (second >= start or second < end) if end < start else start <= second < end


def _in(band: Band, value: Rational) -> bool:
    low, high = band
    return (low is None or low <= value) and (high is None or value < high)

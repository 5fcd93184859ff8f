"""Seeded worlds of demand whose truth is known."""

from __future__ import annotations

from datetime import date

import numpy as np

from revenue.forecast.calendar import HOURS, Calendar, Floats, calendar_of
from revenue.forecast.history import History, Sessions, history_of

MONDAY = date(2024, 1, 1)
ZONE = "Europe/Berlin"


def shape_of_week() -> Floats:
    """rate[weekday, hour] that sums to 7: a peak at 8 and one at 17, quieter weekends."""
    hours = np.arange(HOURS)
    weekday = np.exp(-((hours - 8) ** 2) / 6) + np.exp(-((hours - 17) ** 2) / 10) + 0.05
    weekend = 0.6 * np.exp(-((hours - 14) ** 2) / 20) + 0.05
    rate = np.array([weekday] * 5 + [weekend] * 2)
    return np.asarray(7 * rate / rate.sum())


def world(
    seed: int,
    days: int = 300,
    per_day: float = 8.0,
    *,
    good_days: float = 20.0,
    trend: Floats | None = None,
    calendar: Calendar | None = None,
) -> tuple[History, Floats]:
    """A history of negative-binomial days and the true mean[day, hour]; `trend` is a factor by day.

    good_days: shape of the gamma that makes whole days better or worse (large: all alike).
    """
    rng = np.random.default_rng(seed)
    calendar = calendar or calendar_of(ZONE, MONDAY, days)
    weekday = (calendar.weekday + np.arange(calendar.days)) % 7
    mean = per_day * shape_of_week()[weekday] * (np.ones(days) if trend is None else trend)[:, None]
    rate = mean * rng.gamma(good_days, 1 / good_days, (days, 1))
    counts = rng.poisson(rate.ravel()[calendar.slot])
    start = np.repeat(calendar.edges[:-1], counts) + rng.integers(0, 3600, counts.sum())
    length = rng.gamma(3, 900, len(start)).astype(np.int64) + 120
    sessions = Sessions(start, start + length, length * 4)
    return history_of(sessions, calendar, np.ones(days, dtype=bool)), mean

"""The mean forecast: an exponentially weighted hour-of-week profile times a level times a holiday factor.

docs/revenue.md has the formulae and what they were measured against.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from revenue.forecast.calendar import HOURS, Floats
from revenue.forecast.history import STARTS, Days, History

WEEK = 7
NOTHING = 1e-9
TOGETHER = np.eye(WEEK)
TOGETHER[:5, :5] = 1
"""Weekdays whose hours lend each other strength: Monday to Friday; Saturday; Sunday."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the past fades. Half-lives in days."""

    weeks: int = 26
    profile_half_life: float = 84.0
    level_half_life: float = 21.0
    borrowed: float = 8.0
    """Weeks' worth of the group's mean that an hour of the week starts from."""
    level_prior: float = 5.0
    """Sessions' worth of "the level is the profile's own"."""


USUAL = Pace()
CHANGED = Pace(profile_half_life=28.0, level_half_life=7.0)
"""When demand has changed: what was before it counts for little."""


@dataclass(frozen=True, eq=False)
class Profile:
    """rate[measure, weekday, hour]: expected in an hour on a usual day; factor[measure]: on a public holiday."""

    rate: Floats
    factor: Floats

    def mean(self, history: History, first: int, past: int) -> Floats:
        """mean[measure, day, hour] for the calendar's days from `first` up to `past`; none in hours that the
        clock skips, twice as much in the one it repeats."""
        calendar = history.calendar
        weekdays = (calendar.weekday + np.arange(first, past)) % WEEK
        holiday = np.where(calendar.holiday[None, first:past], self.factor[:, None], 1.0)
        return self.rate[:, weekdays] * holiday[:, :, None] * calendar.length[first:past]


def fit(history: History, day: int, factor: Floats, pace: Pace = USUAL) -> Profile:
    """The profile as of the beginning of `day`, from the days before it alone."""
    values, exposure = _weeks(history, day, pace.weeks)
    age = pace.weeks - 0.5 - np.arange(pace.weeks)
    weight = 0.5 ** (age * WEEK / pace.profile_half_life)
    weekday = (history.calendar.weekday + day) % WEEK
    seen = np.roll((weight @ exposure.reshape(pace.weeks, -1)).reshape(WEEK, HOURS), weekday, axis=0)
    sums = np.roll(
        (weight @ values.reshape(-1, pace.weeks, WEEK * HOURS)).reshape(-1, WEEK, HOURS), weekday, axis=1
    )
    shape = _shrunk(sums, seen, pace.borrowed)
    return Profile(shape * _level(values, exposure, shape, weekday, pace)[:, None, None], factor)


def _weeks(history: History, day: int, weeks: int) -> tuple[Floats, Floats]:
    """values[measure, week, day, hour] and exposure[week, day, hour] of the weeks before `day`, holidays and
    what lies before the calendar left out."""
    span = weeks * WEEK
    first = max(day - span, 0)
    usual = ~history.calendar.holiday[first:day, None]
    values, exposure = history.values[:, first:day] * usual, history.exposure[first:day] * usual
    missing = span - (day - first)
    if missing:
        values = np.pad(values, ((0, 0), (missing, 0), (0, 0)))
        exposure = np.pad(exposure, ((missing, 0), (0, 0)))
    return values.reshape(-1, weeks, WEEK, HOURS), exposure.reshape(weeks, WEEK, HOURS)


def _shrunk(sums: Floats, seen: Floats, borrowed: float) -> Floats:
    """P' = (n P + b Q) / (n + b), Q the mean of the hour over the weekday's group."""
    everyday = sums.sum(axis=1, keepdims=True) / np.maximum(seen.sum(axis=0), NOTHING)
    hours = TOGETHER @ seen
    lent = np.where(hours > 0, (TOGETHER @ sums) / np.maximum(hours, NOTHING), everyday)
    shape: Floats = (sums + borrowed * lent) / (seen + borrowed)
    return shape


def _level(values: Floats, exposure: Floats, shape: Floats, weekday: int, pace: Pace) -> Floats:
    """L = (sum w y + 5) / (sum w P' + 5) of each measure, in units of what a session brings of it."""
    days = pace.weeks * WEEK
    weight = 0.5 ** ((days - 0.5 - np.arange(days)) / pace.level_half_life)
    by_day = values.reshape(-1, days, HOURS).sum(axis=-1)
    faded = (exposure * weight.reshape(pace.weeks, WEEK, 1)).sum(axis=0)
    expected = (np.roll(shape, -weekday, axis=1) * faded).sum(axis=(1, 2))
    totals = by_day.sum(axis=1)
    unit = np.maximum(totals, NOTHING) / max(totals[STARTS], 1.0)
    level: Floats = (by_day @ weight + pace.level_prior * unit) / (expected + pace.level_prior * unit)
    return level


PRIOR_HOLIDAY = 10.0
PRIOR_WEEKS = (7, 14, 21, 28)


def holiday_factor(sites: Iterable[Days], until: int | None = None) -> Floats:
    """factor[measure]: what public holidays bring of the mean of the four same weekdays before, pooled over
    the sites, up to the day `until` of their calendars; 1 where there were none.

    (sum on holidays + 10) / (sum of those means + 10), where 10 are sessions' worth.
    """
    seen, usual, totals = np.zeros(3), np.zeros(3), np.zeros(3)
    for site in sites:
        totals += site.values[:, :until].sum(axis=1)
        for day in np.flatnonzero(site.holiday[:until] & site.seen[:until]).tolist():
            before = [day - back for back in PRIOR_WEEKS if day >= back]
            observed = [one for one in before if site.seen[one] and not site.holiday[one]]
            if observed:
                seen += site.values[:, day]
                usual += site.values[:, observed].sum(axis=1) / len(observed)
    unit = np.maximum(totals, NOTHING) / max(totals[STARTS], 1.0)
    factor: Floats = (seen + PRIOR_HOLIDAY * unit) / (usual + PRIOR_HOLIDAY * unit)
    return factor

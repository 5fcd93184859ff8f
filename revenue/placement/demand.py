"""Demand at ports that are sometimes all taken: arrivals seen in free time, over the free time there was.

Who finds every port taken leaves no record, so starts an hour understate demand just where it is highest. With
U_h the hours in which a port was free in hour-of-week h, and the week's shape p_h: lambda_h = s p_h and
s = N / sum p_h U_h, with [chi2(a/2, 2N), chi2(1 - a/2, 2N + 2)] / (2 sum p_h U_h) around it (Garwood's interval
for a Poisson count). Drivers who wait start just after a release: for twelve minutes after one, neither starts
nor free time count.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincinv

from revenue.forecast.calendar import HOUR_S, HOURS, Calendar, Floats, Ints
from revenue.forecast.history import Sessions, spread
from revenue.forecast.profile import TOGETHER, WEEK

AFTER_RELEASE_S = 12 * 60
BORROWED_H = 8.0
"""Hours' worth of the same hour on the group's other weekdays that an hour of the week starts from."""
LEAST_STARTS = 30
LEAST_FREE_H = 2.0
CONFIDENCE = 0.90
CROWDED_SHARE = 0.01
NOTHING = 1e-9


@dataclass(frozen=True, eq=False)
class Demand:
    """rate[weekday, hour]: arrivals an hour, those who found no port included. low, high: factors on it.

    starts: those that count, of `seen`. free_h: hours with a port free, of service_h. Where no free hour tells
    anything of an hour of the week, `unknown` is True and the rate there is only what was served, a lower bound.
    crowded: more vehicles at once than ports, so the ports are not what they are taken for.
    """

    rate: Floats
    low: float
    high: float
    starts: int
    seen: int
    free_h: float
    service_h: float
    unknown: npt.NDArray[np.bool_]
    crowded: bool

    @property
    def per_day(self) -> float:
        return float(self.rate.sum()) / WEEK

    @property
    def doubt(self) -> str:
        """Why demand can't be known: `few`, `crowded` or `never_free`; empty where it can."""
        if self.seen < LEAST_STARTS:
            return "few"
        if self.crowded:
            return "crowded"
        if self.unknown.any():
            return "never_free"
        return "few" if self.starts < LEAST_STARTS else ""


@dataclass(frozen=True, eq=False)
class Absences:
    """Ports out of service: from `start` to `end` (UTC seconds) one port each."""

    start: Ints
    end: Ints


NO_ABSENCES = Absences(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


def estimate(sessions: Sessions, ports: int, calendar: Calendar, absences: Absences = NO_ABSENCES) -> Demand:
    """Demand over the calendar's days, out of all sessions at `ports` interchangeable ports."""
    begin, end = int(calendar.edges[0]), int(calendar.edges[-1])
    free_from, free_to, above, served = _free(sessions, ports, absences, begin, end)
    counted = _inside(sessions.start, free_from, free_to)
    free = _by_week(spread(free_from, free_to, np.full(len(free_from), 1 / HOUR_S), calendar), calendar)
    starts = _by_week(
        np.bincount(_slots(sessions.start[counted], calendar), minlength=calendar.slots), calendar
    )
    inside = (sessions.start >= begin) & (sessions.start < end)
    seen = _by_week(np.bincount(_slots(sessions.start[inside], calendar), minlength=calendar.slots), calendar)
    lasted = _by_week(calendar.length.ravel(), calendar)
    shape, told = _shape(starts, free, lasted)
    total = int(starts.sum())
    scale = total / max(float((shape * free).sum()), NOTHING)
    unknown = ~told & (lasted > 0)
    rate = np.where(told, scale * shape, seen / np.maximum(lasted, NOTHING))
    low, high = _interval(total)
    hours = (end - begin) / HOUR_S
    return Demand(
        rate, low, high, total, int(inside.sum()), float(free.sum()), served / HOUR_S, unknown,
        above / HOUR_S > CROWDED_SHARE * hours,
    )  # fmt: skip


def _free(
    sessions: Sessions, ports: int, absences: Absences, begin: int, end: int
) -> tuple[Ints, Ints, float, float]:
    """Stretches in which a port was free, cut short after each release; seconds with more vehicles than ports,
    and seconds with any port in service."""
    starts, ends = (np.clip(each, begin, end) for each in (sessions.start, sessions.end))
    out_from, out_to = (np.clip(each, begin, end) for each in (absences.start, absences.end))
    times = np.concatenate([[begin], starts, ends, out_from, out_to, [end]])
    cars = np.concatenate([[0], np.ones(len(starts)), -np.ones(len(ends)), np.zeros(2 * len(out_from)), [0]])
    gone = np.concatenate([np.zeros(2 * len(starts) + 1), np.ones(len(out_from)), -np.ones(len(out_to)), [0]])
    order = np.argsort(times, kind="stable")
    times = times[order]
    charging, absent = np.cumsum(cars[order])[:-1], np.cumsum(gone[order])[:-1]
    lasted = np.diff(times)
    above = float(lasted[charging > ports].sum())
    served = float(lasted[absent < ports].sum())
    kept = lasted > 0
    is_free, at, to = (charging + absent < ports)[kept], times[:-1][kept], times[1:][kept]
    opens = np.flatnonzero(np.diff(np.concatenate(([False], is_free)).astype(np.int8)) == 1)
    closes = np.flatnonzero(np.diff(np.concatenate((is_free, [False])).astype(np.int8)) == -1)
    free_from, free_to = at[opens], to[closes]
    released = free_from > begin
    free_from = np.minimum(free_from + AFTER_RELEASE_S * released, free_to)
    return free_from.astype(np.int64), free_to.astype(np.int64), above, served


def _inside(moments: Ints, start: Ints, end: Ints) -> npt.NDArray[np.bool_]:
    """Which moments lie in a stretch (start, end]: who takes the last free port counts."""
    if not len(start):
        return np.zeros(len(moments), dtype=bool)
    at = np.searchsorted(start, moments, "left") - 1
    return (at >= 0) & (moments <= end[np.maximum(at, 0)])


def _slots(moments: Ints, calendar: Calendar) -> Ints:
    return np.maximum(calendar.slots_of(moments), 0)


def _by_week(slots: npt.NDArray[np.generic], calendar: Calendar) -> Floats:
    """Sums by [weekday, hour] of values by slot."""
    weekday = np.repeat((calendar.weekday + np.arange(calendar.days)) % WEEK, HOURS)
    hour = np.tile(np.arange(HOURS), calendar.days)
    summed = np.bincount(weekday * HOURS + hour, slots.astype(np.float64), WEEK * HOURS)
    return np.asarray(summed, dtype=np.float64).reshape(WEEK, HOURS)


def _shape(starts: Floats, free: Floats, lasted: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """p[weekday, hour], shrunk to the hour's mean over the weekday's group; and where free time tells of it."""
    hours = TOGETHER @ free
    lent = (TOGETHER @ starts) / np.maximum(hours, NOTHING)
    shape = (starts + BORROWED_H * lent) / (free + BORROWED_H)
    return shape, hours >= np.minimum(LEAST_FREE_H, TOGETHER @ lasted / 2)


def _interval(starts: int) -> tuple[float, float]:
    """Ends of the interval around a Poisson count, as shares of it."""
    tail = (1 - CONFIDENCE) / 2
    low = float(gammaincinv(starts, tail)) if starts else 0.0
    high = float(gammaincinv(starts + 1, 1 - tail))
    return low / max(starts, 1), high / max(starts, 1)

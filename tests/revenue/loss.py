"""A site with few ports, simulated: who comes, who finds every port taken, who waits."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from datetime import date

import numpy as np

from revenue.forecast.calendar import Calendar, Floats, calendar_of
from revenue.forecast.history import Sessions

HOURS = np.arange(24)
WEEKS = 26


@dataclass(frozen=True)
class Seen:
    """What the records hold, and what they don't: the share of drivers turned away."""

    calendar: Calendar
    sessions: Sessions
    turned_away: float


def peaked(per_day: float, width: float = 4.0) -> Floats:
    """rate[weekday, hour] with one peak at 17:00 on each day."""
    hours = np.exp(-((HOURS - 17.0) ** 2) / width)
    return np.tile(per_day * hours / hours.sum(), (7, 1))


def simulate(
    seed: int, rate: Floats, ports: int, *, weeks: int = WEEKS, stay_h: float = 1.0, waiting: float = 0.0
) -> Seen:
    """Poisson arrivals and gamma stays; `waiting` of those who find no port wait for up to half an hour."""
    rng = np.random.default_rng(seed)
    calendar = calendar_of("UTC", date(2024, 1, 1), 7 * weeks)
    counts = rng.poisson(np.tile(rate.ravel(), weeks))
    came = np.sort(np.repeat(calendar.edges[:-1], counts) + rng.random(counts.sum()) * 3600)
    stays = rng.gamma(2, stay_h * 1800, len(came))
    waits = rng.random(len(came)) < waiting
    busy_until, starts, ends, lost = [0.0] * ports, [], [], 0
    for moment, stay, patient in zip(came, stays, waits, strict=True):
        free_at = busy_until[0]
        if free_at > moment and not (patient and free_at - moment < 1800):
            lost += 1
            continue
        begin = moment if free_at <= moment else free_at + 30
        heapq.heapreplace(busy_until, begin + stay)
        starts.append(begin)
        ends.append(begin + stay)
    order = np.argsort(starts)
    start, end = (np.floor(np.array(each)[order]).astype(np.int64) for each in (starts, ends))
    return Seen(calendar, Sessions(start, end, np.zeros_like(start)), lost / len(came))

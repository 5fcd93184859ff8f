"""What a site did, hour by hour of its wall clock: starts, energy and connectors in use.

Pure NumPy: rows of a database and rows of a CSV come in alike, as arrays of sessions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from revenue.forecast.calendar import HOUR_S, HOURS, Calendar, Flags, Floats, Ints

STARTS, ENERGY, OCCUPIED = range(3)
MEASURES = ("starts", "energy_wh", "occupied")

SILENT_DAYS = 3
BELIEVED_SILENCE = 12.0  # sessions expected while nobody came: chance has it once in 160,000
MEMORY_DAYS = 56
REACH_DAYS = 26 * 7 + MEMORY_DAYS  # what a fit looks at, and what it is measured against
ROUNDING = 1e-5


@dataclass(frozen=True, eq=False)
class Sessions:
    """Sessions of one site: start and end in UTC seconds, energy in Wh; arrays of one length."""

    start: Ints
    end: Ints
    energy_wh: Ints

    def __post_init__(self) -> None:
        if not len(self.start) == len(self.end) == len(self.energy_wh):
            raise ValueError("sessions: start, end and energy_wh must be of one length")
        if (self.end < self.start).any():
            raise ValueError("sessions: an end lies before its start")


@dataclass(frozen=True, eq=False)
class Days:
    """values[measure, day]: totals of days; seen[day]: something was observed; holiday[day]."""

    values: Floats
    seen: Flags
    holiday: Flags


@dataclass(frozen=True, eq=False)
class History:
    """values[measure, day, hour]: sums over the slot (Wh; connector hours). exposure[day, hour]: real hours
    that were observed: 0 where data are missing, which is not the same as nothing having happened."""

    calendar: Calendar
    values: Floats
    exposure: Floats

    def __post_init__(self) -> None:
        days = (self.calendar.days, HOURS)
        if self.values.shape != (len(MEASURES), *days) or self.exposure.shape != days:
            raise ValueError(f"history: values and exposure must cover {self.calendar.days} days of 24 hours")

    @cached_property
    def totals(self) -> Floats:
        """Starts of each day."""
        return np.asarray(self.values[STARTS].sum(axis=1))

    @property
    def by_day(self) -> Days:
        return Days(self.values.sum(axis=2), self.seen, self.calendar.holiday)

    @cached_property
    def seen(self) -> Flags:
        """Days of which something was observed."""
        return np.asarray(self.exposure.any(axis=1))


def history_of(sessions: Sessions, calendar: Calendar, observed: Flags | None = None) -> History:
    """Sort sessions into the calendar's slots; energy spreads evenly from a session's start to its end.

    observed[day]: False for days whose data are missing; by default from the first session on.
    """
    if observed is None:
        observed = since_first_start(sessions, calendar)
    slot = calendar.slots_of(sessions.start)
    starts = np.bincount(slot[slot >= 0], minlength=calendar.slots)
    end = np.maximum(sessions.end, sessions.start + 60)  # times cut to minutes can meet
    length = (end - sessions.start).astype(np.float64)
    energy = spread(sessions.start, end, sessions.energy_wh / length, calendar)
    occupied = spread(sessions.start, end, np.full(len(length), 1 / HOUR_S), calendar)
    shape = (calendar.days, HOURS)
    values = np.stack([row.reshape(shape).astype(np.float64) for row in (starts, energy, occupied)])
    exposure = calendar.length * observed[:, None]
    return History(calendar, values * (exposure > 0), exposure)


def since_first_start(sessions: Sessions, calendar: Calendar) -> Flags:
    """Days from that of the first session on: before it, the site may not have stood there."""
    if not len(sessions.start):
        return np.zeros(calendar.days, dtype=bool)
    slot = calendar.slots_of(sessions.start)
    before = bool((sessions.start < calendar.edges[0]).any())
    first = 0 if before else int(slot[slot >= 0].min(initial=calendar.slots)) // HOURS
    return np.arange(calendar.days) >= first


def spread(start: Ints, end: Ints, rate: Floats, calendar: Calendar) -> Floats:
    """Sum of rate (per second) x seconds over each slot, from start to end of every session."""
    edges, hours = calendar.edges, len(calendar.slot)
    start, end = np.clip(start, edges[0], edges[-1]), np.clip(end, edges[0], edges[-1])
    first = np.clip(np.searchsorted(edges, start, "right") - 1, 0, hours - 1)
    last = np.clip(np.searchsorted(edges, end, "right") - 1, 0, hours - 1)
    change = np.bincount(first, rate, hours) - np.bincount(last, rate, hours)
    amount = np.cumsum(change) * np.diff(edges)
    amount -= np.bincount(first, rate * (start - edges[first]), hours)
    amount += np.bincount(last, rate * (end - edges[last]), hours)
    amount[amount < ROUNDING] = 0  # what cancelling sums leave behind
    return np.asarray(np.bincount(calendar.slot, amount, calendar.slots), dtype=np.float64)


def silences(history: History, until: int) -> list[tuple[int, int]]:
    """Runs of days [first, past the last) before `until` without a start that chance does not explain: closed,
    out of order, or data lost. Measured against the mean of the 56 observed days before."""
    from_day = max(until - REACH_DAYS, 0)
    seen, totals = history.seen[from_day:until], history.totals[from_day:until]
    quiet = ~(seen & (totals > 0))
    edges = np.flatnonzero(np.diff(np.concatenate(([False], quiet, [False])).astype(np.int8)))
    found = []
    for first, past in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        days = int(seen[first:past].sum())
        if days < SILENT_DAYS:
            continue
        before = np.flatnonzero(seen[:first])[-MEMORY_DAYS:]
        if len(before) and totals[before].mean() * days > BELIEVED_SILENCE:
            found.append((from_day + first, from_day + past))
    return found


def without_silences(history: History, until: int) -> tuple[History, int]:
    """The history with closed stretches before `until` as missing, and for how many days it is silent now."""
    found = silences(history, until)
    if not found:
        return history, 0
    exposure = history.exposure.copy()
    for first, past in found:
        exposure[first:past] = 0
    first, past = found[-1]
    silent = until - first if past == until else 0
    return History(history.calendar, history.values * (exposure > 0), exposure), silent

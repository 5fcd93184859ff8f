"""A site's local days: where its clock changes lie, and which days are public holidays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

HOURS = 24
HOUR_S = 3600


@dataclass(frozen=True, eq=False)
class Calendar:
    """`days` local days from `first` on, each of 24 slots, one per hour of the wall clock.

    edges: UTC seconds where each real hour begins, and the end of the last. slot: the slot (day * 24 + hour of
    the wall clock) of each real hour: in autumn two of them share a slot, in spring a slot has none.
    length[day, hour]: real hours in the slot: 0, 1 or 2. holiday[day]: a public holiday.
    """

    zone: str
    first: date
    days: int
    edges: Ints
    slot: Ints
    length: Floats
    holiday: Flags

    def day(self, local: date) -> int:
        """The index of a local day; below 0 or from `days` on where it lies outside."""
        return (local - self.first).days

    @property
    def slots(self) -> int:
        return self.days * HOURS

    @property
    def weekday(self) -> int:
        """Of the first day; Monday is 0."""
        return self.first.weekday()

    def slots_of(self, seconds: Ints) -> Ints:
        """The slot of each moment (UTC seconds); -1 for one outside."""
        at = np.searchsorted(self.edges, seconds, "right") - 1
        inside = (at >= 0) & (at < len(self.slot))
        return np.where(inside, self.slot[np.clip(at, 0, len(self.slot) - 1)], -1)


@lru_cache(maxsize=256)
def calendar_of(zone: str, first: date, days: int, country: str = "", subdivision: str = "") -> Calendar:
    """The calendar of a zone, with the holidays of an ISO 3166 country and subdivision.

    A country without known holidays has none; an unknown subdivision counts as the country as a whole.
    """
    where = ZoneInfo(zone)
    midnights = [_midnight(first + timedelta(days=day), where) for day in range(days + 1)]
    edges: list[int] = []
    slot: list[int] = []
    for day in range(days):
        begin, end = midnights[day], midnights[day + 1]
        hours = range(begin, end, HOUR_S)
        edges += hours
        if end - begin == HOURS * HOUR_S:
            slot += range(day * HOURS, (day + 1) * HOURS)
        else:
            slot += [day * HOURS + datetime.fromtimestamp(hour, where).hour for hour in hours]
    length = np.bincount(slot, minlength=days * HOURS).reshape(days, HOURS).astype(np.float64)
    off = _days_off(country, subdivision, first.year, (first + timedelta(days=days)).year)
    holiday = np.array([first + timedelta(days=day) in off for day in range(days)], dtype=bool)
    return Calendar(zone, first, days, np.array([*edges, midnights[-1]]), np.array(slot), length, holiday)


def _midnight(day: date, zone: ZoneInfo) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


@lru_cache(maxsize=64)
def _days_off(country: str, subdivision: str, first_year: int, last_year: int) -> frozenset[date]:
    if not country:
        return frozenset()
    years = range(first_year, last_year + 1)
    known = holidays.list_supported_countries(include_aliases=True)
    if country not in known:
        return frozenset()
    part = subdivision if subdivision in known[country] else None
    return frozenset(holidays.country_holidays(country, subdiv=part, years=years))


def local_day(moment: datetime, zone: str) -> date:
    """The day on the wall clock of `zone`."""
    return moment.astimezone(ZoneInfo(zone)).date()


def utc(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def known_subdivisions(country: str) -> list[str]:
    """The parts of a country (ISO 3166-2, after the hyphen) whose public holidays are known."""
    return list(holidays.list_supported_countries(include_aliases=True).get(country, ()))

"""Silent ports: in order by what they say, and yet nobody has charged there for longer than chance explains.

A port's starts are taken for a Poisson process whose rate follows the hour of the week. The rate of an hour is
its starts over the time in which the port was free then, over the eight weeks before the latest start: the
silence itself never lowers it. Lambda, the starts to be expected in the free time since the latest one, is
e^-Lambda likely by chance; the alarm's bound keeps false alarms rare however many starts a port has a month.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from stations.uptime.spans import Span, gaps

WINDOW = timedelta(weeks=8)
SHORTEST = timedelta(weeks=2)
LEAST_PER_DAY = 0.3
FALSE_ALARMS_PER_MONTH = 0.1
CAUTION = 1.4  # the rates are estimates from few starts
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
HOURS_OF_WEEK = 168


class Verdict(StrEnum):
    """What can be said of a port's silence."""

    HEARD = "heard"
    SILENT = "silent"
    TOO_QUIET = "too quiet to be monitored"
    TOO_NEW = "too new to be monitored"


@dataclass(frozen=True)
class Silence:
    """A port's latest start, the starts expected since then, and from how many an alarm is raised."""

    verdict: Verdict
    last: datetime
    per_day: float = 0.0
    expected: float = 0.0
    bound: float = math.inf
    starts: int = 0


def judge(
    starts: Sequence[datetime], taken: Sequence[Span], zone: ZoneInfo, known_since: datetime, now: datetime
) -> Silence:
    """Judge a port by its `starts`, oldest first, at least one, none before the window needed.

    `taken` are the merged times in which nobody could start: occupied, down, closed. `known_since` is when
    the port was first heard of.
    """
    last = starts[-1]
    begin = max(last - WINDOW, known_since)
    if last - begin < SHORTEST:
        return Silence(Verdict.TOO_NEW, last)
    own = [at for at in starts if begin < at <= last]
    per_day = len(own) / ((last - begin) / DAY)
    if per_day < LEAST_PER_DAY:
        return Silence(Verdict.TOO_QUIET, last, per_day, starts=len(own))
    rates = _rates(own, gaps(taken, begin, last), zone)
    expected = sum(rates[slot] * hours for slot, hours in _hours_of_week(gaps(taken, last, now), zone))
    bound = CAUTION * math.log(30 * per_day / FALSE_ALARMS_PER_MONTH)
    verdict = Verdict.SILENT if expected > bound else Verdict.HEARD
    return Silence(verdict, last, per_day, expected, bound, len(own))


def _rates(starts: Sequence[datetime], free: Iterable[Span], zone: ZoneInfo) -> list[float]:
    """Starts per free hour, for each hour of the local week; zero where the port was never free."""
    counts, hours = [0] * HOURS_OF_WEEK, [0.0] * HOURS_OF_WEEK
    for at in starts:
        counts[_slot(at, zone)] += 1
    for slot, length in _hours_of_week(free, zone):
        hours[slot] += length
    return [count / length if length else 0.0 for count, length in zip(counts, hours, strict=True)]


def _hours_of_week(spans: Iterable[Span], zone: ZoneInfo) -> Iterator[tuple[int, float]]:
    """Each clock hour that the spans touch: its hour of the week, and how much of it they have."""
    for start, end in spans:
        at = start.replace(minute=0, second=0, microsecond=0)
        while at < end:
            yield _slot(at, zone), (min(end, at + HOUR) - max(start, at)) / HOUR
            at += HOUR


def _slot(at: datetime, zone: ZoneInfo) -> int:
    local = at.astimezone(zone)
    return local.weekday() * 24 + local.hour

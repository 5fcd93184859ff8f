"""Ports with a known truth: starts by a Poisson process that follows the hour of the week, one car at a time."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from revenue.maintenance import silence
from stations.uptime.spans import Span

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ZONE = ZoneInfo("Europe/Berlin")
BY_HOUR = (1, 1, 1, 1, 1, 2, 4, 8, 10, 8, 7, 8, 9, 8, 7, 8, 10, 13, 12, 9, 6, 4, 3, 2)
WEEKEND = 0.5


@dataclass
class SimulatedPort:
    """Its sessions, oldest first, over the days simulated."""

    starts: list[datetime] = field(default_factory=list)
    taken: list[Span] = field(default_factory=list)


def simulate(per_day: float, days: int, seed: int) -> SimulatedPort:
    """Arrivals at `per_day` on average; who finds the port taken drives on. Stays of 20 min to 5 h.

    Weeks differ as they do in life: by a factor around 1 with a standard deviation of 35 %.
    """
    chance = random.Random(seed)
    weights = [BY_HOUR[hour] * (WEEKEND if day >= 5 else 1.0) for day in range(7) for hour in range(24)]
    scale = per_day * 7 / sum(weights)
    port, free_from, level = SimulatedPort(), BEGIN, 1.0
    for hour in range(days * 24):
        if hour % 168 == 0:
            level = chance.gammavariate(8, 1 / 8)
        at = BEGIN + hour * HOUR
        local = at.astimezone(ZONE)
        rate = weights[local.weekday() * 24 + local.hour] * scale * level
        minute = chance.expovariate(rate) * 60
        while minute < 60:
            start = at + timedelta(minutes=minute)
            if start >= free_from:
                free_from = start + timedelta(minutes=min(20 + chance.expovariate(1 / 70), 300))
                port.starts.append(start)
                port.taken.append((start, free_from))
            minute += chance.expovariate(rate) * 60
    return port


def false_alarms(port: SimulatedPort, days: int) -> tuple[int, float]:
    """How many silences of a port that works would raise an alarm, and over how many months.

    Lambda only grows until the next start, so each gap is judged at its end.
    """
    warm_up = BEGIN + silence.WINDOW
    usual = days * DAY / max(1, len(port.starts))
    alarms = 0
    for number in range(1, len(port.starts)):
        last, following = port.starts[number - 1], port.starts[number]
        if last < warm_up or following - last < 2 * usual:
            continue
        found = judged(port, number, following)
        alarms += found.verdict == silence.Verdict.SILENT
    return alarms, (days * DAY - silence.WINDOW) / (30 * DAY)


def judged(port: SimulatedPort, number: int, now: datetime) -> silence.Silence:
    """The port judged `now`, having seen its first `number` starts."""
    first = max(0, number - 400)
    return silence.judge(port.starts[first:number], port.taken[first:number], ZONE, BEGIN, now)


def days_to_alarm(port: SimulatedPort, number: int) -> float:
    """How long after its start `number` the port would be found silent if nobody came any more."""
    last = port.starts[number - 1]
    for day in range(1, 60):
        if judged(port, number, last + day * DAY).verdict == silence.Verdict.SILENT:
            return day
    return 60

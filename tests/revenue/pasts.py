"""Pasts for replays and experiments, made from a seed."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from revenue.replay.past import Past

MONDAY_2024 = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp())
WEEK_S = 7 * 86_400
BY_HOUR = np.array([1, 1, 1, 1, 1, 2, 4, 7, 9, 8, 7, 8, 9, 8, 7, 8, 10, 12, 12, 9, 6, 4, 3, 2], float)


def make_past(
    n: int, seed: int = 1, *, weeks: int = 8, zone: str = "Europe/Amsterdam", ports: int = 8
) -> Past:
    """`n` sessions over `weeks` from Monday 2024-01-01, busy at noon and after work, of n / 5 drivers."""
    rng = np.random.default_rng(seed)
    days = rng.integers(0, weeks * 7, n)
    hours = rng.choice(24, n, p=BY_HOUR / BY_HOUR.sum())
    start = np.sort(MONDAY_2024 + days * 86_400 + hours * 3600 + rng.integers(0, 3600, n))
    charged = rng.integers(600, 7200, n)
    return Past(
        zone=ZoneInfo(zone),
        ports=ports,
        start=start,
        length=charged + rng.integers(0, 3600, n),
        parked_from=charged,
        energy_wh=rng.integers(1_000, 60_000, n),
        who=rng.integers(0, max(n // 5, 1), n),
        known=rng.random(n) < 0.8,
        version=np.zeros(n, np.int64),
    )

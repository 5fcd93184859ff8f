"""Rolling-origin backtest: forecasts as they would have been made, every two weeks, beside what then happened.

The yardstick is seasonal-naive (the same hour of the last observed week) inside the same negative-binomial
interval, its dispersion learned from its own last four errors in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from revenue.forecast import counts
from revenue.forecast.calendar import Flags, Floats
from revenue.forecast.engine import BACKTESTS, HORIZON, NO_EFFECT, SHARES, STEP, Outlook, forecast
from revenue.forecast.history import ENERGY, OCCUPIED, STARTS, History
from revenue.forecast.profile import WEEK

QUANTILES = (SHARES[0], 0.5, SHARES[1])
FIRST_SCORED = 56
"""Observed days before the first forecast that counts."""


@dataclass(frozen=True)
class Score:
    """Sums over scored hours and days, so that scores of sites and origins add up; starts unless named.

    pinball: mean of the quantiles .1, .5 and .9, summed over hours. day_error: |forecast - seen| of day totals.
    inside: hours with .1 < u < .9, randomised; *_inside: hours in the plain interval.
    """

    hours: int = 0
    pinball: float = 0.0
    squared: float = 0.0
    inside: int = 0
    days: int = 0
    day_error: float = 0.0
    starts: float = 0.0
    energy_inside: int = 0
    occupied_inside: int = 0

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    @property
    def rmse(self) -> float:
        """Root of the mean squared error of an hour's starts."""
        return float(np.sqrt(self.squared / self.hours)) if self.hours else 0.0

    @property
    def coverage(self) -> float:
        """P(.1 < u < .9): .80 where the intervals are right."""
        return self.inside / self.hours if self.hours else 0.0

    @property
    def day_share(self) -> float:
        """Error of a day's total as a share of what a day had."""
        return self.day_error / self.starts if self.starts else 0.0


@dataclass(frozen=True)
class Comparison:
    """The forecast's score beside seasonal-naive's, over the same hours."""

    ours: Score = Score()
    naive: Score = Score()

    def __add__(self, other: Self) -> Self:
        return type(self)(self.ours + other.ours, self.naive + other.naive)

    @property
    def pinball_ratio(self) -> float:
        return _ratio(self.ours.pinball, self.naive.pinball)

    @property
    def rmse_ratio(self) -> float:
        return _ratio(self.ours.rmse, self.naive.rmse)

    @property
    def day_ratio(self) -> float:
        return _ratio(self.ours.day_error, self.naive.day_error)


def _ratio(ours: float, naive: float) -> float:
    return ours / naive if naive else 1.0


def origins_of(history: History, until: int, most: int | None = None) -> list[int]:
    """Days to forecast from, every two weeks, the last one two weeks before `until`; the latest `most`."""
    days = np.flatnonzero(history.seen[:until])
    first = int(days[FIRST_SCORED]) if len(days) > FIRST_SCORED else until
    all_of_them = range(until - HORIZON, first - 1, -STEP)[:most]
    return sorted(all_of_them)


def backtest(
    history: History,
    origins: Iterable[int],
    factor: Callable[[int], Floats] = lambda _day: NO_EFFECT,
    made: Callable[[History, int, Floats], Outlook] = forecast,
) -> Comparison:
    """Forecast from each origin with the holiday factor known then, and score two weeks of observed hours."""
    total = Comparison()
    for day in origins:
        total += _scored(history, made(history, day, factor(day)))
    return total


def _scored(history: History, outlook: Outlook) -> Comparison:
    part = slice(outlook.day, outlook.day + HORIZON)
    observed = history.exposure[part] > 0
    seen = history.values[:, part]
    same_hour = naive(history, outlook.day)
    errors = [_naive_errors(history, outlook.day - back * STEP) for back in range(1, BACKTESTS + 1)]
    spread = counts.dispersion(*np.concatenate([np.zeros((2, 0)), *errors], axis=1))
    ours = _score(seen[STARTS], outlook.mean[STARTS], outlook.alpha, observed, outlook.day)
    inside = [
        int(((seen[one] >= outlook.low[one]) & (seen[one] <= outlook.high[one]))[observed].sum())
        for one in (ENERGY, OCCUPIED)
    ]
    ours = ours + Score(energy_inside=inside[0], occupied_inside=inside[1])
    return Comparison(ours, _score(seen[STARTS], same_hour, spread, observed, outlook.day))


def naive(history: History, day: int) -> Floats:
    """Starts of the same hour a week before, or of the last week that was observed before `day`."""
    told = np.zeros((HORIZON, history.exposure.shape[1]))
    for ahead in range(HORIZON):
        back = day + ahead - WEEK
        while back >= 0 and (back >= day or not history.seen[back]):
            back -= WEEK
        if back >= 0:
            told[ahead] = history.values[STARTS, back]
    return told


def _naive_errors(history: History, day: int) -> Floats:
    """(seen, told) of the observed hours of two weeks from `day` on."""
    if day < WEEK:
        return np.zeros((2, 0))
    part = slice(day, day + HORIZON)
    observed = history.exposure[part] > 0
    return np.stack([history.values[STARTS, part][observed], naive(history, day)[observed]])


def _score(seen: Floats, mean: Floats, alpha: float, observed: Flags, seed: int) -> Score:
    whole = observed.all(axis=1)
    day_error = np.abs(seen.sum(axis=1) - mean.sum(axis=1))[whole].sum()
    starts, seen, mean = seen[whole].sum(), seen[observed], mean[observed]
    told = counts.quantiles(mean, alpha, QUANTILES)
    pinball = [_pinball(seen - one, share).sum() for one, share in zip(told, QUANTILES, strict=True)]
    u = counts.randomised(seen, mean, alpha, seed)
    return Score(
        hours=len(seen),
        pinball=float(np.mean(pinball)),
        squared=float(((seen - mean) ** 2).sum()),
        inside=int(((u > SHARES[0]) & (u < SHARES[1])).sum()),
        days=int(whole.sum()),
        day_error=float(day_error),
        starts=float(starts),
    )


def _pinball(error: Floats, share: float) -> Floats:
    return np.where(error >= 0, share * error, (share - 1) * error)

"""A site's forecast: mean and 80 % interval of starts, energy and connectors in use, hour by hour.

Pure NumPy. The past tells how wrong such forecasts were: four of them are made again, each from what was known
two weeks apart, and their errors give the intervals and say whether demand has changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from revenue.forecast import counts
from revenue.forecast.calendar import Flags, Floats
from revenue.forecast.history import ENERGY, OCCUPIED, STARTS, History, without_silences
from revenue.forecast.profile import CHANGED, USUAL, fit
from revenue.forecast.ratios import ratios

HORIZON = 14
STEP = 14
BACKTESTS = 4
SHARES = (0.1, 0.9)
LEAST_DAYS = 14
REOPENING = 0.1
"""Of the usual demand, at a site that has been silent beyond chance: it may open again any day."""
NO_EFFECT = np.ones(3)


class TooLittleHistory(Exception):
    """There are fewer observed days than a forecast needs."""

    def __init__(self, days: int) -> None:
        super().__init__(f"history: {days} observed days; a forecast needs {LEAST_DAYS}")
        self.days = days


@dataclass(frozen=True, eq=False)
class Backtest:
    """A forecast made again as of the beginning of `day`: mean[measure, day, hour] beside what was seen."""

    day: int
    mean: Floats
    seen: Floats
    observed: Flags


@dataclass(frozen=True, eq=False)
class Outlook:
    """mean, low, high[measure, day, hour] of HORIZON days from `day` on; energy in Wh, occupied in connectors.

    alpha: dispersion of starts. shift: -1 or 1 where demand has fallen or risen beyond chance, else 0.
    silent_days: for how long nobody came, where that is beyond chance.
    """

    day: int
    mean: Floats
    low: Floats
    high: Floats
    alpha: float
    shift: int
    silent_days: int
    backtests: Sequence[Backtest]

    def tested_days(self, measure: int) -> tuple[Floats, Floats]:
        """(seen, mean): totals of the days of the backtests that were observed whole."""
        pairs = [pair for test in self.backtests for pair in _days(test, measure)]
        seen, mean = zip(*pairs, strict=True) if pairs else ((), ())
        return np.array(seen, dtype=np.float64), np.array(mean, dtype=np.float64)


def forecast(history: History, day: int, factor: Floats = NO_EFFECT, days: int = HORIZON) -> Outlook:
    """Forecast `days` days from `day` on; the history's calendar must reach that far.

    What the history holds from `day` on is not looked at. Raises TooLittleHistory.
    """
    if day + days > history.calendar.days:
        raise ValueError(f"days: {days} from day {day} on, but the calendar ends at {history.calendar.days}")
    known, silent = without_silences(history, day)
    seen = _days_seen(known, day)
    if seen < LEAST_DAYS:
        raise TooLittleHistory(seen)
    tested = [_again(history, known, day - back * STEP, factor) for back in range(BACKTESTS, 0, -1)]
    tests = [test for test in tested if test is not None]
    shift = 0 if silent else shift_of(tests)
    mean = fit(known, day, factor, CHANGED if shift else USUAL).mean(history, day, day + days)
    if silent:
        mean = mean * REOPENING
    low, high, alpha = _interval(mean, tests)
    return Outlook(day, mean, low, high, alpha, shift, silent, tests)


def _days_seen(history: History, day: int) -> int:
    return int(np.count_nonzero(history.seen[:day]))


def _again(history: History, known: History, day: int, factor: Floats) -> Backtest | None:
    """The forecast as of `day`, from what was known then; None where that was too little.

    Errors count in the hours that `known` holds: a stretch now known to have been closed is nobody's error.
    """
    if day < LEAST_DAYS:
        return None
    then, silent = without_silences(history, day)
    if _days_seen(then, day) < LEAST_DAYS:
        return None
    mean = fit(then, day, factor, USUAL).mean(history, day, day + STEP)
    if silent:
        mean = mean * REOPENING
    part = slice(day, day + STEP)
    return Backtest(day, mean, known.values[:, part], known.exposure[part] > 0)


def _interval(mean: Floats, tests: Sequence[Backtest]) -> tuple[Floats, Floats, float]:
    """low and high around `mean` from the errors of the backtests, and alpha."""
    pooled = [(test.seen[:, test.observed], test.mean[:, test.observed]) for test in tests]
    seen = np.concatenate([np.zeros((3, 0)), *(each for each, _mean in pooled)], axis=1)
    told = np.concatenate([np.zeros((3, 0)), *(each for _seen, each in pooled)], axis=1)
    alpha = counts.dispersion(seen[STARTS], told[STARTS])
    low, high = np.empty_like(mean), np.empty_like(mean)
    low[STARTS], high[STARTS] = counts.quantiles(mean[STARTS], alpha, SHARES)
    for measure in (ENERGY, OCCUPIED):
        spread = ratios(seen[measure], told[measure], SHARES)
        low[measure], high[measure] = (
            _as_starts(mean, low, high, measure) if spread is None else spread.around(mean[measure])
        )
    return low, high, alpha


def _as_starts(mean: Floats, low: Floats, high: Floats, measure: int) -> tuple[Floats, Floats]:
    """Before there are errors to learn from: as wide as that of the starts."""
    per_start = mean[measure].sum() / max(mean[STARTS].sum(), 1e-9)
    return low[STARTS] * per_start, high[STARTS] * per_start


SHIFT_TAIL = 0.0005
LEVEL_DAYS = 60.0
"""Days' worth of counts that the level rests on: (sum w)^2 / sum w^2 of its half-life of three weeks."""


def shift_of(tests: Sequence[Backtest]) -> int:
    """-1 or 1 where the starts of the last two weeks lie in the outer tails of what was forecast, else 0.

    The spread of day totals comes from the backtests before; the level's own uncertainty is added.
    """
    if len(tests) < 2:
        return 0
    *before, last = tests
    days = [day for test in before for day in _days(test)]
    recent = _days(last)
    expected = sum(mean for _seen, mean in recent)
    if not days or expected < 5:
        return 0
    spread = max(1.0, float(np.mean([(seen - mean) ** 2 / max(mean, 0.1) for seen, mean in days])))
    variance = spread * (expected + expected**2 * len(recent) / (LEVEL_DAYS * expected))
    u = float(ndtr((sum(seen for seen, _mean in recent) - expected) / np.sqrt(variance)))
    return -1 if u < SHIFT_TAIL else 1 if u > 1 - SHIFT_TAIL else 0


def _days(test: Backtest, measure: int = STARTS) -> list[tuple[float, float]]:
    """(seen, mean) totals of each day that was observed whole."""
    whole = test.observed.sum(axis=1) >= 23
    seen, mean = test.seen[measure].sum(axis=1), test.mean[measure].sum(axis=1)
    return list(zip(seen[whole].tolist(), mean[whole].tolist(), strict=True))

"""What would have come of it: revenue, energy, peaks under several elasticities, winners and losers.

An elasticity e says that a session whose price changes by the factor r happens r^e times as often. It says nothing
of sessions that move to another hour. It is an assumption: outcomes are shown side by side, never one as the truth.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from revenue.replay.past import Integers, Past
from revenue.replay.prices import Costs, hours_of_week

ELASTICITIES = (0.0, -0.2, -0.5, -1.0)
PEAK_HOURS = 34
"""The busiest fifth of the 168 hours of the week."""
BIN_S, DAY_S = 900, 86_400
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The whole period: net revenue in minor units, energy in Wh, occupied ports at the mean day's peak."""

    elasticity: float
    net_minor: int
    energy_wh: int
    peak_wh: int
    daily_peak: float
    sessions: float


@dataclass(frozen=True, slots=True)
class Split:
    """Drivers (or cards) by what they would have paid for the very same charging."""

    drivers: int
    more: int
    less: int
    unnamed_sessions: int

    @property
    def same(self) -> int:
        return self.drivers - self.more - self.less


@dataclass(frozen=True, slots=True)
class Report:
    """`before` is the past priced the same way, so that what the method leaves out cancels."""

    before: Outcome
    outcomes: tuple[Outcome, ...]
    split: Split
    scalar: int


def compare(past: Past, before: Costs, after: Costs, elasticities: Sequence[float] = ELASTICITIES) -> Report:
    """Outcomes of `after` under each elasticity, beside what was."""
    peak = _in_peak_hours(past)
    ones = np.ones(len(past))
    outcomes = tuple(
        _outcome(past, after, weights(before, after, elasticity), peak, elasticity)
        for elasticity in elasticities
    )
    return Report(
        _outcome(past, before, ones, peak, 0.0),
        outcomes,
        _split(past, before, after),
        before.scalar + after.scalar,
    )


def weights(before: Costs, after: Costs, elasticity: float) -> Floats:
    """How often each session would have happened; one that is free before or after happens as it did."""
    old, new = before.gross.astype(float), after.gross.astype(float)
    both = (old > 0) & (new > 0)
    ratio = np.where(both, new / np.where(both, old, 1.0), 1.0)
    result: Floats = ratio**elasticity
    return result


def _outcome(past: Past, costs: Costs, weight: Floats, peak: NDArray[np.bool_], elasticity: float) -> Outcome:
    exact = elasticity == 0.0  # whole sums of whole numbers, as money wants them
    net = int(costs.net.sum()) if exact else round(float(costs.net @ weight))
    energy = past.energy_wh * weight
    return Outcome(
        elasticity,
        net,
        round(float(energy.sum())),
        round(float(energy[peak].sum())),
        daily_peak(past, weight),
        float(weight.sum()),
    )


def _in_peak_hours(past: Past) -> NDArray[np.bool_]:
    """Whether each session started in one of the busiest hours of the week, by the energy of the past."""
    hours = hours_of_week(past)
    energy = np.bincount(hours, past.energy_wh, 168)
    busiest = np.argsort(-energy, kind="stable")[:PEAK_HOURS]
    among = np.zeros(168, np.bool_)
    among[busiest] = True
    inside: NDArray[np.bool_] = among[hours]
    return inside


def daily_peak(past: Past, weight: Floats) -> float:
    """Occupied ports in the fullest quarter of an hour of a day, the mean of all days."""
    if not len(past):
        return 0.0
    origin = int(past.start.min()) // DAY_S * DAY_S
    begin = (past.start - origin) // BIN_S
    end = np.maximum(-(-(past.start + past.length - origin) // BIN_S), begin + 1)
    bins = int(end.max()) + 1
    change = np.bincount(begin, weight, bins) - np.bincount(end, weight, bins)
    occupied = np.cumsum(change)
    per_day = DAY_S // BIN_S
    whole = np.zeros(-(-bins // per_day) * per_day)
    whole[:bins] = occupied
    return float(whole.reshape(-1, per_day).max(axis=1).mean())


def _split(past: Past, before: Costs, after: Costs) -> Split:
    known = past.known
    _who, place = np.unique(past.who[known], return_inverse=True)
    change = np.bincount(place, (after.gross - before.gross)[known])
    return Split(
        drivers=len(change),
        more=int((change > 0).sum()),
        less=int((change < 0).sum()),
        unnamed_sessions=int((~known).sum()),
    )


def changed(past: Past, before: Costs, after: Costs) -> Integers:
    """Positions of the sessions that would have cost something else."""
    found: Integers = np.flatnonzero(before.gross != after.gross)
    return found

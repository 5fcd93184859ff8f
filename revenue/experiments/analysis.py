"""What the two prices did to demand: effect, interval, a test by lot, the elasticity. Pure NumPy and SciPy.

beta = log(sum of starts at the high price / sum at the low one). As every block has its mirror in the other week of
its pair, the two sums cover the same hours of the week equally often. The standard error is clustered by site,
pair of weeks and weekday; the interval is Student's with one degree of freedom less than clusters (G - 1).
"""

from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from revenue.experiments.design import DAYS_A_WEEK, Arms

Counts = NDArray[np.float64]
"""Starts by site, week and block, as `Arms`."""
LEVEL = 0.95
LOTS = 4_999


@dataclass(frozen=True, slots=True)
class Effect:
    """high and low: starts in all blocks of each arm. p_by_lot: from swapping arms within mirrored pairs."""

    beta: float
    se: float
    clusters: int
    high: int
    low: int
    p_by_lot: float

    @property
    def margin(self) -> float:
        """Half the width of the interval of beta."""
        return float(stats.t.ppf((1 + LEVEL) / 2, self.clusters - 1)) * self.se

    def elasticity(self, price_ratio: float) -> tuple[float, float, float]:
        """(estimate, low end, high end); `price_ratio` is the high price over the low one."""
        span = log(price_ratio)
        ends = sorted(((self.beta - self.margin) / span, (self.beta + self.margin) / span))
        return self.beta / span, ends[0], ends[1]

    def change(self) -> tuple[float, float, float]:
        """The change of demand from low to high price, as shares: (estimate, low end, high end)."""
        return (
            exp(self.beta) - 1,
            exp(self.beta - self.margin) - 1,
            exp(self.beta + self.margin) - 1,
        )


class TooLittle(Exception):
    """An arm without a single start: nothing can be said."""


def effect(counts: Counts, arms: Arms, seed: int = 0, *, lots: int = LOTS) -> Effect:
    """The effect of the high price against the low one. Raises TooLittle."""
    high, low = counts * arms, counts * (1 - arms)
    total_high, total_low = float(high.sum()), float(low.sum())
    if min(total_high, total_low) <= 0:
        raise TooLittle("one of the two prices saw no session; nothing can be said yet")
    influence = clustered(high) / total_high - clustered(low) / total_low
    clusters = influence.size
    variance = clusters / (clusters - 1) * float((influence**2).sum())
    beta = log(total_high / total_low)
    lot = p_by_lot(counts, arms, beta, seed, lots)
    return Effect(beta, sqrt(variance), clusters, round(total_high), round(total_low), lot)


def clustered(blocks: Counts) -> Counts:
    """(..., sites, weeks, blocks) summed to (..., sites, pairs of weeks, weekdays)."""
    *more, sites, weeks, count = blocks.shape
    shape = (*more, sites, weeks // 2, 2, DAYS_A_WEEK, count // DAYS_A_WEEK)
    summed: Counts = blocks.reshape(shape).sum(axis=(-3, -1))
    return summed


def p_by_lot(counts: Counts, arms: Arms, beta: float, seed: int, lots: int = LOTS) -> float:
    """How often arms drawn anew (each mirrored pair swapped or not) bring an effect at least as large."""
    sites, weeks, blocks = counts.shape
    signed = (counts * (2 * arms - 1)).reshape(sites, weeks // 2, 2, blocks).sum(axis=2).ravel()
    total = float(counts.sum())
    rng = np.random.default_rng(seed)
    swaps = rng.integers(0, 2, (lots, signed.size), dtype=np.int8) * 2 - 1
    differences = swaps @ signed
    with np.errstate(divide="ignore"):
        betas = np.abs(np.log((total + differences) / (total - differences)))
    return float((1 + (betas >= abs(beta) - 1e-12).sum()) / (lots + 1))


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Mean starts a block, by its own arm and the arm of the block before: [own][before], 0 low and 1 high.

    after_high: log of the ratio of starts after a high block to those after a low one, arms weighted alike.
    Above zero, dear blocks push demand into the next one: the plain effect then counts it twice.
    """

    means: tuple[tuple[float, float], tuple[float, float]]
    blocks: tuple[tuple[int, int], tuple[int, int]]
    after_high: float | None
    margin: float | None


def neighbours(counts: Counts, arms: Arms) -> Neighbours:
    """Whether demand moved into neighbouring blocks."""
    sites = counts.shape[0]
    flat, arm = counts.reshape(sites, -1), arms.reshape(sites, -1)
    own, before, seen = arm[:, 1:], arm[:, :-1], flat[:, 1:]
    cells = [[seen[(own == a) & (before == b)] for b in (0, 1)] for a in (0, 1)]
    means = tuple(tuple(float(c.mean()) if c.size else 0.0 for c in row) for row in cells)
    sizes = tuple(tuple(int(c.size) for c in row) for row in cells)
    flat_means = [mean for row in means for mean in row]
    if min(flat_means) <= 0:
        return Neighbours(means, sizes, None, None)  # type: ignore[arg-type]  # two by two, as built above
    ratio = sum(log(means[a][1] / means[a][0]) for a in (0, 1)) / 2
    variance = sum(float(c.var(ddof=1)) / c.size / c.mean() ** 2 for row in cells for c in row if c.size > 1)
    margin = float(stats.norm.ppf((1 + LEVEL) / 2)) * sqrt(variance) / 2
    return Neighbours(means, sizes, ratio, margin)  # type: ignore[arg-type]  # as above
